/** @file Augmentation: what is known exactly, how the random numbers are spread, and that they belong to key and example alone. */
import "../../src/runtime/evaluate.ts";
import { describe, expect, test } from "vitest";
import { principalColours } from "../../src/data/principal-colours.ts";
import { compile } from "../../src/function/compile.ts";
import { keyOf, manualSeed, uniform } from "../../src/math/random.ts";
import { affineGrid, gridSample } from "../../src/math/resize.ts";
import {
  type Augmentation,
  Augmenter,
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
import { arange, stack, tensor } from "../../src/ops/create.ts";
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
const all = every.map(([, step]) => step);

describe("nothing changes", () => {
  test.each<[string, Augmentation]>([
    ["translate", translate(0)],
    ["rotate", rotate(0)],
    ["scale", scale(1, 1)],
    ["shear", shear(0)],
    ["flipHorizontal", flipHorizontal(0)],
    ["flipVertical", flipVertical(0)],
    ["crop", crop({})],
    ["erase", erase({ p: 0 })],
    ["colourJitter", colourJitter({})],
    [
      "pcaColour",
      pcaColour(
        {
          values: [1, 1, 1],
          vectors: [
            [1, 0, 0],
            [0, 1, 0],
            [0, 0, 1],
          ],
        },
        0,
      ),
    ],
  ])("by %s of nothing", (_, step) => {
    const x = images(3, 3, 6, 5);
    expect(maxDifference(run([step], x), values(x))).toBeLessThan(1e-6);
  });

  test("by no step, and in evaluation mode", () => {
    const x = images(2, 1, 4, 4);
    expect(run([], x)).toEqual(values(x));
    expect(values(new Augmenter(all).eval().forward(images(2, 3, 8, 8)))).toEqual(values(images(2, 3, 8, 8)));
  });
});

describe("known changes", () => {
  test("flips are exact, and two are none", () => {
    const x = tensor([1, 2, 3, 4, 5, 6], { shape: [1, 1, 2, 3] });
    expect(run([flipHorizontal(1)], x)).toEqual([3, 2, 1, 6, 5, 4]);
    expect(run([flipVertical(1)], x)).toEqual([4, 5, 6, 1, 2, 3]);
    expect(run([flipHorizontal(1), flipHorizontal(1)], images(2, 3, 5, 7))).toEqual(values(images(2, 3, 5, 7)));
  });

  test("a crop is a window of the padded image", () => {
    const x = images(40, 2, 4, 5);
    const got = run([crop({ padding: 2 })], x);
    const padded = (n: number, c: number, i: number, j: number) =>
      i < 0 || i > 3 || j < 0 || j > 4 ? 0 : values(x)[((n * 2 + c) * 4 + i) * 5 + j];
    const starts = new Set<string>();
    for (let n = 0; n < 40; n++) {
      const fits = (dy: number, dx: number) =>
        [0, 1].every((c) =>
          Array.from({ length: 20 }, (_, p) => got[(n * 2 + c) * 20 + p] === padded(n, c, Math.floor(p / 5) + dy, (p % 5) + dx)).every(
            Boolean,
          ),
        );
      const found = Array.from({ length: 25 }, (_, i) => [Math.floor(i / 5) - 2, (i % 5) - 2]).filter(([dy, dx]) => fits(dy, dx));
      expect(found.length).toBe(1);
      starts.add(found[0].join());
    }
    expect(starts.size).toBeGreaterThan(12); // of 25, in 40 draws
  });

  test("a crop to another size", () => {
    const y = augment([crop({ size: [3, 2] })])(keyOf(1), images(4, 3, 6, 6));
    expect(y.shape).toEqual([4, 3, 3, 2]);
    expect(() => run([crop({ size: 9, padding: 1 })], images(1, 1, 6, 6))).toThrow(
      "crop: want at most 8x8 pixels of the padded image, got 9x9",
    );
  });

  test("turns keep the distance from the centre", () => {
    for (const [y, x] of centres(run([rotate(180)], point(30, 15, 7, 11)), 15)) expect(Math.hypot(y - 7, x - 7)).toBeCloseTo(4, 0);
  });

  test("the affine steps agree with affineGrid and gridSample", () => {
    const x = images(1, 2, 9, 9);
    // With scale alone, the factor is the only unknown: it is read off from the result of a linear ramp.
    const ramp = arange(9, "f32").reshape([1, 1, 1, 9]).broadcastTo([1, 1, 9, 9]);
    const row = run([scale(1.1, 1.5)], ramp, 7).slice(36, 45);
    const inverse = row[5] - row[4];
    expect(1 / inverse).toBeGreaterThan(1.1);
    expect(1 / inverse).toBeLessThan(1.5);
    const grid = affineGrid(tensor([inverse, 0, 0, 0, inverse, 0], { shape: [1, 2, 3] }), [9, 9]);
    expect(maxDifference(run([scale(1.1, 1.5)], x, 7), values(gridSample(x, grid)))).toBeLessThan(1e-5);
  });

  test("steps fold into one resampling: the sum of two shifts is sharp where two resamplings would blur twice", () => {
    const once = (seed: number) => run([translate(0.2), translate(0.2)], point(1, 15, 7, 7), seed);
    for (let seed = 0; seed < 10; seed++) expect(once(seed).filter((value) => value > 1e-6).length).toBeLessThanOrEqual(4);
  });

  test("the order counts: a crop after a flip is not a flip after a crop, but both keep every value", () => {
    const x = images(8, 1, 4, 4);
    const [first, second] = [
      [flipHorizontal(1), crop({ padding: 2 })],
      [crop({ padding: 2 }), flipHorizontal(1)],
    ].map((steps) => run(steps, x));
    expect(first).not.toEqual(second);
    const known = new Set([0, ...values(x)]);
    expect([...first, ...second].every((value) => known.has(value))).toBe(true);
  });

  test("border: what comes in is the nearest pixel", () => {
    const ones = tensor(new Float32Array(4 * 36).fill(1), { shape: [4, 1, 6, 6] });
    const shifted = values(augment([translate(0.5), rotate(45)], { fill: "border" })(keyOf(1), ones));
    expect(maxDifference(shifted, values(ones))).toBeLessThan(1e-6);
    expect(Math.min(...run([translate(0.5)], ones))).toBe(0);
  });
});

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

describe("whose numbers they are", () => {
  const x = images(6, 3, 8, 8);

  test.each(every)("%s: the same key, the same bits; another key or example, others; compiled = eager", (_, step) => {
    const f = augment([step]);
    const same = stack(Array.from({ length: 16 }, () => x.select(0, 0)));
    const eager = values(f(keyOf(1), same));
    expect(values(f(keyOf(1), same))).toEqual(eager);
    expect(values(f(keyOf(2), same))).not.toEqual(eager);
    const distinct = new Set(Array.from({ length: 16 }, (_unused, n) => eager.slice(192 * n, 192 * (n + 1)).join()));
    expect(distinct.size).toBeGreaterThan(1);
    const compiled = compile((key: Tensor, batch: Tensor): Tensor => f(key, batch));
    expect(maxDifference(values(compiled(keyOf(1), same)), eager)).toBeLessThan(1e-5);
    compiled.dispose();
  });

  test("an example's change goes by its id, whatever batch it is in", () => {
    const f = augment(all);
    const ids = (...list: number[]) => tensor(Uint32Array.from(list), { shape: [list.length], dtype: "u32" });
    const whole = f(keyOf(1), x, ids(10, 11, 12, 13, 14, 15));
    const part = f(keyOf(1), x.take(tensor(Int32Array.of(4, 1))), ids(14, 11));
    expect(maxDifference(values(part.select(0, 0)), values(whole.select(0, 4)))).toBeLessThan(1e-6);
    expect(maxDifference(values(part.select(0, 1)), values(whole.select(0, 1)))).toBeLessThan(1e-6);
  });

  test("the layer draws anew each time, and again the same after manualSeed", () => {
    const layer = new Augmenter([translate(0.2)]);
    manualSeed(3);
    const [first, second] = [values(layer.forward(x)), values(layer.forward(x))];
    expect(first).not.toEqual(second);
    manualSeed(3);
    expect(values(layer.forward(x))).toEqual(first);
  });
});

test.each<[string, () => unknown, string]>([
  ["a shift beyond the image", () => translate(2), "translate: want a share of the image from 0 to 1, got 2"],
  ["an angle beyond half a turn", () => rotate(200), "rotate: want degrees from 0 to 180, got 200"],
  ["a scale of 0", () => scale(0, 1), "scale: want 0 < low <= high, got 0, 1"],
  ["a shear of a right angle", () => shear(90), "shear: want degrees from 0 to below 45, got 90"],
  ["a probability of 2", () => flipHorizontal(2), "flipHorizontal: want a probability from 0 to 1, got 2"],
  ["a negative padding", () => crop({ padding: -1 }), "crop: want an integer padding of at least 0, got -1"],
  ["an area of 0", () => erase({ area: [0, 1] }), "erase: want an area 0 < low <= high <= 1, got 0,1"],
  ["a hue of a whole turn", () => colourJitter({ hue: 1 }), "colourJitter: want a hue from 0 to 0.5, got 1"],
  ["rows instead of images", () => run([flipVertical()], images(2, 3)), "augment: want images [N, C, H, W], got [2, 3]"],
  [
    "colours of grey images",
    () => run([colourJitter({ hue: 0.1 })], images(1, 1, 2, 2)),
    "colourJitter: want images of 3 channels (of 1: without saturation and hue), got [1, 1, 2, 2]",
  ],
  [
    "principal colours of grey images",
    () =>
      run(
        [
          pcaColour({
            values: [1, 1, 1],
            vectors: [
              [1, 0, 0],
              [0, 1, 0],
              [0, 0, 1],
            ],
          }),
        ],
        images(1, 1, 2, 2),
      ),
    "pcaColour: want images of 3 channels, got [1, 1, 2, 2]",
  ],
])("refuses %s", (_, fn, message) => {
  expect(fn).toThrow(message);
});
