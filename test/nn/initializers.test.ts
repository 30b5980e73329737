/** @file Initial values (row TRN-3): mean, variance and range on many samples, and their dependence on the seed alone. */
import { describe, expect, test } from "vitest";
import { erf } from "../../src/kernel/special.ts";
import { foldIn, keyOf, manualSeed } from "../../src/math/random.ts";
import { Conv1d, Conv2d, type Initializer, initializers, Linear } from "../../src/nn/index.ts";
import "../../src/runtime/evaluate.ts";
import { sized } from "../size.ts";

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

describe("the rest of the Keras and PyTorch set", () => {
  const key = keyOf(11);

  /** Kolmogorov-Smirnov: the largest distance of the empirical distribution from F. */
  function distance(values: ArrayLike<number>, F: (x: number) => number): number {
    const sorted = Float64Array.from(values).sort();
    const n = sorted.length;
    return sorted.reduce((d, x, i) => Math.max(d, Math.abs(F(x) - i / n), Math.abs(F(x) - (i + 1) / n)), 0);
  }
  const phi = (z: number): number => 0.5 * (1 + erf(z / Math.SQRT2));
  const cut = (z: number): number => (Math.min(Math.max(phi(z), phi(-2)), phi(2)) - phi(-2)) / (phi(2) - phi(-2));
  // Passed by chance once in ten million times: √(-ln(α/2)/2n).
  const limit = Math.sqrt(-Math.log(1e-7 / 2) / (2 * 60_000));
  const scaled = (mode: "fanIn" | "fanOut" | "fanAvg", distribution: initializers.Distribution): Initializer =>
    initializers.varianceScaling({ scale: 2, mode, distribution });
  const KEPT = 0.8796256610342398; // the standard deviation of N(0, 1) cut at ±2

  test.each<[string, Initializer, (x: number) => number]>([
    ["uniform", initializers.uniform(-2, 2), (x) => (x + 2) / 4],
    ["normal", initializers.normal(1, 3), (x) => phi((x - 1) / 3)],
    ["Glorot normal", initializers.glorotNormal, (x) => phi(x * Math.sqrt((fanIn + fanOut) / 2))],
    ["Glorot uniform", initializers.glorotUniform, (x) => (x * Math.sqrt((fanIn + fanOut) / 6) + 1) / 2],
    ["He normal", initializers.heNormal, (x) => phi(x * Math.sqrt(fanIn / 2))],
    ["He uniform", initializers.heUniform, (x) => (x * Math.sqrt(fanIn / 6) + 1) / 2],
    ["He of the lecture notes", initializers.heMean, (x) => phi((x * Math.sqrt(fanIn + fanOut)) / 2)],
    ["LeCun normal", initializers.leCunNormal, (x) => phi(x * Math.sqrt(fanIn))],
    ["LeCun uniform", initializers.leCunUniform, (x) => (x * Math.sqrt(fanIn / 3) + 1) / 2],
    ["truncated normal", initializers.truncatedNormal({ mean: 1, std: 2 }), (x) => cut((x - 1) / 2)],
    ["fan out, normal", scaled("fanOut", "normal"), (x) => phi(x * Math.sqrt(fanOut / 2))],
    ["fan in, truncated", scaled("fanIn", "truncatedNormal"), (x) => cut(x * Math.sqrt(fanIn / 2) * KEPT)],
    ["mean fan, uniform", scaled("fanAvg", "uniform"), (x) => (x * Math.sqrt((fanIn + fanOut) / 12) + 1) / 2],
  ])("%s: distribution", (_, initializer, F) => {
    expect(distance(initializer(shape, { key }).dataSync(), F)).toBeLessThan(limit);
  });

  test("the test itself tells distributions apart", () => {
    expect(distance(initializers.normal()(shape, { key }).dataSync(), (x) => phi(x / 1.05))).toBeGreaterThan(limit);
  });

  test("truncated normal stays within its bounds, and variance scaling keeps its variance", () => {
    const values = statistics(initializers.truncatedNormal({ low: -0.5, high: 3 })(shape, { key }).dataSync());
    expect([values.least >= -0.5, values.most <= 3]).toEqual([true, true]);
    const { variance } = statistics(scaled("fanIn", "truncatedNormal")(shape, { key }).dataSync());
    expect(Math.abs(variance - 2 / fanIn)).toBeLessThan(tolerance(2 / fanIn).variance);
  });

  test.each([[[4, 7]], [[7, 4]], [[5, 5]], [[6, 2, 3]]])("orthogonal %j", (size) => {
    const q = initializers.orthogonal(2)(size, { key }).flatten(1);
    const gram = size[0] <= q.shape[1] ? q.matmul(q.transpose()) : q.transpose().matmul(q);
    const n = gram.shape[0];
    gram.dataSync().forEach((v, i) => {
      expect(v).toBeCloseTo(i % (n + 1) === 0 ? 4 : 0, 4);
    });
  });

  test("orthogonal matrices have no preferred signs", () => {
    const N = sized(50, 400);
    const first = Array.from(
      { length: N },
      (_, i) =>
        initializers
          .orthogonal()([2, 2], { key: foldIn(keyOf(3), i) })
          .dataSync()[0],
    );
    expect(Math.abs(first.reduce((a, b) => a + b) / N)).toBeLessThan(5 * Math.sqrt(0.5 / N));
  });

  test("identity, dirac and sparse", () => {
    expect([...initializers.identity(3)([2, 3]).dataSync()]).toEqual([3, 0, 0, 0, 3, 0]);
    const x = initializers.normal()([1, 4, 5], { key });
    const conv = new Conv1d(4, 4, 3, { padding: 1, groups: 2, bias: false, weightInitializer: initializers.dirac(2) });
    expect([...conv.forward(x).dataSync()]).toEqual([...x.dataSync()]);
    const sparse = initializers.sparse(0.3)([10, 4], { key }).dataSync();
    for (let column = 0; column < 4; column++) expect(sparse.filter((v, i) => i % 4 === column && v === 0).length).toBe(3);
  });

  test("gains", () => {
    expect([initializers.gainOf("relu"), initializers.gainOf("tanh"), initializers.gainOf("leakyRelu", 1)]).toEqual([Math.SQRT2, 5 / 3, 1]);
  });
});

describe("what cannot be is refused by name", () => {
  const I = initializers;
  const made: [string, Initializer][] = [
    ["constant", I.constant(1)],
    ["constant", I.zeros],
    ["uniform", I.uniform(0, 1)],
    ["normal", I.normal()],
    ["truncatedNormal", I.truncatedNormal()],
    ["varianceScaling", I.heNormal],
    ["varianceScaling", I.fanInUniform],
    ["orthogonal", I.orthogonal()],
    ["identity", I.identity()],
    ["dirac", I.dirac()],
    ["sparse", I.sparse(0.5)],
  ];
  test.each(made)("%s looks at shape and options", (name, initializer) => {
    expect(() => initializer([4, 4, 3], { gain: 2 } as object)).toThrow(`${name}: there is no option gain`);
    expect(() => initializer([4, 4, 3], { dtype: "float32" } as object)).toThrow(`${name}: dtype must be "f32"`);
    expect(() => initializer([4, 4, 3], { key: 5 } as object)).toThrow(
      `${name}: key must be a key u32[2], as random.keyOf(seed) gives it, got 5`,
    );
    expect(() => initializer(4 as never)).toThrow(`${name}: the shape must be a list or typed array of numbers, got 4`);
  });

  test.each<[() => unknown, string]>([
    [() => I.constant("1" as never), 'constant: value must be a number, got "1"'],
    [() => I.uniform([2, 2] as never, 1), "uniform: low must be a finite number, got [2, 2]"],
    [() => I.uniform(0, undefined as never), "uniform: high must be a finite number, got undefined"],
    [() => I.normal(0, -1), "normal: std must be a number of at least 0, got -1"],
    [() => I.orthogonal([2, 2] as never), "orthogonal: gain must be a finite number, got [2, 2]"],
    [() => I.identity({} as never), "identity: gain must be a finite number"],
    [() => I.dirac(0), "dirac: groups must be a positive integer, got 0"],
    [() => I.gainOf("ReLU" as never), 'got "ReLU"; did you mean "relu"?'],
    [() => I.varianceScaling({ mode: "fan_in" as never }), 'did you mean "fanIn"?'],
  ])("%s", (make, message) => {
    expect(make).toThrow(message);
  });
});
