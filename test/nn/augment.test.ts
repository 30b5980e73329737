/** @file Augmentation: what is known exactly, and that random numbers belong to key and example alone. How they are spread: test/slow/augment.test.ts. */
import "../../src/runtime/evaluate.ts";
import { describe, expect, test } from "vitest";
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
    const all = values(x);
    const padded = (n: number, c: number, i: number, j: number) =>
      i < 0 || i > 3 || j < 0 || j > 4 ? 0 : all[((n * 2 + c) * 4 + i) * 5 + j];
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
  ["an area of 0", () => erase({ area: [0, 1] }), "erase: want an area 0 < low <= high <= 1, got [0, 1]"],
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
