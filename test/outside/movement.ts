/** @file Adapters of PyTorch's operators that move elements: shapes, pieces, indexing. */
import * as nabla from "nabla";
import { functional as F, Tensor } from "nabla";
import { type Adapter, type Call, type Slice, Uncovered } from "./call.ts";

const x0 =
  (f: (x: Tensor) => Tensor): Adapter =>
  (c) =>
    f(c.t(0));
const lists =
  (f: (list: readonly Tensor[]) => Tensor | Tensor[]): Adapter =>
  (c) =>
    f(c.rest<Tensor>(0));
const shaped: Adapter = (c) => c.t(0).reshape(c.at<number[]>(1, "shape", []));
const shapedAs: Adapter = (c) => c.t(0).reshape(c.t(1).shape);
const expand: Adapter = (c) => c.t(0).broadcastTo(expanded(c.t(0), c.at<number[]>(1, "size", [])));
const swap = (x: Tensor, a: number, b: number): Tensor => {
  if (x.rank === 0) return x;
  const order = x.shape.map((_, i) => i);
  const [i, j] = [(a + x.rank) % x.rank, (b + x.rank) % x.rank];
  [order[i], order[j]] = [j, i];
  return x.transpose(order);
};
const matrixT = (x: Tensor): Tensor => swap(x, -2, -1);
const atLeast =
  (n: number): Adapter =>
  (c) =>
    c.rest<Tensor>(0).map((x) => {
      if (n === 3 && x.rank === 2) return x.unsqueeze(2);
      if (n === 3 && x.rank === 1) return x.reshape([1, -1, 1]);
      return x.rank >= n ? x : x.reshape([...new Array<number>(n - x.rank).fill(1), ...x.shape]);
    });
const triangle =
  (f: typeof nabla.tril): Adapter =>
  (c) =>
    f(c.t(0), c.at(1, "diagonal", 0));
const splitBy =
  (axis: number | undefined): Adapter =>
  (c) => {
    const given = c.at<number | number[] | Tensor>(1, "indices_or_sections", 1);
    const sections = given instanceof Tensor ? (given.rank === 0 ? given.itemSync() : [...given.dataSync()]) : given;
    return nabla.tensorSplit(c.t(0), sections, axis ?? c.at(2, "dim", 0));
  };
const split: Adapter = (c) => {
  const [x, sizes, axis] = [c.t(0), c.at<number | number[]>(1, "split_size", 1), c.at(2, "dim", 0)];
  if (typeof sizes !== "number") return nabla.splitAt(x, sizes, axis);
  const n = x.shape[axis < 0 ? axis + x.rank : axis]!;
  return nabla.splitAt(
    x,
    Array.from({ length: Math.ceil(n / sizes) }, (_, i) => Math.min(sizes, n - i * sizes)),
    axis,
  );
};
/** Widths from PyTorch's flat list, last axis first. */
const widths = (x: Tensor, flat: readonly number[]): [number, number][] =>
  x.shape.map((_, i): [number, number] => {
    const k = 2 * (x.rank - 1 - i);
    return [flat[k] ?? 0, flat[k + 1] ?? 0];
  });
const padded =
  (mode: nabla.PadMode): Adapter =>
  (c) => {
    c.at(2, "mode", "");
    return nabla.pad(c.t(0), widths(c.t(0), c.at<number[]>(1, "pad", [])), mode, c.at(3, "value", 0));
  };
const diagonalOf = (c: Call, i: number): Tensor =>
  nabla.diagonal(c.t(0), c.at(i, "offset", 0), [c.at(i + 1, "dim1", 0), c.at(i + 2, "dim2", 1)]);
/** PyTorch's key as ours. */
const key = (k: unknown): nabla.IndexKey =>
  typeof k === "object" && k !== null && "parts" in k ? String(k as Slice) : k === null ? null : (k as nabla.IndexKey);
const keys = (given: unknown): nabla.IndexKey[] => (Array.isArray(given) ? given.map(key) : [key(given)]);

/** Writes at a place by writing positions: what `index` chooses of the numbered elements. */
function written(x: Tensor, src: Tensor, index: (positions: Tensor) => Tensor): Tensor {
  const places = index(nabla.arange(x.size).reshape(x.shape));
  return nabla.put(x, places, src.broadcastTo(places.shape));
}

export const movement: Readonly<Record<string, Adapter>> = {
  view: shaped,
  reshape: shaped,
  view_as: shapedAs,
  reshape_as: shapedAs,
  resize_: shaped,
  resize_as_: shapedAs,
  ravel: x0((x) => x.flatten()),
  flatten: (c) => {
    const [x, start, end] = [c.t(0), c.at(1, "start_dim", 0), c.at(2, "end_dim", -1)];
    if (x.rank === 0) return x.reshape([1]);
    const [a, b] = [(start + x.rank) % x.rank, (end + x.rank) % x.rank];
    return x.reshape([...x.shape.slice(0, a), -1, ...x.shape.slice(b + 1)]);
  },
  unflatten: (c) => {
    const x = c.t(0);
    const axis = (c.at(1, "dim", 0) + x.rank) % x.rank;
    return x.reshape([...x.shape.slice(0, axis), ...c.at<number[]>(2, "sizes", []), ...x.shape.slice(axis + 1)]);
  },
  atleast_1d: atLeast(1),
  atleast_2d: atLeast(2),
  atleast_3d: atLeast(3),
  broadcast_to: expand,
  expand,
  expand_as: (c) => c.t(0).broadcastTo(c.t(1).shape),
  broadcast_tensors: (c) => {
    const list = c.rest<Tensor>(0);
    const shape = list.reduce((sum, x) => sum.add(x), nabla.zeros([])).shape;
    return list.map((x) => x.broadcastTo(shape));
  },
  squeeze: (c) => {
    const [x, axis] = [c.t(0), c.at<number | undefined>(1, "dim", undefined)];
    if (axis === undefined) return x.squeeze();
    return x.rank === 0 || x.shape[(axis + x.rank) % x.rank] !== 1 ? x : x.squeeze(axis);
  },
  unsqueeze: (c) => c.t(0).unsqueeze(c.at(1, "dim", 0)),
  transpose: (c) => swap(c.t(0), c.at(1, "dim0", 0), c.at(2, "dim1", 0)),
  t: x0((x) => (x.rank < 2 ? x : x.transpose())),
  T: x0((x) => x.transpose()),
  H: x0((x) => (x.rank < 2 ? x : x.transpose())),
  mT: x0(matrixT),
  mH: x0(matrixT),
  permute: (c) => c.t(0).transpose(c.at<number[]>(1, "dims", [])),
  movedim: (c) => {
    const x = c.t(0);
    const [from, to] = [c.at<number[]>(1, "source", []), c.at<number[]>(2, "destination", [])].map((l) =>
      l.map((i) => (i + x.rank) % x.rank),
    );
    const order = x.shape.map((_, i) => i).filter((i) => !from!.includes(i));
    const moves = to!.map((t, i) => [t, from![i]!] as const).sort((a, b) => a[0] - b[0]);
    for (const [t, f] of moves) order.splice(t, 0, f);
    return x.transpose(order);
  },
  flip: (c) => {
    const over = c.at<number[]>(1, "dims", []);
    return over.length === 0 ? c.t(0) : c.t(0).flip(over);
  },
  fliplr: x0(nabla.fliplr),
  flipud: x0(nabla.flipud),
  roll: (c) => {
    const [shifts, over] = [c.at<number | number[]>(1, "shifts", 0), c.at<number | number[] | undefined>(2, "dims", undefined)];
    if (over === undefined) return nabla.roll(c.t(0).flatten(), shifts, 0).reshape(c.t(0).shape);
    return c.t(0).rank === 0 ? c.t(0) : nabla.roll(c.t(0), shifts, over);
  },
  rot90: (c) => nabla.rot90(c.t(0), c.at(1, "k", 1), c.at<[number, number]>(2, "dims", [0, 1])),
  repeat: (c) => nabla.tile(c.t(0), c.at<number[]>(1, "repeats", [])),
  tile: (c) => nabla.tile(c.t(0), c.at<number[]>(1, "dims", [])),
  repeat_interleave: (c) => {
    const [x, count, axis] = [c.t(0), c.at<number | Tensor>(1, "repeats", 1), c.at<number | undefined>(2, "dim", undefined)];
    return nabla.repeatInterleave(axis === undefined ? x.flatten() : x, count, axis ?? 0);
  },
  cat: (c) => nabla.concatenate(c.at<Tensor[]>(0, "tensors", []), c.at(1, "dim", 0)),
  stack: (c) => nabla.stack(c.at<Tensor[]>(0, "tensors", []), c.at(1, "dim", 0)),
  hstack: lists(nabla.hstack),
  vstack: lists(nabla.vstack),
  dstack: lists(nabla.dstack),
  column_stack: lists(nabla.columns),
  block_diag: lists(nabla.blockDiag),
  cartesian_prod: lists((l) => (l.length === 1 ? l[0]! : nabla.cartesianProd(l))),
  combinations: (c) => nabla.combinations(c.t(0), c.at(1, "r", 2), { withReplacement: c.named("with_replacement", false) }),
  meshgrid: (c) => nabla.meshgrid(c.rest<Tensor>(0), { indexing: c.named("indexing", "ij") }),
  chunk: (c) => nabla.chunk(c.t(0), c.at(1, "chunks", 1), c.at(2, "dim", 0)),
  split,
  split_with_sizes: split,
  tensor_split: splitBy(undefined),
  hsplit: (c) => splitBy(c.t(0).rank === 1 ? 0 : 1)(c),
  vsplit: splitBy(0),
  dsplit: splitBy(2),
  unbind: (c) => {
    const [x, axis] = [c.t(0), c.at(1, "dim", 0)];
    return Array.from({ length: x.shape[(axis + x.rank) % x.rank]! }, (_, i) => x.select(axis, i));
  },
  narrow: (c) => {
    const start = c.at<number | Tensor>(2, "start", 0);
    return c.t(0).narrow(c.at(1, "dim", 0), typeof start === "number" ? start : start.itemSync(), c.at(3, "length", 0));
  },
  narrow_copy: (c) => c.t(0).narrow(c.at(1, "dim", 0), c.at(2, "start", 0), c.at(3, "length", 0)),
  select: (c) => c.t(0).select(c.at(1, "dim", 0), c.at(2, "index", 0)),
  select_scatter: (c) => written(c.t(0), c.t(1), (p) => p.select(c.at(2, "dim", 0), c.at(3, "index", 0))),
  slice: (c) => {
    const axis = c.at(1, "dim", 0);
    const cut = `${c.at(2, "start", "")}:${c.at(3, "end", "")}:${c.at(4, "step", 1)}`;
    return nabla.at(c.t(0), ...c.t(0).shape.map((_, i) => (i === axis ? cut : ":")));
  },
  slice_scatter: (c) => {
    const [axis, cut] = [c.at(2, "dim", 0), `${c.at(3, "start", "")}:${c.at(4, "end", "")}:${c.at(5, "step", 1)}`];
    return written(c.t(0), c.t(1), (p) => nabla.at(p, ...p.shape.map((_, i) => (i === (axis + p.rank) % p.rank ? cut : ":"))));
  },
  diagonal: (c) => diagonalOf(c, 1),
  diagonal_scatter: (c) =>
    written(c.t(0), c.t(1), (p) => nabla.diagonal(p, c.at(2, "offset", 0), [c.at(3, "dim1", 0), c.at(4, "dim2", 1)])),
  diag: (c) => nabla.diag(c.t(0), c.at(1, "diagonal", 0)),
  diag_embed: (c) => {
    const y = nabla.diagEmbed(c.t(0), c.at(1, "offset", 0));
    const [a, b] = [c.at(2, "dim1", -2), c.at(3, "dim2", -1)].map((i) => (i + y.rank) % y.rank) as [number, number];
    const order = y.shape.map((_, i) => i).slice(0, -2);
    for (const [to, from] of [[a, y.rank - 2] as const, [b, y.rank - 1] as const].sort((p, q) => p[0] - q[0])) order.splice(to, 0, from);
    return y.transpose(order);
  },
  diagflat: (c) => nabla.diagEmbed(c.t(0).flatten(), c.at(1, "offset", 0)),
  trace: x0((x) => nabla.trace(x)),
  tril: triangle(nabla.tril),
  triu: triangle(nabla.triu),
  tril_indices: (c) => nabla.trilIndices(c.at(0, "row", 0), c.at(1, "col", 0), c.at(2, "offset", 0)),
  triu_indices: (c) => nabla.triuIndices(c.at(0, "row", 0), c.at(1, "col", 0), c.at(2, "offset", 0)),
  unfold: (c) => nabla.slidingWindows(c.t(0), c.at(1, "dimension", 0), c.at(2, "size", 1), c.at(3, "step", 1)),
  constant_pad_nd: (c) => nabla.pad(c.t(0), widths(c.t(0), c.at<number[]>(1, "pad", [])), "constant", c.at(2, "value", 0)),
  "nn.functional.pad.constant": padded("constant"),
  "nn.functional.pad.reflect": padded("reflect"),
  "nn.functional.pad.replicate": padded("replicate"),
  "nn.functional.pad.circular": padded("circular"),
  "nn.functional.one_hot": (c) => c.t(0).oneHot(c.at(1, "num_classes", 0), "i32"),
  // ---- indexing
  __getitem__: (c) => nabla.at(c.t(0), ...keys(c.at<unknown>(1, "key", null))),
  index_put: (c) => nabla.indexPut(c.t(0), keys(c.at<unknown>(1, "indices", [])), c.t(2), { accumulate: c.at(3, "accumulate", false) }),
  gather: (c) => nabla.gather(c.t(0), c.at(1, "dim", 0), c.t(2)),
  take: (c) => nabla.take(c.t(0), c.t(1)),
  take_along_dim: (c) => {
    const axis = c.at<number | undefined>(2, "dim", undefined);
    return nabla.takeAlongAxis(c.t(0), c.t(1), axis);
  },
  put: (c) => nabla.put(c.t(0), c.t(1), c.t(2), { accumulate: c.at(3, "accumulate", false) }),
  scatter: (c) => nabla.scatter(c.t(0), c.at(1, "dim", 0), c.t(2), c.at<Tensor | number>(3, "src", 0)),
  scatter_add: (c) => nabla.scatterAdd(c.t(0), c.at(1, "dim", 0), c.t(2), c.t(3)),
  index_select: (c) => nabla.indexSelect(c.t(0), c.at(1, "dim", 0), c.t(2)),
  index_add: (c) => nabla.indexAdd(c.t(0), c.at(1, "dim", 0), c.t(2), c.t(3).mul(c.named("alpha", 1))),
  index_copy: (c) => nabla.indexCopy(c.t(0), c.at(1, "dim", 0), c.t(2), c.t(3)),
  index_fill: (c) => nabla.indexFill(c.t(0), c.at(1, "dim", 0), c.t(2), c.at<number | Tensor>(3, "value", 0)),
  masked_select: (c) => nabla.maskedSelect(c.t(0), c.t(1)),
  masked_scatter: (c) => nabla.maskedScatter(c.t(0), c.t(1), c.t(2)),
  nonzero: (c) => {
    const found = nabla.nonzero(c.t(0).rank === 0 && c.named("as_tuple", false) ? c.t(0).reshape([1]) : c.t(0));
    return c.named("as_tuple", false) ? Array.from({ length: found.shape[1]! }, (_, i) => found.select(1, i)) : found;
  },
  argwhere: x0(nabla.nonzero),
  "nn.functional.embedding": (c) => {
    if (c.named<number | undefined>("max_norm", undefined) !== undefined) throw new Uncovered("max_norm");
    const paddingIndex = c.named<number | undefined>("padding_idx", undefined);
    return F.embedding(c.t(1), c.t(0), paddingIndex === undefined ? {} : { paddingIndex });
  },
};

/** -1 is the size that is there. */
function expanded(x: Tensor, to: readonly number[]): number[] {
  const lead = to.length - x.rank;
  return to.map((d, i) => (d === -1 ? x.shape[i - lead]! : d));
}
