/** @file Spectra at the sizes of the papers: laws against draws, every kind of linear layer against its dense matrix, and a net before and after training. */
import { describe, expect, test } from "vitest";
import { decomposeSVD } from "../../src/base/eigen.ts";
import { matrix } from "../../src/base/linalg.ts";
import { digits } from "../../src/data/digits.ts";
import { Draws } from "../../src/inspect/draws.ts";
import { singularValues } from "../../src/inspect/lanczos.ts";
import { circularNorm, jacobianMap } from "../../src/inspect/linear-map.ts";
import * as law from "../../src/inspect/random-matrix.ts";
import { matrixSpectrum, productSpectrum, spectrum } from "../../src/inspect/spectrum.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/index.ts";
import { fit } from "../../src/train/index.ts";
import { sized } from "../size.ts";
import "../../src/runtime/evaluate.ts";

const gaussian = (draws: Draws, rows: number, columns: number, sd = 1): Tensor =>
  tensor(
    draws.normals(rows * columns).map((x) => sd * x),
    { dtype: "f64" },
  ).reshape([rows, columns]);

const dense = (w: Tensor): Float64Array => decomposeSVD(matrix(w.shape[0]!, w.shape[1]!, Float64Array.from(w.dataSync()))).s;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const varianceOf = (values: readonly number[]): number => meanOf(values.map((x) => (x - meanOf(values)) ** 2));

describe("convolutions as maps", () => {
  test("bounds of a He kernel 16 → 32: the reshaped one is below, √9 times it above", () => {
    const w = tensor(
      new Draws(3).normals(32 * 16 * 9).map((x) => x * Math.sqrt(2 / 144)),
      { dtype: "f64" },
    ).reshape([32, 16, 3, 3]);
    const circular = circularNorm(w, [16, 16]);
    const reshaped = dense(w.reshape([32, 144]))[0]!;
    expect(circular).toBeGreaterThan(1.5 * reshaped);
    expect(circular).toBeLessThan(3 * reshaped);
    expect(circular).toBeCloseTo(3.53, 0);
  });

  const layers: [string, nn.Layer, number[]][] = [
    ["dense", new nn.Linear(7, 5, { dtype: "f64" }), [1, 7]],
    ["convolution", new nn.Conv2d(2, 3, 3, { padding: 1, dtype: "f64" }), [1, 2, 4, 4]],
    ["stride and dilation", new nn.Conv2d(2, 3, 3, { stride: 2, dilation: 2, padding: 2, dtype: "f64" }), [1, 2, 6, 6]],
    ["groups", new nn.Conv2d(4, 4, 3, { groups: 2, dtype: "f64" }), [1, 4, 4, 4]],
    ["transposed", new nn.ConvTranspose2d(2, 3, 3, { stride: 2, dtype: "f64" }), [1, 2, 3, 3]],
    ["three dimensions", new nn.Conv3d(1, 2, 2, { dtype: "f64" }), [1, 1, 3, 3, 3]],
    ["mean pooling", new nn.AvgPool2d(2), [1, 2, 4, 4]],
  ];
  test.each(layers)("%s: Lanczos = dense SVD to 1e-8", (_, layer, shape) => {
    const size = shape.reduce((a, b) => a * b);
    const map = jacobianMap((x) => layer.forward(x), tensor(new Float64Array(size)).reshape(shape));
    const full = matrix(map.columns, map.rows);
    for (let j = 0; j < map.columns; j++)
      full.data.set(map.apply(Float64Array.from({ length: map.columns }, (__, i) => Number(i === j))), j * map.rows);
    const exact = decomposeSVD(full).s;
    const { values } = singularValues(map, { steps: size, count: Math.min(map.rows, map.columns) });
    exact.forEach((s, i) => {
      expect(Math.abs(values[i]!.value - s)).toBeLessThan(1e-8);
    });
  });
});

describe("draws follow the laws", () => {
  const draws = new Draws(11);
  const count = sized(100, 1500);
  /** Three standard deviations of a share of `count` draws. */
  const band = (p: number): number => 3 * Math.sqrt((p * (1 - p)) / count);

  test("the largest: Tracy and Widom's quantiles, 64 × 64", () => {
    const scores = Array.from(
      { length: count },
      () => law.largestScore(dense(gaussian(draws, 64, 64))[0]!, { rows: 64, columns: 64, variance: 1 }).z,
    );
    for (const [p, s] of [
      [0.5, -1.2686],
      [0.95, 0.9793],
      [0.99, 2.0234],
    ] as const)
      expect(Math.abs(scores.filter((z) => z <= s).length / count - p)).toBeLessThan(band(p) + 0.01);
  });

  test("the smallest: Edelman's median", () => {
    const n = 60;
    const shares = Array.from({ length: count }, () =>
      law.smallestCdf(dense(gaussian(draws, n, n)).at(-1)!, { rows: n, columns: n, variance: 1 }),
    );
    expect(Math.abs(median(shares) - 0.5)).toBeLessThan(band(0.5) + 0.01);
  });

  test("spikes: 400 × 200, at 1.5, 3 and 0.6 thresholds", () => {
    const e = { rows: 400, columns: 200, variance: 1 / 400 };
    const [u, v] = [draws.normals(400), draws.normals(200)];
    const [lu, lv] = [Math.hypot(...u), Math.hypot(...v)];
    const spike = tensor(
      u.map((x) => x / lu),
      { dtype: "f64" },
    )
      .reshape([400, 1])
      .matmul(
        tensor(
          v.map((x) => x / lv),
          { dtype: "f64" },
        ).reshape([1, 200]),
      );
    for (const times of [1.5, 3]) {
      const strength = times * law.spikeThreshold(e);
      const found = matrixSpectrum(gaussian(draws, 400, 200, 1 / 20).add(spike.mul(strength)));
      expect(found.values[0]! / law.spikeAt(strength, e)).toBeCloseTo(1, 1);
      expect(found.outliers.length).toBe(1);
    }
    expect(matrixSpectrum(gaussian(draws, 400, 200, 1 / 20).add(spike.mul(0.6 * law.spikeThreshold(e)))).outliers).toEqual([]);
  });

  test("products: mean 1, variance L, the edge, and how loose the product of norms is", () => {
    const n = sized(120, 400);
    for (const factors of [2, 5, 10]) {
      const found = productSpectrum(Array.from({ length: factors }, () => gaussian(draws, n, n, 1 / Math.sqrt(n))));
      expect(Math.abs(found.mean - 1)).toBeLessThan(0.2);
      expect(Math.abs(found.variance / factors - 1)).toBeLessThan(0.35);
      expect(Math.abs(found.values[0]! / found.edge - 1)).toBeLessThan(0.12);
      expect(Math.abs(Math.log2(found.product) - factors)).toBeLessThan(0.1 * factors);
    }
  });

  test("ReLU nets: the variance of the squares is 2L with Gaussian weights and L with orthogonal ones (Pennington et al. 2017)", () => {
    const n = sized(80, 400);
    for (const depth of [2, 5])
      for (const [make, want] of [
        [() => gaussian(draws, n, n, Math.sqrt(2 / n)), 2 * depth],
        [() => nn.initializers.orthogonal(Math.SQRT2)([n, n], { dtype: "f64" }), depth],
      ] as const) {
        const ratios = Array.from({ length: 4 }, () => {
          let h = gaussian(draws, n, 1);
          let jacobian: Tensor | undefined;
          for (let l = 0; l < depth; l++) {
            const w = make();
            const z = w.matmul(h);
            const active = w.mul(z.gt(0).cast("f64"));
            jacobian = jacobian ? active.matmul(jacobian) : active;
            h = z.relu();
          }
          const squares = [...dense(jacobian!)].map((s) => s * s);
          return varianceOf(squares) / meanOf(squares) ** 2;
        });
        expect(Math.abs(meanOf(ratios) / want - 1)).toBeLessThan(0.25);
      }
  });
});

test("a digits CNN: no outlier before training, some after", async () => {
  const model = new nn.Sequential(
    new nn.Conv2d(1, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(256, 64),
    new nn.ReLU(),
    new nn.Linear(64, 10),
  );
  const outliers = (): number => spectrum(model).layers.reduce((sum, { outliers: all }) => sum + all.length, 0);
  expect(outliers()).toBe(0);
  await fit(model, await digits(), { optimizer: new Adam(model.parameters(), { lr: 3e-3 }), epochs: 12, seed: 1, onWarning: () => {} });
  expect(outliers()).toBeGreaterThan(0);
});
