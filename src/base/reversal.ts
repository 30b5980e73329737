/**
 * @file Plans for running a chain of steps backwards with little memory: which stretches are kept in full, and which are run again from the
 * state before them. Binomial: Griewank (1992), Griewank & Walther (2000, Alg. 799). With a price on the inside of a step: Gruslys et al.
 * (2016), "Memory-efficient backpropagation through time".
 *
 *     [[[1], 1], [1], 1]      of five steps the first three run again as [[1], 1], then the fourth as [1]; the fifth is kept
 */

/**
 * A chain of steps from first to last: a number is that many steps whose inner values are kept; a plan is a stretch that runs once without
 * keeping anything, and again by that plan when the cotangent of its end is there.
 */
export type Reversal = readonly (number | Reversal)[];

/** Steps of a plan. */
export function stepsOf(plan: number | Reversal): number {
  return typeof plan === "number" ? plan : plan.reduce((sum: number, part) => sum + stepsOf(part), 0);
}

/** Steps that the plan runs without keeping them: the repeated work. */
export function advances(plan: Reversal): number {
  return plan.reduce((sum: number, part) => sum + (typeof part === "number" ? 0 : stepsOf(part) + advances(part)), 0);
}

/** C(n, k); 0 for k < 0. */
export function binomial(n: number, k: number): number {
  if (k < 0 || k > n) return 0;
  let c = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) c = (c * (n - i + 1)) / i;
  return Math.round(c);
}

/** How often a step of n must run again when `slots` states may be stored: the least r with n <= C(slots + r, slots). */
export function repetitions(n: number, slots: number): number {
  let r = 0;
  while (binomial(slots + r, slots) < n) r++;
  return r;
}

/** The least number of steps that run without being kept: r·n - C(slots + r, r - 1). */
export function leastAdvances(n: number, slots: number): number {
  const r = repetitions(n, slots);
  return r * n - binomial(slots + r, r - 1);
}

/** Reverses n steps with at most `slots` states stored, the first among them, and the fewest repeated steps. */
export function planBinomial(n: number, slots: number): Reversal {
  if (!(Number.isInteger(slots) && slots >= 1)) throw new RangeError(`checkpoint: want 1 or more slots, got ${slots}`);
  if (n <= 1) return n === 1 ? [1] : [];
  const r = repetitions(n, slots);
  // What is left of the split may repeat r - 1 times more with all slots, what is right of it r times with one less.
  const first = Math.min(binomial(slots + r - 1, slots), n - binomial(slots + r - 2, slots - 1));
  return [planBinomial(first, slots), ...(slots > 1 ? planBinomial(n - first, slots - 1) : [1])];
}

export interface Sizes {
  /** What the state between two steps takes. */
  readonly state: number;
  /** What all inner values of a step take, the state after it included. */
  readonly internal: number;
}

interface Costed {
  readonly plan: Reversal;
  readonly cost: number;
}

/**
 * Reverses n steps with `memory` for states and for the inner values of steps, in any unit, with the fewest runs of a step. Neither the
 * first state nor the inner values of the one step that is being reversed are counted (Gruslys et al. 2016, §3.4, mixed memorization).
 *
 *     D(n, m) = min over y of   y + D(n - y, m - state)    + D(y, m)        the state after step y is stored
 *                               y + D(n - y, m - internal) + D(y - 1, m)    step y is kept in full
 *     D(0, m) = 0    D(1, m) = 1
 */
export function planBPTT(n: number, memory: number, sizes: Sizes): Reversal {
  if (!(sizes.state > 0 && sizes.internal > 0 && memory >= 0))
    throw new RangeError(
      `checkpoint: want positive sizes and memory, got memory ${memory}, state ${sizes.state}, internal ${sizes.internal}`,
    );
  const known = new Map<string, Costed>();
  const solve = (steps: number, left: number): Costed => {
    if (steps === 0) return { plan: [], cost: 0 };
    if (steps === 1) return { plan: [1], cost: 1 };
    // More than this cannot be used.
    const room = Math.min(left, steps * Math.max(sizes.state, sizes.internal));
    const key = `${steps} ${room}`;
    let best = known.get(key);
    if (!best) {
      best = choose(steps, room);
      known.set(key, best);
    }
    return best;
  };
  const choose = (steps: number, room: number): Costed => {
    let best: Costed = { plan: [], cost: Number.POSITIVE_INFINITY };
    const offer = (first: Costed, kept: Reversal, rest: Costed, ran: number): void => {
      const cost = ran + first.cost + rest.cost;
      if (cost < best.cost) best = { plan: joined([...(first.plan.length ? [first.plan] : []), ...kept, ...rest.plan]), cost };
    };
    for (let y = 1; y < steps; y++) {
      if (room >= sizes.internal) offer(solve(y - 1, room), [1], solve(steps - y, room - sizes.internal), y);
      if (room >= sizes.state) offer(solve(y, room), [], solve(steps - y, room - sizes.state), y);
    }
    // No room at all: every step is reached anew from the first state.
    return best.cost < Number.POSITIVE_INFINITY ? best : fromStart(steps);
  };
  const fromStart = (steps: number): Costed => {
    const before = solve(steps - 1, 0);
    return { plan: [before.plan, 1], cost: steps + before.cost };
  };
  return solve(n, memory).plan;
}

/** Steps kept one after another are one stretch. */
function joined(parts: Reversal): Reversal {
  const out: (number | Reversal)[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    if (typeof part === "number" && typeof last === "number") out[out.length - 1] = last + part;
    else out.push(part);
  }
  return out;
}
