/**
 * @file Convolution in three forms (forward, input gradient, weight gradient) that are each other's transposes. Padding is a separate op, so that every
 * access of the loops is affine.
 */
import { formatShape, type Type } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import * as k from "../kernel/build.ts";
import { Index } from "../kernel/index-algebra.ts";
import { full } from "./indexing.ts";
import { windowCount } from "./movement.ts";
import { defineOp, expandAll, type Op, type Reach } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** Parameters of a convolution, per spatial axis. */
export interface Conv {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  /** For each spatial axis, how many zeros the input is known to begin and end with. Loops may skip taps on them. */
  readonly zeros?: { readonly low: readonly number[]; readonly high: readonly number[] };
}

/** [N, O, ...out] from x [N, C, ...in] and w [O, C/groups, ...kernel]. */
function convShape(x: Type, w: Type, { stride, dilation, groups }: Conv): number[] {
  const spatial = x.shape.length - 2;
  const [o = 0, c = 0] = w.shape;
  const fits =
    spatial >= 1 && w.shape.length === x.shape.length && x.shape[1] === c * groups && o % groups === 0 && stride.length === spatial;
  if (!fits) {
    throw new RangeError(
      `conv: input ${formatShape(x.shape)} is [batch, channels, ...size], weight ${formatShape(w.shape)} is [out, channels / groups, ...kernel]; with ${groups} group(s) the input needs ${c * groups} channels and has ${x.shape[1]}`,
    );
  }
  const out = stride.map((s, i) => windowCount(x.shape[i + 2]!, w.shape[i + 2]!, s, dilation[i]!));
  if (out.some((n) => n < 1))
    throw new RangeError(
      `conv: a kernel of ${formatShape(w.shape.slice(2))} does not fit in ${formatShape(x.shape.slice(2))}; add padding`,
    );
  return [x.shape[0]!, o, ...out];
}

// Batching folds a batch of n into another axis: [n, ..., d, ...] becomes [..., (g, n, d/g), ...], with n inside the groups if these are kept, and in front of them
// otherwise.

/** Moves batch axis 0 into axis `axis` (counted without the batch), after the `groups` part of it. */
function foldBatch(x: Tensor, axis: number, groups = 1): Tensor {
  const [n = 1, ...shape] = x.shape;
  const split = x.reshape([n, ...shape.slice(0, axis), groups, shape[axis]! / groups, ...shape.slice(axis + 1)]);
  return split.moveAxis(0, axis + 1).reshape(shape.with(axis, n * shape[axis]!));
}

/** The inverse of {@link foldBatch}: takes n out of axis `axis` to the front. */
function unfoldBatch(y: Tensor, axis: number, n: number, groups = 1): Tensor {
  const shape = y.shape;
  const inner = shape[axis]! / (n * groups);
  const split = y.reshape([...shape.slice(0, axis), groups, n, inner, ...shape.slice(axis + 1)]);
  return split.moveAxis(axis + 1, 0).reshape([n, ...shape.with(axis, groups * inner)]);
}

export const conv: Op<2, Conv> = defineOp<2, Conv>("conv", {
  doc: "cross-correlation (CNN-1) of x [N, C, ...] with w [O, C/groups, ...], without padding",
  arity: 2,
  derivative: "separately",
  type: ([x, w], params) => ({ shape: convShape(x, w, params), dtype: x.dtype }),
  transpose(ct, [x, w], params, on) {
    if (on[0]) return [ct.bind(convInput, [ct, w], { ...params, size: x.shape.slice(2) }), undefined];
    return [undefined, ct.bind(convWeight, [x, ct], { ...params, kernel: w.shape.slice(2) })];
  },
  batch([x, w], mapped, params, n) {
    const { groups } = params;
    if (mapped[0] && mapped[1])
      return unfoldBatch(x.bind(conv, [foldBatch(x, 1), foldBatch(w, 0)], { ...params, groups: n * groups }), 1, n);
    if (mapped[0]) return unfoldBatch(x.bind(conv, [foldBatch(x, 0), w], params), 0, n);
    return unfoldBatch(x.bind(conv, [x, foldBatch(w, 0, groups)], params), 1, n, groups);
  },
  lower: {
    kind: "reduce",
    combine: "add",
    extents: ([, w]) => w!.slice(1),
    element(at, [c, ...taps], [x, w], { stride, dilation, groups }) {
      const [n, o, ...out] = at;
      const [O = 1, C = 1] = w!.shape;
      const channel =
        groups === 1
          ? c!
          : o!
              .div(O / groups)
              .times(C)
              .plus(c!);
      const place = out.map((i, axis) => i.times(stride[axis]!).plus(taps[axis]!.times(dilation[axis]!)));
      return k.mul(x!.at([n!, channel, ...place]), w!.at([o!, c!, ...taps]));
    },
    reach([x], { zeros, stride, dilation }) {
      if (!zeros) return [];
      const axes = stride.map((s, i): Reach | undefined => {
        // The first tap in the window of result `at` that is at `place` or after it.
        const tapAt = (place: number, at: Index): Index =>
          at
            .times(-s)
            .plus(place + dilation[i]! - 1)
            .div(dilation[i]!);
        if (zeros.low[i] === 0 && zeros.high[i] === 0) return undefined;
        return {
          axis: i + 2,
          low: (at) => tapAt(zeros.low[i]!, at),
          high: (at) => tapAt(x![i + 2]! - zeros.high[i]!, at),
        };
      });
      return [undefined, ...axes];
    },
  },
  cost: "compute",
  samples: [
    {
      operands: [
        { shape: [2, 2, 5, 4], dtype: "f64" },
        { shape: [3, 2, 3, 2], dtype: "f64" },
      ],
      params: { stride: [1, 1], dilation: [1, 1], groups: 1 },
    },
    {
      operands: [
        { shape: [1, 4, 7], dtype: "f64" },
        { shape: [4, 2, 3], dtype: "f64" },
      ],
      params: { stride: [2], dilation: [2], groups: 2 },
    },
  ],
});

/** The weights of the transposed convolution, [C, O/groups, ...kernel], from weights [O, C/groups, ...kernel]. */
function turned(w: Tensor, groups: number): Tensor {
  const [O = 1, C = 1, ...taps] = w.shape;
  return w
    .reshape([groups, O / groups, C, ...taps])
    .transpose([0, 2, 1, ...taps.map((_, i) => i + 3)])
    .reshape([groups * C, O / groups, ...taps]);
}

/**
 * The input gradient of a convolution with stride s, without multiplying by the zeros of a spread cotangent. Inputs s·q + r meet only the taps r, r + s, ..., so for
 * every remainder r the gradient is a convolution with stride 1 (Shi et al. 2016), and the results are interleaved. Only elements from `start` on are computed.
 */
function inPhases(ct: Tensor, w: Tensor, { stride, dilation, groups, size }: Sized, start: readonly number[]): Tensor {
  const back = turned(w, groups);
  const places = size.map((d, i) => Math.ceil(d / stride[i]!));
  // Padding for the remainder with the most taps, less what `start` cuts off; other remainders use a part of it.
  const most = w.shape.slice(2).map((n, i) => (Math.ceil(n / stride[i]!) - 1) * dilation[i]!);
  const skipped = start.map((a, i) => Math.floor(a / stride[i]!));
  const room = most.map((n, i) => Math.max(0, n - skipped[i]!));
  const last = start.map((a, i) => Math.floor((a + stride[i]! - 1) / stride[i]!));
  const padded = ct.pad([0, 0, ...room], [0, 0, ...places.map((n, i) => Math.max(0, n + last[i]! - ct.shape[i + 2]!))]);
  // Phase p of the result begins at element start + p: after q whole strides, with remainder r.
  const phase = (p: readonly number[]): Tensor => {
    const q = p.map((from, i) => Math.floor((from + start[i]!) / stride[i]!));
    const r = p.map((from, i) => (from + start[i]!) % stride[i]!);
    if (r.some((from, i) => from >= w.shape[i + 2]!))
      return ct.bind(full, [], { shape: [ct.shape[0]!, back.shape[0]!, ...places], dtype: ct.dtype, value: 0 });
    const kernel = back.slice([0, 0, ...r], back.shape, [1, 1, ...stride]);
    const taps = kernel.shape.slice(2);
    const from = taps.map((n, i) => room[i]! + q[i]! - (n - 1) * dilation[i]!);
    const to = places.map((n, i) => room[i]! + q[i]! + n);
    const seen = padded.slice([0, 0, ...from], [...padded.shape.slice(0, 2), ...to]);
    return ct.bind(conv, [seen, kernel.flip(taps.map((_, i) => i + 2))], { stride: stride.map(() => 1), dilation, groups });
  };
  const weave = (r: readonly number[]): Tensor => {
    const axis = r.length;
    if (axis === stride.length) return phase(r);
    const parts = Array.from({ length: stride[axis]! }, (_, i) => weave([...r, i]));
    const { shape } = parts[0]!;
    const apart = parts.map((p) => p.reshape(shape.toSpliced(axis + 3, 0, 1)));
    return apart[0]!.concat(apart.slice(1), axis + 3).reshape(shape.with(axis + 2, shape[axis + 2]! * parts.length));
  };
  return weave([]).slice([0, 0, ...size.map(() => 0)], [ct.shape[0]!, back.shape[0]!, ...size]);
}

/** Parameters of the input gradient: `size` is the spatial size of the input. */
type Sized = Conv & { readonly size: readonly number[] };

/** The input gradient of a strided convolution from `start` on; undefined if the gradient is not computed in phases. */
export function partOfInput(ct: Tensor, w: Tensor, params: Sized, start: readonly number[]): Tensor | undefined {
  return comesInPhases(params) ? inPhases(ct, w, params, start) : undefined;
}

const comesInPhases = ({ stride, dilation }: Conv): boolean =>
  stride.some((s) => s > 1) && dilation.every((d, i) => d === 1 || stride[i] === 1);

/** Input gradient: [N, C, ...size] from ct [N, O, ...out] and w [O, C/groups, ...kernel]. A transposed convolution. */
export const convInput: Op<2, Conv & { size: readonly number[] }> = defineOp<2, Conv & { size: readonly number[] }>("convInput", {
  doc: "transposed convolution: the gradient of conv with respect to its input, of the given size",
  arity: 2,
  derivative: "separately",
  type: ([ct, w], { groups, size }) => ({ shape: [ct.shape[0]!, w.shape[1]! * groups, ...size], dtype: ct.dtype }),
  transpose(dx, [ct, w], { size, ...params }, on) {
    if (on[0]) return [dx.bind(conv, [dx, w], params), undefined];
    return [undefined, dx.bind(convWeight, [dx, ct], { ...params, kernel: w.shape.slice(2) })];
  },
  batch([ct, w], mapped, params, n) {
    const { groups } = params;
    const grouped = { ...params, groups: n * groups };
    if (mapped[0] && mapped[1]) return unfoldBatch(ct.bind(convInput, [foldBatch(ct, 1), foldBatch(w, 0)], grouped), 1, n);
    if (mapped[0]) return unfoldBatch(ct.bind(convInput, [foldBatch(ct, 0), w], params), 0, n);
    return unfoldBatch(ct.bind(convInput, [ct, foldBatch(w, 1)], params), 1, n, groups);
  },
  lower: {
    // A convolution with the flipped kernel over the cotangent, with zeros between its elements for the stride and padding for the kernel (CNN-3).
    kind: "expand",
    expand([ct, w], { params }) {
      const { stride, dilation, groups, size } = params;
      const taps = w!.shape.slice(2);
      if (comesInPhases(params))
        return [
          inPhases(
            ct!,
            w!,
            params,
            taps.map(() => 0),
          ),
        ];
      const extent = taps.map((f, i) => (f - 1) * dilation[i]!);
      const spread = ct!.shape.slice(2).map((d, i) => (d - 1) * stride[i]! + 1);
      const padded = ct!.pad([0, 0, ...extent], [0, 0, ...size.map((d, i) => d - spread[i]!)], [0, 0, ...stride.map((s) => s - 1)]);
      const flipped = turned(w!, groups).flip(taps.map((_, i) => i + 2));
      return [ct!.bind(conv, [padded, flipped], { stride: stride.map(() => 1), dilation, groups })];
    },
  },
  cost: "compute",
  samples: [
    {
      operands: [
        { shape: [2, 3, 3, 3], dtype: "f64" },
        { shape: [3, 2, 3, 2], dtype: "f64" },
      ],
      params: { stride: [1, 1], dilation: [1, 1], groups: 1, size: [5, 4] },
    },
    {
      operands: [
        { shape: [1, 4, 2], dtype: "f64" },
        { shape: [4, 2, 3], dtype: "f64" },
      ],
      params: { stride: [2], dilation: [2], groups: 2, size: [8] },
    },
  ],
});

/** Weight gradient: [O, C/groups, ...kernel] from x [N, C, ...in] and ct [N, O, ...out]. */
export const convWeight: Op<2, Conv & { kernel: readonly number[] }> = defineOp<2, Conv & { kernel: readonly number[] }>("convWeight", {
  doc: "the gradient of conv with respect to its weight: cross-correlation of input and output gradient (CNN-3)",
  arity: 2,
  derivative: "separately",
  type: ([x, ct], { groups, kernel }) => ({ shape: [ct.shape[1]!, x.shape[1]! / groups, ...kernel], dtype: x.dtype }),
  transpose(dw, [x, ct], { kernel: _, ...params }, on) {
    if (on[0]) return [dw.bind(convInput, [ct, dw], { ...params, size: x.shape.slice(2) }), undefined];
    return [undefined, dw.bind(conv, [x, dw], params)];
  },
  batch([x, ct], mapped, params, n) {
    const { groups } = params;
    if (mapped[0] && mapped[1])
      return unfoldBatch(x.bind(convWeight, [foldBatch(x, 1), foldBatch(ct, 1)], { ...params, groups: n * groups }), 0, n);
    if (mapped[0]) return unfoldBatch(x.bind(convWeight, [foldBatch(x, 1, groups), ct], params), 1, n);
    return unfoldBatch(x.bind(convWeight, [x, foldBatch(ct, 1, groups)], params), 0, n, groups);
  },
  lower: {
    kind: "reduce",
    combine: "add",
    extents: ([, ct]) => [ct![0]!, ...ct!.slice(2)],
    element(at, [n, ...out], [x, ct], { stride, dilation, groups }) {
      const [o, c, ...taps] = at;
      const O = ct!.shape[1]!;
      const channel =
        groups === 1
          ? c!
          : o!
              .div(O / groups)
              .times(x!.shape[1]! / groups)
              .plus(c!);
      const place = out.map((i, axis) => i.times(stride[axis]!).plus(taps[axis]!.times(dilation[axis]!)));
      return k.mul(x!.at([n!, channel, ...place]), ct!.at([n!, o!, ...out]));
    },
  },
  cost: "compute",
  samples: [
    {
      operands: [
        { shape: [2, 2, 5, 4], dtype: "f64" },
        { shape: [2, 3, 3, 3], dtype: "f64" },
      ],
      params: { stride: [1, 1], dilation: [1, 1], groups: 1, kernel: [3, 2] },
    },
    {
      operands: [
        { shape: [1, 4, 8], dtype: "f64" },
        { shape: [1, 4, 2], dtype: "f64" },
      ],
      params: { stride: [2], dilation: [2], groups: 2, kernel: [3] },
    },
  ],
});

// ---- weight gradients from few cotangents ---------------------------------------------------------------------------------------------

interface Rows {
  readonly rows: number;
  /** Elements from the start of a row to the start of the next. */
  readonly pitch: number;
  readonly width: number;
}

/**
 * The weight gradient of a convolution whose cotangent is 0 except at one position per cell, where it is `g`. The window of that position starts at element `from` of
 * its image. Operands: images [N, L] with elements in the order [H, W, C]; from and g [N, O, ...cells]. Result: [O, rows, width], for kernels [O, kh, kw·C].
 */
export const convWeightAt: Op<3, Rows> = defineOp<3, Rows>("convWeightAt", {
  doc: "the gradient of conv with respect to its weight, from a list of cotangents and the places of their windows",
  arity: 3,
  traits: { rows: [0] },
  derivative: "none",
  type: ([x, , g], { rows, width }) => ({ shape: [g.shape[1]!, rows, width], dtype: x.dtype }),
  // The batches of images are concatenated; each output channel reads the images of its own batch.
  batch(operands, mapped, params, n) {
    const [x, from, g] = tuple(expandAll(operands, mapped, n), 3);
    const length = x.shape[2]!;
    const own = from.add(from.iotaLike(0).mul(length));
    const dw = x.bind(convWeightAt, [foldBatch(x, 1), foldBatch(own, 1), foldBatch(g, 1)], params);
    return unfoldBatch(dw, 0, n);
  },
  lower: {
    kind: "reduce",
    combine: "add",
    extents: ([, , g]) => [g![0]!, ...g!.slice(2)],
    element([o, r, j], [n, ...cell], [x, from, g], { pitch }) {
      const place = [n!, o!, ...cell];
      // Masking the bits states the range of `from`, which lets all elements of a window share one address.
      const bits = 2 ** Math.ceil(Math.log2(x!.shape[1]!)) - 1;
      const start = Index.of(k.and(from!.at(place), k.int(bits)), 0, x!.shape[1]!);
      return k.mul(x!.at([n!, start.plus(r!.times(pitch)).plus(j!)]), g!.at(place));
    },
  },
  cost: "compute",
  samples: [
    {
      operands: [
        { shape: [2, 24], dtype: "f64" },
        { shape: [2, 3, 2], dtype: "i32", domain: [0, 13] },
        { shape: [2, 3, 2], dtype: "f64" },
      ],
      params: { rows: 2, pitch: 8, width: 3 },
    },
  ],
});
