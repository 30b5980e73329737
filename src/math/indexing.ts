/**
 * @file Reading and writing by computed index, in PyTorch's vocabulary. All rest on three linear primitives: gather, its transpose scatter-add, and put.
 */

import { check, checkOptions, oneOf } from "../base/check.ts";
import { type Dtype, isFloat, wide } from "../base/dtype.ts";
import { broadcastShapes, formatShape, isAxisOfScalar, normalizeAxis, type Shape, sameShape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { tensor } from "../ops/create.ts";
import { addRows } from "../ops/indexing.ts";
import { put as putOp } from "../ops/places.ts";
import { elementsOf, fromEnd, type Tensor, type TensorLike } from "../ops/tensor.ts";
import { EMBEDDING, PUT, SCATTER_REDUCE_OPTIONS } from "./options.ts";

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
  checkTensors("gather", { x, index });
  if (isAxisOfScalar(axis, x.rank)) return gather(x.unsqueeze(0), 0, index.rank === 0 ? index.unsqueeze(0) : index).reshape(index.shape);
  const at = normalizeAxis(axis, x.rank, "gather");
  return within("gather", x, index.shape, at).takeAlong(index, at);
}

/** Runs on the part of x that indices of a shape speak of, with the axis last; the rest of x stays. */
function onPart(name: string, x: Tensor, axis: number, index: Tensor, run: (part: Tensor, index: Tensor) => Tensor): Tensor {
  const part = within(name, x, index.shape, axis);
  const last = x.rank - 1;
  const y = run(part.moveAxis(axis, last), fromEnd(name, index, x.shape[axis]!).moveAxis(axis, last)).moveAxis(last, axis);
  if (sameShape(y.shape, x.shape)) return y;
  const grown = y.pad(
    x.shape.map(() => 0),
    x.shape.map((d, i) => d - y.shape[i]!),
  );
  const changed = y.shape.map((d, i) => x.iotaLike(i).lt(d)).reduce((a, b) => a.and(b));
  return changed.where(grown, x);
}

/** The elements of src at the positions of the indices, in the dtype of x. */
function sourceOf(name: string, x: Tensor, index: Tensor, src: TensorLike): Tensor {
  if (typeof src === "number") return x.constantOf({ shape: index.shape, dtype: x.dtype }, src);
  const given = x.operand(src).cast(x.dtype);
  return given.rank === 0 ? given.broadcastTo(index.shape) : within(name, given, index.shape, -1);
}

/** A function of an axis, for scalars too: those are lists of one element. */
function alongAxis(
  name: string,
  x: Tensor,
  axis: number,
  tensors: readonly TensorLike[],
  run: (x: Tensor, at: number, others: Tensor[]) => Tensor,
) {
  const others = tensors.map((t) => x.operand(t));
  if (!isAxisOfScalar(axis, x.rank)) return run(x, normalizeAxis(axis, x.rank, name), others);
  return run(
    x.unsqueeze(0),
    0,
    others.map((t) => (t.rank === 0 ? t.unsqueeze(0) : t)),
  ).squeeze(0);
}

/**
 * x with src[..., i, ...] added at [..., index[..., i, ...], ...] along an axis. Negative indices count from the end. What is out of range is an error
 * if its value is known, and within a program left out.
 */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, src: TensorLike): Tensor {
  checkTensors("scatterAdd", { x, index });
  return scatterReduce(x, axis, index, src, "sum");
}

/** x with src[..., i, ...] put at [..., index[..., i, ...], ...] along an axis. Where several are put, the last stays. Indices as for {@link scatterAdd}. */
export function scatter(x: Tensor, axis: number, index: Tensor, src: TensorLike): Tensor {
  checkTensors("scatter", { x, index });
  return alongAxis("scatter", x, axis, [index], (y, at, [places]) => {
    const values = sourceOf("scatter", y, places!, src).moveAxis(at, y.rank - 1);
    return onPart("scatter", y, at, places!, (part, own) => part.bind(putOp, [part, own, values], { batch: part.rank - 1 }));
  });
}

/** Slices of x along an axis at a list of indices. */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  checkTensors("indexSelect", { x, index });
  if (index.rank > 1) throw new RangeError(`indexSelect: want a list of indices, got ${formatShape(index.shape)}; use take`);
  if (isAxisOfScalar(axis, x.rank)) return x.unsqueeze(0).take(index.flatten(), 0).squeeze(0);
  return x.take(index.flatten(), axis);
}

/** Runs on x with an axis in front, for a list of indices along it and slices of src (or one number for all). */
function onSlices(
  name: string,
  x: Tensor,
  axis: number,
  index: Tensor,
  src: TensorLike,
  run: (x: Tensor, index: Tensor, rows: Tensor) => Tensor,
): Tensor {
  if (index.rank > 1) throw new RangeError(`${name}: want a list of indices, got ${formatShape(index.shape)}`);
  return alongAxis(name, x, axis, [index.flatten(), src], (y, at, [list, given]) => {
    const shape = y.shape.with(at, list!.size);
    const slices = given!.rank === 0 ? given!.broadcastTo(shape) : given!;
    if (!sameShape(slices.shape, shape))
      throw new RangeError(`${name}: want slices ${formatShape(shape)} for ${list!.size} indices, got ${formatShape(slices.shape)}`);
    const places = fromEnd(name, list!, y.shape[at]!);
    return run(y.moveAxis(at, 0), places, slices.cast(y.dtype).moveAxis(at, 0)).moveAxis(0, at);
  });
}

/** x with slices of src added at a list of indices along an axis. Indices as for {@link scatterAdd}. */
export function indexAdd(x: Tensor, axis: number, index: Tensor, src: TensorLike): Tensor {
  checkTensors("indexAdd", { x, index });
  return onSlices("indexAdd", x, axis, index, src, (y, places, rows) => {
    const sums = addRows(rows.cast(wide(rows.dtype)), places, { batch: 0, size: y.shape[0]! });
    return y.add(sums).cast(y.dtype);
  });
}

/** x with slices of src put at a list of indices along an axis; of several at one place the last stays. Indices as for {@link scatterAdd}. */
export function indexCopy(x: Tensor, axis: number, index: Tensor, src: TensorLike): Tensor {
  checkTensors("indexCopy", { x, index });
  return onSlices("indexCopy", x, axis, index, src, copied);
}

const copied = (x: Tensor, places: Tensor, rows: Tensor): Tensor => x.bind(putOp, [x, places, rows], { batch: 0 });

/** x with one number in the slices at a list of indices along an axis. Indices as for {@link scatterAdd}. */
export function indexFill(x: Tensor, axis: number, index: Tensor, value: TensorLike): Tensor {
  checkTensors("indexFill", { x, index });
  const one = typeof value === "number" ? x.constantOf({ shape: [], dtype: x.dtype }, value) : x.operand(value);
  if (one.rank > 0) throw new RangeError(`indexFill: want one number, got ${formatShape(one.shape)}; use indexCopy`);
  return onSlices("indexFill", x, axis, index, one, copied);
}

/** How {@link scatterReduce} puts together what goes to one place. */
export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";

export interface ScatterReduceOptions {
  /** Whether the element of x at a place counts. Default true. */
  readonly includeSelf?: boolean;
}

/**
 * x with src[..., i, ...] put together at [..., index[..., i, ...], ...] along an axis: the sum, product, mean (of integers rounded down), largest or
 * smallest of what goes to one place. Places without an index keep x; ties of amax and amin share the derivative. Indices as for {@link scatterAdd}.
 */
export function scatterReduce(
  x: Tensor,
  axis: number,
  index: Tensor,
  src: TensorLike,
  reduce: ScatterReduction,
  options: ScatterReduceOptions = {},
): Tensor {
  checkOptions("scatterReduce", options, SCATTER_REDUCE_OPTIONS);
  check("scatterReduce: reduce", reduce, oneOf("sum", "prod", "mean", "amax", "amin"));
  const { includeSelf = true } = options;
  const name = reduce === "sum" && includeSelf ? "scatterAdd" : "scatterReduce";
  return alongAxis(name, x, axis, [index], (y, at, [places]) => {
    const values = sourceOf(name, y, places!, src).moveAxis(at, y.rank - 1);
    return onPart(name, y, at, places!, (part, own) => reduced(part, own, values, reduce, includeSelf));
  });
}

/** {@link scatterReduce} along the last axis: x [..., R], index and values [..., n]. */
function reduced(x: Tensor, index: Tensor, values: Tensor, reduce: ScatterReduction, includeSelf: boolean): Tensor {
  const batch = x.rank - 1;
  const params = { batch, size: x.shape[batch]! };
  const sums = (of: Tensor): Tensor => addRows(of.cast(wide(of.dtype)), index, params);
  if (reduce === "sum" && includeSelf) return x.add(sums(values)).cast(x.dtype);
  const counts = sums(index.like(1).cast("i32"));
  const hit = counts.gt(0);
  if (reduce === "sum" || reduce === "mean") {
    const total = includeSelf ? x.add(sums(values)) : sums(values);
    const y = reduce === "sum" ? total : quotient(total, counts.add(includeSelf ? 1 : 0).maximum(1));
    return hit.where(y, x).cast(x.dtype);
  }
  // Every pair of a place and an index, and the element of x itself.
  const pairs = [...x.shape, index.shape[batch]!];
  const mine = index.expandAlong([batch], pairs).eq(x.iotaLike(batch).expandAlong([batch + 1], pairs));
  const neutral = reduce === "prod" ? 1 : extreme(x.dtype, reduce === "amax" ? -1 : 1);
  const terms = mine.where(values.expandAlong([batch], pairs), values.constantOf({ shape: [], dtype: x.dtype }, neutral));
  const all = includeSelf ? terms.concat([x.unsqueeze(-1)], -1) : terms;
  const y = reduce === "prod" ? all.prod(-1) : reduce === "amax" ? all.max(-1) : all.min(-1);
  return hit.where(y.cast(x.dtype), x);
}

/** x/n, of integers rounded down. */
function quotient(x: Tensor, n: Tensor): Tensor {
  if (isFloat(x.dtype)) return x.div(n);
  const y = x.div(n);
  return y.mul(n).gt(x).where(y.sub(1), y);
}

/** What no element of a dtype is above (1) or below (-1). */
export function extreme(dtype: Dtype, side: 1 | -1): number {
  if (isFloat(dtype)) return side * Number.POSITIVE_INFINITY;
  if (dtype === "i32") return side > 0 ? 2 ** 31 - 1 : -(2 ** 31);
  return side < 0 ? 0 : { u32: 2 ** 32 - 1, u8: 255, bool: 1 }[dtype as "u32" | "u8" | "bool"];
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
  checkTensors("embedding", { index, table });
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
  checkTensors("maskedFill", { x, mask });
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

/** The elements of x where the mask holds, in a list; shapes broadcast. The mask must have a value already: its content decides the result's shape. */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  checkTensors("maskedSelect", { x, mask });
  const shape = broadcastShapes(x.shape, mask.shape);
  if (!shape) throw new RangeError(`maskedSelect: x ${formatShape(x.shape)} and the mask ${formatShape(mask.shape)} do not broadcast`);
  const own = x.broadcastTo(shape).flatten();
  return own.take(positionsOf(sameShape(shape, mask.shape) ? mask : mask.broadcastTo(shape)));
}

/** x with the elements of src, in row-major order, where the mask holds; x and the mask broadcast. Where src is too short it is NaN (of integers 0). */
export function maskedScatter(given: Tensor, mask: Tensor, src: Tensor): Tensor {
  checkTensors("maskedScatter", { x: given, mask, src });
  const shape = broadcastShapes(given.shape, mask.shape);
  if (!shape) throw new RangeError(`maskedScatter: x ${formatShape(given.shape)} and the mask ${formatShape(mask.shape)} do not broadcast`);
  const x = given.broadcastTo(shape);
  const on = mask.broadcastTo(x.shape).flatten();
  if (mask.isComputed && x.size > 0) {
    const count = (elementsOf(mask).reduce as (add: (a: number, b: number) => number, start: number) => number)((a, b) => a + b, 0);
    const needed = (count * x.size) / mask.size;
    if (needed > src.size)
      throw new RangeError(`maskedScatter: the mask holds at ${needed} places, but there are ${src.size} elements to put there`);
  }
  const rank = on.cast("i32").cumsum(0).sub(1);
  return on.where(src.cast(x.dtype).flatten().takeInside(on.where(rank, 0), 0), x.flatten()).reshape(x.shape);
}

/** The indices at which x is nonzero, [count, rank]. x must have a value already: its content decides the result's shape. */
export function nonzero(x: Tensor): Tensor {
  checkTensors("nonzero", { x });
  const flat = positionsOf(x.ne(x.like(0)));
  const columns = x.shape.map((d, i) => {
    const inner = x.shape.slice(i + 1).reduce((n, s) => n * s, 1);
    return flat.div(inner).rem(d).unsqueeze(1);
  });
  return columns.length ? columns[0]!.concat(columns.slice(1), 1) : flat.like(0).reshape([flat.size, 1]).narrow(1, 0, 0);
}

/** Elements of x by their row-major positions, in the shape of the indices. Indices as for `Tensor.take`. */
export function take(x: Tensor, index: Tensor): Tensor {
  checkTensors("take", { x, index });
  return x.flatten().take(index);
}

/** x with src at row-major positions; of several at one position the last stays, or with `accumulate` all are added to x. */
export function put(x: Tensor, index: Tensor, src: TensorLike, options: { readonly accumulate?: boolean } = {}): Tensor {
  checkTensors("put", { x, index });
  checkOptions("put", options, PUT);
  const flat = index.flatten();
  const given = typeof src === "number" ? src : x.operand(src);
  const values = typeof given === "number" ? given : given.size === index.size ? given.flatten() : given.broadcastTo(index.shape).flatten();
  const write = options.accumulate ? indexAdd : indexCopy;
  return write(x.flatten(), 0, flat, values).reshape(x.shape);
}

/** x and indices with the axes beside `axis` stretched to one shape, or both flat without an axis. */
function stretched(name: string, x: Tensor, index: Tensor, axis: number | undefined): { x: Tensor; index: Tensor; at: number } {
  if (axis === undefined) return { x: x.flatten(), index: index.flatten(), at: 0 };
  const at = normalizeAxis(axis, x.rank, name);
  const lead = index.rank === x.rank ? broadcastShapes(x.shape.with(at, 1), index.shape.with(at, 1)) : null;
  if (!lead)
    throw new RangeError(`${name}: but for axis ${at}, indices ${formatShape(index.shape)} do not broadcast with ${formatShape(x.shape)}`);
  return { x: x.broadcastTo(lead.with(at, x.shape[at]!)), index: index.broadcastTo(lead.with(at, index.shape[at]!)), at };
}

/** {@link gather} as NumPy has it: beside the axis x and indices broadcast; without an axis both are flat. */
export function takeAlongAxis(x: Tensor, index: Tensor, axis?: number): Tensor {
  checkTensors("takeAlongAxis", { x, index });
  const whole = stretched("takeAlongAxis", x, index, axis);
  return whole.x.takeAlong(whole.index, whole.at);
}

/** {@link scatter} as NumPy has it: x with values at indices along an axis, which broadcast to x beside it; without an axis all are flat. */
export function putAlongAxis(x: Tensor, index: Tensor, values: TensorLike, axis?: number): Tensor {
  checkTensors("putAlongAxis", { x, index });
  const whole = stretched("putAlongAxis", x, index, axis);
  if (whole.x.size !== x.size)
    throw new RangeError(`putAlongAxis: indices ${formatShape(index.shape)} do not fit into ${formatShape(x.shape)}`);
  const src = typeof values === "number" ? values : x.operand(values).broadcastTo(index.shape).broadcastTo(whole.index.shape);
  return scatter(whole.x, whole.at, whole.index, axis === undefined && typeof src !== "number" ? src.flatten() : src).reshape(x.shape);
}
