/** @file Pooling (CNN-4): windows written out as loops, ties, indices, adaptive windows; images resized and taken apart. */
import { describe, expect, test } from "vitest";
import { resizeImage } from "../../src/data/image.ts";
import { grad } from "../../src/function/derivative.ts";
import * as P from "../../src/math/pool.ts";
import * as R from "../../src/math/resize.ts";
import { fold, unfold } from "../../src/math/unfold.ts";
import { arange, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose, f64, onBothBackends, range } from "../function/backends.ts";

let state = 5;
function draw(...shape: number[]): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: n }, () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  });
  return tensor(values, { shape });
}

interface Windowing {
  readonly k: number;
  readonly s: number;
  readonly p: number;
  readonly d: number;
  readonly ceilMode: boolean;
}

/** The elements under each window of a row, and the divisor that counts padding but not what lies beyond it. */
function windowsOf(row: readonly number[], { k, s, p, d, ceilMode }: Windowing): { inside: number[]; divisor: number }[] {
  const room = (row.length + 2 * p - d * (k - 1) - 1) / s;
  let out = (ceilMode ? Math.ceil(room) : Math.floor(room)) + 1;
  if (ceilMode && (out - 1) * s >= row.length + p) out--;
  return range(out, (w) => {
    const at = range(k, (j) => w * s - p + j * d);
    return { inside: at.filter((i) => i >= 0 && i < row.length).map((i) => row[i]!), divisor: at.filter((i) => i < row.length + p).length };
  });
}

const WINDOWINGS: Windowing[] = [];
for (const k of [1, 2, 3])
  for (const s of [1, 2, 3])
    for (const p of [0, 1])
      for (const d of [1, 2]) for (const ceilMode of [false, true]) if (2 * p <= k) WINDOWINGS.push({ k, s, p, d, ceilMode });

describe("windows written out", () => {
  test.each(WINDOWINGS)("kernel $k, stride $s, padding $p, dilation $d, ceilMode $ceilMode", ({ k, s, p, d, ceilMode }) => {
    for (const length of [5, 6, 7]) {
      const x = draw(length);
      const windows = windowsOf([...x.dataSync()], { k, s, p, d, ceilMode });
      const options = { stride: s, padding: p, ceilMode };
      expectClose(
        P.maxPool1d(x, k, { ...options, dilation: d }),
        windows.map((w) => Math.max(...w.inside)),
      );
      if (d > 1) continue;
      const sums = windows.map((w) => w.inside.reduce((a, b) => a + b, 0));
      expectClose(
        P.avgPool1d(x, k, options),
        sums.map((sum, i) => sum / windows[i]!.divisor),
      );
      expectClose(
        P.avgPool1d(x, k, { ...options, countIncludePad: false }),
        sums.map((sum, i) => sum / windows[i]!.inside.length),
      );
      expectClose(
        P.avgPool1d(x, k, { ...options, divisorOverride: 7 }),
        sums.map((sum) => sum / 7),
      );
    }
  });
});

onBothBackends("pooling", () => {
  test("CNN-4: the stride is the kernel unless given; of ties the first receives the derivative", () => {
    const x = f64([
      [1, 1, 0, 2],
      [1, 1, 2, 0],
    ]);
    expectClose(P.maxPool2d(x, 2), [1, 2]);
    expect(elements(grad((t: Tensor) => P.maxPool2d(t, 2).sum())(x))).toEqual([1, 0, 0, 1, 0, 0, 0, 0]);
    expectClose(P.avgPool2d(x, 2), [1, 1]);
  });

  test("indices are positions in the plane, and maxUnpool puts maxima back there", () => {
    const x = draw(2, 3, 6, 5);
    const { values, indices } = P.maxPoolWithIndices(x, [3, 2], { stride: [2, 2], padding: [1, 0] });
    expectClose(x.flatten(2).takeAlong(indices.flatten(2), 2), values.flatten(2));
    expectClose(values, P.maxPool2d(x, [3, 2], { stride: [2, 2], padding: [1, 0] }));
    const back = P.maxUnpool(values, indices, [6, 5]);
    expectClose(back.flatten(2).takeAlong(indices.flatten(2), 2), values.flatten(2));
    expectClose(back.ne(0).cast("f64").mul(x), back);
    expect(elements(grad((t: Tensor) => P.maxUnpool(t, indices, [6, 5]).sum())(values)).every((g) => g === 0 || g === 1)).toBe(true);
  });

  test("three dimensions and power means", () => {
    const x = draw(1, 2, 4, 4, 4);
    expectClose(P.avgPool3d(x, 2), x.reshape([1, 2, 2, 2, 2, 2, 2, 2]).mean([3, 5, 7]));
    expectClose(P.maxPool3d(x, 2), x.reshape([1, 2, 2, 2, 2, 2, 2, 2]).max([3, 5, 7]));
    expectClose(P.lpPool1d(f64([3, 4, 0, 0]), 2, 2), [5, 0]);
    expect(elements(grad((t: Tensor) => P.lpPool1d(t, 2, 2).sum())(f64([3, 4, 0, 0])))).toEqual([0.6000000000000001, 0.8, 0, 0]);
  });

  test("adaptive windows run from ⌊i·L/n⌋ to ⌈(i + 1)·L/n⌉", () => {
    const x = draw(7);
    for (const n of [1, 2, 3, 5, 7, 9]) {
      const windows = range(n, (i) => [...x.dataSync()].slice(Math.floor((i * 7) / n), Math.ceil(((i + 1) * 7) / n)));
      expectClose(
        P.adaptiveAvgPool1d(x, n),
        windows.map((w) => w.reduce((a, b) => a + b, 0) / w.length),
      );
      expectClose(
        P.adaptiveMaxPool1d(x, n),
        windows.map((w) => Math.max(...w)),
      );
    }
    expect(P.adaptiveAvgPool3d(draw(1, 2, 5, 6, 7), [2, 3, 4]).shape).toEqual([1, 2, 2, 3, 4]);
  });

  test("global pooling is adaptive pooling to one", () => {
    const x = draw(2, 3, 4, 5);
    expectClose(P.globalAvgPool(x), P.adaptiveAvgPool2d(x, 1));
    expectClose(P.globalMaxPool(x), P.adaptiveMaxPool2d(x, 1));
  });
});

onBothBackends("resizing", () => {
  test("antialiased: the triangle and the cubic over what a result covers, as for images of bytes; constants stay; larger ones are as without", () => {
    const row = arange(4, "f64").reshape([1, 1, 1, 4]);
    const half = { size: [1, 2], mode: "bilinear", antialias: true } as const;
    expectClose(R.interpolate(row, half), [1.25 / 1.75, 3 - 1.25 / 1.75]);
    const cubic = elements(R.interpolate(row, { ...half, mode: "bicubic" }));
    expect(cubic[0] + cubic[1]).toBeCloseTo(3, 12);
    const pixels = Uint8Array.from({ length: 90 }, (_, i) => (i * i * 7) % 256);
    const image = tensor(Float64Array.from(pixels), { shape: [1, 1, 9, 10] });
    for (const mode of ["bilinear", "bicubic"] as const) {
      const bytes = resizeImage({ width: 10, height: 9, channels: 1, data: pixels }, 4, 3, mode);
      const got = elements(R.interpolate(image, { size: [3, 4], mode, antialias: true }));
      // Bytes are rounded after each axis.
      got.forEach((x, i) => {
        expect(Math.abs(Math.min(255, Math.max(0, x)) - bytes.data[i])).toBeLessThan(1.01);
      });
      expectClose(R.interpolate(image.mul(0).add(3), { scaleFactor: [0.37, 1.9], mode, antialias: true }), new Array(3 * 19).fill(3));
      const up = { size: [18, 20], mode } as const;
      if (mode === "bilinear") expectClose(R.interpolate(image, { ...up, antialias: true }), R.interpolate(image, up), 1e-10);
    }
    expect(() => R.interpolate(image, { size: 3, antialias: true })).toThrow(
      'interpolate: antialias is for "bilinear" and "bicubic", got mode "nearest"',
    );
  });
  test("bilinear interpolation with aligned corners reproduces a plane, bicubic without a border too", () => {
    const plane = f64(range(4, (i) => range(5, (j) => 2 * i - 3 * j))).reshape([1, 1, 4, 5]);
    const want = range(7, (i) => range(9, (j) => (2 * i * 3) / 6 - (3 * j * 4) / 8)).flat();
    expectClose(R.interpolate(plane, { size: [7, 9], mode: "bilinear", alignCorners: true }), want);
    const same = R.interpolate(plane, { size: [4, 5], mode: "bicubic" });
    expectClose(same, plane);
  });

  test("nearest by a whole factor repeats, and its derivative counts", () => {
    const x = f64([[[1, 2]]]);
    expect(elements(R.interpolate(x, { scaleFactor: 3 }))).toEqual([1, 1, 1, 2, 2, 2]);
    expect(elements(grad((t: Tensor) => R.interpolate(t, { size: 5 }).sum())(x))).toEqual([3, 2]);
    expect(elements(R.interpolate(x, { size: 1, mode: "area" }))).toEqual([1.5]);
  });

  test("pixelUnshuffle undoes pixelShuffle", () => {
    const x = draw(2, 12, 3, 2);
    expect(R.pixelShuffle(x, 2).shape).toEqual([2, 3, 6, 4]);
    expectClose(R.pixelUnshuffle(R.pixelShuffle(x, 2), 2), x);
    expectClose(R.channelShuffle(R.channelShuffle(x, 3), 4), x);
  });

  test.each([true, false])("gridSample on the grid of the identity is the image (alignCorners %s)", (alignCorners) => {
    const x = draw(2, 3, 4, 5);
    const theta = f64([
      [1, 0, 0],
      [0, 1, 0],
    ]).expandFront(2);
    const grid = R.affineGrid(theta, [4, 5], { alignCorners });
    for (const paddingMode of ["border", "reflection"] as const) expectClose(R.gridSample(x, grid, { alignCorners, paddingMode }), x, 1e-6);
    expectClose(R.gridSample(x, grid, { alignCorners, mode: "nearest" }), x);
  });

  test("gridSample on a finer grid is interpolation: cubic in images, linear in volumes", () => {
    const options = { alignCorners: true, paddingMode: "border" } as const;
    const image = draw(2, 3, 4, 5);
    const plane = R.affineGrid(
      f64([
        [1, 0, 0],
        [0, 1, 0],
      ]).expandFront(2),
      [7, 6],
      { alignCorners: true },
    );
    const cubic = R.interpolate(image, { size: [7, 6], mode: "bicubic", alignCorners: true });
    expectClose(R.gridSample(image, plane, { ...options, mode: "bicubic" }), cubic, 1e-6);
    const volume = draw(1, 2, 3, 4, 5);
    const space = R.affineGrid(
      f64([
        [
          [1, 0, 0, 0],
          [0, 1, 0, 0],
          [0, 0, 1, 0],
        ],
      ]),
      [4, 7, 6],
      { alignCorners: true },
    );
    const linear = R.interpolate(volume, { size: [4, 7, 6], mode: "trilinear", alignCorners: true });
    expectClose(R.gridSample(volume, space, options), linear, 1e-6);
  });

  test("fold is the transpose of unfold", () => {
    const x = draw(2, 3, 7, 6);
    const options = { stride: [2, 1], padding: [1, 2], dilation: [2, 1] };
    const columns = unfold(x, [3, 2], options);
    const y = draw(...columns.shape);
    expectClose(columns.mul(y).sum(), fold(y, [7, 6], [3, 2], options).mul(x).sum());
  });
});

test("wrong calls say what they want", () => {
  expect(() => P.maxPool2d(draw(1, 1, 4, 4), 2, { padding: 2 })).toThrow("at most half the kernel");
  expect(() => P.avgPool2d(draw(1, 1, 2, 2), 3)).toThrow("does not fit");
  expect(() => R.interpolate(draw(1, 1, 4), { size: 3, mode: "bilinear" })).toThrow("mode bilinear wants");
  expect(() => R.interpolate(draw(1, 1, 4), {})).toThrow("either size or scaleFactor");
  expect(() => R.pixelShuffle(draw(1, 3, 2, 2), 2)).toThrow("not a multiple of 4");
  expect(() => R.gridSample(draw(1, 1, 2, 2), draw(1, 2, 2, 3))).toThrow("gridSample: want [N, C, H, W]");
  expect(() => R.gridSample(draw(1, 1, 2, 2), draw(1, 2, 2, 2), { mode: "cubic" as "bicubic" })).toThrow(
    'mode must be "bilinear" or "nearest" or "bicubic", got "cubic"; did you mean "bicubic"?',
  );
  expect(() => R.affineGrid(draw(1, 2, 3), [1, 1, 4, 4])).toThrow("affineGrid: want maps [N, 2, 3]");
});
