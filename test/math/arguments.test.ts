/** @file Arguments that PyTorch's operators take beside the usual ones: single examples, sizes that stay, bounds that are tensors, positions, tolerances. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import * as F from "../../src/math/index.ts";
import * as linalg from "../../src/math/linalg.ts";
import { normal } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { arange, type Nested, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { expectClose } from "../function/backends.ts";

const f64 = (values: Nested): Tensor => tensor(values, { dtype: "f64" });
const i32 = (values: Nested): Tensor => tensor(values, { dtype: "i32" });
const list = (t: Tensor): number[] => [...t.dataSync()];
const key = tensor(Uint32Array.of(1, 2));
const draw = (...shape: number[]): Tensor => normal(key, shape, { dtype: "f64" });
const [NAN, INF] = [Number.NaN, Number.POSITIVE_INFINITY];

describe("a single example is a batch of one", () => {
  const layers: [string, { forward(x: Tensor): Tensor }, number[]][] = [
    ["Conv1d", new nn.Conv1d(2, 3, 2, { dtype: "f64" }), [2, 5]],
    ["Conv2d", new nn.Conv2d(2, 3, 2, { dtype: "f64", padding: "same" }), [2, 4, 5]],
    ["Conv3d", new nn.Conv3d(2, 3, 2, { dtype: "f64" }), [2, 3, 4, 5]],
    ["ConvTranspose2d", new nn.ConvTranspose2d(2, 3, 2, { dtype: "f64", stride: 2 }), [2, 3, 4]],
    ["MaxPool2d", new nn.MaxPool2d(2), [2, 4, 5]],
    ["AvgPool1d", new nn.AvgPool1d(2), [2, 5]],
    ["LPPool2d", new nn.LPPool2d(2, 2), [2, 4, 5]],
    ["AdaptiveAvgPool2d", new nn.AdaptiveAvgPool2d(2), [2, 4, 5]],
    ["AdaptiveMaxPool3d", new nn.AdaptiveMaxPool3d([null, 2, 1]), [2, 3, 4, 5]],
    ["RNNCell", new nn.RNNCell(4, 3), [4]],
    ["GRUCell", new nn.GRUCell(4, 3), [4]],
    ["unfold", { forward: (x) => F.unfold(x, 2) }, [2, 4, 5]],
    ["fold", { forward: (x) => F.fold(x, [3, 3], 2) }, [8, 4]],
  ];
  test.each(layers)("%s", (_, layer, shape) => {
    const x = draw(...shape);
    expectClose(layer.forward(x), layer.forward(x.unsqueeze(0)).squeeze(0), 1e-6);
  });

  test("LSTMCell", () => {
    const [cell, x] = [new nn.LSTMCell(4, 3), draw(4)];
    expectClose(cell.forward(x).c, cell.forward(x.unsqueeze(0)).c.squeeze(0), 1e-6);
  });
});

describe("adaptive pools", () => {
  const x = arange(30).cast("f64").reshape([1, 5, 6]);

  test("a size of null stays", () => {
    expect(F.adaptiveAvgPool2d(x, [null, 2]).shape).toEqual([1, 5, 2]);
    expect(list(F.adaptiveAvgPool2d(x, null))).toEqual(list(x));
    expect(String(new nn.AdaptiveAvgPool2d([null, 7]))).toContain("samex7");
    expect(() => F.adaptiveAvgPool2d(x, [null] as never)).toThrow("adaptiveAvgPool2d: output size: want 2 integers");
    expect(() => new nn.AdaptiveAvgPool2d([0, null])).toThrow("AdaptiveAvgPool2d: outputSize");
  });

  test.each([[[2, 4]], [[5, 6]], [[5, 3]], [[1, null]]])("positions of the maxima, %j", (size) => {
    const noise = draw(2, 5, 6);
    const { values, indices } = F.adaptiveMaxPoolWithIndices(noise, size);
    expect(list(values)).toEqual(list(F.adaptiveMaxPool2d(noise, size)));
    expect(list(noise.reshape([2, 30]).takeAlong(indices.reshape([2, -1]), 1))).toEqual(list(values));
  });

  test("a window of -∞ points at its first element, and NaN wins", () => {
    const low = f64([[-1, -1, -1, -1, NAN]]).div(0);
    expect(list(F.adaptiveMaxPoolWithIndices(low, [3]).indices)).toEqual([0, 1, 4]);
  });
});

describe("clamp between tensors", () => {
  const x = f64([-2, 0, 2, 5]);

  test("bounds broadcast; above each other, NaN, integers", () => {
    expect(list(x.clamp(f64([[-1], [1]]), 3))).toEqual([-1, 0, 2, 3, 1, 1, 2, 3]);
    expect(list(x.clamp(f64([4, 4, 4, 4]), f64([1, 1, 1, 1])))).toEqual([1, 1, 1, 1]);
    expect(list(x.clamp(f64([NAN, 0, 0, 0]), 3))).toEqual([NAN, 0, 2, 3]);
    expect(list(i32([1, 5]).clamp(i32([2, 2]), 3))).toEqual([2, 3]);
  });

  test("the derivative goes to what was chosen, at the bounds to x", () => {
    const f = ([a, low, high]: [Tensor, Tensor, Tensor]): Tensor => a.clamp(low, high).sum();
    const slopes = grad(f)([x, f64([-1, 0, 3, 1]), f64([4, 4, 4, 4])]);
    expect(slopes.map(list)).toEqual([
      [0, 1, 0, 0],
      [1, 0, 1, 0],
      [0, 0, 0, 1],
    ]);
  });
});

describe("ctcLoss", () => {
  const logp = F.logSoftmax(draw(6, 3, 4), -1);
  const [inputs, lengths] = [i32([6, 5, 4]), i32([2, 1, 3])];
  const padded = i32([
    [1, 2, 0],
    [3, 0, 0],
    [2, 2, 1],
  ]);
  const joined = i32([1, 2, 3, 2, 2, 1]);
  const loss = (targets: Tensor, n: Tensor): Tensor => F.ctcLoss(logp, targets, inputs, n, { reduction: "none" });

  test("targets one after another are those of rows, in programs and batches too", () => {
    expectClose(loss(joined, lengths), loss(padded, lengths));
    expectClose(compile(loss)(joined, lengths), loss(padded, lengths));
    expectClose(vmap((n: Tensor) => loss(joined, n))(lengths.expandFront(2)).select(0, 1), loss(padded, lengths));
    expect(list(F.ctcLoss(logp, i32([]), inputs, i32([0, 0, 0]), { reduction: "none" })).length).toBe(3);
  });

  test("one example", () => {
    const one = F.ctcLoss(logp.select(1, 0), i32([1, 2]), i32(6), i32(2), { reduction: "none" });
    expectClose(one, loss(padded, lengths).select(0, 0));
    expect(one.shape).toEqual([]);
  });
});

describe("linalg", () => {
  const a = f64([
    [2, 1, 0],
    [1, 2, 0],
    [0, 0, 1e-9],
  ]);

  test("symmetric matrices, absolute and relative tolerances", () => {
    expect(linalg.matrixRank(a, { hermitian: true }).itemSync()).toBe(3);
    expect(linalg.matrixRank(a, { hermitian: true, absolute: 1e-8 }).itemSync()).toBe(2);
    expectClose(
      linalg.pinv(a, { hermitian: true, relative: 1e-6 }),
      f64([
        [2 / 3, -1 / 3, 0],
        [-1 / 3, 2 / 3, 0],
        [0, 0, 0],
      ]),
    );
    expect(() => linalg.matrixRank(f64([[1, 2]]), { hermitian: true })).toThrow("matrixRank: want square matrices");
    expect(() => linalg.pinv(a, { atol: 1 } as never)).toThrow("pinv: there is no option atol");
    expect(() => linalg.pinv(a, -1)).toThrow("pinv: tolerance must be a number of at least 0, got -1");
  });
});

describe("losses of shapes that do not fit", () => {
  const pairs = Object.entries(F).filter(
    ([name]) => /(Loss|^klDiv|^binaryCrossEntropy\w*)$/.test(name) && !/^(nll|ctc|triplet|hinge|multi)/.test(name),
  );
  test.each(pairs)("%s names itself", (name, f) => {
    const call = f as unknown as (x: Tensor, target: Tensor, third?: unknown) => Tensor;
    const third = /ranking|gaussian|cosine/i.test(name) ? draw(2, 3) : {};
    expect(() => call(draw(2, 3), draw(2), third)).toThrow(new RegExp(`^${name}`));
  });
});

describe("activations at the infinities are what they tend to", () => {
  const x = f64([-1, 1, NAN]).div(0);
  test.each<[string, (x: Tensor) => Tensor, number[], number[]]>([
    ["silu", F.silu, [0, INF, NAN], [0, 1, NAN]],
    ["swish", (z) => F.swish(z, { beta: 2 }), [0, INF, NAN], [0, 1, NAN]],
    ["swish, turned", (z) => F.swish(z, { beta: -2 }), [-INF, 0, NAN], [1, 0, NAN]],
    ["swish, straight", (z) => F.swish(z, { beta: 0 }), [-INF, INF, NAN], [0.5, 0.5, 0.5]],
    ["mish", F.mish, [0, INF, NAN], [0, 1, NAN]],
    ["gelu", (z) => F.gelu(z), [0, INF, NAN], [0, 1, NAN]],
    ["gelu, tanh", (z) => F.gelu(z, { approximate: "tanh" }), [0, INF, NAN], [0, 1, NAN]],
    ["hardSwish", F.hardSwish, [0, INF, NAN], [0, 1, NAN]],
    ["softplus", (z) => F.softplus(z), [0, INF, NAN], [0, 1, NAN]],
  ])("%s", (_, f, values, slopes) => {
    expect(list(f(x)).map((v) => v + 0)).toEqual(values);
    expect(list(grad((z: Tensor) => f(z).sum())(x)).map((v) => v + 0)).toEqual(slopes);
  });
});

test("localResponseNorm of large and small values", () => {
  const of = (v: number): Tensor => tensor([[[v], [v], [v]]]);
  for (const v of [1e20, 1e13, 1, 1e-20, 1e-38]) {
    const wide = F.localResponseNorm(of(v).cast("f64"), 3);
    const got = F.localResponseNorm(of(v), 3);
    expectClose(got.cast("f64").div(wide), [1, 1, 1], 1e-5);
  }
});
