/** @file What the sources say of normalization and dropout (rows NRM-1, REG-2, ACT-5), as tests that could fail. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { dropout } from "../../src/math/dropout.ts";
import { keyOf, manualSeed, normal, randomKey } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, SGD } from "../../src/optim/index.ts";
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

describe("30 layers of sigmoids", () => {
  const WIDTH = 12;
  /** Loss after some steps on two clouds of points. */
  const lossAfter = (steps: number, weightInitializer: nn.Initializer, rest: () => nn.Layer[]): number => {
    manualSeed(7);
    const x = normal(randomKey(), [32, 2]);
    const labels = x.narrow(1, 0, 1).squeeze(1).gt(0).cast("i32");
    const hidden = Array.from({ length: 30 }, (_, i) => {
      return new nn.Sequential(new nn.Linear(i === 0 ? 2 : WIDTH, WIDTH, { weightInitializer }), ...rest());
    });
    const model = new nn.Sequential(...hidden, new nn.Linear(WIDTH, 2, { weightInitializer }));
    const parameters = model.parameters();
    const optimizer = new Adam(parameters, { lr: 0.003 });
    const step = compile(() => {
      const { value, grads } = backward(() => nn.crossEntropy(model.forward(x), labels), parameters);
      optimizer.step(grads);
      return value;
    });
    let loss = Number.NaN;
    for (let i = 0; i < steps; i++) loss = step().itemSync();
    return loss;
  };

  test("do not train from N(0, 1), but do from Glorot's with layer or batch normalization", () => {
    const { glorotNormal, normal: gaussian } = nn.initializers;
    const losses = {
      plain: lossAfter(300, gaussian(), () => [new nn.Sigmoid()]),
      // Behind the sigmoid, whose positive outputs would else drown what tells examples apart: in front of it the net stays at chance.
      layer: lossAfter(300, glorotNormal, () => [new nn.Sigmoid(), new nn.LayerNorm(WIDTH)]),
      batch: lossAfter(300, glorotNormal, () => [new nn.BatchNorm1d(WIDTH), new nn.Sigmoid()]),
    };
    // The entropy of the labels, 0.675, is what a net that cannot tell examples apart gets.
    expect(losses.plain).toBeGreaterThan(0.67);
    expect(losses.layer).toBeLessThan(0.45);
    expect(losses.batch).toBeLessThan(0.1);
  });
});
