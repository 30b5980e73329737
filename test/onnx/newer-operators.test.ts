/**
 * @file Operators of opsets 18 to 26, which the kept cases of ONNX 1.12 lack, against their formulas in onnx/docs/Operators.md, written out as loops here.
 */
import { expect, test } from "vitest";
import * as nb from "../../src/index.ts";
import * as onnx from "../../src/onnx/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { close, ints, of, range, run, sigmoid, sum, wave } from "./one-node.ts";

const { tensor } = nb;

test("activations: Mish, Gelu in both forms, HardSwish, Swish", async () => {
  const x = wave(7);
  close(
    (await run("Mish", 18, [x]))[0],
    of(x).map((v) => v * Math.tanh(Math.log1p(Math.exp(v)))),
  );
  const inner = (v: number): number => Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3));
  close(
    (await run("Gelu", 20, [x], { approximate: "tanh" }))[0],
    of(x).map((v) => 0.5 * v * (1 + inner(v))),
  );
  close((await run("Gelu", 20, [tensor([0, 1, -1])]))[0], [0, 0.841344746, -0.158655254]);
  close(
    (await run("HardSwish", 22, [x]))[0],
    of(x).map((v) => v * Math.max(0, Math.min(1, v / 6 + 0.5))),
  );
  close(
    (await run("Swish", 24, [x], { alpha: 1.5 }))[0],
    of(x).map((v) => v * sigmoid(1.5 * v)),
  );
});

test("bits: BitwiseAnd, Or, Xor, Not, BitCast", async () => {
  const [a, b] = [ints([12, -1, 7]), ints([10, 5, 0])];
  expect(of((await run("BitwiseAnd", 18, [a, b]))[0]!)).toEqual([8, 5, 0]);
  expect(of((await run("BitwiseOr", 18, [a, b]))[0]!)).toEqual([14, -1, 7]);
  expect(of((await run("BitwiseXor", 18, [a, b]))[0]!)).toEqual([6, -6, 7]);
  expect(of((await run("BitwiseNot", 18, [a]))[0]!)).toEqual([-13, 0, -8]);
  const x = tensor([1, -2, 0.5]);
  expect(of((await run("BitCast", 26, [x], { to: 6 }))[0]!)).toEqual([...new Int32Array(Float32Array.of(1, -2, 0.5).buffer)]);
});

test("Col2Im adds up overlapping blocks", async () => {
  const [columns, image, block] = [wave(1, 4, 4), [3, 3], [2, 2]];
  const want = new Float64Array(9);
  for (const tap of range(4))
    for (const at of range(4)) want[(Math.floor(at / 2) + Math.floor(tap / 2)) * 3 + (at % 2) + (tap % 2)]! += of(columns)[4 * tap + at]!;
  close((await run("Col2Im", 18, [columns, ints(image), ints(block)]))[0], want);
});

test("CenterCropPad crops one axis and pads another; Split into parts of which the last is smaller; Pad along some axes", async () => {
  const x = wave(5, 2);
  const v = of(x);
  close((await run("CenterCropPad", 18, [x, ints([2, 5])], { axes: [0, 1] }))[0], [0, v[2]!, v[3]!, 0, 0, 0, v[4]!, v[5]!, 0, 0]);
  const parts = await run("Split", 18, [wave(7)], { axis: 0, num_outputs: 3 }, 3);
  expect(parts.map(({ shape }) => shape[0])).toEqual([3, 3, 1]);
  close(
    (await run("Pad", 18, [wave(2, 1), ints([1, 2]), tensor(9), ints([1])]))[0],
    of(wave(2)).flatMap((each) => [9, each, 9, 9]),
  );
});

test("GroupNormalization has a scale for each channel since 21", async () => {
  const [x, scale, bias] = [wave(2, 4, 3), wave(4), wave(4).mul(0.5)];
  const want = of(x).map((v, i) => {
    const group = Math.floor(i / 6);
    const members = of(x).slice(6 * group, 6 * group + 6);
    const mean = sum(members) / 6;
    const variance = sum(members.map((m) => (m - mean) ** 2)) / 6;
    const channel = Math.floor(i / 3) % 4;
    return ((v - mean) / Math.sqrt(variance + 1e-5)) * of(scale)[channel]! + of(bias)[channel]!;
  });
  close((await run("GroupNormalization", 21, [x, scale, bias], { num_groups: 2 }))[0], want);
});

test("RMSNormalization over the axes from one on", async () => {
  const [x, scale] = [wave(3, 4), wave(4)];
  const want = of(x).map((v, i) => {
    const row = of(x).slice(4 * Math.floor(i / 4), 4 * Math.floor(i / 4) + 4);
    return (v / Math.sqrt(sum(row.map((r) => r * r)) / 4 + 1e-3)) * of(scale)[i % 4]!;
  });
  close((await run("RMSNormalization", 23, [x, scale], { axis: -1, epsilon: 1e-3 }))[0], want);
});

test.each([0, 1])("RotaryEmbedding turns pairs, interleaved: %i", async (interleaved) => {
  const [x, cos, sin] = [wave(1, 2, 3, 4), wave(5, 2), wave(5, 2).mul(0.3)];
  const positions = [4, 0, 2];
  const v = of(x);
  const want = v.map((_, i) => {
    const [row, d] = [Math.floor(i / 4), i % 4];
    const pair = interleaved ? Math.floor(d / 2) : d % 2;
    const second = interleaved ? d % 2 === 1 : d >= 2;
    const [a, b] = interleaved ? [v[4 * row + 2 * pair]!, v[4 * row + 2 * pair + 1]!] : [v[4 * row + pair]!, v[4 * row + 2 + pair]!];
    const at = positions[row % 3]! * 2 + pair;
    return second ? of(sin)[at]! * a + of(cos)[at]! * b : of(cos)[at]! * a - of(sin)[at]! * b;
  });
  close((await run("RotaryEmbedding", 23, [x, cos, sin, ints(positions, [1, 3])], { interleaved }))[0], want);
});

test.each([0, 1])("Attention with fewer heads of keys than of queries, causal: %i", async (isCausal) => {
  const [heads, own, length, size] = [4, 2, 3, 2];
  const [q, k, v] = [wave(1, heads, length, size), wave(1, own, length, size).mul(0.7), wave(1, own, length, size).add(1)];
  const [qs, ks, vs] = [of(q), of(k), of(v)];
  const want = range(heads).flatMap((h) =>
    range(length).flatMap((i) => {
      const group = Math.floor(h / (heads / own));
      const at = (list: number[], head: number, row: number, d: number): number => list[(head * length + row) * size + d]!;
      const scores = range(length).map((j) =>
        isCausal && j > i ? Number.NEGATIVE_INFINITY : sum(range(size).map((d) => at(qs, h, i, d) * at(ks, group, j, d))) / Math.sqrt(size),
      );
      const top = Math.max(...scores);
      const shares = scores.map((s) => Math.exp(s - top));
      return range(size).map((d) => sum(range(length).map((j) => shares[j]! * at(vs, group, j, d))) / sum(shares));
    }),
  );
  close((await run("Attention", 23, [q, k, v], { is_causal: isCausal }))[0], want);
});

test("TensorScatter writes a part of a cache, around its end if it is circular", async () => {
  const [cache, update] = [wave(2, 1, 4, 1), wave(2, 1, 2, 1).add(10)];
  const want = (starts: readonly number[]): number[] =>
    of(cache).map((old, i) => {
      const [b, s] = [Math.floor(i / 4), i % 4];
      const t = (s - starts[b]! + 4) % 4;
      return t < 2 ? of(update)[2 * b + t]! : old;
    });
  close((await run("TensorScatter", 24, [cache, update, ints([1, 2])]))[0], want([1, 2]));
  close((await run("TensorScatter", 24, [cache, update, ints([3, 0])], { mode: "circular" }))[0], want([3, 0]));
});

test("CumProd, exclusive and from the end", async () => {
  const x = tensor([2, 3, 4]);
  expect(of((await run("CumProd", 26, [x, ints([0], [])]))[0]!)).toEqual([2, 6, 24]);
  expect(of((await run("CumProd", 26, [x, ints([0], [])], { exclusive: 1 }))[0]!)).toEqual([1, 2, 6]);
  expect(of((await run("CumProd", 26, [x, ints([0], [])], { reverse: 1 }))[0]!)).toEqual([24, 12, 4]);
});

test("AffineGrid in two axes, corners aligned or not", async () => {
  const theta = wave(1, 2, 3);
  for (const align of [0, 1]) {
    const along = (n: number): number[] => range(n).map((i) => (align ? (2 * i) / (n - 1) - 1 : (2 * i + 1) / n - 1));
    const t = of(theta);
    const want = along(2).flatMap((y) => along(3).flatMap((x) => [t[0]! * x + t[1]! * y + t[2]!, t[3]! * x + t[4]! * y + t[5]!]));
    close((await run("AffineGrid", 20, [theta, ints([1, 1, 2, 3])], { align_corners: align }))[0], want);
  }
});

test("DeformConv: whole offsets read neighbours, a mask weighs them", async () => {
  const [x, w] = [wave(1, 1, 4, 4), tensor([[[[2]]]])];
  const offset = tensor(
    Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? 1 : 0)),
    { shape: [1, 2, 4, 4] },
  );
  const mask = tensor(new Float32Array(16).fill(0.5), { shape: [1, 1, 4, 4] });
  const want = range(16).map((i) => (i < 12 ? of(x)[i + 4]! : 0));
  close((await run("DeformConv", 19, [x, w, offset, undefined, mask], { kernel_shape: [1, 1] }))[0], want);
});

test("pools with dilation: AveragePool since 19, LpPool since 18", async () => {
  const x = wave(1, 1, 6);
  const v = of(x);
  close(
    (await run("AveragePool", 19, [x], { kernel_shape: [2], dilations: [3] }))[0],
    range(3).map((i) => (v[i]! + v[i + 3]!) / 2),
  );
  close(
    (await run("LpPool", 18, [x], { kernel_shape: [2], dilations: [3] }))[0],
    range(3).map((i) => Math.hypot(v[i]!, v[i + 3]!)),
  );
});

test("reductions take their axes as an input since 18, and bools since 20", async () => {
  const x = wave(2, 3);
  const v = of(x);
  close((await run("ReduceMean", 18, [x, ints([1])], { keepdims: 0 }))[0], [sum(v.slice(0, 3)) / 3, sum(v.slice(3)) / 3]);
  close(
    (await run("ReduceMax", 18, [x, ints([0])], { keepdims: 0 }))[0],
    range(3).map((i) => Math.max(v[i]!, v[i + 3]!)),
  );
  close((await run("ReduceMean", 18, [x, undefined], { noop_with_empty_axes: 1 }))[0], v);
  const bools = tensor(Uint8Array.of(0, 1, 0, 0), { shape: [2, 2], dtype: "bool" });
  expect(of((await run("ReduceMax", 20, [bools, ints([1])], { keepdims: 0 }))[0]!)).toEqual([1, 0]);
});

test("DFT takes its axis as an input since 20", async () => {
  const x = wave(1, 5, 1);
  const v = of(x);
  const want = range(5).flatMap((k) => [
    sum(v.map((each, i) => each * Math.cos((2 * Math.PI * k * i) / 5))),
    sum(v.map((each, i) => -each * Math.sin((2 * Math.PI * k * i) / 5))),
  ]);
  close((await run("DFT", 20, [x, undefined, ints([1], [])]))[0], want);
});

test("GridSample in three axes since 20: the grid of an image gives the image, half a step the mean of neighbours", async () => {
  const x = wave(1, 1, 2, 2, 2);
  const corners = (shift: number): Tensor =>
    tensor(
      Float32Array.from(range(8).flatMap((i) => [(i % 2) * 2 - 1 + shift, (Math.floor(i / 2) % 2) * 2 - 1, Math.floor(i / 4) * 2 - 1])),
      { shape: [1, 2, 2, 2, 3] },
    );
  close((await run("GridSample", 20, [x, corners(0)], { mode: "linear", align_corners: 1 }))[0], of(x));
  const half = of((await run("GridSample", 20, [x, corners(1)], { mode: "linear", align_corners: 1, padding_mode: "border" }))[0]!);
  expect(half[0]).toBeCloseTo((of(x)[0]! + of(x)[1]!) / 2, 5);
});

test("QuantizeLinear and DequantizeLinear in blocks since 21", async () => {
  const [x, scale] = [tensor([[1, 2, 30, 40]]), tensor([[0.5, 10]])];
  const [q] = await run("QuantizeLinear", 21, [x, scale, tensor(Uint8Array.of(1, 2), { shape: [1, 2] })], { axis: 1, block_size: 2 });
  expect(of(q!)).toEqual([3, 5, 5, 6]);
  const [back] = await run("DequantizeLinear", 21, [q!, scale, tensor(Uint8Array.of(1, 2), { shape: [1, 2] })], { axis: 1, block_size: 2 });
  expect(of(back!)).toEqual([1, 2, 30, 40]);
});

test.each([10, 16, 17])("a conversion to floats of few bits (type %i) passes gradients on", async (to) => {
  const nodes = [
    { op: "Cast", inputs: ["x"], outputs: ["h"], attributes: [{ name: "to", i: to, type: 2 }] },
    { op: "Cast", inputs: ["h"], outputs: ["y"], attributes: [{ name: "to", i: 1, type: 2 }] },
  ];
  const inputs = [{ name: "x", type: { tensor: { elem: 1, shape: { dims: [{ value: 4 }] } } } }];
  const model = await onnx.load(
    onnx.encodeOnnx("Model", { irVersion: 8, opsets: [{ version: 19 }], graph: { nodes, inputs, outputs: [{ name: "y" }] } }),
  );
  const y = (x: Tensor): Tensor => model.forward(x) as Tensor;
  const x = tensor([1, -2, 0.25, 0]);
  close(nb.grad((each: Tensor) => y(each).square().sum())(x), [2, -4, 0.5, 0]);
  const ends = tensor([Number.POSITIVE_INFINITY, Number.NaN, 1e-30, 3.4e38]);
  const got = of(y(ends));
  if (to !== 17) expect(got.slice(0, 2)).toEqual([Number.POSITIVE_INFINITY, Number.NaN]);
  expect(got[2]).toBe(to === 16 ? (162 / 128) * 2 ** -100 : 0);
});
