/** @file What the sources say of penalties (rows REG-1, MSC-5): L1 makes weights exactly zero, L2 and L1's subgradient do not. */
import { expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { keyOf, manualSeed, normal } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import { Adam, proximalL1, SGD } from "../../src/optim/index.ts";
import "../../src/runtime/evaluate.ts";

const [FEATURES, RELEVANT] = [20, 4];

/** Weights of a linear fit of y = Σ xᵢ over the first features, with noise, when the rest of the features say nothing. */
function fit(seed: number, penalty: "L1 proximal" | "L1 subgradient" | "L2"): number[] {
  manualSeed(seed);
  const x = normal(keyOf(seed), [100, FEATURES]);
  const y = x
    .narrow(1, 0, RELEVANT)
    .sum(1, { keepDims: true })
    .add(normal(keyOf(seed + 1000), [100, 1]).mul(0.1));
  const layer = new nn.Linear(FEATURES, 1, { bias: false });
  const lambda = 0.1;
  const optimizer = new SGD([layer.weight], { lr: 0.05, weightDecay: penalty === "L2" ? lambda : 0 });
  const step = compile(() => {
    const { grads } = backward(() => {
      const loss = nn.mseLoss(layer.forward(x), y);
      return penalty === "L1 subgradient" ? loss.add(nn.l1Penalty(layer.weight.value).mul(lambda)) : loss;
    }, [layer.weight]);
    optimizer.step(grads);
    if (penalty === "L1 proximal") proximalL1(optimizer, lambda);
  });
  for (let i = 0; i < 400; i++) step();
  return [...layer.weight.value.dataSync()];
}

test.each([1, 2, 3])("L1's proximal step gives exact zeros, its subgradient and L2 do not (seed %i)", (seed) => {
  const zeros = (weights: readonly number[]): number => weights.filter((w) => w === 0).length;
  const sparse = fit(seed, "L1 proximal");
  expect(zeros(sparse.slice(RELEVANT))).toBeGreaterThanOrEqual(12); // of 16
  for (const w of sparse.slice(0, RELEVANT)) expect(w).toBeGreaterThan(0.8);
  expect(zeros(fit(seed, "L2"))).toBe(0);
  expect(zeros(fit(seed, "L1 subgradient"))).toBe(0);
});

test("it follows the rate of each group, and leaves out what is not meant", () => {
  const make = (label: string): nn.Parameter => new nn.Parameter(tensor([0.5, -0.05, 2]), label);
  const [a, b, c] = [make("a"), make("b"), make("c")];
  const optimizer = new Adam([{ parameters: [a], lr: 1 }, { parameters: [b, c] }], { lr: 0.1 });
  proximalL1(optimizer, 0.4, [a, b]);
  const values = (cell: nn.Parameter): string[] => [...cell.value.dataSync()].map((v) => v.toFixed(2));
  expect([a, b, c].map(values)).toEqual([
    ["0.10", "0.00", "1.60"],
    ["0.46", "-0.01", "1.96"],
    ["0.50", "-0.05", "2.00"],
  ]);
  const shrink = compile(() => proximalL1(optimizer, 0.4, [a]));
  optimizer.lr = 10;
  shrink();
  expect(values(a)).toEqual(["0.00", "0.00", "0.00"]);
  expect(() => proximalL1(optimizer, -1)).toThrow("proximalL1: lambda must be a number >= 0, got -1");
  expect(() => proximalL1(optimizer, 1, [make("w")])).toThrow("proximalL1: w: f32[3] is not among the optimizer's parameters");
});
