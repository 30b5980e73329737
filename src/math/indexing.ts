/**
 * @file Reading and writing by computed index, in PyTorch's vocabulary. All rest on two linear primitives: gather and its transpose, scatter-add.
 */

import { checkOptions } from "../base/check.ts";
import { wide } from "../base/dtype.ts";
import { formatShape, isAxisOfScalar, normalizeAxis, type Shape } from "../base/shape.ts";
import { tensor } from "../ops/create.ts";
import { scatterAdd as scatterAddOp } from "../ops/indexing.ts";
import { elementsOf, fromEnd, type Tensor, type TensorLike } from "../ops/tensor.ts";
import { EMBEDDING } from "./options.ts";

/** The part of x that indices of a shape speak of: along other axes than `axis` they may be shorter. */
function within(name: string, x: Tensor, shape: Shape, axis: number): Tensor {
  if (shape.length !== x.rank || shape.some((d, i) => i !== axis && d > x.shape[i]!)) {
    throw new RangeError(`${name}: indices ${formatShape(shape)} do not fit ${formatShape(x.shape)} beside axis ${axis}`);
  }
  return x.slice(
    shape.map(() => 0),
    x.shape.map((d, i) => (i === axis ? d : shape[i]!)),
  );
}

/** y[..., i, ...] = x[..., index[..., i, ...], ...] along an axis, negative indices from the end; along the others the indices may be fewer than the elements. */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  const at = normalizeAxis(axis, x.rank, "gather");
  return within("gather", x, index.shape, at).takeAlong(index, at);
}

/** The transpose of {@link gather} into zeros of `shape`. */
function spread(src: Tensor, axis: number, index: Tensor, shape: Shape): Tensor {
  const last = index.rank - 1;
  const [ct, at] = [src, index].map((t) => t.moveAxis(axis, last)) as [Tensor, Tensor];
  const rows = ct.bind(scatterAddOp, [ct, at], { batch: last, size: shape[axis]! }).moveAxis(last, axis);
  return rows.pad(
    shape.map(() => 0),
    shape.map((d, i) => d - rows.shape[i]!),
  );
}

/**
 * x with src[..., i, ...] added at [..., index[..., i, ...], ...] along an axis. Negative indices count from the end. What is out of range is an error
 * if its value is known, and within a program left out.
 */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, src: Tensor): Tensor {
  const at = normalizeAxis(axis, x.rank, "scatterAdd");
  within("scatterAdd", x, index.shape, at);
  const places = fromEnd("scatterAdd", index, x.shape[at]!);
  return x.add(spread(within("scatterAdd", src, index.shape, -1).cast(x.dtype), at, places, x.shape));
}

/** x with src[..., i, ...] put at [..., index[..., i, ...], ...] along an axis. Where several are put, the last stays. */
export function scatter(x: Tensor, axis: number, index: Tensor, src: TensorLike): Tensor {
  const at = normalizeAxis(axis, x.rank, "scatter");
  within("scatter", x, index.shape, at);
  const values = typeof src === "number" ? x.constantOf({ shape: index.shape, dtype: x.dtype }, src) : x.operand(src).cast(x.dtype);
  const own = within("scatter", values, index.shape, -1);
  const places = fromEnd("scatter", index, x.shape[at]!);
  const stays = isLast(places, at);
  const hit = spread(stays.cast("i32"), at, places, x.shape).gt(0);
  const put = spread(stays.where(own, own.like(0)).cast(wide(x.dtype)), at, places, x.shape).cast(x.dtype);
  return hit.where(put, x);
}

/** Whether no later position along an axis holds the same index. */
function isLast(index: Tensor, axis: number): Tensor {
  const rows = index.moveAxis(axis, index.rank - 1);
  const last = rows.rank - 1;
  const pairs = [...rows.shape, rows.shape[last]!]; // [..., i, j]
  const positions = rows.iotaLike(last);
  const later = positions.expandAlong([last], pairs).gt(positions.expandAlong([last + 1], pairs));
  const same = rows.expandAlong([last], pairs).eq(rows.expandAlong([last + 1], pairs));
  return later
    .and(same)
    .any(last + 1)
    .not()
    .moveAxis(last, axis);
}

/** Slices of x along an axis at a list of indices. */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  if (index.rank > 1) throw new RangeError(`indexSelect: want a list of indices, got ${formatShape(index.shape)}; use take`);
  if (isAxisOfScalar(axis, x.rank)) return x.unsqueeze(0).take(index.flatten(), 0).squeeze(0);
  return x.take(index.flatten(), axis);
}

/** x with slices of src added at a list of indices along an axis. */
export function indexAdd(x: Tensor, axis: number, index: Tensor, src: Tensor): Tensor {
  const at = normalizeAxis(axis, x.rank, "indexAdd");
  const rows = src.cast(x.dtype).moveAxis(at, 0);
  const places = fromEnd("indexAdd", index, x.shape[at]!);
  return x.add(rows.bind(scatterAddOp, [rows, places], { batch: 0, size: x.shape[at]! }).moveAxis(0, at));
}

/**
 * Indices whose values are known already must be from 0 to count - 1, or `ignored`. Those of a program's arguments are not known while it is
 * recorded; what is outside gives NaN there.
 */
export function checkIndices(what: string, index: Tensor, count: number, ignored?: number): void {
  if (!index.isComputed) return;
  const values = elementsOf(index);
  const at = values.findIndex((i) => !(i >= 0 && i < count) && i !== ignored);
  if (at >= 0) throw new RangeError(`${what} ${values[at]} at position ${at} is out of range; there are ${count}, from 0 to ${count - 1}`);
}

/** Rows of a table at integer indices of any shape. The row `paddingIndex` gets no derivative. */
export function embedding(index: Tensor, table: Tensor, options: { readonly paddingIndex?: number } = {}): Tensor {
  checkOptions("embedding", options, EMBEDDING);
  const { paddingIndex } = options;
  checkIndices("embedding: index", index, table.shape[0]!);
  const rows = table.takeInside(index, 0);
  if (paddingIndex === undefined) return rows;
  const at = paddingIndex < 0 ? paddingIndex + table.shape[0]! : paddingIndex;
  return index
    .eq(at)
    .expandAlong([rows.rank - 1], rows.shape)
    .where(rows.stopGradient(), rows);
}

/** x with `value` where the mask holds. */
export function maskedFill(x: Tensor, mask: Tensor, value: TensorLike): Tensor {
  return mask.where(typeof value === "number" ? x.operand(value).cast(x.dtype) : value, x);
}

/** Positions (i32) at which a computed bool tensor holds, row-major. How many there are is data, so the mask is read here and now. */
function positionsOf(mask: Tensor): Tensor {
  const found: number[] = [];
  elementsOf(mask).forEach((on, i) => {
    if (on) found.push(i);
  });
  return tensor(Int32Array.from(found));
}

/** The elements of x where the mask holds, in a list. The mask must have a value already: its content decides the result's shape. */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  return x.broadcastTo(mask.shape).flatten().take(positionsOf(mask));
}

/** The indices at which x is nonzero, [count, rank]. x must have a value already: its content decides the result's shape. */
export function nonzero(x: Tensor): Tensor {
  const flat = positionsOf(x.ne(x.like(0)));
  const columns = x.shape.map((d, i) => {
    const inner = x.shape.slice(i + 1).reduce((n, s) => n * s, 1);
    return flat.div(inner).rem(d).unsqueeze(1);
  });
  return columns.length ? columns[0]!.concat(columns.slice(1), 1) : flat.like(0).reshape([flat.size, 1]).narrow(1, 0, 0);
}
