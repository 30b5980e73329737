/** @file Distinct elements, sorted lists, counts, and statistics without NaN. Numbers of PyTorch's documentation and of NumPy 2.4. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import {
  aminmax,
  kthValue,
  medianWithIndex,
  mode,
  nanMean,
  nanMedian,
  nanMedianWithIndex,
  nanQuantile,
  nanSum,
} from "../../src/math/order.ts";
import {
  bincount,
  bucketize,
  histogram,
  histogram2d,
  histogramdd,
  isin,
  searchsorted,
  unique,
  uniqueConsecutive,
} from "../../src/math/sets.ts";
import { type Nested, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { expectClose } from "../function/backends.ts";

const f64 = (values: Nested): Tensor => tensor(values, { dtype: "f64" });
const i32 = (values: Nested): Tensor => tensor(values, { dtype: "i32" });
const list = (t: Tensor): number[] => [...t.dataSync()];
const lists = (o: object): number[][] => Object.values(o as Record<string, Tensor>).map(list);
const NAN = Number.NaN;

describe("unique", () => {
  test("elements, slices, neighbours", () => {
    expect(
      lists(
        unique(
          i32([
            [3, 1, 2],
            [1, 3, 3],
          ]),
        ),
      ),
    ).toEqual([
      [1, 2, 3],
      [1, 2, 0],
      [2, 0, 1, 0, 2, 2],
      [2, 1, 3],
    ]);
    expect(
      unique(
        i32([
          [3, 1, 2],
          [1, 3, 3],
        ]),
      ).inverse.shape,
    ).toEqual([2, 3]);
    expect(
      lists(
        unique(
          f64([
            [1, 0],
            [0, 1],
            [1, 0],
          ]),
          { axis: 0 },
        ),
      ),
    ).toEqual([
      [0, 1, 1, 0],
      [1, 0],
      [1, 0, 1],
      [1, 2],
    ]);
    expect(
      unique(
        f64([
          [1, 0, 1],
          [2, 5, 2],
        ]),
        { axis: -1 },
      ).values.toArray(),
    ).toEqual([
      [0, 1],
      [5, 2],
    ]);
    expect(lists(uniqueConsecutive(i32([1, 1, 2, 2, 3, 1, 1, 2])))).toEqual([
      [1, 2, 3, 1, 2],
      [0, 2, 4, 5, 7],
      [0, 0, 1, 1, 2, 3, 3, 4],
      [2, 2, 1, 2, 1],
    ]);
  });

  test("NaN, bools, scalars, nothing", () => {
    expect(list(unique(f64([NAN, 1, NAN])).values)).toEqual([1, NAN, NAN]);
    expect(unique(tensor([true, false, true])).values.toArray()).toEqual([false, true]);
    expect(unique(f64(3)).inverse.shape).toEqual([]);
    expect(unique(zeros([0, 2])).values.shape).toEqual([0]);
    expect(unique(zeros([0, 2]), { axis: 0 }).values.shape).toEqual([0, 2]);
    expect(() => unique(f64([1]), { axis: 1 })).toThrow("unique: axis 1");
    expect(() => compile((x: Tensor) => unique(x).values)(f64([1]))).toThrow("cannot be read");
  });
});

describe("sorted lists", () => {
  const sorted = f64([
    [1, 3, 5, 7, 9],
    [2, 4, 6, 8, 10],
  ]);
  const values = f64([
    [3, 6, 9],
    [3, 6, 9],
  ]);

  test("searchsorted and bucketize", () => {
    expect(searchsorted(sorted, values).toArray()).toEqual([
      [1, 3, 4],
      [1, 2, 4],
    ]);
    expect(searchsorted(sorted, values, { right: true }).toArray()).toEqual([
      [2, 3, 5],
      [1, 3, 4],
    ]);
    expect(searchsorted(sorted.select(0, 0), values).toArray()).toEqual([
      [1, 3, 4],
      [1, 3, 4],
    ]);
    expect(bucketize(values, sorted.select(0, 0), { right: true }).toArray()).toEqual([
      [2, 3, 5],
      [2, 3, 5],
    ]);
    expect(list(searchsorted(f64([1, 2, NAN]), f64([NAN, 5])))).toEqual([2, 2]);
    expect(searchsorted(f64([1, 2]), 1.5).shape).toEqual([]);
    expect(list(searchsorted(f64([]), f64([1])))).toEqual([0]);
    const f = vmap((s: Tensor, v: Tensor) => searchsorted(s, v));
    expect(f(sorted, values).toArray()).toEqual([
      [1, 3, 4],
      [1, 2, 4],
    ]);
    expect(() => searchsorted(sorted, f64([1]))).toThrow("differ in their leading axes");
  });

  test("isin", () => {
    expect(
      list(
        isin(
          i32([
            [1, 2],
            [3, 4],
          ]),
          i32([3, 2]),
        ),
      ),
    ).toEqual([0, 1, 1, 0]);
    expect(list(isin(i32([1, 2]), i32([]), { invert: true }))).toEqual([1, 1]);
    expect(list(isin(f64([NAN, 1, 1.5]), i32([1])))).toEqual([0, 1, 0]);
    expect(list(compile(isin)(i32([5, 2]), i32([2])))).toEqual([0, 1]);
  });
});

describe("counts", () => {
  test("bincount", () => {
    const x = i32([4, 3, 6, 3, 4]);
    expect(list(bincount(x))).toEqual([0, 0, 0, 2, 2, 0, 1]);
    expect(list(bincount(x, { weights: f64([0, 0.25, 0.5, 0.75, 1]) }))).toEqual([0, 0, 0, 1, 1, 0, 0.5]);
    expect(list(bincount(i32([1]), { minLength: 3 }))).toEqual([0, 1, 0]);
    expect(list(compile((y: Tensor) => bincount(y, { length: 4 }))(x))).toEqual([0, 0, 0, 2]);
    expect(list(bincount(i32([])))).toEqual([]);
    expect(() => bincount(i32([1, -2]))).toThrow("bincount: element 1 is -2");
    expect(() => bincount(f64([1]))).toThrow("bincount: want integers, got f64");
    expect(list(grad((w: Tensor) => bincount(x, { weights: w }).square().sum())(f64([1, 2, 3, 4, 5])))).toEqual([12, 12, 6, 12, 12]);
  });

  test("histogram", () => {
    const x = f64([1, 2, 1]);
    expect(lists(histogram(x, 4, { range: [0, 3] }))).toEqual([
      [0, 2, 1, 0],
      [0, 0.75, 1.5, 2.25, 3],
    ]);
    expect(list(histogram(x, 4, { range: [0, 3], weights: f64([1, 2, 4]) }).counts)).toEqual([0, 5, 2, 0]);
    expectClose(histogram(f64([1, 2, 1, 5, NAN]), f64([0, 1, 2, 5]), { density: true }).counts, [0, 0.5, 1 / 6]);
    expect(lists(histogram(f64([2, 2]), 2))).toEqual([
      [0, 2],
      [1.5, 2, 2.5],
    ]);
    expect(lists(histogram(f64([]), 2))).toEqual([
      [0, 0],
      [0, 0.5, 1],
    ]);
    expect(list(compile((y: Tensor) => histogram(y, 3).counts)(f64([3, 1, 2])))).toEqual([1, 1, 1]);
    expect(() => histogram(x, 0)).toThrow("histogram: bins must be a positive integer, got 0");
    expect(() => histogram(x, 2, { range: [1, 0] })).toThrow("histogram: want a range [low, high]");
  });

  test("histograms of points", () => {
    expect(histogram2d(f64([0, 1, 1]), f64([0, 0, 1]), 2).counts.toArray()).toEqual([
      [1, 0],
      [1, 1],
    ]);
    const points = f64([
      [0, 1],
      [1, 0],
      [2, 0],
      [2, 2],
    ]);
    expect(histogramdd(points, 3).counts.toArray()).toEqual([
      [0, 1, 0],
      [1, 0, 0],
      [1, 0, 1],
    ]);
    expect(
      histogramdd(points, [2, f64([0, 1, 2])], {
        range: [
          [0, 2],
          [0, 0],
        ],
      }).counts.toArray(),
    ).toEqual([
      [0, 1],
      [2, 1],
    ]);
    expect(() => histogramdd(points, [1])).toThrow("histogramdd: want bins and ranges for 2 dimensions, got 1");
  });
});

describe("by place in order", () => {
  const table = f64([
    [0, 0, 0, 2, 0, 0, 2],
    [0, 3, 0, 0, 2, 0, 1],
    [2, 2, 2, 0, 0, 0, 3],
    [2, 2, 3, 0, 1, 1, 0],
    [1, 1, 0, 0, 2, 0, 2],
  ]);

  test("mode, kthValue, medians", () => {
    expect(lists(mode(table, 0))).toEqual([
      [0, 2, 0, 0, 0, 0, 2],
      [1, 3, 4, 4, 2, 4, 4],
    ]);
    expect(lists(kthValue(f64([1, 2, 3, 4, 5]), 4))).toEqual([[4], [3]]);
    expect(kthValue(table, 2, 0, { keepDims: true }).values.shape).toEqual([1, 7]);
    expect(
      lists(
        medianWithIndex(
          f64([
            [1, NAN, 0],
            [3, 1, 2],
          ]),
        ),
      ),
    ).toEqual([
      [NAN, 2],
      [1, 2],
    ]);
    expect(
      lists(
        nanMedianWithIndex(
          f64([
            [1, NAN, 0],
            [NAN, NAN, NAN],
          ]),
        ),
      ),
    ).toEqual([
      [0, NAN],
      [2, 0],
    ]);
    expect(nanMedian(f64([1, NAN, 3, 2])).itemSync()).toBe(2);
    expect(lists(mode(f64(4), 0))).toEqual([[4], [0]]);
    expect(lists(aminmax(table, 1))).toEqual([
      [0, 0, 0, 0, 0],
      [2, 3, 3, 3, 2],
    ]);
    expect(() => kthValue(f64([1]), 2)).toThrow("kthValue: want 1 <= k <= 1, got 2");
    expect(() => mode(zeros([2, 0]))).toThrow("mode: there is no element to choose from along axis -1");
    expect(list(grad((x: Tensor) => kthValue(x, 2).values)(f64([3, 1, 2])))).toEqual([0, 0, 1]);
    expect(list(vmap((x: Tensor) => mode(x).indices)(table))).toEqual(list(mode(table).indices));
  });

  test("nanQuantile, nanSum, nanMean", () => {
    const t = f64([
      [NAN, NAN],
      [1, 2],
    ]);
    expect(nanQuantile(f64([NAN, 1, 2]), 0.5).itemSync()).toBe(1.5);
    expect(list(nanQuantile(t, 0.5, 0))).toEqual([1, 2]);
    expect(list(nanQuantile(t, 0.5, 1))).toEqual([NAN, 1.5]);
    expect(nanQuantile(t, [0.25, 0.5], 1, { keepDims: true }).shape).toEqual([2, 2, 1]);
    const inf = Number.POSITIVE_INFINITY;
    expect(list(nanQuantile(f64([-inf, 1, inf, NAN]), [0, 0.5, 1]))).toEqual([-inf, 1, inf]);
    for (const [interpolation, want] of [
      ["lower", 1],
      ["higher", 2],
      ["midpoint", 1.5],
      ["nearest", 1],
    ] as const)
      expect(nanQuantile(f64([1, 2, NAN]), 0.4, 0, { interpolation }).itemSync()).toBe(want);
    expectClose(grad((x: Tensor) => nanQuantile(x, 0.4))(f64([3, NAN, 1, 2])), [0, 0, 0.2, 0.8]);
    expect([nanSum(t).itemSync(), nanMean(t).itemSync()]).toEqual([3, 1.5]);
    expect(list(nanMean(t, 1))).toEqual([NAN, 1.5]);
    expect(list(grad((x: Tensor) => nanMean(x))(t))).toEqual([0, 0, 0.5, 0.5]);
  });
});
