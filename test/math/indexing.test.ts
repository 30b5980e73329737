/** @file Reading and writing by positions, keys and masks: NumPy's and PyTorch's numbers, derivatives, batches, compiled programs. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { grad, jvp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { at, type IndexKey, indexPut } from "../../src/math/at.ts";
import { embeddingBag } from "../../src/math/embedding-bag.ts";
import {
  embedding,
  gather,
  indexAdd,
  indexCopy,
  indexFill,
  maskedScatter,
  maskedSelect,
  put,
  putAlongAxis,
  scatter,
  scatterReduce,
  take,
  takeAlongAxis,
} from "../../src/math/indexing.ts";
import { columns, repeatInterleave, slidingWindows } from "../../src/math/rearrange.ts";
import { arange, type Nested, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const f64 = (values: Nested): Tensor => tensor(values, { dtype: "f64" });
const i32 = (values: Nested): Tensor => tensor(values, { dtype: "i32" });
const list = (t: Tensor): number[] => [...t.dataSync()];

describe("at", () => {
  const x = arange(24).reshape([2, 3, 4]);
  // NumPy 2.4 on numpy.arange(24).reshape(2, 3, 4).
  test.each<[string, IndexKey[], number[], number[]]>([
    ["1", [1], [3, 4], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]],
    ["-1", [-1], [3, 4], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]],
    [":,1", [":", 1], [2, 4], [4, 5, 6, 7, 16, 17, 18, 19]],
    ["...,0", ["...", 0], [2, 3], [0, 4, 8, 12, 16, 20]],
    ["None", [null], [1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]],
    [":,None,1", [":", null, 1], [2, 1, 4], [4, 5, 6, 7, 16, 17, 18, 19]],
    ["0,:,[0,1]", [0, ":", [0, 1]], [2, 3], [0, 4, 8, 1, 5, 9]],
    ["[0,1],:,[0,1]", [[0, 1], ":", [0, 1]], [2, 3], [0, 4, 8, 13, 17, 21]],
    [
      "[0,1],[0,2]",
      [
        [0, 1],
        [0, 2],
      ],
      [2, 4],
      [0, 1, 2, 3, 20, 21, 22, 23],
    ],
    [":,[0,2]", [":", [0, 2]], [2, 2, 4], [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23]],
    [":,[0,2],[1,3]", [":", [0, 2], [1, 3]], [2, 2], [1, 11, 13, 23]],
    [":,[[0],[2]],[1,3]", [":", i32([[0], [2]]), [1, 3]], [2, 2, 2], [1, 3, 9, 11, 13, 15, 21, 23]],
    ["::-1", ["::-1"], [2, 3, 4], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    [":,::-2,1:3", [":", "::-2", "1:3"], [2, 2, 2], [9, 10, 1, 2, 21, 22, 13, 14]],
    ["1:0", ["1:0"], [0, 3, 4], []],
    [":,:,-3:100", [":", ":", "-3:100"], [2, 3, 3], [1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19, 21, 22, 23]],
    [
      "[1,-1,0]",
      [[1, -1, 0]],
      [3, 3, 4],
      [
        12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
        11,
      ],
    ],
    ["[0,1],None,[0,2]", [[0, 1], null, [0, 2]], [2, 1, 4], [0, 1, 2, 3, 20, 21, 22, 23]],
    ["0,...,[1,2]", [0, "...", [1, 2]], [2, 3], [1, 5, 9, 2, 6, 10]],
    [":,[True,False,True]", [":", [true, false, true]], [2, 2, 4], [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23]],
    ["[True,False]", [[true, false]], [1, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    [":,[True,False,True],[0,3]", [":", [true, false, true], [0, 3]], [2, 2], [0, 11, 12, 23]],
    ["...,[0,1],1", ["...", [0, 1], 1], [2, 2], [1, 5, 13, 17]],
    ["1,1,1", [1, 1, 1], [], [17]],
    [":,5:1:-2", [":", "5:1:-2"], [2, 1, 4], [8, 9, 10, 11, 20, 21, 22, 23]],
    [":,[]", [":", []], [2, 0, 4], []],
  ])("[%s]", (_, keys, shape, want) => {
    const y = at(x, ...keys);
    expect([y.shape, list(y)]).toEqual([shape, want]);
  });

  test("empty tensors and scalars", () => {
    expect(at(zeros([]), null, "...").shape).toEqual([1]);
    expect(at(zeros([0, 3]), ":", [0, 2]).shape).toEqual([0, 2]);
    expect(at(zeros([3]), i32([]).reshape([0, 2])).shape).toEqual([0, 2]);
    expect(at(x, x.gt(20)).toArray()).toEqual([21, 22, 23]);
  });

  test("in programs, on batches, with derivatives of both modes", () => {
    const i = i32([2, 0, 2]);
    const f = (y: Tensor, index: Tensor): Tensor => at(y, index, "1:", index);
    const y = x
      .cast("f64")
      .reshape([4, 3, 2])
      .slice([0, 0, 0], [3, 3, 2])
      .concat([zeros([3, 3, 1], "f64")], 2);
    expect(list(compile(f)(y, i))).toEqual(list(f(y, i)));
    const many = vmap(f)(
      y.expandFront(2),
      i32([
        [2, 0, 2],
        [-1, 1, 0],
      ]),
    );
    expect(list(many.select(0, 1))).toEqual(list(f(y, i32([-1, 1, 0]))));
    // Σ f(y)² sends 2y as often as an element was taken.
    const taken = indexPut(y.like(0), [i, "1:", i], 1, { accumulate: true });
    const square = (z: Tensor): Tensor => f(z, i).square().sum();
    expect(list(grad(square)(y))).toEqual(list(y.mul(2).mul(taken)));
    expect(jvp(square)([y], [taken]).tangent.itemSync()).toBe(y.mul(2).mul(taken).mul(taken).sum().itemSync());
  });

  test.each<[IndexKey[], string]>([
    [[2], "at: index 2 is out of range; there are 2, from -2 to 1"],
    [[i32([0, 5])], "at: index 5 at position 1 is out of range"],
    [[0, 0, 0, 0], "at: 4 axes are indexed, but [2, 3, 4] has 3"],
    [["...", "..."], 'at: at most one key may be "..."'],
    [["1:2:0"], "is no slice"],
    [[f64([1])], "at: indices must be integers or bools"],
    [[[true]], "at: a mask [1] does not fit the axes [2] of [2, 3, 4]"],
    [
      [
        [0, 1],
        [0, 1, 2],
      ],
      "at: indices [2], [3] do not broadcast",
    ],
    [[{} as never], "at: want an integer, a slice"],
  ])("refuses %j", (keys, message) => {
    expect(() => at(x, ...keys)).toThrow(message);
  });
});

describe("indexPut", () => {
  const keys: IndexKey[] = [
    [0, 0, 2],
    [1, 1, -1],
  ];
  const at33 = (value: Tensor, accumulate: boolean): number[] =>
    list(indexPut(f64([1, 1, 1, 1, 1, 1, 1, 1, 1]).reshape([3, 3]), keys, value, { accumulate }));

  test("the last stays, or all are added", () => {
    expect(at33(f64([5, 6, 7]), false)).toEqual([1, 6, 1, 1, 1, 1, 1, 1, 7]);
    expect(at33(f64([5, 6, 7]), true)).toEqual([1, 12, 1, 1, 1, 1, 1, 1, 8]);
    expect(list(indexPut(i32([1, 2, 3, 4]), ["1::2"], i32([8, 9])))).toEqual([1, 8, 3, 9]);
    expect(list(indexPut(f64([1, 2, 3]), [f64([1, 2, 3]).gt(1)], -1))).toEqual([1, -1, -1]);
    expect(list(indexPut(zeros([]), [], 3))).toEqual([3]);
    expect(list(indexPut(tensor([true, false]), [1], tensor(true)))).toEqual([1, 1]);
  });

  test("what is out of range within a program is left out", () => {
    const f = compile((x: Tensor, i: Tensor) => indexPut(x, [i], 9));
    expect(list(f(zeros([4]), i32([-1, 7, 1])))).toEqual([0, 9, 0, 9]);
  });

  test("its derivative: overwritten elements and values send nothing", () => {
    const w = f64([1, 2, 3, 4]);
    const f = (x: Tensor, v: Tensor): Tensor =>
      indexPut(x, [[1, 1, 2]], v)
        .mul(w)
        .square()
        .sum();
    const [x, v] = [f64([1, 1, 1, 1]), f64([1, 2, 3])];
    const [dx, dv] = grad(([a, b]: [Tensor, Tensor]) => f(a, b))([x, v]);
    expect(list(dx)).toEqual([2, 0, 0, 32]);
    expect(list(dv)).toEqual([0, 16, 54]);
    expect(() => indexPut(x, [[0, 1]], f64([1, 2, 3]))).toThrow("indexPut: value [3] does not broadcast to the places [2]");
  });
});

describe("scatterReduce", () => {
  // torch.Tensor.scatter_reduce, documentation of PyTorch 2.
  const [index, src] = [i32([0, 1, 0, 1, 2, 1]), f64([1, 2, 3, 4, 5, 6])];
  const x = f64([1, 2, 3, 4]);

  test("PyTorch's example", () => {
    expect(list(scatterReduce(x, 0, index, src, "sum"))).toEqual([5, 14, 8, 4]);
    expect(list(scatterReduce(x, 0, index, src, "sum", { includeSelf: false }))).toEqual([4, 12, 5, 4]);
    expect(list(scatterReduce(f64([5, 4, 3, 2]), 0, index, src, "amax"))).toEqual([5, 6, 5, 2]);
    expect(list(scatterReduce(f64([5, 4, 3, 2]), 0, index, src, "amax", { includeSelf: false }))).toEqual([3, 6, 5, 2]);
    expect(list(scatterReduce(f64([5, 4, 3, 2]), 0, index, src, "amin"))).toEqual([1, 2, 3, 2]);
    expect(list(scatterReduce(x, 0, index, src, "prod"))).toEqual([3, 96, 15, 4]);
    expect(list(scatterReduce(x, 0, index, src, "mean"))).toEqual([5 / 3, 3.5, 4, 4]);
    expect(list(scatterReduce(i32([1, 2, 3, 4]), 0, i32([0, 0]), i32([-2, -1]), "mean"))).toEqual([-1, 2, 3, 4]);
    expect(list(scatterReduce(i32([1, 2]), 0, i32([0]), i32([-2]), "amax", { includeSelf: false }))).toEqual([-2, 2]);
  });

  test("along an axis of fewer indices, of scalars, of nothing", () => {
    const y = scatterReduce(zeros([2, 3], "f64"), 1, i32([[2, 2]]), f64([[4, 5]]), "amax");
    expect(list(y)).toEqual([0, 0, 5, 0, 0, 0]);
    expect(list(scatterReduce(f64(3), 0, i32(0), f64(4), "sum"))).toEqual([7]);
    expect(list(scatterReduce(x, 0, i32([]), f64([]), "prod"))).toEqual([1, 2, 3, 4]);
    expect(list(scatter(f64(3), 0, i32(0), 5))).toEqual([5]);
  });

  test("derivatives: ties share, zeros in products", () => {
    const of = (reduce: "amax" | "prod" | "mean"): number[] =>
      list(grad((s: Tensor) => scatterReduce(f64([2, 0]), 0, i32([0, 0, 1]), s, reduce).sum())(f64([2, 0, 3])));
    expect(of("amax")).toEqual([0.5, 0, 1]);
    expect(of("prod")).toEqual([0, 4, 0]);
    expect(of("mean")).toEqual([1 / 3, 1 / 3, 1 / 2]);
  });

  test("compiled and on batches", () => {
    const f = (s: Tensor): Tensor => scatterReduce(x, 0, index, s, "prod");
    expect(list(compile(f)(src))).toEqual(list(f(src)));
    expect(list(vmap(f)(src.expandFront(2)).select(0, 1))).toEqual(list(f(src)));
  });
});

describe("slices, masks and flat positions", () => {
  const x = f64([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  test("indexCopy, indexFill, indexAdd", () => {
    expect(
      list(
        indexCopy(
          x,
          1,
          i32([2, 0]),
          f64([
            [7, 8],
            [9, 10],
          ]),
        ),
      ),
    ).toEqual([8, 2, 7, 10, 5, 9]);
    expect(list(indexFill(x, 0, i32([-1]), 0))).toEqual([1, 2, 3, 0, 0, 0]);
    expect(list(indexAdd(x, 1, i32([0, 0]), x.slice([0, 0], [2, 2])))).toEqual([4, 2, 3, 13, 5, 6]);
    expect(list(indexCopy(f64(1), 0, i32([0]), f64([5])))).toEqual([5]);
    expect(() => indexCopy(x, 1, i32([2, 0]), f64([[7]]))).toThrow("indexCopy: want slices [2, 2] for 2 indices, got [1, 1]");
    expect(() => indexFill(x, 0, i32([5]), 0)).toThrow("indexFill: index 5 at position 0 is out of range");
  });

  test("a scalar has an axis 0 for gather, put and windows; x broadcasts to the mask", () => {
    const one = f64([5]).squeeze();
    expect(list(gather(one, 0, tensor([0, 0], { dtype: "i32" })))).toEqual([5, 5]);
    expect(list(put(one, tensor([0], { dtype: "i32" }), f64([7]).squeeze()))).toEqual([7]);
    expect(slidingWindows(one, -1, 1).shape).toEqual([1]);
    const mask = tensor([
      [true, false],
      [false, true],
    ]);
    expect(list(maskedScatter(f64([1, 2]), mask, f64([8, 9])))).toEqual([8, 2, 1, 9]);
  });

  test("repeatInterleave: a count for each element, or one for all", () => {
    const x = f64([1, 2, 3]);
    expect(list(repeatInterleave(x, [2, 0, 1], 0))).toEqual([1, 1, 3]);
    expect(list(repeatInterleave(x, tensor([0, 1, 2], { dtype: "i32" }), -1))).toEqual([2, 3, 3]);
    expect(list(repeatInterleave(x, [2], 0))).toEqual([1, 1, 2, 2, 3, 3]);
    expect(list(repeatInterleave(x, 0, 0))).toEqual([]);
    expect(list(repeatInterleave(f64([4]).squeeze(), 2, 0))).toEqual([4, 4]);
    expect(list(grad((v: Tensor) => repeatInterleave(v, [2, 0, 1], 0).sum())(x))).toEqual([2, 0, 1]);
    expect(() => repeatInterleave(x, [1, 2], 0)).toThrow("want 3 counts, one for each element along the axis, got 2");
    expect(() => repeatInterleave(x, -1, 0)).toThrow("count");
  });

  test("columns: vectors as columns, others side by side", () => {
    expect(columns([f64([1, 2]), f64([3, 4])]).toArray()).toEqual([[1, 3], [2, 4]]); // biome-ignore format: matrix
    expect(columns([f64([1, 2]), f64([3, 4, 5, 6]).reshape([2, 2])]).shape).toEqual([2, 3]);
  });

  test("maskedSelect and maskedScatter broadcast", () => {
    expect(list(maskedSelect(x, tensor([true, false, true])))).toEqual([1, 3, 4, 6]);
    expect(list(maskedScatter(x, tensor([true, false, true]), f64([7, 8, 9, 10, 11])))).toEqual([7, 2, 8, 9, 5, 10]);
    expect(() => maskedScatter(x, tensor([true, false, true]), f64([7]))).toThrow("the mask holds at 4 places, but there are 1");
    expect(list(grad((s: Tensor) => maskedScatter(x, x.gt(4), s).square().sum())(f64([1, 2, 3])))).toEqual([2, 4, 0]);
  });

  test("take, put, takeAlongAxis, putAlongAxis", () => {
    expect(take(x, i32([[0, -1]])).toArray()).toEqual([[1, 6]]);
    expect(list(put(x, i32([1, 1]), f64([8, 9])))).toEqual([1, 9, 3, 4, 5, 6]);
    expect(list(put(x, i32([1, 1]), f64([8, 9]), { accumulate: true }))).toEqual([1, 19, 3, 4, 5, 6]);
    expect(list(takeAlongAxis(x, i32([[1]]), 1))).toEqual([2, 5]);
    expect(list(takeAlongAxis(x, i32([5, 0])))).toEqual([6, 1]);
    expect(list(putAlongAxis(x, i32([[0], [2]]), 9, 1))).toEqual([9, 2, 3, 4, 5, 9]);
  });

  test("many places: the same sums by one pass on the host", () => {
    const index = arange(600).mul(7).rem(500);
    const table = arange(1000).cast("f64").reshape([500, 2]);
    const got = grad((t: Tensor) => embedding(index, t).mul(index.unsqueeze(1).cast("f64")).sum())(table);
    const want = new Float64Array(1000);
    for (const i of list(index)) for (const j of [0, 1]) want[2 * i + j]! += i;
    expect(list(got)).toEqual([...want]);
  });
});

describe("embeddingBag", () => {
  const table = arange(10).cast("f64").reshape([5, 2]);
  const [index, offsets] = [i32([1, 2, 4, 0, 0, 3]), i32([0, 4, 4])];

  test.each([
    ["sum", [14, 18, 0, 0, 6, 8], [4, 5, 8, 9]],
    ["mean", [3.5, 4.5, 0, 0, 3, 4], [4, 5, 8, 9]],
    ["max", [8, 9, 0, 0, 6, 7], [4, 5, 8, 9]],
  ] as const)("%s, an empty bag, padding", (mode, want, padded) => {
    expect(list(embeddingBag(index, table, { offsets, mode }))).toEqual(want);
    expect(
      list(
        embeddingBag(
          i32([
            [1, 2],
            [4, 1],
          ]),
          table,
          { mode, paddingIndex: 1 },
        ),
      ),
    ).toEqual(padded);
    const f = compile((x: Tensor, o: Tensor) => embeddingBag(x, table, { offsets: o, mode, includeLastOffset: true }));
    expect(list(f(index, i32([0, 4, 4, 6])))).toEqual(want);
    const slopes = grad((t: Tensor) =>
      embeddingBag(
        i32([
          [1, 2],
          [4, 1],
        ]),
        t,
        { mode, paddingIndex: 2 },
      ).sum(),
    )(table);
    expect(list(slopes.select(0, 2))).toEqual([0, 0]);
  });

  test("weights, nothing, refusals", () => {
    expect(list(embeddingBag(i32([1, 2]), table, { offsets: i32([0]), mode: "sum", perSampleWeights: f64([2, 3]) }))).toEqual([16, 21]);
    expect(list(embeddingBag(i32([]), table, { offsets: i32([0]) }))).toEqual([0, 0]);
    expect(() => embeddingBag(index, table)).toThrow(
      "embeddingBag: want indices [bags, length], or a list of indices and offsets, got [6]",
    );
    expect(() => embeddingBag(index, table, { offsets, perSampleWeights: index })).toThrow(
      'perSampleWeights go with mode "sum", got "mean"',
    );
    expect(() => embeddingBag(i32([[7]]), table)).toThrow("embeddingBag: index 7 at position 0 is out of range");
  });
});
