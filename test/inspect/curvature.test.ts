/** @file Curvature and noise: linear regression exactly, small nets against the whole Hessian, a toy with known noise, and the limit of gradient descent. */
import { describe, expect, test } from "vitest";
import { decomposeSymmetric } from "../../src/base/eigen.ts";
import { matrix } from "../../src/base/linalg.ts";
import { hessian } from "../../src/function/jacobian.ts";
import { curvature, stepFit } from "../../src/inspect/curvature.ts";
import { elements64, parameterVector, tensor64 } from "../../src/inspect/double.ts";
import { Draws } from "../../src/inspect/draws.ts";
import { noiseScale, noiseScaleFromNorms } from "../../src/inspect/noise.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const mse = (z: Tensor, y: Tensor): Tensor => z.sub(y).square().mean();
const normals = (seed: number, shape: number[]): Tensor => tensor64(new Draws(seed).normals(shape.reduce((a, b) => a * b)), shape);

/** Eigenvalues of the whole Hessian, rising. */
function exact(model: nn.Layer, x: Tensor, y: Tensor, loss: (z: Tensor, y: Tensor) => Tensor): Float64Array {
  const vector = parameterVector("test", model);
  const full = hessian((theta: Tensor) => vector.within(theta, () => loss(model.forward(x), y)))(tensor64(vector.values())) as Tensor;
  return decomposeSymmetric(matrix(vector.size, vector.size, elements64(full))).values;
}

describe("linear regression: H = 2XᵀX/N", () => {
  const x = normals(1, [40, 6]);
  const y = normals(2, [40, 1]);
  const model = new nn.Linear(6, 1, { bias: false, dtype: "f64" });
  const h = elements64(
    x
      .transpose()
      .matmul(x)
      .mul(2 / 40),
  );
  const values = decomposeSymmetric(matrix(6, 6, h)).values;

  test.each(["hessian", "gauss-newton"] as const)("every eigenvalue and the trace, of the %s", (kind) => {
    const found = curvature(model, { x, y, loss: mse, matrix: kind, count: 6, probes: 20, rate: 0.1 });
    expect(found.parameters).toBe(6);
    found.bottom.forEach(({ value, error }, i) => {
      expect(value).toBeCloseTo(values[i]!, 9);
      expect(error).toBeLessThan(1e-9);
    });
    const trace = values.reduce((a, b) => a + b);
    expect(Math.abs(found.trace.value - trace)).toBeLessThan(4 * found.trace.error + 1e-9);
    expect(found.negative).toBe(0);
    expect(found.sharpness).toMatchObject({ rate: 0.1, limit: 20, stable: values[5]! < 20 });
    const { at, value } = found.density;
    expect(value.reduce((sum, f) => sum + f * (at[1]! - at[0]!), 0)).toBeCloseTo(1, 2);
  });

  test("gradient descent converges if and only if η < 2/λ₁", () => {
    const { value } = curvature(model, { x, y, loss: mse, probes: 2 }).sharpness;
    const run = (rate: number): number => {
      let w = new Float64Array(6).fill(1);
      for (let step = 0; step < 400; step++)
        w = w.map((wi, i) => wi - rate * h.subarray(i * 6, i * 6 + 6).reduce((s, hij, j) => s + hij * w[j]!, 0));
      return Math.hypot(...w);
    };
    expect(run(1.98 / value)).toBeLessThan(1);
    expect(run(2.02 / value)).toBeGreaterThan(10);
  });
});

describe("a small net against its whole Hessian", () => {
  const model = new nn.Sequential(new nn.Linear(3, 6), new nn.Tanh(), new nn.Dropout(0.5), new nn.Linear(6, 4));
  const x = normals(3, [32, 3]);
  const y = tensor(Int32Array.from({ length: 32 }, (_, i) => i % 4));
  const loss = (z: Tensor, target: Tensor): Tensor => nn.crossEntropy(z, target);
  const values = exact(model.eval(), x, y, loss);
  model.train();
  const found = curvature(model, { x, y, loss, probes: 12, count: 3 });

  test("both ends, trace, norm and the share below zero", () => {
    expect(found.parameters).toBe(52);
    found.top.forEach(({ value }, i) => {
      expect(value).toBeCloseTo(values[51 - i]!, 8);
    });
    expect(found.bottom[0]!.value).toBeCloseTo(values[0]!, 8);
    const trace = values.reduce((a, b) => a + b);
    expect(Math.abs(found.trace.value - trace)).toBeLessThan(4 * found.trace.error);
    const square = values.reduce((sum, v) => sum + v * v, 0);
    expect(Math.abs(found.frobenius.value - Math.sqrt(square))).toBeLessThan(4 * found.frobenius.error);
    expect(Math.abs(found.negative - values.filter((v) => v < -1e-9).length / 52)).toBeLessThan(0.15);
    expect(model.training).toBe(true);
  });

  test("few steps: the error bars hold", () => {
    const rough = curvature(model, { x, y, loss, steps: 6, probes: 3 });
    for (const { value, error } of rough.top)
      expect(Math.min(...values.map((v) => Math.abs(v - value)))).toBeLessThanOrEqual(error + 1e-12);
  });

  test("the Gauss-Newton matrix of a convex loss is not negative", () => {
    const convex = curvature(model, { x, y, loss, matrix: "gauss-newton", probes: 3 });
    expect(convex.bottom[0]!.value).toBeGreaterThan(-1e-10);
    expect(convex.negative).toBe(0);
  });

  test("what cannot be is said in one line", () => {
    expect(() => curvature(new nn.Sequential(new nn.ReLU()), { x, y, loss })).toThrow("curvature: the model must have parameters");
    expect(() => curvature(model, { x, y, loss, steps: 500 })).toThrow("steps must be at most 200, got 500");
    expect(() => curvature(model, { x, y } as never)).toThrow("curvature: loss must be a function");
    expect(() => curvature(model, { x, y: y.narrow(0, 0, 5), loss })).toThrow("batches of as many examples, got [32, 3] and [5]");
    expect(() => curvature(model, { x, y, loss: (z) => z })).toThrow("loss must give a scalar, got [32, 4]");
    const broken = new nn.Linear(3, 4);
    broken.bias!.set(tensor([0, Number.POSITIVE_INFINITY, 0, 0]));
    expect(() => curvature(broken, { x, y, loss })).toThrow("the weights must be finite, got Infinity in bias");
  });
});

describe("noise", () => {
  test("a mean: gradient 2(w − x̄), tr Σ = 4·tr Cov x", () => {
    const draws = new Draws(7);
    const n = 60;
    const x = tensor64(
      draws.normals(n * 3).map((v, i) => [3, 1, -2][i % 3]! + v * [1, 2, 0.5][i % 3]!),
      [n, 3],
    );
    class Mean extends nn.Module {
      readonly w: nn.Parameter = new nn.Parameter(tensor(new Float64Array(3)), "w");
      forward(input: Tensor): Tensor {
        return this.w.value.sub(input);
      }
    }
    const loss = (z: Tensor): Tensor => z.square().sum(1).mean();
    for (const chunk of [64, 7]) {
      const found = noiseScale(new Mean(), { x, y: x, loss, chunk });
      const rows = elements64(x);
      const mean = [0, 1, 2].map((j) => rows.reduce((s, v, i) => (i % 3 === j ? s + v : s), 0) / n);
      const variance = [0, 1, 2].map((j) => rows.reduce((s, v, i) => (i % 3 === j ? s + (v - mean[j]!) ** 2 : s), 0) / (n - 1));
      const trace = 4 * variance.reduce((a, b) => a + b);
      const gradient = 4 * mean.reduce((s, m) => s + m * m, 0) - trace / n;
      expect(found.trace).toBeCloseTo(trace, 9);
      expect(found.gradient).toBeCloseTo(gradient, 9);
      expect(found.scale).toBeCloseTo(trace / gradient, 9);
      expect(found.signal).toBeCloseTo(
        mean.reduce((s, m, j) => s + (m * m) / variance[j]! / 3, 0),
        9,
      );
    }
  });

  test("from the norms of two batch sizes: exact in expectation", () => {
    const [gradient, trace] = [2, 30];
    const of = (batch: number): number => gradient + trace / batch;
    const found = noiseScaleFromNorms(
      [
        { small: of(8) - 1, large: of(64) + 0.1 },
        { small: of(8) + 1, large: of(64) - 0.1 },
      ],
      8,
      64,
    );
    expect([found.gradient, found.trace, found.scale]).toEqual([2, 30, 15].map((v) => expect.closeTo(v, 9)));
    expect(noiseScaleFromNorms([{ small: 1, large: 0 }], 1, 10).scale).toBe(Number.POSITIVE_INFINITY);
    expect(() => noiseScaleFromNorms([{ small: 1, large: 1 }], 8, 8)).toThrow("largeBatch must be above smallBatch");
    expect(() => noiseScaleFromNorms([], 1, 2)).toThrow("a list of at least 1");
  });

  test("one example has no spread", () => {
    expect(() => noiseScale(new nn.Linear(2, 1), { x: normals(1, [1, 2]), y: normals(2, [1, 1]), loss: mse })).toThrow(
      "at least 2 examples, got 1",
    );
  });
});

test("a step on a parabola: short, at its bottom, as high on the other side, too far", () => {
  const f = (t: number): number => 3 * (t - 1) ** 2 + 5;
  const slope = (t: number): number => 6 * (t - 1);
  for (const [to, alpha] of [
    [0.5, -0.5],
    [1, 0],
    [2, 1],
    [3, 2],
  ] as const) {
    const found = stepFit(f(0), f(to), slope(0) * to, slope(to) * to);
    expect(found.alpha).toBeCloseTo(alpha, 12);
    expect(found.curvature).toBeCloseTo(6 * to * to, 9);
  }
  expect(stepFit(5, 5, 0, 0).alpha).toBe(-1);
});
