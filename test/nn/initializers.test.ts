/** @file Initial values (row TRN-3): mean, variance and range on many samples, and their dependence on the seed alone. */
import { describe, expect, test } from "vitest";
import { foldIn, keyOf, manualSeed } from "../../src/math/random.ts";
import { Conv2d, type Initializer, initializers, Linear } from "../../src/nn/index.ts";
import "../../src/runtime/evaluate.ts";

const shape = [300, 100, 2, 1]; // fanIn 200, fanOut 600, 60,000 elements
const fanIn = 200;
const fanOut = 600;

function statistics(values: ArrayLike<number>): { mean: number; variance: number; least: number; most: number } {
  const list = Array.from(values);
  const mean = list.reduce((a, b) => a + b) / list.length;
  const variance = list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length;
  return { mean, variance, least: list.reduce((a, b) => Math.min(a, b)), most: list.reduce((a, b) => Math.max(a, b)) };
}

const draw = (initializer: Initializer) => statistics(initializer(shape, { key: keyOf(5) }).dataSync());

/** Standard errors of mean and variance for n samples: σ/√n, and about σ²·√(2/n). Five of them are never passed by chance. */
const tolerance = (variance: number) => ({ mean: 5 * Math.sqrt(variance / 60_000), variance: 5 * variance * Math.sqrt(2 / 60_000) });

describe("normal distributions", () => {
  test.each([
    ["normal", initializers.normal(0, 0.5), 0.25],
    ["Glorot", initializers.glorotNormal, 2 / (fanIn + fanOut)],
    ["He as published", initializers.heNormal, 2 / fanIn],
    ["LeCun", initializers.leCunNormal, 1 / fanIn],
    ["He with the mean of both fans", initializers.heMean, 4 / (fanIn + fanOut)],
  ])("%s", (_, initializer, variance) => {
    const got = draw(initializer);
    expect(Math.abs(got.mean)).toBeLessThan(tolerance(variance).mean);
    expect(Math.abs(got.variance - variance)).toBeLessThan(tolerance(variance).variance);
    // Tails: of 60,000 samples the farthest lie near 4.2 σ.
    expect(got.most / Math.sqrt(variance)).toBeGreaterThan(3.5);
    expect(got.most / Math.sqrt(variance)).toBeLessThan(6);
  });

  test("a mean", () => {
    expect(draw(initializers.normal(3, 1)).mean).toBeCloseTo(3, 1);
  });
});

describe("uniform distributions", () => {
  test.each([
    ["uniform", initializers.uniform(-2, 2), 2],
    ["Glorot", initializers.glorotUniform, Math.sqrt(6 / (fanIn + fanOut))],
    ["He", initializers.heUniform, Math.sqrt(6 / fanIn)],
    ["LeCun", initializers.leCunUniform, Math.sqrt(3 / fanIn)],
    ["PyTorch's default", initializers.fanInUniform, 1 / Math.sqrt(fanIn)],
    ["PyTorch's default for a bias", initializers.fanInUniformBias(shape), 1 / Math.sqrt(fanIn)],
  ])("%s", (_, initializer, bound) => {
    const got = draw(initializer);
    const variance = bound ** 2 / 3;
    expect(got.least).toBeGreaterThanOrEqual(-bound);
    expect(got.most).toBeLessThan(bound);
    expect(got.most - got.least).toBeGreaterThan(1.999 * bound);
    expect(Math.abs(got.mean)).toBeLessThan(tolerance(variance).mean);
    expect(Math.abs(got.variance - variance)).toBeLessThan(tolerance(variance).variance);
  });
});

test("constants", () => {
  expect([
    ...initializers.zeros([2]).dataSync(),
    ...initializers.ones([1]).dataSync(),
    ...initializers.constant(0.5)([2]).dataSync(),
  ]).toEqual([0, 0, 1, 0.5, 0.5]);
});

test("dtype and shape are as asked", () => {
  const x = initializers.heNormal([3, 4], { dtype: "f64" });
  expect([x.dtype, x.shape]).toEqual(["f64", [3, 4]]);
});

test("fans want a weight", () => {
  expect(() => initializers.heNormal([3])).toThrow("fans want a shape [out, in, ...kernel], got [3]");
});

describe("determinism", () => {
  const values = (seed: number): number[] => {
    manualSeed(seed);
    return [new Linear(3, 2), new Conv2d(1, 2, 3)].flatMap((layer) => layer.parameters().flatMap((p) => [...p.value.dataSync()]));
  };

  test("the seed decides", () => {
    expect(values(1)).toEqual(values(1));
    expect(values(1)).not.toEqual(values(2));
  });

  test("it does not matter when values are read", () => {
    manualSeed(1);
    const layers = [new Linear(3, 2), new Conv2d(1, 2, 3)];
    const backwards = layers.toReversed().map((layer) =>
      layer
        .parameters()
        .toReversed()
        .map((p) => [...p.value.dataSync()])
        .toReversed()
        .flat(),
    );
    expect(backwards.toReversed().flat()).toEqual(values(1));
  });

  test("a key of one's own leaves the seeded stream alone", () => {
    manualSeed(1);
    initializers.heNormal([8, 8], { key: foldIn(keyOf(9), 1) });
    const layer = new Linear(3, 2);
    expect([...layer.weight.value.dataSync()]).toEqual(values(1).slice(0, 6));
  });
});
