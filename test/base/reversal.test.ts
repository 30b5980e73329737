/**
 * @file Plans for running a chain backwards, against a machine that plays every possible game with stored states (AD-7).
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  advances,
  binomial,
  leastAdvances,
  planBinomial,
  planBPTT,
  type Reversal,
  repetitions,
  type Sizes,
  stepsOf,
} from "../../src/base/reversal.ts";

/**
 * Runs a plan as the transforms do: forward, then backward, with every state and every inside that is stored. Returns the most that was
 * stored besides the first state and the step being reversed, and in what order steps were reversed.
 */
function play(plan: Reversal, { state, internal }: Sizes): { peak: number; order: number[]; runs: number } {
  const order: number[] = [];
  let runs = 0;
  let peak = 0;
  const run = (parts: Reversal, start: number, stored: number): void => {
    let at = start;
    let held = stored;
    const undo: (() => void)[] = [];
    parts.forEach((part, i) => {
      const [from, steps, last] = [at, stepsOf(part), i === parts.length - 1];
      runs += steps;
      at += steps;
      if (typeof part === "number") {
        // The last step of all is reversed at once, in the space that is always there.
        held += (part - (last ? 1 : 0)) * internal;
        undo.push(() => {
          for (let k = steps - 1; k >= 0; k--) order.push(from + k);
        });
      } else {
        // Its start is to be stored, unless it is the first of all or the end of a step that is kept.
        if (typeof parts[i - 1] === "object") held += state;
        const mine = held;
        undo.push(() => run(part, from, mine));
      }
      peak = Math.max(peak, held);
    });
    for (const back of undo.reverse()) back();
  };
  run(plan, 0, 0);
  return { peak, order, runs };
}

const down = (n: number): number[] => Array.from({ length: n }, (_, i) => n - 1 - i);

/** The recursion that Griewank solved: the least number of advances, by trying every split. */
const least = (() => {
  const known = new Map<string, number>();
  return function solve(n: number, slots: number): number {
    if (n <= 1) return 0;
    if (slots === 0) return Number.POSITIVE_INFINITY;
    const key = `${n} ${slots}`;
    let best = known.get(key);
    if (best === undefined) {
      best = Number.POSITIVE_INFINITY;
      for (let m = 1; m < n; m++) best = Math.min(best, m + solve(n - m, slots - 1) + solve(m, slots));
      known.set(key, best);
    }
    return best;
  };
})();

test("binomial plans reverse every step, in order, within the slots, with the fewest advances", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 8 }), (n, slots) => {
      const plan = planBinomial(n, slots);
      const { peak, order } = play(plan, { state: 1, internal: 1 });
      expect(order).toEqual(down(n));
      expect(peak).toBeLessThanOrEqual(slots - 1);
      expect(advances(plan)).toBe(least(n, slots));
      expect(leastAdvances(n, slots)).toBe(least(n, slots));
    }),
  );
});

test("c slots and r repetitions reach C(c + r, c) steps and no more", () => {
  for (let c = 1; c <= 6; c++) {
    for (let r = 0; r <= 5; r++) {
      const reach = binomial(c + r, c);
      expect(repetitions(reach, c)).toBe(r);
      expect(repetitions(reach + 1, c)).toBe(r + 1);
    }
  }
  expect(advances(planBinomial(1001, 10))).toBe(4 * 1001 - binomial(14, 3));
});

/**
 * The fewest runs of a step with which n steps can be reversed, by search through all positions of the game (Dijkstra): a position is the
 * steps still to reverse, the states and insides in store, and the state at hand.
 */
function bruteForce(n: number, memory: number, { state, internal }: Sizes): number {
  interface Position {
    left: number;
    states: number;
    insides: number;
    at: number;
  }
  const bits = (x: number): number => (x ? (x & 1) + bits(x >> 1) : 0);
  const fits = (p: Position): boolean => bits(p.states) * state + bits(p.insides) * internal <= memory;
  const best = new Map<string, number>();
  const queues: Position[][] = [[{ left: n, states: 0, insides: 0, at: 0 }]];
  for (let cost = 0; ; cost++) {
    const queue = queues[cost] ?? [];
    for (let p = queue.pop(); p; p = queue.pop()) {
      const key = Object.values(p).join();
      if ((best.get(key) ?? Number.POSITIVE_INFINITY) <= cost) continue;
      best.set(key, cost);
      if (p.left === 0) return cost;
      const go = (next: Position, price: number): void => {
        if (!fits(next)) return;
        queues[cost + price] ??= [];
        queues[cost + price]!.push(next);
      };
      const { left, states, insides, at } = p;
      for (let i = 0; i < n; i++) {
        if (states & (1 << i)) go({ ...p, states: states ^ (1 << i) }, 0);
        if (states & (1 << i)) go({ ...p, at: i }, 0);
        if (insides & (1 << i)) go({ ...p, insides: insides ^ (1 << i) }, 0);
        if (insides & (1 << i)) go({ ...p, at: i + 1 }, 0);
      }
      go({ ...p, at: 0 }, 0);
      go({ ...p, states: states | (1 << at) }, 0);
      if (at < left) go({ ...p, at: at + 1 }, 1);
      if (at < left) go({ ...p, at: at + 1, insides: insides | (1 << at) }, 1);
      if (at === left - 1) go({ ...p, left: at }, 1);
      if (insides & (1 << (left - 1))) go({ ...p, left: left - 1, insides: insides ^ (1 << (left - 1)) }, 0);
    }
  }
}

test("plans with a price on the inside of a step are as good as any", () => {
  for (let n = 1; n <= 5; n++) {
    for (const sizes of [
      { state: 1, internal: 1 },
      { state: 1, internal: 2 },
      { state: 2, internal: 3 },
    ]) {
      for (let memory = 0; memory <= 7; memory++) {
        const plan = planBPTT(n, memory, sizes);
        expect(advances(plan) + n, `${n} steps, memory ${memory}, ${JSON.stringify(sizes)}`).toBe(bruteForce(n, memory, sizes));
      }
    }
  }
});

test("they reverse every step in order, within the memory, and take no longer with more of it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 6 }), (n, memory, internal) => {
      const sizes = { state: 1, internal };
      const plan = planBPTT(n, memory, sizes);
      const { peak, order, runs } = play(plan, sizes);
      expect(order).toEqual(down(n));
      expect(peak).toBeLessThanOrEqual(memory);
      expect(runs).toBe(advances(plan) + n);
      expect(advances(planBPTT(n, memory + 1, sizes))).toBeLessThanOrEqual(advances(plan));
      // Insides so expensive that none is kept: the binomial plan, whose slots include the first state.
      expect(advances(planBPTT(n, memory, { state: 1, internal: 1000 }))).toBe(leastAdvances(n, memory + 1));
    }),
    { numRuns: 50 },
  );
});

test("room for everything: nothing runs twice; room for nothing: all from the start", () => {
  expect(planBPTT(6, 100, { state: 1, internal: 4 })).toEqual([6]);
  expect(advances(planBPTT(6, 0, { state: 1, internal: 4 }))).toBe(15);
  expect(() => planBinomial(4, 0)).toThrow(/1 or more slots/);
  expect(() => planBPTT(4, 4, { state: 0, internal: 1 })).toThrow(/positive sizes/);
});
