/** @file Normalization: rows NRM-1 to NRM-4. Values against PyTorch: test/golden. */
import { expect, test } from "vitest";
import * as N from "../../src/math/normalization.ts";
import { stack, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose, f64, onBothBackends, range } from "../function/backends.ts";

const draw = (seed: number, ...shape: number[]): Tensor => {
  const n = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float64Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i) + Math.cos(2.3 * i * seed)),
    { shape },
  );
};

onBothBackends("normalization", () => {
  const x = draw(1, 6, 3, 2);
  const [weight, bias] = [f64([1, 2, -1]), f64([0, 0.5, 1])];

  test("a batch of nothing stays nothing", () => {
    const none = draw(5, 0, 4, 3);
    expect([N.groupNorm(none, 2), N.instanceNorm(none), N.layerNorm(none, [3])].map(({ shape }) => shape)).toEqual(
      Array(3).fill([0, 4, 3]),
    );
  });

  test("NRM-1: Algorithm 1 gives each channel mean 0 and variance 1, then γ and β", () => {
    const { y } = N.batchNorm(x, { eps: 0 });
    expectClose(y.mean([0, 2]), [0, 0, 0]);
    expectClose(y.square().mean([0, 2]), [1, 1, 1]);
    const scaled = N.batchNorm(x, { eps: 0, weight, bias }).y;
    expectClose(scaled.mean([0, 2]), [0, 0.5, 1]);
    expectClose(
      scaled
        .sub(bias.reshape([3, 1]))
        .square()
        .mean([0, 2]),
      [1, 4, 1],
    );
  });

  test("NRM-1: running statistics move by the momentum, the variance by the unbiased m/(m - 1) one", () => {
    const running = { runningMean: f64([1, 1, 1]), runningVar: f64([2, 2, 2]) };
    const { runningMean, runningVar } = N.batchNorm(x, { ...running, training: true, momentum: 0.25 });
    const mean = x.mean([0, 2]);
    const variance = x
      .sub(mean.reshape([1, 3, 1]))
      .square()
      .sum([0, 2])
      .div(11);
    expectClose(runningMean, mean.mul(0.25).add(0.75));
    expectClose(runningVar, variance.mul(0.25).add(1.5));
    expect(N.batchNorm(x, { ...running }).runningMean).toBe(running.runningMean);
  });

  test("NRM-1: Algorithm 2: population statistics, and inference as an affine map", () => {
    const batches = [draw(1, 4, 3), draw(2, 4, 3), draw(3, 4, 3)];
    const means = stack(batches.map((b) => b.mean(0)));
    const variances = stack(batches.map((b) => b.sub(b.mean(0)).square().mean(0)));
    const { mean, variance } = N.populationStatistics(means, variances, 4);
    expectClose(variance, variances.mean(0).mul(4 / 3));
    const { scale, shift } = N.batchNormAffine(mean, variance, { weight, bias });
    const { y } = N.batchNorm(batches[0]!, { runningMean: mean, runningVar: variance, weight, bias, training: false });
    expectClose(batches[0]!.mul(scale).add(shift), y);
  });

  test("a mean far above the spread does not spoil the variance, in f32", () => {
    const far = tensor(range(8, (i) => [10000 + (i % 2)]));
    const { y } = N.batchNorm(far, { eps: 0 });
    expect(elements(y)).toEqual(range(8, (i) => (i % 2 ? 1 : -1)));
  });

  test("NRM-2: layer normalization is √n/s·diag(v)(z - z̄1) + u at ε = 0", () => {
    const z = draw(4, 2, 5);
    const [v, u] = [f64([1, 2, 3, 4, 5]), f64([5, 4, 3, 2, 1])];
    const centred = z.sub(z.mean(1, { keepDims: true }));
    const s = centred.square().sum(1, { keepDims: true }).sqrt();
    const byHand = centred
      .mul(s.recip().mul(Math.sqrt(5)))
      .mul(v)
      .add(u);
    expectClose(N.layerNorm(z, 5, { weight: v, bias: u, eps: 0 }), byHand);
  });

  test("NRM-3: one group is layer normalization, a group per channel is instance normalization", () => {
    const image = draw(5, 2, 4, 3, 3);
    expectClose(N.groupNorm(image, 1), N.layerNorm(image, [4, 3, 3]));
    expectClose(N.groupNorm(image, 4), N.instanceNorm(image));
    expectClose(N.layerNormChannelsFirst(image, { eps: 1e-5 }), N.layerNorm(image.moveAxis(1, 3), 4).moveAxis(3, 1));
  });

  test("NRM-3: local response normalization over all channels and over one", () => {
    const image = draw(6, 1, 3, 1, 1);
    const y = N.localResponseNorm(image, 5, { alpha: 5, beta: 1, k: 2 });
    expectClose(y, image.div(image.square().sum().add(2)));
    expectClose(N.localResponseNorm(image, 1, { alpha: 3, beta: 0.5, k: 1 }), image.div(image.square().mul(3).add(1).sqrt()));
  });

  test("NRM-4: batch renormalization with r = 1, d = 0 is batch normalization, and without bounds it is inference", () => {
    const running = { runningMean: f64([0.1, -0.2, 0]), runningStd: f64([1.5, 0.8, 2]) };
    const none = N.batchRenorm(x, { ...running, rMax: 1, dMax: 0 });
    expectClose(none.y, N.batchNorm(x, {}).y);
    const all = N.batchRenorm(x, { ...running, rMax: 1e9, dMax: 1e9 });
    expectClose(all.y, N.batchRenorm(x, { ...running, training: false }).y);
  });

  test("lengths: rms, weight and spectral normalization", () => {
    const z = draw(7, 3, 4);
    expectClose(N.rmsNorm(z, 4, { eps: 0 }).square().mean(1), [1, 1, 1]);
    expectClose(
      N.weightNorm(z, f64([[1], [2], [3]]))
        .square()
        .sum(1),
      [1, 4, 9],
    );
    expectClose(N.weightNorm(z, f64(2), { axis: null }).square().sum(), 4);
    const w = f64([
      [3, 0],
      [0, -4],
    ]);
    expectClose(N.spectralNorm(w), [0.75, 0, 0, -1]);
  });
});

test("wrong calls say what they want", () => {
  expect(() => N.layerNorm(draw(1, 2, 3), 4)).toThrow("the last axes of [2, 3] should be [4]");
  expect(() => N.groupNorm(draw(1, 2, 3), 2)).toThrow("do not divide into 2 groups");
  expect(() => N.batchNorm(draw(1, 1, 3), { training: true })).toThrow("more than one value per channel");
  expect(() => N.batchNorm(draw(1, 2, 3), { training: false })).toThrow("runningMean and runningVar");
});
