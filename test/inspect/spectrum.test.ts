/** @file Spectra (TRN-4): closed forms, published constants, and Lanczos against dense decompositions on every kind of linear layer. */
import { describe, expect, test } from "vitest";
import { decomposeSVD, decomposeSymmetric } from "../../src/base/eigen.ts";
import { matrix } from "../../src/base/linalg.ts";
import { Draws } from "../../src/inspect/draws.ts";
import { lanczos, singularValues } from "../../src/inspect/lanczos.ts";
import { circularNorm, circularSingularValues, jacobianMap, matrixMap } from "../../src/inspect/linear-map.ts";
import { powerLaw } from "../../src/inspect/power-law.ts";
import * as law from "../../src/inspect/random-matrix.ts";
import { matrixSpectrum, productSpectrum, spectrum } from "../../src/inspect/spectrum.ts";
import { tracyWidom, tracyWidomQuantile } from "../../src/inspect/tracy-widom.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const gaussian = (draws: Draws, rows: number, columns: number, sd = 1): Tensor =>
  tensor(
    draws.normals(rows * columns).map((x) => sd * x),
    { dtype: "f64" },
  ).reshape([rows, columns]);

const dense = (w: Tensor): number[] => [...decomposeSVD(matrix(w.shape[0]!, w.shape[1]!, Float64Array.from(w.dataSync()))).s];

describe("the law of Marchenko and Pastur", () => {
  // Square, n = 256: v·n is 1 (Glorot, LeCun), 1/3 (PyTorch's uniform), 2 (He).
  test.each([
    ["Glorot", 1, 2, 0.8488],
    ["PyTorch", 1 / 3, 1.1547, 0.4901],
    ["He", 2, 2.8284, 1.2004],
  ])("%s, square", (_, scale, upper, mean) => {
    const square = { rows: 256, columns: 256, variance: scale / 256 };
    expect(law.edges(square).lower).toBe(0);
    expect(law.edges(square).upper).toBeCloseTo(upper, 4);
    expect(law.meanSingularValue(square)).toBeCloseTo(mean, 4);
    expect(law.meanSingularValue(square)).toBeCloseTo((8 / (3 * Math.PI)) * Math.sqrt(scale), 9);
  });

  test("512 × 128 Glorot, either way round", () => {
    for (const [rows, columns] of [
      [512, 128],
      [128, 512],
    ] as const) {
      const e = { rows, columns, variance: 2 / 640 };
      expect(law.edges(e).lower).toBeCloseTo(0.6325, 4);
      expect(law.edges(e).upper).toBeCloseTo(1.8974, 4);
      expect(law.meanSingularValue(e)).toBeCloseTo(1.224, 4);
    }
  });

  test.each([
    [40, 40, 1],
    [300, 784, 0.003],
    [7, 2, 2.5],
    [100, 99, 1],
  ])("the density of %i × %i sums to the closed form of its distribution", (rows, columns, variance) => {
    const e = { rows, columns, variance };
    const { lower, upper } = law.edges(e);
    const steps = 200_000;
    let sum = 0;
    for (let i = 0; i < steps; i++) {
      const s = lower + ((i + 0.5) / steps) * (upper - lower);
      sum += (law.marchenkoPastur(s, e) * (upper - lower)) / steps;
      if (i % 20_000 === 9_999) expect(law.marchenkoPasturCdf(s + (0.5 * (upper - lower)) / steps, e)).toBeCloseTo(sum, 5);
    }
    expect(sum).toBeCloseTo(1, 5);
    expect(law.marchenkoPasturCdf(law.marchenkoPasturQuantile(0.3, e), e)).toBeCloseTo(0.3, 10);
    expect(law.marchenkoPasturCdf(upper, e)).toBe(1);
    expect(law.marchenkoPasturCdf(lower, e)).toBe(0);
  });
});

describe("Tracy and Widom", () => {
  // Bornemann (2010), "On the numerical evaluation of distributions in random matrix theory", table 1 and §.
  test("moments", () => {
    let [mean, second, third] = [0, 0, 0];
    const step = 0.001;
    for (let s = -10; s < 8; s += step) {
      const mass = tracyWidom(s + step) - tracyWidom(s);
      const x = s + step / 2;
      mean += x * mass;
      second += x * x * mass;
      third += x ** 3 * mass;
    }
    const variance = second - mean ** 2;
    expect(mean).toBeCloseTo(-1.206533574582, 4);
    expect(variance).toBeCloseTo(1.607781034581, 3);
    expect((third - 3 * mean * variance - mean ** 3) / variance ** 1.5).toBeCloseTo(0.29346452408, 3);
  });

  test.each([
    [0.5, -1.2686],
    [0.9, 0.4501],
    [0.95, 0.9793],
    [0.99, 2.0234],
  ])("quantile %d", (p, s) => expect(tracyWidomQuantile(p)).toBeCloseTo(s, 3));

  test("rises from 0 to 1, also beyond the table", () => {
    let before = 0;
    for (let s = -9; s < 12; s += 0.01) {
      const p = tracyWidom(s);
      expect(p).toBeGreaterThanOrEqual(before);
      before = p;
    }
    expect(before).toBeLessThanOrEqual(1);
    expect(1 - tracyWidom(6)).toBeCloseTo(1.941e-6, 7);
  });
});

test("the smallest singular value of a square matrix: median √(1 + 2 ln 2) − 1 (Edelman 1988)", () => {
  const n = 50;
  const s = (Math.sqrt(1 + 2 * Math.log(2)) - 1) / Math.sqrt(n);
  expect(Math.sqrt(n) * s).toBeCloseTo(0.5448, 4);
  expect(law.smallestCdf(s, { rows: n, columns: n, variance: 1 })).toBeCloseTo(0.5, 12);
  expect(() => law.smallestCdf(1, { rows: 2, columns: 3, variance: 1 })).toThrow("square matrices, got 2 × 3");
});

describe("spikes (Baik, Ben Arous & Péché; Benaych-Georges & Nadakuditi)", () => {
  const e = { rows: 400, columns: 200, variance: 1 / 400 };
  test.each([
    [1.5, 1.845],
    [3, 2.818],
  ])("a signal of %d thresholds stands at its place, and gives its strength back", (times, at) => {
    const strength = times * law.spikeThreshold(e);
    expect(law.spikeAt(strength, e)).toBeCloseTo(at, 3);
    expect(law.spikeStrength(law.spikeAt(strength, e), e)).toBeCloseTo(strength, 9);
  });

  test("below the threshold only the edge is seen", () => {
    expect(law.spikeAt(0.6 * law.spikeThreshold(e), e)).toBe(law.edges(e).upper);
    expect(law.spikeStrength(law.edges(e).upper, e)).toBe(0);
  });
});

describe("a matrix beside the law", () => {
  const draws = new Draws(5);
  const noise = gaussian(draws, 160, 80, 0.1);

  test("noise: variance, edges, no outlier, a small distance", () => {
    const found = matrixSpectrum(noise);
    expect(found.variance).toBeCloseTo(0.01, 3);
    expect(found.outliers).toEqual([]);
    expect(found.distance).toBeLessThan(0.04);
    expect(found.p).toBeGreaterThan(0.9);
    expect(found.largest.p).toBeGreaterThan(0.01);
    expect(found.values[0]! / found.law.upper).toBeCloseTo(1, 1);
    expect(found.frobenius ** 2).toBeCloseTo(
      found.values.reduce((sum, s) => sum + s * s, 0),
      9,
    );
    expect(matrixSpectrum(noise.transpose()).values[3]).toBeCloseTo(found.values[3]!, 9);
  });

  test("a planted signal of rank two is found with its strength", () => {
    const [u, v] = [tensor(draws.normals(160), { dtype: "f64" }), tensor(draws.normals(80), { dtype: "f64" })];
    const size = Math.sqrt(160 * 80);
    const signal = u.reshape([160, 1]).matmul(v.reshape([1, 80]));
    const found = matrixSpectrum(noise.add(signal.mul(5 / size)));
    expect(found.outliers.length).toBe(1);
    expect(found.outliers[0]!.strength / 5).toBeCloseTo(1, 0);
    expect(found.largest.p).toBeLessThan(1e-6);
    expect(found.variance).toBeCloseTo(0.01, 3);
  });

  test("ranks of known matrices", () => {
    const identity = matrixSpectrum(tensor([3, 0, 0, 3], { dtype: "f64" }).reshape([2, 2]));
    expect([identity.stableRank, identity.effectiveRank, identity.condition]).toEqual([2, expect.closeTo(2, 12), 1]);
    const one = matrixSpectrum(tensor([1, 2, 2, 4], { dtype: "f64" }).reshape([2, 2]));
    expect([one.stableRank, one.effectiveRank]).toEqual([expect.closeTo(1, 12), expect.closeTo(1, 6)]);
    const zero = matrixSpectrum(tensor(new Float64Array(6)).reshape([2, 3]));
    expect([zero.stableRank, zero.effectiveRank, zero.condition, zero.outliers.length]).toEqual([0, 0, Number.POSITIVE_INFINITY, 0]);
  });

  test("a product: the law's edge against the product of norms", () => {
    for (const [factors, edge] of [
      [1, 2],
      [2, 2.598],
      [3, 3.079],
      [5, 3.864],
      [10, 5.3415],
    ] as const)
      expect(law.productEdge(factors)).toBeCloseTo(edge, 3);
    const factors = Array.from({ length: 3 }, () => gaussian(draws, 60, 60, 1 / Math.sqrt(60)));
    const found = productSpectrum(factors);
    const [a, b, c] = factors;
    expect(found.values[0]).toBeCloseTo(dense(c!.matmul(b!).matmul(a!))[0]!, 9);
    expect(found.values[0]).toBeLessThan(found.product);
    expect(found.mean).toBeCloseTo(1, 0);
    expect(found.edge).toBeCloseTo(3.079, 3);
  });
});

describe("the power law of a tail", () => {
  /** Quantiles of a density ∝ x^-alpha from 3 on, evenly spread, over as many small numbers. */
  const pareto = (alpha: number, n: number): number[] => [
    ...Array.from({ length: n }, (_, i) => 3 * (1 - (i + 0.5) / n) ** (-1 / (alpha - 1))),
    ...Array.from({ length: n }, (_, i) => (2.9 * (i + 1)) / n),
  ];

  test.each([1.7, 2.5, 4])("exponent %d, and where the tail starts", (alpha) => {
    const found = powerLaw(pareto(alpha, 2000))!;
    expect(found.alpha).toBeCloseTo(alpha, 1);
    expect(found.from).toBeCloseTo(3, 1);
    expect(found.distance).toBeLessThan(0.01);
  });

  test("by Clauset, Shalizi & Newman's formula", () => {
    const values = Array.from({ length: 40 }, (_, i) => 1.05 ** (i + 1) * (1 + (i % 3) / 50));
    const { alpha, from, count, distance } = powerLaw(values)!;
    const tail = values.filter((x) => x >= from * (1 - 1e-12)).sort((a, b) => a - b);
    expect(count).toBe(tail.length);
    expect(alpha).toBeCloseTo(1 + count / tail.reduce((sum, x) => sum + Math.log(x / from), 0), 10);
    const gaps = tail.map((x, i) => Math.abs(1 - (x / from) ** (1 - alpha) - i / count));
    expect(distance).toBeGreaterThanOrEqual(Math.max(...gaps) - 1e-12);
  });

  test("no law of few numbers, of equal ones, of zeros", () => {
    expect(powerLaw([])).toBeUndefined();
    expect(powerLaw([1, 2, 3])).toBeUndefined();
    expect(powerLaw(new Array<number>(50).fill(2))).toBeUndefined();
    expect(powerLaw(new Array<number>(50).fill(0))).toBeUndefined();
    expect(() => powerLaw([1, -1])).toThrow("powerLaw: values");
    expect(matrixSpectrum(gaussian(new Draws(1), 4, 4)).tail).toBeUndefined();
    expect(matrixSpectrum(gaussian(new Draws(1), 40, 60)).tail!.count).toBeGreaterThanOrEqual(10);
  });
});

describe("Lanczos", () => {
  test("all singular values, with vanishing and multiple ones", () => {
    const w = gaussian(new Draws(2), 12, 9).matmul(
      tensor(
        [...Array(9)].map((_, i) => [...Array(9)].map((__, j) => (i === j && i < 6 ? 1 : 0))),
        { dtype: "f64" },
      ),
    );
    const map = matrixMap(matrix(12, 9, Float64Array.from(w.dataSync())));
    const { values } = singularValues(map, { steps: 9, count: 9 });
    dense(w).forEach((s, i) => {
      expect(values[i]!.value).toBeCloseTo(s, 9);
    });
    const twice = matrixMap(matrix(4, 4, Float64Array.of(2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1)));
    expect(singularValues(twice, { steps: 4, count: 4 }).values.map(({ value }) => value)).toEqual(
      [2, 2, 2, 1].map((x) => expect.closeTo(x, 12)),
    );
  });

  test("the error bar holds before convergence", () => {
    const w = gaussian(new Draws(3), 120, 90);
    const map = matrixMap(matrix(120, 90, Float64Array.from(w.dataSync())));
    const all = dense(w);
    for (const steps of [4, 8, 16]) {
      const [top] = singularValues(map, { steps }).values;
      expect(Math.min(...all.map((s) => Math.abs(s - top!.value)))).toBeLessThanOrEqual(top!.error + 1e-12);
    }
  });

  test("Gauss quadrature: Σ wᵢ λᵢᵏ = vᵀAᵏv for k ≤ 2m − 1", () => {
    const half = gaussian(new Draws(4), 30, 30, 0.2);
    const a = half.add(half.transpose());
    const v = new Draws(9).normals(30);
    const apply = (x: Float64Array): Float64Array => Float64Array.from(a.matmul(tensor(x, { dtype: "f64" }).reshape([30, 1])).dataSync());
    const { values, weights } = lanczos(apply, v, 6);
    expect(weights.reduce((s, w) => s + w, 0)).toBeCloseTo(1, 12);
    const length = v.reduce((s, x) => s + x * x, 0);
    let power = v;
    for (let k = 0; k <= 11; k++) {
      const moment = power.reduce((s, x, i) => s + x * v[i]!, 0) / length;
      const quadrature = values.reduce((s, { value }, i) => s + weights[i]! * value ** k, 0);
      expect(Math.abs(quadrature - moment)).toBeLessThan(1e-10 * Math.max(1, Math.abs(moment)));
      power = apply(power);
    }
    const exact = decomposeSymmetric(matrix(30, 30, Float64Array.from(a.dataSync()))).values;
    const top = lanczos(apply, v, 30).values.at(-1)!;
    expect(top.value).toBeCloseTo(exact[29]!, 9);
  });
});

const SOBEL = tensor([1, 0, -1, 2, 0, -2, 1, 0, -1], { dtype: "f64" }).reshape([1, 1, 3, 3]);

describe("convolutions as maps", () => {
  test.each([
    [4, 5.854102],
    [8, 7.290859],
    [16, 7.796837],
  ])("Sobel's kernel, zero-padded, %i × %i: (2 + 2cos φ)·2cos φ", (n, norm) => {
    const conv = new nn.Conv2d(1, 1, 3, { padding: 1, bias: false, dtype: "f64", weightInitializer: () => SOBEL });
    const map = jacobianMap((x) => conv.forward(x), tensor(new Float64Array(n * n)).reshape([1, 1, n, n]));
    const c = Math.cos(Math.PI / (n + 1));
    const [top] = singularValues(map, { steps: 200, tolerance: 1e-9 }).values;
    expect(top!.value).toBeCloseTo((2 + 2 * c) * 2 * c, 7);
    expect(top!.value).toBeCloseTo(norm, 5);
    expect(circularNorm(SOBEL, [n, n])).toBeCloseTo(8, 9);
  });

  test("on a torus: the values of the dense matrix", () => {
    const w = tensor(new Draws(1).normals(2 * 3 * 3 * 3), { dtype: "f64" }).reshape([2, 3, 3, 3]);
    const conv = new nn.Conv2d(3, 2, 3, { padding: 1, paddingMode: "circular", bias: false, dtype: "f64", weightInitializer: () => w });
    const map = jacobianMap((x) => conv.forward(x), tensor(new Float64Array(3 * 20)).reshape([1, 3, 4, 5]));
    const { values } = singularValues(map, { steps: 40, count: 40 });
    const torus = circularSingularValues(w, [4, 5]);
    expect(torus.length).toBe(40);
    torus.forEach((s, i) => {
      expect(values[i]!.value).toBeCloseTo(s, 8);
    });
    expect(circularNorm(w, [4, 5])).toBeCloseTo(torus[0]!, 8);
  });

  test("in groups, and in one dimension", () => {
    const w = tensor(new Draws(8).normals(4 * 1 * 3), { dtype: "f64" }).reshape([4, 1, 3]);
    const conv = new nn.Conv1d(2, 4, 3, {
      groups: 2,
      padding: 1,
      paddingMode: "circular",
      bias: false,
      dtype: "f64",
      weightInitializer: () => w,
    });
    const map = jacobianMap((x) => conv.forward(x), tensor(new Float64Array(14)).reshape([1, 2, 7]));
    const { values } = singularValues(map, { steps: 14, count: 14 });
    circularSingularValues(w, [7], 2).forEach((s, i) => {
      expect(values[i]!.value).toBeCloseTo(s, 8);
    });
  });
});

describe("a whole model", () => {
  const model = new nn.Sequential(
    new nn.Conv2d(1, 4, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(64, 20),
    new nn.ReLU(),
    new nn.Linear(20, 10),
  );
  const input = tensor(new Draws(6).normals(3 * 64)).reshape([3, 1, 8, 8]);

  test("every weight has its record; the Jacobian is below the product", () => {
    const { layers, jacobian } = spectrum(model, { input });
    expect(layers.map(({ name, shape }) => [name, [...shape]])).toEqual([
      ["0.weight", [4, 1, 3, 3]],
      ["4.weight", [20, 64]],
      ["6.weight", [10, 20]],
    ]);
    expect(layers[0]!.operator!.norm.value).toBeLessThanOrEqual(layers[0]!.operator!.circular! + 1);
    expect(layers[1]!.operator).toBeUndefined();
    expect(jacobian!.norm.value).toBeLessThan(jacobian!.product);
    expect([jacobian!.inputs, jacobian!.outputs]).toEqual([64, 10]);
    expect(model.training).toBe(true);
    const plain = spectrum(model);
    expect(plain.jacobian).toBeUndefined();
    expect(plain.layers[0]!.operator).toBeUndefined();
  });

  test.each([1, 2])("a transposed convolution is a matrix from inputs to outputs, in %i groups", (groups) => {
    const layer = new nn.ConvTranspose2d(4, 6, 3, { groups, dtype: "f64" });
    const w = layer.weight.value.dataSync();
    const [rows, per] = [6 / groups, 4 / groups];
    const rearranged = new Float64Array(w.length);
    for (let o = 0; o < 6; o++)
      for (let i = 0; i < per; i++)
        for (let k = 0; k < 9; k++) {
          const group = Math.floor(o / rows);
          rearranged[(o * per + i) * 9 + k] = w[((group * per + i) * rows + (o % rows)) * 9 + k]!;
        }
    const [found] = spectrum(layer).layers;
    expect([found!.rows, found!.columns]).toEqual([6, per * 9]);
    const wanted = [...decomposeSVD(matrix(6, per * 9, rearranged)).s];
    found!.values.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i]!, 12);
    });
  });

  test("the default initialiser's scale is read from the bulk", () => {
    const wide = new nn.Linear(200, 200);
    expect(spectrum(wide).layers[0]!.variance * 600).toBeCloseTo(1, 0);
  });

  test("what cannot be is said in one line", () => {
    expect(() => spectrum(new nn.Sequential(new nn.ReLU()))).toThrow("spectrum: the model must have parameters, got Sequential with none");
    expect(() => spectrum(new nn.BatchNorm1d(3))).toThrow("a weight of two axes or more");
    const broken = new nn.Linear(2, 2);
    broken.weight.set(
      tensor([
        [1, Number.NaN],
        [0, 1],
      ]),
    );
    expect(() => spectrum(broken)).toThrow("spectrum: the weights must be finite, got NaN in weight");
    expect(() => spectrum(model, { input: 3 as never })).toThrow("spectrum: input must be a float tensor [N, ...], got 3");
    expect(() => matrixSpectrum(tensor([1, 2]))).toThrow("matrixSpectrum: weight must be a matrix");
    expect(() => circularNorm(SOBEL, [2, 8])).toThrow("a grid of at least the kernel's size");
    expect(() => productSpectrum([])).toThrow("a list of matrices");
  });
});
