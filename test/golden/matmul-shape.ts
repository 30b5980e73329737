/**
 * @file Adapters of the golden group `matmul_shape`.
 */

import type { Tensor } from "nabla";
import * as nabla from "nabla";
import { type Group, Uncovered, type Values } from "./adapter.ts";

/** Values whose role is a letter (or nothing) and a number, in order: x0, x1, ... */
const numbered = (x: Values): Tensor[] =>
  Object.keys(x)
    .sort((a, b) => Number(a.replace(/\D/g, "")) - Number(b.replace(/\D/g, "")))
    .map((role) => x[role]!);

const byNumber = (pieces: readonly Tensor[]): Values => Object.fromEntries(pieces.map((piece, i) => [`out${i}`, piece]));

/** Axes of x with the given ones swapped. */
const swap = (x: Tensor, [a, b]: readonly [number, number]): Tensor => {
  const order = x.shape.map((_, i) => i);
  const [i, j] = [a, b].map((axis) => (axis + x.rank) % x.rank) as [number, number];
  [order[i], order[j]] = [j, i];
  return x.transpose(order);
};

/** NumPy's take_along_axis and PyTorch's take_along_dim: beside the axis, sizes 1 stretch. */
function takeAlongAxis(x: Tensor, index: Tensor, axis: number): Tensor {
  const at = (axis + x.rank) % x.rank;
  const common = x.shape.map((d, i) => Math.max(d, index.shape[i]!));
  return x.broadcastTo(common.with(at, x.shape[at]!)).takeAlong(index.broadcastTo(common.with(at, index.shape[at]!)), at);
}

const FORMULAS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  "sum_axis0(flip_axis0(reshape(transpose(x),[-1,2])[1:,:] * transpose(reshape(x,[2,-1]))[:-1,:]))": (x) => {
    const a = x.transpose().reshape([-1, 2]);
    const b = x.reshape([2, -1]).transpose();
    const product = a.narrow(0, 1, a.shape[0]! - 1).mul(b.narrow(0, 0, b.shape[0]! - 1));
    return product.flip(0).sum(0);
  },
};

export const matmulShape: Group = {
  adapters: {
    matmul: ({ a, b }) => a!.matmul(b!),
    einsum: (x, { equation }) => nabla.einsum(equation, ...["a", "b", "c", "d"].flatMap((role) => x[role] ?? [])),
    linear({ x, w, b }) {
      const y = x!.matmul(w!.transpose());
      return b ? y.add(b) : y;
    },
    bilinear: ({ x1, x2, w, b }) => nabla.bilinear(x1!, x2!, w!, b),
    tensordot: ({ a, b }, { axes }) => nabla.tensordot(a!, b!, axes),
    outer: ({ a, b }) => nabla.outer(a!, b!),
    kron: ({ a, b }) => nabla.kron(a!, b!),
    cross: ({ a, b }, { axis }) => nabla.cross(a!, b!, axis),
    permute: ({ x }, { dims }) => x!.transpose(dims),
    reshape: ({ x }, { shape }) => x!.reshape(shape),
    transpose_reshape: ({ x }, { axes, shape }) => swap(x!, axes).reshape(shape),
    slice({ x }, { slices }) {
      const rest = x!.shape.slice(slices.length).map((d) => [0, d, 1]);
      const all = [...slices, ...rest] as [number, number, number][];
      return x!.slice(
        all.map(([start]) => start),
        all.map(([, stop], i) => Math.min(stop, x!.shape[i]!)),
        all.map(([, , step]) => step),
      );
    },
    select: ({ x }, { axis, index }) => x!.select(axis, index),
    gather: ({ x, index }, { axis }) => nabla.gather(x!, axis, index!),
    scatter_add: ({ x, index, src }, { axis }) => nabla.scatterAdd(x!, axis, index!, src!),
    scatter: ({ x, index, src }, { axis }) => nabla.scatter(x!, axis, index!, src!),
    index_select: ({ x, index }, { axis }) => nabla.indexSelect(x!, axis, index!),
    index_add: ({ x, index, src }, { axis }) => nabla.indexAdd(x!, axis, index!, src!),
    embedding: ({ index, w }, { padding_idx }) => nabla.embedding(index!, w!, { paddingIndex: padding_idx ?? undefined }),
    one_hot: ({ index }, { num_classes }) => index!.oneHot(num_classes, "i32"),
    masked_fill: ({ x, mask }, { value }) => nabla.maskedFill(x!, mask!, value),
    masked_select: ({ x, mask }) => nabla.maskedSelect(x!, mask!),
    concat: (x, { axis }) => nabla.concatenate(numbered(x), axis),
    stack: (x, { axis }) => nabla.stack(numbered(x), axis),
    split: ({ x }, { sizes, axis }) => byNumber(nabla.splitAt(x!, sizes, axis)),
    chunk: ({ x }, { chunks, axis }) => byNumber(nabla.chunk(x!, chunks, axis)),
    pad({ x }, { pads, mode, value }) {
      if (!["constant", "reflect", "replicate", "circular"].includes(mode)) throw new Uncovered(`pad mode ${mode}`);
      return nabla.pad(x!, pads, mode, value ?? 0);
    },
    flip: ({ x }, { axes }) => x!.flip(axes),
    roll: ({ x }, { shifts, axes }) => nabla.roll(x!, shifts, axes),
    tile: ({ x }, { reps }) => nabla.tile(x!, reps),
    repeat_interleave: ({ x }, { repeats, axis }) => nabla.repeatInterleave(x!, repeats, axis),
    broadcast_to: ({ x }, { shape }) => x!.broadcastTo(shape),
    tril: ({ x }, { k }) => nabla.tril(x!, k),
    triu: ({ x }, { k }) => nabla.triu(x!, k),
    diagonal: ({ x }, { offset }) => nabla.diagonal(x!, offset, [0, 1]),
    // torch.diag_embed
    diag: ({ x }) => nabla.diagEmbed(x!),
    unfold_dim: ({ x }, { axis, size, step }) => nabla.slidingWindows(x!, axis, size, step),
    take_along_axis: ({ x, index }, { axis }) => takeAlongAxis(x!, index!, axis),
    rot90: ({ x }, { k, axes }) => nabla.rot90(x!, k, axes),
    chain({ x }, { formula }) {
      const f = FORMULAS[formula];
      if (!f) throw new Uncovered(`no adapter for the formula ${formula}`);
      return f(x!);
    },
  },
};
