/** @file Batch normalization's population statistics and folding (NRM-1), and weights that follow from other parameters. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { svdvals } from "../../src/math/linalg.ts";
import { manualSeed, normal, randomKey } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { concatenate, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const list = (x: Tensor): number[] => [...x.dataSync()];
const close = (got: Tensor, want: Tensor, digits = 5): void => {
  const expected = list(want);
  expect(got.shape).toEqual(want.shape);
  list(got).forEach((v, i) => {
    expect(v).toBeCloseTo(expected[i], digits);
  });
};
const images = (n: number): Tensor => normal(randomKey(), [n, 3, 6, 6]).mul(2).add(1);

describe("population statistics", () => {
  test("the exact pass gives mean and unbiased variance of the data (Alg. 2)", () => {
    manualSeed(1);
    const norm = new nn.BatchNorm2d(3);
    const batches = Array.from({ length: 4 }, () => images(5));
    norm.eval();
    nn.exactBatchStatistics(norm, batches);
    expect(norm.training).toBe(false);
    const all = concatenate(batches, 0);
    close(norm.running_mean!.value, all.mean([0, 2, 3]));
    const m = 5 * 36;
    const variances = batches.map((b) => {
      const d = b.sub(b.mean([0, 2, 3], { keepDims: true }));
      return d
        .square()
        .sum([0, 2, 3])
        .div(m - 1);
    });
    close(norm.running_var!.value, variances.reduce((a, b) => a.add(b)).div(4));
    expect(norm.num_batches_tracked!.value.itemSync()).toBe(4);
  });

  test("momentum null is the plain mean over batches", () => {
    manualSeed(2);
    const norm = new nn.BatchNorm2d(3, { momentum: null });
    const exact = new nn.BatchNorm2d(3);
    const batches = Array.from({ length: 3 }, () => images(4));
    for (const batch of batches) norm.forward(batch);
    nn.exactBatchStatistics(exact, batches);
    close(norm.running_mean!.value, exact.running_mean!.value);
    close(norm.running_var!.value, exact.running_var!.value);
  });

  test("batches of several sizes are refused", () => {
    expect(() => nn.exactBatchStatistics(new nn.BatchNorm2d(3), [images(2), images(3)])).toThrow("batches must have one size, got 72, 108");
  });

  test("a compiled step keeps statistics and records once per mode", () => {
    const norm = new nn.BatchNorm2d(3);
    const run = compile((x: Tensor) => norm.forward(x));
    run(images(2));
    run(images(2));
    expect(norm.num_batches_tracked!.value.itemSync()).toBe(2);
    norm.eval();
    run(images(2));
    expect(norm.num_batches_tracked!.value.itemSync()).toBe(2);
    expect(run.recompilations).toBe(2);
  });
});

describe("folding", () => {
  test("gives what both layers give in evaluation mode", () => {
    manualSeed(3);
    const model = new nn.Sequential(
      new nn.Conv2d(3, 4, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.Conv2d(4, 4, 3, { groups: 2, stride: 2 }),
      new nn.BatchNorm2d(4),
      new nn.Flatten(),
      new nn.Linear(16, 5),
      new nn.BatchNorm1d(5),
    );
    for (let i = 0; i < 3; i++) model.forward(images(8));
    model.eval();
    const folded = nn.foldBatchNorms(model);
    expect([...folded].map((layer) => layer.constructor.name)).toEqual(["Conv2d", "ReLU", "Conv2d", "Flatten", "Linear"]);
    const x = images(2);
    close(folded.forward(x), model.forward(x), 4);
  });
});

describe("weights from other parameters", () => {
  test("weight norm changes nothing at first, and learns length and direction apart", () => {
    const layer = new nn.Linear(3, 2);
    const x = tensor([[1, 2, 3]]);
    const before = layer.forward(x);
    nn.withWeightNorm(layer);
    close(layer.forward(x), before);
    expect(layer.namedParameters().map(([name]) => name)).toEqual(["bias", "weight_g", "weight_v"]);
    const { grads } = backward(() => layer.forward(x).sum(), layer.parameters());
    // The derivative by v is orthogonal to v.
    const v = new Map(layer.namedParameters()).get("weight_v")!;
    for (const inner of list(grads[2].mul(v.value).sum(1))) expect(inner).toBeCloseTo(0, 5);
    close(nn.removeReparameterization(layer).forward(x), before);
    expect(layer.namedParameters().map(([name]) => name)).toEqual(["weight", "bias"]);
  });

  test("spectral norm tends to a largest singular value of 1", () => {
    manualSeed(4);
    const layer = nn.withSpectralNorm(new nn.Linear(4, 3), { iterations: 5 });
    for (let i = 0; i < 10; i++) layer.forward(tensor([[1, 2, 3, 4]])).dataSync();
    layer.eval();
    expect(list(svdvals(layer.weight.value))[0]).toBeCloseTo(1, 4);
  });
});
