/** @file The neural tangent kernel: linear models exactly, against a whole Jacobian, the limit of infinite width, and what it foretells of a training. */
import { describe, expect, test } from "vitest";
import { jacrev } from "../../src/function/jacobian.ts";
import { elements64, parameterVector, tensor64 } from "../../src/inspect/double.ts";
import { Draws } from "../../src/inspect/draws.ts";
import { tangentKernel, tangentPrediction } from "../../src/inspect/tangent-kernel.ts";
import * as nn from "../../src/nn/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const close = (found: Float64Array, wanted: Float64Array, digits: number): void => {
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(wanted[i]!, digits);
};

const normals = (seed: number, shape: number[]): Tensor => tensor64(new Draws(seed).normals(shape.reduce((a, b) => a * b)), shape);

/** Σ aⱼ relu(wⱼ·x)/√m: one hidden layer without biases whose weights are of variance 1. */
class Wide extends nn.Module {
  readonly w: nn.Parameter;
  readonly a: nn.Parameter;
  constructor(width: number, inputs: number) {
    super();
    this.w = new nn.Parameter(normals(11, [inputs, width]));
    this.a = new nn.Parameter(normals(12, [width, 1]));
  }
  forward(x: Tensor): Tensor {
    return x.matmul(this.w.value).relu().matmul(this.a.value).div(Math.sqrt(this.a.shape[0]!));
  }
}

test("of a linear model K = X Xᵀ, and gradient descent does what it foretells", () => {
  const x = normals(1, [5, 8]);
  const y = normals(2, [5, 1]);
  const model = new nn.Linear(8, 1, { bias: false, dtype: "f64" });
  const found = tangentKernel(model, { x, y });
  const gram = elements64(x.matmul(x.transpose()));
  expect(found).toMatchObject({ examples: 5, outputs: 1, parameters: 8 });
  close(found.kernel, gram, 12);
  const trace = found.eigenvalues.reduce((a, b) => a + b);
  expect(trace).toBeCloseTo(
    [0, 6, 12, 18, 24].reduce((sum, i) => sum + gram[i]!, 0),
    10,
  );
  expect(found.condition).toBeCloseTo(found.eigenvalues[0]! / found.eigenvalues[4]!, 10);

  // Small steps of gradient descent on ½‖Xw - y‖².
  const [targets, X] = [elements64(y), elements64(x)];
  const w = elements64(model.weight.value.flatten(0));
  const outputs = (): Float64Array => Float64Array.from({ length: 5 }, (_, i) => w.reduce((sum, wj, j) => sum + wj * X[i * 8 + j]!, 0));
  const rate = 1e-5;
  for (let step = 0; step < 20_000; step++) {
    const error = outputs().map((f, i) => f - targets[i]!);
    for (let j = 0; j < 8; j++) w[j]! -= rate * error.reduce((sum, e, i) => sum + e * X[i * 8 + j]!, 0);
  }
  const foretold = tangentPrediction(found, targets, rate, 20_000);
  close(outputs(), foretold, 4);
  close(tangentPrediction(found, targets, 1, 0), found.values, 12);
  close(tangentPrediction(found, targets, 1, 1e6), targets, 9);
});

test("of a net with a normalisation and several outputs it is J Jᵀ", () => {
  const model = new nn.Sequential(new nn.Linear(3, 6), new nn.LayerNorm(6), new nn.Tanh(), new nn.Linear(6, 2));
  const x = normals(3, [4, 3]);
  const vector = parameterVector("test", model);
  const j = (jacrev((theta: Tensor) => vector.within(theta, () => model.forward(x)))(tensor64(vector.values())) as Tensor).reshape([
    8,
    vector.size,
  ]);
  const full = elements64(j.matmul(j.transpose()));
  const { kernel, eigenvalues, vectors } = tangentKernel(model, { x });
  close(kernel, full, 10);
  for (let i = 0; i < 8; i++)
    for (let k = 0; k < 8; k++) {
      let [sum, own] = [0, 0];
      for (let l = 0; l < 8; l++) {
        sum += kernel[i * 8 + l]! * vectors[l * 8 + k]!;
        own += vectors[l * 8 + i]! * vectors[l * 8 + k]!;
      }
      expect(sum).toBeCloseTo(eigenvalues[k]! * vectors[i * 8 + k]!, 9);
      expect(own).toBeCloseTo(i === k ? 1 : 0, 10);
    }
});

test("of a wide hidden layer of relu it is near its limit: ‖x‖‖x′‖/2π (sin θ + (π - θ) cos θ) + x·x′ (π - θ)/2π (Jacot, Gabriel & Hongler 2018)", () => {
  const angles = [0, Math.PI / 6, Math.PI / 2, Math.PI];
  const lengths = [1, 2, 1.5, 0.5];
  const x = tensor64(Float64Array.from(angles.flatMap((t, i) => [lengths[i]! * Math.cos(t), lengths[i]! * Math.sin(t)])), [4, 2]);
  const { kernel } = tangentKernel(new Wide(40_000, 2), { x });
  const limit = (i: number, k: number): number => {
    const t = Math.abs(angles[i]! - angles[k]!);
    const size = lengths[i]! * lengths[k]!;
    return (size / (2 * Math.PI)) * (Math.sin(t) + (Math.PI - t) * Math.cos(t)) + (size * Math.cos(t) * (Math.PI - t)) / (2 * Math.PI);
  };
  // At θ = 0 it is ‖x‖², at a right angle ‖x‖‖x′‖/2π.
  expect(limit(0, 0)).toBeCloseTo(1, 12);
  expect(limit(0, 2)).toBeCloseTo(1.5 / (2 * Math.PI), 12);
  for (let i = 0; i < 4; i++)
    for (let k = 0; k < 4; k++) expect(Math.abs(kernel[i * 4 + k]! - limit(i, k))).toBeLessThan(0.03 * lengths[i]! * lengths[k]!);
});

test("alignment is 1 where the targets are all that a kernel knows, and below it otherwise", () => {
  const x = tensor64(Float64Array.of(1, -1, 2), [3, 1]);
  const model = new nn.Linear(1, 1, { bias: false, dtype: "f64" });
  expect(tangentKernel(model, { x, y: x }).alignment).toBeCloseTo(1, 12);
  expect(tangentKernel(model, { x, y: tensor64(Float64Array.of(1, 1, 1), [3, 1]) }).alignment).toBeCloseTo(4 / (6 * 3), 12);
  expect(tangentKernel(model, { x }).condition).toBe(Number.POSITIVE_INFINITY);
  expect(tangentKernel(model, { x })).not.toHaveProperty("alignment");
});

describe("what is refused", () => {
  const model = new nn.Linear(2, 3, { dtype: "f64" });
  const x = normals(4, [5, 2]);
  test.each([
    [
      "too many outputs",
      () => tangentKernel(model, { x: normals(5, [700, 2]) }),
      "at most 2048 outputs of all examples, got 2100 ([700, 3])",
    ],
    [
      "targets of another shape",
      () => tangentKernel(model, { x, y: normals(6, [5, 2]) }),
      "y must have the shape of the outputs, [5, 3], got [5, 2]",
    ],
    ["a model without parameters", () => tangentKernel(new nn.Tanh(), { x }), "the model must have parameters, got Tanh with none"],
    [
      "a time before 0",
      () => tangentPrediction(tangentKernel(model, { x }), new Float64Array(15), 0.1, -1),
      "tangentPrediction: time must be",
    ],
    [
      "too few targets",
      () => tangentPrediction(tangentKernel(model, { x }), [1], 0.1, 1),
      "targets must have 15 numbers, one for each output, got 1",
    ],
  ] as const)("%s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
