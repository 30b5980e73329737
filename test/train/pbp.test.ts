/** @file Probabilistic backpropagation: what it learns, how sure it is, and what it refuses. */
import { expect, test } from "vitest";
import { keyOf, normal, uniform } from "../../src/math/random.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { pbp } from "../../src/train/pbp.ts";
import "../../src/runtime/evaluate.ts";

const f64 = { dtype: "f64" } as const;

/** y = x³ + noise of deviation 3 on [-4, 4], the example of the paper's figure. */
function cubic(count: number, seed: number): { x: Tensor; y: Tensor } {
  const x = uniform(keyOf(seed), [count, 1], { low: -4, high: 4, ...f64 });
  return {
    x,
    y: x
      .pow(3)
      .squeeze(1)
      .add(normal(keyOf(seed + 1), [count], f64).mul(3)),
  };
}

test("a cubic with noise: follows it, finds the noise, and is unsure where it has seen nothing", () => {
  const { x, y } = cubic(60, 1);
  const network = pbp(x, y, { hidden: [20], epochs: 40, seed: 3 });
  const held = cubic(100, 5);
  const { rmse, logLikelihood } = network.measure(held.x, held.y);
  expect(rmse).toBeLessThan(6); // the targets' deviation is about 24
  expect(logLikelihood).toBeGreaterThan(-3.4);
  expect(network.noise).toBeGreaterThan(1.5);
  expect(network.noise).toBeLessThan(6);
  const { modelDeviation, deviation } = network.predict(tensor([[0], [12]], f64));
  expect(modelDeviation[1]).toBeGreaterThan(3 * modelDeviation[0]!);
  expect(deviation[0]).toBeGreaterThan(network.noise);
});

test("the same seed gives the same bits; onEpoch is told, and ends it with true", () => {
  const { x, y } = cubic(20, 1);
  const [a, b] = [pbp(x, y, { hidden: [5], epochs: 3 }), pbp(x, y, { hidden: [5], epochs: 3 })];
  expect(a.predict(x)).toEqual(b.predict(x));
  const told: number[] = [];
  pbp(x, y, { hidden: [5], epochs: 9, onEpoch: (epoch) => told.push(epoch) === 2 });
  expect(told).toEqual([1, 2]);
});

test("a constant column and targets that are constant do no harm", () => {
  const x = tensor([[1, 7], [2, 7], [3, 7], [4, 7]], f64); // biome-ignore format: a table
  const { mean, deviation } = pbp(x, tensor([2, 2, 2, 2], f64), { hidden: [4], epochs: 5 }).predict(x);
  for (const m of mean) expect(Math.abs(m - 2)).toBeLessThan(1);
  expect([...deviation].every((d) => d > 0 && Number.isFinite(d))).toBe(true);
});

test("wrong shapes and numbers that are none are named", () => {
  const { x, y } = cubic(10, 1);
  expect(() => pbp(x, y.narrow(0, 0, 9))).toThrow(
    "pbp: expected inputs [N, D] and targets [N] with at least two examples, got [10, 1] and [9]",
  );
  expect(() => pbp(x, y.mul(Number.NaN))).toThrow("finite numbers");
  expect(() => pbp(x, y, { hidden: [0] })).toThrow("hidden");
  expect(() => pbp(x, y, { hidden: [3], epochs: 1 }).predict(tensor([[1, 2]], f64))).toThrow("expected inputs [N, 1], got [1, 2]");
});
