/** @file Small forms of the networks train: a real step at batch 2, a loss that falls over 20 steps on 8 images, evaluation that repeats. All of them: `npm run test:zoo`. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { keyOf, manualSeed, normal } from "../../src/math/random.ts";
import { zoo } from "../../src/models/index.ts";
import { crossEntropy } from "../../src/nn/losses.ts";
import type { Layer } from "../../src/nn/module.ts";
import { arange } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/adam.ts";
import "../../src/runtime/evaluate.ts";

function trainer(model: Layer) {
  const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
  return compile((x: Tensor, labels: Tensor) => {
    const { value, grads } = backward(() => crossEntropy(model.forward(x), labels), model.parameters());
    optimizer.step(grads);
    return value;
  });
}

describe("small forms", () => {
  test.each([
    ["lenet1", 28, {}],
    ["lenet4", 32, {}],
    ["lenet5_1998", 32, {}],
    ["squeezenet1_1", 16, { width: 0.25 }],
    ["resnet18", 8, { width: 0.125 }],
    ["mobilenet_v2", 16, { width: 0.25 }],
  ])("%s on images of %i pixels", (name, side, options) => {
    manualSeed(3);
    const entry = zoo[name];
    const model = entry.make({ classes: 10, channels: entry.input[0], smallImages: true, ...options });
    const x = normal(keyOf(4), [8, entry.input[0], side, side]);
    const step = trainer(model);
    const first = model.parameters()[0];
    const before = first.value.dataSync().slice();
    const losses = Array.from({ length: 20 }, () => step(x, arange(8)).itemSync());
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses.at(-1)).toBeLessThan(losses[0]);
    expect(first.value.dataSync()).not.toEqual(before);
    model.eval();
    expect(model.forward(x).dataSync()).toEqual(model.forward(x).dataSync());
  });
});
