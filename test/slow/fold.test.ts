/** @file Batch normalizations folded into networks of the zoo: the same answers, and none is left that could be folded. */
import { describe, expect, test } from "vitest";
import { keyOf, manualSeed, normal } from "../../src/math/random.ts";
import { models } from "../../src/models/registry.ts";
import * as nn from "../../src/nn/index.ts";
import type { Layer } from "../../src/nn/module.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

/** Statistics that are not those at the start. */
function unsettle(model: Layer): void {
  model.modules().forEach((module, i) => {
    if (!(module instanceof nn.BatchNorm2d)) return;
    const of = (j: number): Tensor => normal(keyOf(100 * i + j), module.running_mean!.shape);
    module.running_mean!.set(of(0).mul(0.1));
    module.running_var!.set(of(1).square().add(0.5));
    module.weight!.set(of(2).mul(0.2).add(1));
    module.bias!.set(of(3).mul(0.1));
  });
}

const normsIn = (model: Layer): number => model.modules().filter((module) => module instanceof nn.BatchNorm2d).length;

describe("foldBatchNorms", () => {
  test.each([
    ["resnet18", [3, 32, 32], 0],
    ["mobilenet_v2", [3, 32, 32], 0],
    ["convnet", [1, 16, 16], 3], // behind an activation
    // The first normalization of a layer follows a concatenation.
    ["densenet121", [3, 32, 32], 62],
  ])(
    "%s",
    (name, inputShape, left) => {
      manualSeed(5);
      const model = models[name]({ inputShape, outputs: 3 }).eval();
      unsettle(model);
      const x = normal(keyOf(7), [2, ...inputShape]);
      const before = [...model.forward(x).dataSync()].map(Number);
      const folded = nn.foldBatchNorms(model, { inputShape });
      expect(normsIn(folded)).toBe(left);
      const largest = Math.max(...before.map(Math.abs));
      [...folded.forward(x).dataSync()].forEach((y, i) => {
        expect(Math.abs(Number(y) - before[i])).toBeLessThan(1e-4 * largest);
      });
    },
    60_000,
  );
});
