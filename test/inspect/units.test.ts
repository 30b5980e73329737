/** @file Units (ACT-3): saturation, death, likeness, means; closed forms. */
import { expect, test } from "vitest";
import { SiteProgram } from "../../src/inspect/site-program.ts";
import { type ActivationUnits, deadAtBirth, units, zigzagCondition } from "../../src/inspect/units.ts";
import * as nn from "../../src/nn/index.ts";
import { eye, fromArray, full } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { sized } from "../size.ts";
import { type Activation, Chain, crossEntropy, generator, manualSeed, normalFrom, randomTensor, targetsFor } from "./nets.ts";
import "../../src/runtime/evaluate.ts";

async function look(model: nn.Layer, x: Tensor, classes: number): Promise<readonly ActivationUnits[]> {
  const program = new SiteProgram(model, crossEntropy);
  const { activations } = units(await program.read({ x, y: targetsFor(x.shape[0]!, classes), lengths: undefined }));
  program.dispose();
  return activations;
}

const dense = (activation: Activation, bias: number, inputs = 4, width = 10): Chain => {
  const random = generator(5);
  return new Chain([randomTensor(random, [width, inputs]), randomTensor(random, [3, width])], activation, [full([width], bias, "f64")]);
};

test.each([
  ["sigmoid", 5.99],
  ["tanh", 2.99],
] as [Activation, number][])("%s is flat where |z| > %d, and far where |z| > 5", async (activation, edge) => {
  const x = randomTensor(generator(1), [400, 4], 4);
  const model = dense(activation, 0);
  const [found] = await look(model, x, 3);
  const z = (await x.dot(model.weights[0]!.value, "ni,oi->no").data()) as Float64Array;
  expect(found!.flat).toBeCloseTo(z.filter((v) => Math.abs(v) > edge).length / z.length, 2);
  expect(found!.far).toBe(z.filter((v) => Math.abs(v) > 5).length / z.length);
  expect(found!.dead).toEqual([]);
  expect(found!.linear).toEqual([]);
});

test("units with a very negative bias are dead, with the rule of three; those with a large one are linear", async () => {
  const x = randomTensor(generator(1), [300, 4]);
  const [off] = await look(dense("relu", -50), x, 3);
  expect(off!.dead).toHaveLength(10);
  expect(off!.dead[0]).toEqual({ unit: 0, confidence: "measured", activityBelow: 3 / 300 });
  expect(off!.sparsity).toBe(1);
  expect(off!.revivable).toBe(false);
  const [on] = await look(dense("relu", 50), x, 3);
  expect(on!.linear).toHaveLength(10);
  expect(on!.dead).toEqual([]);
});

test("a channel is dead over all positions", async () => {
  manualSeed(1);
  const conv = new nn.Conv2d(1, 4, 3);
  const bias = Float32Array.of(0, -100, 0, -100);
  conv.bias!.set(conv.bias!.value.mul(0).add(fromArray(bias, { shape: [4], dtype: "f32" })));
  const model = new nn.Sequential(conv, new nn.ReLU(), new nn.Flatten(), new nn.Linear(4 * 4 * 4, 3));
  const [found] = await look(model, randomTensor(generator(2), [20, 1, 6, 6], 1, "f32"), 3);
  expect(found!.units).toBe(4);
  expect(found!.cases).toBe(20 * 16);
  expect(found!.dead.map(({ unit }) => unit)).toEqual([1, 3]);
});

test("equal rows of weights are duplicates; random ones are not", async () => {
  const random = generator(3);
  const x = randomTensor(random, [64, 4]);
  const constant = new Chain([full([6, 4], 0.3, "f64"), randomTensor(random, [3, 6])], "tanh");
  expect((await look(constant, x, 3))[0]!.duplicates).toEqual([[0, 1, 2, 3, 4, 5]]);
  for (const activation of ["tanh", "relu", "sigmoid"] as const)
    expect((await look(dense(activation, 0), x, 3))[0]!.duplicates).toEqual([]);
});

test("zero-centredness: signs agree behind sigmoid and relu; the condition number of E[hhᵀ] is that of its mean", async () => {
  expect(zigzagCondition(100, 0.5, 0.043379)).toBeCloseTo(577.3, 1);
  // d sigmoids of independent normal z: the identity as the weights.
  const d = 20;
  const random = generator(4);
  const identity = randomTensor(random, [d, d], 0).add(eye(d, d, "f64"));
  const x = randomTensor(random, [500, d]);
  const of = async (activation: Activation): Promise<ActivationUnits> =>
    (await look(new Chain([identity, randomTensor(random, [3, d])], activation), x, 3))[0]!;
  const [sigmoid, tanh] = [await of("sigmoid"), await of("tanh")];
  expect(sigmoid.signCoherence).toBe(1);
  expect(tanh.signCoherence).toBe(0);
  // 1 + 20·0.25/0.0434 = 116 for endless examples; with 500 the covariance itself has κ ≈ 2.2, within (1+√y)²/(1-√y)², y = d/N.
  const spread = ((1 + Math.sqrt(d / 500)) / (1 - Math.sqrt(d / 500))) ** 2;
  expect(sigmoid.condition!.covariance).toBeLessThan(1.3 * spread);
  expect(sigmoid.condition!.secondMoment).toBeGreaterThan(zigzagCondition(d, 0.5, 0.043379) / spread);
  expect(tanh.condition!.secondMoment).toBeLessThan(1.3 * spread);
});

test.each([
  [2, 10, 0.9437],
  [3, 10, 0.7369],
  [5, 10, 0.272],
  [4, 20, 0.7249],
])("relu nets of width %d and depth %d: born dead for one example with probability %d, and so they are", (width, depth, want) => {
  expect(deadAtBirth(width, depth).oneExample).toBeCloseTo(want, 4);
  const random = generator(width * 100 + depth);
  const trials = sized(400, 20_000);
  let dead = 0;
  for (let k = 0; k < trials; k++) {
    let h = Float64Array.from({ length: 3 }, () => normalFrom(random));
    for (let layer = 0; layer < depth; layer++) {
      const before = h;
      h = Float64Array.from({ length: width }, () =>
        Math.max(
          0,
          before.reduce((sum, v) => sum + v * normalFrom(random), 0),
        ),
      );
    }
    if (h.every((v) => v === 0)) dead++;
  }
  expect(Math.abs(dead / trials - want)).toBeLessThan(4 * Math.sqrt((want * (1 - want)) / trials));
});

test("the bound for all inputs of Lu et al.", () => {
  const { allInputs } = deadAtBirth(2, 10);
  expect(allInputs[0]).toBeCloseTo(0.9026, 4);
  expect(allInputs[1]).toBeCloseTo(0.9437, 4);
});
