/** @file Augmentation: how the random numbers are spread, and what is done to colours. What is known exactly: test/nn/augment.test.ts. */
import "../../src/runtime/evaluate.ts";
import { describe, expect, test } from "vitest";
import { principalColours } from "../../src/data/principal-colours.ts";
import { keyOf, uniform } from "../../src/math/random.ts";
import {
  type Augmentation,
  augment,
  colourJitter,
  crop,
  erase,
  flipHorizontal,
  flipVertical,
  pcaColour,
  rotate,
  scale,
  shear,
  translate,
} from "../../src/nn/augment.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const images = (...shape: number[]): Tensor => uniform(keyOf(99), shape);
const values = (x: Tensor): number[] => [...(x.dataSync() as Float32Array)];
const run = (steps: Augmentation[], x: Tensor, seed = 1): number[] => values(augment(steps)(keyOf(seed), x));
const maxDifference = (a: number[], b: number[]): number => {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);
};

/** One bright pixel per image; where it goes tells the map. */
const point = (n: number, side: number, y: number, x: number): Tensor =>
  tensor(
    Float32Array.from({ length: n * side * side }, (_, i) => (i % (side * side) === y * side + x ? 1 : 0)),
    { shape: [n, 1, side, side] },
  );
/** Centres of mass [y, x] of images of one channel. */
const centres = (data: number[], side: number): [number, number][] =>
  Array.from({ length: data.length / (side * side) }, (_, n) => {
    let [sum, y, x] = [0, 0, 0];
    for (let i = 0; i < side * side; i++) {
      const value = data[n * side * side + i];
      sum += value;
      y += value * Math.floor(i / side);
      x += value * (i % side);
    }
    return [y / sum, x / sum];
  });

const every: [string, Augmentation][] = [
  ["translate", translate(0.2)],
  ["rotate", rotate(30)],
  ["scale", scale(0.7, 1.4)],
  ["shear", shear(20, 10)],
  ["flipHorizontal", flipHorizontal()],
  ["flipVertical", flipVertical()],
  ["crop", crop({ padding: 2 })],
  ["erase", erase()],
  ["colourJitter", colourJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.2 })],
  [
    "pcaColour",
    pcaColour({
      values: [0.2, 0.05, 0.01],
      vectors: [
        [0.6, 0.8, 0],
        [0.8, -0.6, 0],
        [0, 0, 1],
      ],
    }),
  ],
];
const _all = every.map(([, step]) => step);

describe("how the numbers are spread", () => {
  const n = 2000;
  const mean = (x: number[]) => x.reduce((a, b) => a + b, 0) / x.length;
  const spread = (x: number[]) => Math.sqrt(mean(x.map((v) => (v - mean(x)) ** 2)));

  test("translate: uniform in both axes, which know nothing of each other", () => {
    const at = centres(run([translate([0.2, 0.1])], point(n, 21, 10, 10)), 21).map(([y, x]) => [y - 10, x - 10]);
    const [ys, xs] = [at.map(([y]) => y), at.map(([, x]) => x)];
    expect(mean(xs)).toBeCloseTo(0, 0);
    expect(spread(xs)).toBeCloseTo(8.4 / Math.sqrt(12), 1); // uniform in [-4.2, 4.2]
    expect(spread(ys)).toBeCloseTo(4.2 / Math.sqrt(12), 1);
    expect(Math.max(...xs.map(Math.abs))).toBeLessThanOrEqual(4.2001);
    expect(Math.abs(mean(xs.map((x, i) => x * ys[i])))).toBeLessThan(0.3);
  });

  test("rotate: angles uniform", () => {
    const angles = centres(run([rotate(60)], point(n, 31, 15, 27)), 31).map(([y, x]) => Math.atan2(y - 15, x - 15));
    expect(Math.max(...angles.map(Math.abs))).toBeLessThan(Math.PI / 3 + 0.03);
    expect(spread(angles)).toBeCloseTo((2 * Math.PI) / 3 / Math.sqrt(12), 1);
  });

  test("flips: as often as asked for", () => {
    const moved = centres(run([flipHorizontal(0.3)], point(n, 5, 2, 0)), 5).filter(([, x]) => x > 2).length;
    expect(moved / n).toBeCloseTo(0.3, 1);
  });

  test("erase: how often, how much, and one rectangle each", () => {
    const ones = tensor(new Float32Array(n * 400).fill(1), { shape: [n, 1, 20, 20] });
    const got = run([erase({ p: 0.6, area: [0.1, 0.2], value: 7 })], ones);
    const shares: number[] = [];
    for (let i = 0; i < n; i++) {
      const erased = got.slice(400 * i, 400 * (i + 1)).flatMap((value, p) => (value === 7 ? [p] : []));
      if (erased.length === 0) continue;
      shares.push(erased.length / 400);
      const [rows, columns] = [new Set(erased.map((p) => Math.floor(p / 20))), new Set(erased.map((p) => p % 20))];
      expect(rows.size * columns.size).toBe(erased.length);
    }
    expect(shares.length / n).toBeCloseTo(0.6, 1);
    expect(mean(shares)).toBeCloseTo(0.15, 1);
    expect(Math.min(...shares)).toBeGreaterThan(0.07);
  });

  test("pcaColour: the shift has the components' variances, the same for each pixel of an image", () => {
    const vectors = [
      [0.6, 0.8, 0],
      [0.8, -0.6, 0],
      [0, 0, 1],
    ];
    const got = run([pcaColour({ values: [2, 1, 0.5], vectors }, 0.1)], tensor(new Float32Array(n * 12), { shape: [n, 3, 2, 2] }));
    const shifts = Array.from({ length: n }, (_, i) => [0, 1, 2].map((c) => got[12 * i + 4 * c]));
    shifts.forEach((shift, i) => {
      expect(got.slice(12 * i, 12 * i + 12)).toEqual(shift.flatMap((s) => [s, s, s, s]));
    });
    vectors.forEach((vector, k) => {
      const along = shifts.map((shift) => shift.reduce((sum, s, c) => sum + s * vector[c], 0));
      expect(spread(along)).toBeCloseTo([0.2, 0.1, 0.05][k], 2);
    });
  });
});

describe("colours", () => {
  const one = (...rgb: number[]) => tensor(rgb, { shape: [1, 3, 1, 1] });

  test("greys stay grey under saturation and hue; no saturation leaves grey", () => {
    const grey = run([colourJitter({ saturation: 1, hue: 0.5 })], one(0.3, 0.3, 0.3));
    for (const c of grey) expect(c).toBeCloseTo(0.3, 3);
  });

  test("half a turn of hue and back is none: the matrix turns and does not distort", () => {
    const seen = Array.from({ length: 200 }, (_, seed) => run([colourJitter({ hue: 0.5 })], one(0.5, 0.45, 0.4), seed));
    const luma = ([r, g, b]: number[]) => 0.299 * r + 0.587 * g + 0.114 * b;
    for (const colour of seen) expect(luma(colour)).toBeCloseTo(luma([0.5, 0.45, 0.4]), 2);
    const average = [0, 1, 2].map((c) => seen.reduce((sum, colour) => sum + colour[c], 0) / 200);
    for (const c of average) expect(c).toBeCloseTo(luma([0.5, 0.45, 0.4]), 1); // all hues together are grey
  });

  test("brightness is a factor, contrast keeps the mean; results stay in [0, 1]", () => {
    const factors = Array.from({ length: 100 }, (_, seed) => run([colourJitter({ brightness: 0.3 })], one(0.5, 0.5, 0.5), seed)[0] / 0.5);
    expect(Math.min(...factors)).toBeLessThan(0.8);
    expect(Math.max(...factors)).toBeGreaterThan(1.2);
    expect(factors.every((f) => f >= 0.7 && f <= 1.3)).toBe(true);
    const x = images(4, 1, 8, 8).mul(0.4).add(0.3);
    const y = augment([colourJitter({ contrast: 0.5 })])(keyOf(3), x);
    expect(maxDifference(values(x.mean([1, 2, 3])), values(y.mean([1, 2, 3])))).toBeLessThan(1e-3);
    const wild = run([colourJitter({ brightness: 1, contrast: 1, saturation: 1, hue: 0.5 })], images(20, 3, 4, 4));
    expect(wild.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  test("principalColours finds the directions of a made-up set", () => {
    const vectors = [
      [0.6, 0.8, 0],
      [0.8, -0.6, 0],
      [0, 0, 1],
    ];
    const draws = values(uniform(keyOf(5), [30_000])).map((u) => (u - 0.5) * Math.sqrt(12));
    const pixels = Array.from({ length: 10_000 }, (_, i) =>
      [0, 1, 2].map((c) => vectors.reduce((sum, v, k) => sum + v[c] * draws[3 * i + k] * [3, 2, 1][k], 0)),
    );
    const inputs = Float32Array.from(
      { length: 30_000 },
      (_, i) => pixels[Math.floor(i / 300) * 100 + (i % 100)][Math.floor((i % 300) / 100)],
    );
    const found = principalColours({
      name: "made-up",
      inputShape: [3, 10, 10],
      train: { inputs, targets: new Int32Array(100), count: 100 },
    });
    found.values.forEach((value, k) => {
      expect(value / [9, 4, 1][k]).toBeCloseTo(1, 1);
      expect(Math.abs(found.vectors[k].reduce((sum, v, c) => sum + v * vectors[k][c], 0))).toBeGreaterThan(0.99);
    });
  });
});
