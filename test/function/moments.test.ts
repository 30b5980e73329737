/** @file Moments through a function: closed forms, and what many draws give. */
import { describe, expect, test } from "vitest";
import { grad } from "../../src/function/derivative.ts";
import { moments } from "../../src/function/moments.ts";
import { vmap } from "../../src/function/vmap.ts";
import { conv2d } from "../../src/math/conv.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const f64 = { dtype: "f64" } as const;
const draw = (seed: number, ...shape: number[]): Tensor => normal(keyOf(seed), shape, f64);
const of = (x: Tensor): number[] => Array.from(x.dataSync());

describe("ReLU of a Gaussian", () => {
  // Mean and variance in closed form, computed with 15 digits.
  test.each([
    [0, 1, 0.3989422804, 0.3408450569],
    [1, 1, 1.083315471, 0.7510878078],
    [-1, 1, 0.08331547059, 0.0683983157],
    [2, 4, 2.166630941, 3.004351231],
  ])("mean %d, variance %d", (m, v, mean, variance) => {
    const found = moments((x: Tensor) => x.relu())([tensor([m], f64)], [tensor([v], f64)]);
    expect(of(found.mean)[0]).toBeCloseTo(mean, 9);
    expect(of(found.variance)[0]).toBeCloseTo(variance, 9);
  });

  test("of a constant it is that of the number, and far below 0 nothing is left", () => {
    const found = moments((x: Tensor) => x.relu())([tensor([-2, 3, -100], f64)], [tensor([0, 0, 1], f64)]);
    expect(of(found.mean)).toEqual([0, 3, 0]);
    expect(of(found.variance)).toEqual([0, 0, 1e-100]);
  });

  test("derivatives: Φ by the mean, φ/(2√v) by the variance", () => {
    const mean = (m: Tensor, v: Tensor): Tensor => moments((x: Tensor) => x.relu())([m], [v]).mean.sum();
    const slopes = grad(([m, v]: readonly [Tensor, Tensor]) => mean(m, v))([tensor([1], f64), tensor([4], f64)]);
    expect(of(slopes[0])[0]).toBeCloseTo(0.6914624612740131, 12);
    expect(of(slopes[1])[0]).toBeCloseTo(0.3520653267642995 / 4, 12);
  });
});

/** Compares with mean and variance over 4,000 draws. */
function compare(fn: (x: Tensor) => Tensor, mean: Tensor, variance: Tensor): void {
  const found = moments(fn)([mean], [variance]);
  const samples = vmap(fn)(
    draw(1, 4000, ...mean.shape)
      .mul(variance.sqrt())
      .add(mean),
  );
  const average = samples.mean(0);
  const spread = samples.sub(average).square().mean(0);
  const error = average.sub(found.mean).abs().div(found.variance.div(4000).sqrt());
  expect(error.max().itemSync()).toBeLessThan(4.5);
  expect(spread.div(found.variance).sub(1).abs().max().itemSync()).toBeLessThan(0.25);
}

const mean = draw(1000, 3, 4);
const variance = draw(1001, 3, 4).square().add(0.1);
const w = draw(1002, 5, 4);

test.each<[string, (x: Tensor) => Tensor]>([
  ["sums and constants", (x) => x.mul(2).add(1).sub(3).neg().div(4)],
  ["a sum over an axis", (x) => x.sum(1)],
  ["a product with a constant matrix", (x) => x.dot(w, "ni,oi->no")],
  ["squares", (x) => x.square()],
  ["a product of independent factors", (x) => x.narrow(0, 0, 1).mul(x.narrow(0, 1, 1))],
  ["what moves elements", (x) => x.transpose().reshape([2, 6]).flip([0]).narrow(1, 1, 3)],
  ["ReLU of a product", (x) => x.dot(w, "ni,oi->no").relu()],
  ["a convolution", (x) => conv2d(x.reshape([1, 1, 3, 4]), draw(1003, 2, 1, 2, 2))],
])("%s", (_, fn) => {
  compare(fn, mean, variance);
});

test("what has no rule is named", () => {
  expect(() => moments((x: Tensor) => x.exp())([mean], [variance])).toThrow("moments: no rule for exp; add one to momentRules");
  expect(() => moments((x: Tensor) => x.div(x.add(1)))([mean], [variance])).toThrow("divisor must be a constant");
});
