/** @file Schedules (row OPT-3): shapes by hand, composition, use with an optimizer, and what they refuse. Stored curves: golden lr_schedules. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { ones, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import * as optim from "../../src/optim/index.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";

const at = (schedule: optim.Schedule, ...steps: number[]): number[] => steps.map((t) => Number(schedule(t).toPrecision(9)));

describe("shapes", () => {
  test.each<[string, optim.Schedule, number[], number[]]>([
    ["step", optim.stepDecay(1, { size: 3 }), [0, 2, 3, 6], [1, 1, 0.1, 0.01]],
    ["multi-step, one milestone twice", optim.multiStep(1, { milestones: [2, 4, 4], gamma: 0.5 }), [1, 2, 3, 4], [1, 0.5, 0.5, 0.125]],
    ["exponential", optim.exponential(2, { gamma: 0.5 }), [0, 1, 3], [2, 1, 0.25]],
    ["cosine, up again after the end", optim.cosineAnnealing(1, { steps: 4, min: 0.5 }), [0, 2, 4, 8], [1, 0.75, 0.5, 1]],
    ["cosine, then level", optim.cosine(1, { steps: 4, min: 0.5 }), [0, 2, 4, 8], [1, 0.75, 0.5, 0.5]],
    ["restarts, each twice as long", optim.cosineWithRestarts(1, { steps: 2, factor: 2 }), [0, 1, 2, 4, 6], [1, 0.5, 1, 0.5, 1]],
    ["polynomial", optim.polynomial(1, { steps: 4, power: 2 }), [0, 2, 4, 9], [1, 0.25, 0, 0]],
    ["linear", optim.linear(1, { start: 0, steps: 4 }), [0, 1, 4, 9], [0, 0.25, 1, 1]],
    ["constant", optim.constant(1, { factor: 0.5, steps: 2 }), [0, 1, 2], [0.5, 0.5, 1]],
    ["lambda", optim.lambda(2, (t) => 1 / (1 + t)), [0, 1, 3], [2, 1, 0.5]],
    ["multiplicative", optim.multiplicative(1, (t) => t), [0, 1, 2, 4], [1, 1, 2, 24]],
    ["cyclic", optim.cyclic({ min: 0, max: 1, up: 2, down: 4 }), [0, 1, 2, 4, 6, 8], [0, 0.5, 1, 0.5, 0, 1]],
    ["cyclic, halved", optim.cyclic({ min: 0, max: 1, up: 2, mode: "triangular2" }), [2, 4, 6, 10], [1, 0, 0.5, 0.25]],
    ["one cycle, level after its end", optim.oneCycle(1, { steps: 11, rise: 0.5, finalDivFactor: 1 }), [0, 10, 20], [0.04, 0.04, 0.04]],
    ["warm-up", optim.warmUp(optim.exponential(1, { gamma: 0.5 }), { steps: 4 }), [0, 1, 4, 5], [0, 0.25, 1, 0.5]],
    [
      "chained",
      optim.chained(2, [optim.constant(2, { factor: 0.5, steps: 2 }), optim.exponential(2, { gamma: 0.5 })]),
      [0, 1, 2],
      [1, 0.5, 0.5],
    ],
    [
      "sequential",
      optim.sequential([optim.constant(1, { factor: 0.5 }), optim.exponential(1, { gamma: 0.5 })], [2]),
      [1, 2, 3],
      [0.5, 1, 0.5],
    ],
  ])("%s", (_, schedule, steps, rates) => {
    expect(at(schedule, ...steps)).toEqual(rates);
  });

  test("the number of steps comes from the options, or else from who runs it", () => {
    const along = (schedule: optim.Schedule): number[] => [0, 5, 10].map((t) => Number(schedule(t, 10).toPrecision(9)));
    expect(along(optim.cosine(2))).toEqual([2, 1, 0]);
    expect(along(optim.polynomial(2))).toEqual([2, 1, 0]);
    expect(along(optim.cosine(2, { steps: 5 }))).toEqual([2, 0, 0]);
    const cycle = optim.oneCycle(1);
    const fixed = optim.oneCycle(1, { steps: 10 });
    expect([0, 3, 9].map((t) => cycle(t, 10))).toEqual([0, 3, 9].map((t) => fixed(t)));
    expect(along(optim.warmUp(optim.polynomial(2), { steps: 5 }))).toEqual([0, 2, 0]);
    expect(along(optim.sequential([optim.polynomial(2), optim.polynomial(4)], [5]))).toEqual([2, 4, 0]);
    expect(along(optim.chained(2, [optim.polynomial(2), optim.cosine(2)]))).toEqual([2, 0.5, 0]);
    expect(along(optim.lambda(2, (t, steps) => 1 - t / steps!))).toEqual([2, 1, 0]);
    expect(() => optim.cosine(2)(3)).toThrow(/cosine: over how many steps\? Give { steps }, or call the schedule with them/);
  });

  test("momentum goes against the rate", () => {
    const options = { steps: 10, rise: 0.5 };
    expect(at(optim.oneCycleMomentum(options), 0, 4, 9)).toEqual([0.95, 0.85, 0.95]);
    expect(at(optim.cyclicMomentum({ up: 2 }), 0, 2, 4)).toEqual([0.9, 0.8, 0.9]);
  });
});

describe("plateau", () => {
  test("falls after patience, waits, stops at the bottom", () => {
    const plateau = new optim.Plateau(1, { factor: 0.5, patience: 1, cooldown: 2, min: 0.3 });
    expect(Array.from({ length: 10 }, () => plateau.step(1))).toEqual([1, 1, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3]);
  });

  test("NaN is no improvement", () => {
    const plateau = new optim.Plateau(1, { patience: 0 });
    expect([plateau.step(Number.NaN), plateau.step(1)]).toEqual([0.1, 0.1]);
  });

  test("a copy of its state goes on in the same way", () => {
    const [a, b] = [new optim.Plateau(1, { patience: 1 }), new optim.Plateau(1, { patience: 1 })];
    a.step(1);
    a.step(1);
    b.state = JSON.parse(JSON.stringify(a.state));
    expect(b.step(1)).toBe(a.step(1));
    expect(b.rate).toBe(0.1);
  });
});

test("drives an optimizer without compiling anew", () => {
  const p = new Cell(zeros([1]));
  const optimizer = new optim.SGD([p], { lr: 1 });
  const step = compile((g: Tensor) => optimizer.step([g]));
  const rate = optim.linear(1, { start: 0, steps: 4 });
  for (let t = 0; t < 5; t++) {
    optimizer.lr = rate(t);
    step(ones([1]));
  }
  expect(p.value.itemSync()).toBe(-2.5);
  expect(step.recompilations).toBe(1);
});

test.each([
  [() => optim.stepDecay(1, { size: 0 }), "stepDecay: size must be above 0, got 0"],
  [() => optim.cosineAnnealing(1, { steps: -1 }), "cosineAnnealing: steps must be above 0, got -1"],
  [() => optim.cosineWithRestarts(1, { steps: 1, factor: 0.5 }), "cosineWithRestarts: factor must be at least 1, got 0.5"],
  [() => optim.sequential([], [1]), "sequential: schedules must be a list of at least 1, each a function, got []"],
  [() => optim.sequential([(t) => t, (t) => t, (t) => t], [5, 3]), "sequential: milestones must rise, got 5, 3"],
  [() => optim.cosine("0.1" as unknown as number), 'cosine: rate must be a number, got "0.1"'],
  [
    () => optim.warmUp(0.1 as unknown as optim.Schedule, { steps: 3 }),
    "warmUp: want a schedule, got 0.1; a schedule gives the learning rate",
  ],
  [() => optim.oneCycle(1, { steps: 10, rise: 2 }), "oneCycle: rise must be from 0 to 1, got 2"],
  [
    () => optim.cyclic({ min: 0, max: 1, mode: "round" as "triangular" }),
    'cyclic: mode must be "triangular" or "triangular2" or "exponential", got "round"',
  ],
  [() => new optim.Plateau(1, { factor: 2 }), "Plateau: factor must be below 1, got 2"],
])("%s", (attempt, message) => {
  expect(attempt).toThrow(message);
});
