/** @file What the sources say of activations, normalization and dropout (rows ACT-5, NRM-1, REG-2, MSC-5), as tests that could fail. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { dropout } from "../../src/math/dropout.ts";
import { keyOf, manualSeed, normal, randomKey } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { SGD } from "../../src/optim/index.ts";
import "../../src/runtime/evaluate.ts";

test("normalizing by moving averages while training lets weights blow up; batch normalization does not", () => {
  const x = normal(keyOf(1), [64, 1]);
  const target = x.mul(3);
  /** The weight after 100 steps towards an error that no scale of a normalized unit can make smaller. */
  const weightAfter = (normalize: (h: Tensor) => Tensor): number => {
    const layer = new nn.Linear(1, 1, { bias: false, weightInitializer: nn.initializers.ones });
    const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
    const step = compile(() => {
      const { grads } = backward(() => nn.mseLoss(normalize(layer.forward(x)), target), layer.parameters());
      optimizer.step(grads);
    });
    for (let i = 0; i < 100; i++) step();
    return Math.abs(layer.weight.value.itemSync());
  };
  const honest = new nn.BatchNorm1d(1, { affine: false });
  const kept = new nn.BatchNorm1d(1, { affine: false, momentum: 0.5 });
  const byMovingAverage = (h: Tensor): Tensor => {
    kept.forward(h); // only for its statistics, which the derivative takes for constants
    const scale = kept.running_var!.value.add(kept.eps).sqrt();
    return h.sub(kept.running_mean!.value).div(scale);
  };
  expect(weightAfter((h) => honest.forward(h))).toBeLessThan(1.1);
  expect(weightAfter(byMovingAverage)).toBeGreaterThan(5);
});

test("inverted scaling while training and scaling weights at inference agree in expectation", () => {
  manualSeed(5);
  const [n, rate] = [20_000, 0.3];
  const layer = new nn.Linear(4, 2, { bias: false });
  const x = tensor([[1, -2, 0.5, 3]]);
  const inputs = x.broadcastTo([n, 4]);
  const plain = [...layer.forward(x).dataSync()];
  const inverted = [
    ...layer
      .forward(dropout(inputs, { p: rate }))
      .mean(0)
      .dataSync(),
  ];
  // Without scaling the mean is (1 - rate) times as large: what multiplying the weights by 1 - rate gives.
  const unscaled = [...layer.forward(dropout(inputs, { p: rate }).mul(1 - rate)).mean(0).dataSync()]; // biome-ignore format: one thought
  plain.forEach((y, i) => {
    expect(inverted[i]).toBeCloseTo(y, 1);
    expect(unscaled[i]).toBeCloseTo(y * (1 - rate), 1);
  });
});

/** Points in a square in two classes by the side of a wave they are on, which no line divides. */
function wave(seed: number): { x: Tensor; labels: Tensor } {
  const x = normal(keyOf(seed), [128, 2]);
  const [across, up] = [0, 1].map((i) => x.select(1, i));
  return { x, labels: up.gt(across.mul(2).sin()).cast("i32") };
}

/** A net of `depth` hidden layers, each followed by what `activation` gives. */
function net(depth: number, width: number, weightInitializer: nn.Initializer, activation: () => nn.Layer[]): nn.Sequential {
  const dense = (from: number, to: number): nn.Linear =>
    new nn.Linear(from, to, { weightInitializer, biasInitializer: nn.initializers.zeros });
  const hidden = Array.from({ length: depth }, (_, i) => [dense(i === 0 ? 2 : width, width), ...activation()]).flat();
  return new nn.Sequential(...hidden, dense(width, 2));
}

/** Losses of training on all of the points. */
function losses(model: nn.Sequential, { x, labels }: { x: Tensor; labels: Tensor }, lr: number, steps: number): number[] {
  const optimizer = new SGD(model.parameters(), { lr, momentum: 0.9 });
  const step = compile(() => {
    const { value, grads } = backward(() => nn.crossEntropy(model.forward(x), labels), optimizer.parameters);
    optimizer.step(grads);
    return value;
  });
  return Array.from({ length: steps }, () => step().itemSync());
}

const { glorotNormal, heNormal } = nn.initializers;
const CHANCE = 0.6; // below ln 2, the entropy of two classes

describe("30 layers of sigmoids", () => {
  const WIDTH = 48;
  /**
   * Loss after some steps on points by their side of a line, less the entropy of the labels, which is what a net gets that cannot tell examples
   * apart. By plain descent: Adam scales vanishing gradients up, and can train them all.
   */
  const lossAfter = (seed: number, weightInitializer: nn.Initializer, rest: () => nn.Layer[]): number => {
    manualSeed(seed);
    const x = normal(randomKey(), [64, 2]);
    const labels = x.select(1, 0).gt(0).cast("i32");
    const share = labels.cast("f32").mean();
    const chance = nn.binaryCrossEntropy(share, share).itemSync();
    return losses(net(30, WIDTH, weightInitializer, rest), { x, labels }, 0.003, 150).at(-1)! - chance;
  };

  test.each([1, 2])("do not train from N(0, 1), but do from Glorot's with layer or batch normalization (seed %i)", (seed) => {
    const gaussian = nn.initializers.normal();
    expect(lossAfter(seed, gaussian, () => [new nn.Sigmoid()])).toBeGreaterThan(-0.05);
    // Behind the sigmoid, whose positive outputs would else drown what tells examples apart: in front of it the net stays at chance.
    expect(lossAfter(seed, glorotNormal, () => [new nn.Sigmoid(), new nn.LayerNorm(WIDTH)])).toBeLessThan(-0.3);
    expect(lossAfter(seed, glorotNormal, () => [new nn.BatchNorm1d(WIDTH), new nn.Sigmoid()])).toBeLessThan(-0.5);
  });
});

describe.each([1, 2, 3])("seed %i", (seed) => {
  test("rectifiers from He's weights train where sigmoids do not, and sooner where both do", () => {
    manualSeed(seed);
    const data = wave(seed);
    const rectified = (depth: number): nn.Sequential => net(depth, 16, heNormal, () => [new nn.ReLU()]);
    const logistic = (depth: number): nn.Sequential => net(depth, 16, glorotNormal, () => [new nn.Sigmoid()]);
    expect(losses(rectified(10), data, 0.02, 300).at(-1)).toBeLessThan(0.2);
    expect(losses(logistic(10), data, 0.02, 300).at(-1)).toBeGreaterThan(CHANCE);
    const stepsTo = (loss: number, model: nn.Sequential): number => losses(model, data, 0.1, 1500).findIndex((l) => l < loss);
    const [soon, late] = [stepsTo(0.3, rectified(2)), stepsTo(0.3, logistic(2))];
    expect(soon).toBeGreaterThan(0);
    expect(late).toBeGreaterThan(3 * soon);
  });

  test("batch normalization allows a rate ten times as large", () => {
    manualSeed(seed);
    const data = wave(seed);
    const rate = 0.1;
    const plain = (): nn.Sequential => net(8, 16, heNormal, () => [new nn.ReLU()]);
    const normalized = net(8, 16, heNormal, () => [new nn.BatchNorm1d(16), new nn.ReLU()]);
    const reached = (model: nn.Sequential, lr: number): number => losses(model, data, lr, 200).at(-1)!;
    expect(reached(plain(), rate)).toBeLessThan(0.3);
    expect(reached(plain(), 10 * rate)).not.toBeLessThan(CHANCE); // NaN or no better than chance
    expect(reached(normalized, 10 * rate)).toBeLessThan(0.3);
  });

  test("hidden activations of rectifiers are sparse, those of sigmoids and tanh are not", () => {
    manualSeed(seed);
    const data = wave(seed);
    const share = (activation: () => nn.Layer, weights: nn.Initializer): number => {
      const model = net(3, 32, weights, () => [activation()]);
      losses(model, data, 0.05, 200);
      const hidden = new nn.Sequential(...[...model].slice(0, -1)).forward(data.x).dataSync();
      return hidden.filter((h) => Math.abs(h) < 1e-6).length / hidden.length;
    };
    expect(share(() => new nn.ReLU(), heNormal)).toBeGreaterThan(0.3);
    expect(share(() => new nn.Sigmoid(), glorotNormal)).toBe(0);
    expect(share(() => new nn.Tanh(), glorotNormal)).toBeLessThan(0.01);
  });
});
