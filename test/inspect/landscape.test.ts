/** @file Landscapes and descents: exact parabolas, invariance under rescaling, lines and curves, the right plane of a path, XOR's four levels, slopes in all directions. */
import { describe, expect, test } from "vitest";
import { decomposeSymmetric } from "../../src/base/eigen.ts";
import { matrix } from "../../src/base/linalg.ts";
import { curvature } from "../../src/inspect/curvature.ts";
import { curvaturePlane } from "../../src/inspect/curvature-plane.ts";
import { directional, outcomes, steepestDescent } from "../../src/inspect/descent.ts";
import { elements64, parameterVector, tensor64 } from "../../src/inspect/double.ts";
import { Draws } from "../../src/inspect/draws.ts";
import { curve, directions, line, pathPlane, plane, slice } from "../../src/inspect/landscape.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const mse = (z: Tensor, y: Tensor): Tensor => z.sub(y).square().mean();
const normals = (seed: number, shape: number[]): Tensor => tensor64(new Draws(seed).normals(shape.reduce((a, b) => a * b)), shape);
const x = normals(1, [20, 3]);
const y = normals(2, [20, 1]);
const at = (model: nn.Layer): number => elements64(mse(model.forward(x), y))[0]!;

const relu = (): nn.Sequential =>
  new nn.Sequential(new nn.Linear(3, 8, { dtype: "f64" }), new nn.ReLU(), new nn.Linear(8, 1, { dtype: "f64" }));

describe("slices and planes", () => {
  test("of a linear model: exact parabolas, the loss in the middle", () => {
    const model = new nn.Linear(3, 1, { dtype: "f64" });
    const found = slice(model, { x, y, loss: mse, points: 9 });
    expect(found.at[4]).toBe(0);
    expect(found.loss[4]).toBeCloseTo(at(model), 12);
    const second = found.loss.slice(1, -1).map((f, i) => found.loss[i]! - 2 * f + found.loss[i + 2]!);
    for (const d of second) expect(d).toBeCloseTo(second[0]!, 10);
    expect(second[0]).toBeGreaterThan(0);
    const both = plane(model, { x, y, loss: mse, points: 5, range: 0.5 });
    expect([both.loss.length, both.loss[0]!.length, both.centre]).toEqual([5, 5, expect.closeTo(at(model), 12)]);
    expect(both.loss[2]![2]).toBeCloseTo(both.centre, 12);
  });

  test("ReLU nets: W₁ → aW₁, W₂ → W₂/a leaves a normalised slice as it is, another one not", () => {
    const model = relu();
    const [w1, b1, w2] = model.parameters();
    const before = slice(model, { x, y, loss: mse, points: 7, seed: 3 });
    const plain = slice(model, { x, y, loss: mse, points: 7, seed: 3, normalization: "none" });
    w1!.set(w1!.value.mul(10));
    b1!.set(b1!.value.mul(10));
    w2!.set(w2!.value.mul(0.1));
    const after = slice(model, { x, y, loss: mse, points: 7, seed: 3 });
    after.loss.forEach((f, i) => {
      expect(Math.abs(f - before.loss[i]!)).toBeLessThan(1e-10);
    });
    const other = slice(model, { x, y, loss: mse, points: 7, seed: 3, normalization: "none" });
    expect(Math.abs(other.loss[0]! - plain.loss[0]!)).toBeGreaterThan(0.1);
  });

  test.each([1, 2])("a transposed convolution's filters are its output channels, in %i groups", (groups) => {
    const model = new nn.ConvTranspose2d(4, 6, 3, { groups, dtype: "f64" });
    const vector = parameterVector("test", model);
    const objective = { x: normals(3, [5, 4, 3, 3]), y: normals(4, [5, 6, 5, 5]), loss: mse };
    const [d] = directions("test", 1, vector, vector.values(), objective);
    // [in, out / groups, 3, 3]: group, input and output channel of a group, tap.
    const lengths = (w: Tensor): Tensor =>
      w
        .reshape([groups, 4 / groups, 6 / groups, 9])
        .square()
        .sum([1, 3])
        .sqrt();
    const own = elements64(lengths(tensor64(d!.slice(0, vector.size - 6), model.weight.shape)));
    elements64(lengths(model.weight.value)).forEach((length, i) => {
      expect(own[i]).toBeCloseTo(length, 8);
    });
    expect(own.length).toBe(6);
    expect(d!.slice(-6)).toEqual(new Float64Array(6));
  });

  test("one seed gives one slice; directions may be given", () => {
    const model = relu();
    const options = { x, y, loss: mse, points: 3 };
    expect(slice(model, { ...options, seed: 5 })).toEqual(slice(model, { ...options, seed: 5 }));
    expect(slice(model, { ...options, seed: 5 })).not.toEqual(slice(model, { ...options, seed: 6 }));
    const still = slice(model, { ...options, directions: [new Float64Array(41)] });
    expect(new Set(still.loss).size).toBe(1);
    expect(() => slice(model, { ...options, directions: [new Float64Array(4)] })).toThrow(
      "slice: directions must be 1 of 41 numbers, got 4",
    );
    expect(() => plane(model, { ...options, range: 0 })).toThrow("plane: range must be a number above 0, got 0");
  });
});

describe("curvature on a plane", () => {
  test("of a linear model it is that of 2XᵀX/N everywhere", () => {
    const model = new nn.Linear(3, 1, { dtype: "f64", bias: false });
    const found = curvaturePlane(model, { x, y, loss: mse, points: 3 });
    const { values } = decomposeSymmetric(
      matrix(
        3,
        3,
        elements64(
          x
            .transpose()
            .matmul(x)
            .mul(2 / 20),
        ),
      ),
    );
    for (const row of found.most) for (const value of row) expect(value).toBeCloseTo(values[2]!, 10);
    for (const row of found.least) for (const value of row) expect(value).toBeCloseTo(values[0]!, 10);
    expect(found.error).toBeLessThan(1e-10);
  });

  test("in the middle it is that of the model, in a corner that of the moved one", () => {
    const model = new nn.Sequential(new nn.Linear(3, 4, { dtype: "f64" }), new nn.Tanh(), new nn.Linear(4, 1, { dtype: "f64" }));
    const objective = { x, y, loss: mse };
    const found = curvaturePlane(model, { ...objective, points: 3, range: 0.5, steps: 21, seed: 2 });
    const here = curvature(model, { ...objective, probes: 1, steps: 21 });
    expect(found.most[1]![1]).toBeCloseTo(here.top[0]!.value, 8);
    expect(found.least[1]![1]).toBeCloseTo(here.bottom[0]!.value, 8);
    // The loss on the plane of the same seed knows where the corner is.
    const where = plane(model, { ...objective, points: 3, range: 0.5, seed: 2 });
    expect([found.alpha, found.beta]).toEqual([where.alpha, where.beta]);
    const vector = parameterVector("test", model);
    const theta = vector.values();
    const [d, e] = directions("test", 2, vector, theta, { ...objective, seed: 2 });
    let from = 0;
    for (const cell of model.parameters()) {
      const size = cell.shape.reduce((a, b) => a * b, 1);
      cell.set(tensor64(theta.map((w, i) => w - 0.5 * d![i]! + 0.5 * e![i]!).slice(from, from + size), cell.shape));
      from += size;
    }
    expect(at(model)).toBeCloseTo(where.loss[2]![0]!, 12);
    expect(curvature(model, { ...objective, probes: 1, steps: 21 }).top[0]!.value).toBeCloseTo(found.most[2]![0]!, 8);
  });

  test("says what it cannot do", () => {
    expect(() => curvaturePlane(relu(), { x, y, loss: mse, steps: 201 })).toThrow("curvaturePlane: steps must be at most 200, got 201");
    expect(() => curvaturePlane(relu(), { x, y, loss: mse, point: 3 } as never)).toThrow(
      'there is no option point; did you mean "points"?',
    );
  });
});

describe("between models", () => {
  const [first, second] = [relu(), relu()];

  test("the ends of a line are the models, running statistics too", () => {
    const found = line(first, second, { x, y, loss: mse, from: 0, to: 1, points: 3 });
    expect([found.loss[0], found.loss[2]]).toEqual([expect.closeTo(at(first), 12), expect.closeTo(at(second), 12)]);
    const norm = (mean: number): nn.Layer => {
      const layer = new nn.BatchNorm1d(3, { affine: true }).eval();
      layer
        .stateDict()
        .get("running_mean")!
        .set(tensor([mean, mean, mean]));
      return layer;
    };
    const moved = line(norm(0), norm(2), { x, y: x, loss: mse, from: 0, to: 1, points: 3 });
    expect(moved.loss[2]).toBeCloseTo(4, 3);
    expect(moved.loss[1]).toBeCloseTo(1, 3);
  });

  test("a trained bend lowers the way between a net and its mirror", () => {
    const model = relu();
    const target = model.forward(x);
    // The same function with its units in another order: two minima with a hill between.
    const twin = relu();
    const order = [3, 2, 1, 0, 7, 6, 5, 4];
    const rows = (t: Tensor, axis: number): Tensor => t.take(tensor(Int32Array.from(order)), axis);
    const [w1, b1, w2, b2] = model.parameters();
    const [v1, c1, v2, c2] = twin.parameters();
    v1!.set(rows(w1!.value, 0));
    c1!.set(rows(b1!.value, 0));
    v2!.set(rows(w2!.value, 1));
    c2!.set(b2!.value.identity());
    const found = curve(model, twin, { x, y: target, loss: mse, steps: 150, rate: 0.02, points: 11 });
    expect(found.straight.loss[0]).toBeCloseTo(0, 12);
    expect(found.straight.loss[10]).toBeCloseTo(0, 12);
    expect(found.barrier.straight).toBeGreaterThan(0);
    expect(found.barrier.curved).toBeLessThan(0.5 * found.barrier.straight);
    expect(found.bend.length).toBe(41);
  });

  test("models that differ are refused", () => {
    expect(() => line(relu(), new nn.Linear(3, 1), { x, y, loss: mse })).toThrow(
      "line: the models must have parameters of the same names and shapes",
    );
  });
});

describe("the plane of a path", () => {
  test("a path in a plane: nothing off it, the end at the origin, all explained", () => {
    const [u, v] = [new Draws(1).normals(30), new Draws(2).normals(30)];
    const points = Array.from({ length: 12 }, (_, i) => u.map((ui, k) => 5 + Math.cos(i / 3) * ui + 0.3 * i * v[k]!));
    const found = pathPlane(points);
    expect(found.at.at(-1)).toEqual([0, 0]);
    expect(Math.max(...found.distance)).toBeLessThan(1e-6);
    expect(found.explained[0] + found.explained[1]).toBeCloseTo(1, 12);
    const [a, b] = found.directions;
    const product = (p: Float64Array, q: Float64Array): number => p.reduce((sum, pi, i) => sum + pi * q[i]!, 0);
    expect([product(a, a), product(b, b), product(a, b)]).toEqual([1, 1, 0].map((value) => expect.closeTo(value, 10)));
    points.forEach((p, i) => {
      const [s, t] = found.at[i]!;
      p.forEach((pk, k) => {
        expect(points[11]![k]! + s * a[k]! + t * b[k]!).toBeCloseTo(pk, 8);
      });
    });
  });

  test("off the plane the distance is what is missing; a straight path has one direction", () => {
    const straight = pathPlane([
      [0, 0, 0],
      [1, 0, 0],
      [3, 0, 0],
    ]);
    expect(straight.explained).toEqual([expect.closeTo(1, 12), expect.closeTo(0, 12)]);
    expect(straight.at.map(([s]) => Math.abs(s))).toEqual([3, 2, 0].map((value) => expect.closeTo(value, 10)));
    const bent = pathPlane([
      [4, 0, 0],
      [0, 2, 0],
      [0, 0, 0.5],
      [0, 0, 0],
    ]);
    expect(bent.distance).toEqual([0, 0, 0.5, 0].map((value) => expect.closeTo(value, 6)));
    expect(() => pathPlane([[1], [2]])).toThrow("at least 3 vectors of one length");
  });
});

describe("XOR: minima A and B", () => {
  const inputs = tensor64(Float64Array.of(0, 0, 0, 1, 1, 0, 1, 1), [4, 2]);
  const targets = tensor64(Float64Array.of(0, 1, 1, 0), [4, 1]);
  const net = (hidden: number): nn.Layer => new nn.Sequential(new nn.Linear(2, hidden), new nn.ReLU(), new nn.Linear(hidden, 1));

  test("descents end at 0, 1/8, 1/6 or 1/4 and nowhere else", () => {
    const levels = outcomes(net(2), { x: inputs, y: targets, loss: mse, starts: 100, steps: 4000 });
    expect(levels.reduce((sum, { count }) => sum + count, 0)).toBe(100);
    for (const { loss } of levels) expect(Math.min(...[0, 1 / 8, 1 / 6, 1 / 4].map((l) => Math.abs(l - loss)))).toBeLessThan(2e-3);
    expect(levels[0]!.loss).toBeLessThan(1e-3);
    expect(levels.at(-1)!.loss).toBeCloseTo(0.25, 3);
    // The vectors are what they say.
    const vector = parameterVector("test", net(2));
    expect(levels[0]!.start.length).toBe(vector.size);
  });
});

describe("slopes", () => {
  const bowl = (p: Tensor): Tensor =>
    p
      .mul(tensor64(Float64Array.of(1, 5)))
      .mul(p)
      .sum();

  test("∇f·u in all directions, as differences have it; steepest along the gradient", () => {
    const found = directional(bowl, tensor([1, -0.5]), { directions: 24 });
    expect([...found.gradient]).toEqual([2, -5]);
    expect(found.steepest).toBeCloseTo(Math.sqrt(29), 12);
    expect(found.slopes.length).toBe(24);
    for (const { direction, slope, measured } of found.slopes) {
      expect(slope).toBeCloseTo(2 * direction[0]! - 5 * direction[1]!, 10);
      expect(measured).toBeCloseTo(slope, 5);
      expect(Math.abs(slope)).toBeLessThanOrEqual(found.steepest + 1e-9);
    }
    expect(found.slopes[0]!.slope).toBeCloseTo(found.steepest, 12);
    expect(found.slopes[12]!.slope).toBeCloseTo(-found.steepest, 12);
    expect(directional((p) => p.square().sum(), tensor([0, 0, 0])).steepest).toBe(0);
  });

  test("steepest descent falls, and zig-zags on a long bowl", () => {
    const { points, values } = steepestDescent(bowl, tensor([2, 1]), { rate: 0.19, steps: 30 });
    expect(points.length).toBe(31);
    expect([...points[1]!]).toEqual([expect.closeTo(2 - 0.19 * 4, 12), expect.closeTo(1 - 0.19 * 10, 12)]);
    for (let k = 1; k < values.length; k++) expect(values[k]).toBeLessThan(values[k - 1]!);
    expect(points.slice(1).every((p, k) => Math.sign(p[1]!) !== Math.sign(points[k]![1]!))).toBe(true);
    expect(() => steepestDescent(3 as never, tensor([1]))).toThrow("steepestDescent: fn must be a function, got 3");
  });
});
