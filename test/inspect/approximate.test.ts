/** @file Universal approximation by construction (TRN-7), the collapse of linear layers and the bent grid (ACT-5), polynomial features (MSC-5). */
import { describe, expect, test } from "vitest";
import {
  bentGrid,
  bumpConstruction,
  collapseLinear,
  leastSquaresLine,
  polynomialFeatures,
  reluConstruction,
  tent,
} from "../../src/inspect/approximate.ts";
import { elements64, tensor64 } from "../../src/inspect/double.ts";
import { Draws } from "../../src/inspect/draws.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import "../../src/runtime/evaluate.ts";

describe("ReLU units through knots: sin on [0, 2π]", () => {
  test.each([
    [8, 7.038e-2, 7.711e-2],
    [16, 1.885e-2, 1.928e-2],
    [32, 4.792e-3, 4.82e-3],
    [64, 1.203e-3, 1.205e-3],
    [128, 3.011e-4, 3.012e-4],
  ])("%i units: error %d, bound %d", (units, error, bound) => {
    const found = reluConstruction(Math.sin, { from: 0, to: 2 * Math.PI, units });
    expect(found.error / error).toBeCloseTo(1, 3);
    expect((2 * Math.PI) ** 2 / (8 * units * units) / bound).toBeCloseTo(1, 3);
    expect(found.error).toBeLessThanOrEqual((2 * Math.PI) ** 2 / (8 * units * units));
    for (const [i, x] of found.knots.entries()) if (i % 3 === 0) expect(found.value(x)).toBeCloseTo(Math.sin(x), 12);
    // The same numbers in a net of the library.
    const net = new nn.Sequential(new nn.Linear(1, units, { dtype: "f64" }), new nn.ReLU(), new nn.Linear(units, 1, { dtype: "f64" }));
    const [w1, b1, w2, b2] = net.parameters();
    w1!.set(tensor64(new Float64Array(units).fill(1), [units, 1]));
    b1!.set(tensor64(Float64Array.from(found.knots, (x) => -x)));
    w2!.set(tensor64(Float64Array.from(found.weights), [1, units]));
    b2!.set(tensor64(Float64Array.of(found.offset)));
    const at = tensor64(Float64Array.of(0.3, 2, 4.4), [3, 1]);
    [...elements64(net.forward(at))].forEach((y, i) => {
      expect(y).toBeCloseTo(found.value([0.3, 2, 4.4][i]!), 10);
    });
  });
});

test("bumps: away from their steps the error is at most what the curve changes over one, and falls with their number", () => {
  const f = (x: number): number => x * x;
  const errors = [5, 20, 80].map((units) => bumpConstruction(f, { from: 0, to: 1, units, steepness: 100 * units }).error);
  errors.forEach((error, i) => {
    // Half a step up and down at a jump of 2h.
    expect(error).toBeLessThan(2.1 / [5, 20, 80][i]!);
  });
  expect(errors[2]!).toBeLessThan(errors[0]! / 10);
});

test("depth: the k-fold tent has 2ᵏ pieces with 2k units, and one hidden layer needs 2ᵏ − 1", () => {
  expect([1, 2, 3, 4, 5].map((k) => tent(k).pieces)).toEqual([2, 4, 8, 16, 32]);
  expect(tent(5)).toMatchObject({ units: 10, shallowUnits: 31 });
  expect(tent(2).value(0.25)).toBe(1);
});

describe("without activation", () => {
  const layers = [new nn.Linear(5, 3), new nn.Linear(3, 4, { bias: false }), new nn.Linear(4, 2)];

  test("layers are one: W′x + b′", () => {
    const { weight, bias, parameters } = collapseLinear(layers);
    const x = tensor64(new Draws(1).normals(15), [3, 5]);
    const stacked = elements64(new nn.Sequential(...layers).forward(x));
    elements64(x.matmul(weight.transpose()).add(bias)).forEach((y, i) => {
      expect(y).toBeCloseTo(stacked[i]!, 12);
    });
    expect(parameters).toEqual({ stacked: 18 + 12 + 10, one: 12 });
  });

  test("purely linear layers save parameters where the middle is narrow", () => {
    const { parameters } = collapseLinear([new nn.Linear(100, 5, { bias: false }), new nn.Linear(5, 80)]);
    expect(parameters).toEqual({ stacked: 500 + 400 + 80, one: 8000 + 80 });
  });

  test("the error stays that of the line of least squares", () => {
    const points = Array.from({ length: 50 }, (_, i): [number, number] => [i / 49, Math.sin((6 * i) / 49)]);
    const { slope, offset, error } = leastSquaresLine(points);
    for (const [ds, d0] of [
      [0.1, 0],
      [0, 0.1],
      [-0.1, 0.05],
    ] as const)
      expect(points.reduce((sum, [x, y]) => sum + (y - (slope + ds) * x - offset - d0) ** 2, 0) / 50).toBeGreaterThan(error);
  });
});

describe("the bent grid", () => {
  test("input lines are straight, a linear layer keeps them so, tanh bends them", () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Tanh(), new nn.Linear(2, 1), new nn.Sigmoid());
    const found = bentGrid(model, { lines: 3, points: 5 });
    expect(found.map(({ name }) => name)).toEqual(["input", "0", "1", "2", "3"]);
    expect(found[0]!.lines.length).toBe(6);
    expect(found[0]!.lines[0]![0]).toEqual([-1, -1]);
    const bend = (line: readonly (readonly number[])[]): number =>
      Math.max(...[0, 1].map((c) => Math.abs(line[0]![c]! - 2 * line[2]![c]! + line[4]![c]!)));
    expect(Math.max(...found[1]!.lines.map(bend))).toBeLessThan(1e-12);
    expect(Math.max(...found[2]!.lines.map(bend))).toBeGreaterThan(1e-4);
    const [w] = [elements64(model.parameters()[0]!.value.cast("f64"))];
    expect(w.length).toBe(4);
    expect(found[4]!.lines[0]![0]!.length).toBe(1);
  });
});

describe("polynomial features", () => {
  test("all products up to a degree", () => {
    const { features, exponents } = polynomialFeatures(tensor([[2, 3]]), 2);
    expect([...features.dataSync()]).toEqual([2, 3, 4, 6, 9]);
    expect(exponents).toEqual([
      [1, 0],
      [0, 1],
      [2, 0],
      [1, 1],
      [0, 2],
    ]);
    expect(polynomialFeatures(tensor([[1, 1, 1]]), 3).exponents.length).toBe(19);
  });

  test("XOR is linear in a, b and ab", () => {
    const { features } = polynomialFeatures(
      tensor([
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ]),
      2,
    );
    expect([...features.matmul(tensor([[1], [1], [0], [-2], [0]])).dataSync()]).toEqual([0, 1, 1, 0]);
  });

  test("what cannot be is said in one line", () => {
    expect(() => polynomialFeatures(tensor([1, 2]), 2)).toThrow("x must be a matrix");
    expect(() => polynomialFeatures(tensor64(new Float64Array(200), [1, 200]), 3)).toThrow("more than 10,000 terms");
    expect(() => reluConstruction(Math.sin, { from: 1, to: 0, units: 3 })).toThrow("to must be above from, got 1 to 0");
    expect(() => collapseLinear([new nn.ReLU()])).toThrow("collapseLinear: layers must be a list");
    expect(() => collapseLinear([new nn.Linear(2, 3), new nn.Linear(2, 3)])).toThrow("a layer takes 2 features, the one before gives 3");
    expect(() => tent(40)).toThrow("depth must be at most 20");
  });
});
