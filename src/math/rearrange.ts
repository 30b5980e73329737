/**
 * @file Rearrangement: rolling, tiling, triangles, diagonals, padding, pieces. All are movement, so nothing is computed and derivatives move back.
 */
import {
  anyNumber,
  check,
  checkFields,
  checkOptions,
  eachAxis,
  either,
  expectation,
  listOf,
  naturalNumber,
  oneOf,
  positiveInteger,
} from "../base/check.ts";
import { checkIntegers, checkShape, formatShape, isAxisOfScalar, normalizeAxis, type Shape } from "../base/shape.ts";

import { checkTensorList, checkTensors } from "../ops/check.ts";
import { arange, concatenate, full, tensor } from "../ops/create.ts";
import { elementsOf, Tensor } from "../ops/tensor.ts";
import { LINSPACE, MESHGRID } from "./options.ts";

/** Elements moved on by `shifts` along `axes`; what leaves at the end comes in at the front. */
export function roll(x: Tensor, shifts: number | readonly number[], axes: number | readonly number[] = 0): Tensor {
  checkTensors("roll", { x });
  check("roll: shifts", shifts, eachAxis);
  check("roll: axes", axes, eachAxis);
  const [by, along] = [shifts, axes].map((v) => (typeof v === "number" ? [v] : v)) as [readonly number[], readonly number[]];
  if (by.length !== along.length) throw new RangeError(`roll: ${by.length} shifts for ${along.length} axes; want one each`);
  return along.reduce((y, axis, i) => {
    const at = normalizeAxis(axis, x.rank, "roll");
    const n = x.shape[at]!;
    const cut = n === 0 ? 0 : ((-by[i]! % n) + n) % n;
    return cut === 0 ? y : y.narrow(at, cut, n - cut).concat([y.narrow(at, 0, cut)], at);
  }, x);
}

/** The whole tensor repeated along each axis; missing counts in front are 1 (NumPy's tile). */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  checkTensors("tile", { x });
  check("tile: counts", counts, listOf(naturalNumber));
  const rank = Math.max(x.rank, counts.length);
  const reps = [...new Array<number>(rank - counts.length).fill(1), ...counts];
  const shape = [...new Array<number>(rank - x.rank).fill(1), ...x.shape];
  const wide = x.reshape(shape.flatMap((d) => [1, d])).broadcastTo(shape.flatMap((d, i) => [reps[i]!, d]));
  return wide.reshape(shape.map((d, i) => d * reps[i]!));
}

/**
 * Each element repeated in place along an axis: `count` times, or as often as a list (or a tensor that has a value already) says for each element, since
 * the counts decide the result's shape.
 */
export function repeatInterleave(x: Tensor, count: number | readonly number[] | Tensor, axis: number): Tensor {
  checkTensors("repeatInterleave", { x });
  if (isAxisOfScalar(axis, x.rank)) return repeatInterleave(x.reshape([1]), count, 0);
  const at = normalizeAxis(axis, x.rank, "repeatInterleave");
  if (typeof count !== "number") return x.take(tensor(Int32Array.from(repeated(count, x.shape[at]!))), at);
  check("repeatInterleave: count", count, naturalNumber);
  const shape = x.shape.toSpliced(at + 1, 0, count);
  return x.expandAlong([at + 1], shape).reshape(x.shape.with(at, x.shape[at]! * count));
}

/** Each of n positions as often as its count says; one count is for all. */
function repeated(counts: readonly number[] | Tensor, n: number): number[] {
  const list = counts instanceof Tensor ? Array.from(elementsOf(counts)) : counts;
  check("repeatInterleave: count", list, listOf(naturalNumber));
  if (list.length !== n && list.length !== 1)
    throw new RangeError(`repeatInterleave: want ${n} counts, one for each element along the axis, got ${list.length}`);
  return Array.from({ length: n }, (_, i) => new Array<number>(list[list.length === 1 ? 0 : i]!).fill(i)).flat();
}

/** Where column - row of the last two axes is at most (or at least) k. */
function triangle(x: Tensor, keep: (offset: Tensor) => Tensor): Tensor {
  if (x.rank < 2) throw new RangeError(`tril and triu want a matrix, got ${formatShape(x.shape)}`);
  return keep(x.iotaLike(-1).sub(x.iotaLike(-2))).where(x, x.like(0));
}

/** The lower triangle of matrices, up to diagonal k; zeros above. */
export function tril(x: Tensor, k = 0): Tensor {
  checkTensors("tril", { x });
  return triangle(x, (offset) => offset.le(k));
}

/** The upper triangle of matrices, from diagonal k on; zeros below. */
export function triu(x: Tensor, k = 0): Tensor {
  checkTensors("triu", { x });
  return triangle(x, (offset) => offset.ge(k));
}

/** The elements with column - row = offset of two axes (default the last two), as a new last axis. */
export function diagonal(x: Tensor, offset = 0, axes: readonly [number, number] = [-2, -1]): Tensor {
  checkTensors("diagonal", { x });
  checkIntegers("diagonal: axes", axes);
  const [a, b] = axes.map((axis) => normalizeAxis(axis, x.rank, "diagonal")) as [number, number];
  const rest = x.shape.map((_, i) => i).filter((i) => i !== a && i !== b);
  const [rows, columns] = [x.shape[a]!, x.shape[b]!];
  const n = Math.max(0, offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns));
  const flat = x.transpose([...rest, a, b]).reshape([...rest.map((i) => x.shape[i]!), rows * columns]);
  const lead = rest.map(() => 0);
  const start = n === 0 ? 0 : offset >= 0 ? offset : -offset * columns;
  const stop = n === 0 ? 0 : start + (n - 1) * (columns + 1) + 1;
  return flat.slice([...lead, start], [...flat.shape.slice(0, -1), stop], [...lead.map(() => 1), columns + 1]);
}

/** Square matrices with the last axis of x on a diagonal: the transpose of {@link diagonal}. */
export function diagEmbed(x: Tensor, offset = 0): Tensor {
  checkTensors("diagEmbed", { x });
  const lead = x.shape.slice(0, -1);
  const n = x.shape.at(-1)!;
  const none = lead.map(() => 0);
  const [down, right] = [Math.max(0, -offset), Math.max(0, offset)];
  // n zeros between neighbours put them on the diagonal of a row-major square.
  const flat = n === 0 ? x : x.pad([...none, 0], [...none, 0], [...none, n]);
  return flat.reshape([...lead, n, n]).pad([...none, down, right], [...none, right, down]);
}

/** A square matrix with the vector x on a diagonal; of a matrix, its diagonal. */
export function diag(x: Tensor, offset = 0): Tensor {
  checkTensors("diag", { x });
  if (x.rank === 1) return diagEmbed(x, offset);
  if (x.rank === 2) return diagonal(x, offset);
  throw new RangeError(`diag: want a vector or a matrix, got ${formatShape(x.shape)}; use diagonal or diagEmbed`);
}

/** The sum of a diagonal of the last two axes. */
export function trace(x: Tensor, offset = 0): Tensor {
  checkTensors("trace", { x });
  return diagonal(x, offset).sum(-1);
}

/** The matrix turned by k quarter turns from the first axis toward the second. */
export function rot90(x: Tensor, k = 1, axes: readonly [number, number] = [0, 1]): Tensor {
  checkTensors("rot90", { x });
  checkIntegers("rot90: axes", axes);
  const [a, b] = axes.map((axis) => normalizeAxis(axis, x.rank, "rot90")) as [number, number];
  if (a === b) throw new RangeError(`rot90: axes ${formatShape(axes)} are one and the same; a turn takes two`);
  const turns = ((k % 4) + 4) % 4;
  if (turns === 0) return x;
  if (turns === 2) return x.flip([a, b]);
  const order = x.shape.map((_, i) => (i === a ? b : i === b ? a : i));
  return turns === 1 ? x.flip(b).transpose(order) : x.transpose(order).flip(b);
}

/** What is beyond the edge: a number, the mirror image without the edge, the edge, or the other side. */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

const MODES = ["constant", "reflect", "replicate", "circular"] as const;
const pairsOfWidths = expectation(
  "a list of pairs, such as [[1, 1], [2, 2]]",
  (value) => Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(Number.isSafeInteger)),
);

/**
 * More elements before and after along each axis: `widths` has a pair per axis (missing ones in front are none). Negative widths remove
 * elements. New ones are `value`, or continue the tensor: mirrored without the edge (reflect), the edge again (replicate), from the other end
 * (circular).
 */
export function pad(x: Tensor, widths: readonly (readonly [number, number])[], mode: PadMode = "constant", value = 0): Tensor {
  checkTensors("pad", { x });
  check("pad: widths", widths, pairsOfWidths);
  check("pad: mode", mode, oneOf(...MODES));
  check("pad: value", value, anyNumber);
  if (widths.length > x.rank) throw new RangeError(`pad: ${widths.length} pairs of widths for ${formatShape(x.shape)}`);
  const lead = x.rank - widths.length;
  return widths.reduce((y, [before, after], i) => padAxis(y, lead + i, before, after, mode, value), x);
}

function padAxis(x: Tensor, axis: number, before: number, after: number, mode: PadMode, value: number): Tensor {
  const n = x.shape[axis]! + Math.min(0, before) + Math.min(0, after);
  if (n < 0) throw new RangeError(`pad: ${before} and ${after} remove more than the ${x.shape[axis]} elements of axis ${axis}`);
  const kept = x.narrow(axis, Math.max(0, -before), n);
  const parts = [piece(kept, axis, before, "before", mode, value), [kept], piece(kept, axis, after, "after", mode, value)].flat();
  return concatenate(parts, axis);
}

/** What stands before or after x along an axis, `width` elements of it. */
function piece(x: Tensor, axis: number, width: number, side: "before" | "after", mode: PadMode, value: number): Tensor[] {
  if (width <= 0) return [];
  const n = x.shape[axis]!;
  const most = { constant: Number.POSITIVE_INFINITY, replicate: n > 0 ? Number.POSITIVE_INFINITY : 0, reflect: n - 1, circular: n }[mode];
  if (width > most) throw new RangeError(`pad: mode ${mode} can add at most ${most} to ${n} elements, got ${width}`);
  const first = side === "before";
  if (mode === "constant") return [x.constantOf({ shape: x.shape.with(axis, width), dtype: x.dtype }, value)];
  if (mode === "replicate") return [x.narrow(axis, first ? 0 : n - 1, 1).broadcastTo(x.shape.with(axis, width))];
  if (mode === "circular") return [x.narrow(axis, first ? n - width : 0, width)];
  return [x.narrow(axis, first ? 1 : n - 1 - width, width).flip(axis)];
}

/** Pieces along an axis, of the given sizes, or of one size (the last may be shorter). */
export function splitAt(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  checkTensors("splitAt", { x });
  check("splitAt: sizes", sizes, either(positiveInteger, listOf(naturalNumber)));
  const at = normalizeAxis(axis, x.rank, "splitAt");
  const n = x.shape[at]!;
  const list = typeof sizes === "number" ? pieces(n, sizes) : sizes;
  if (list.reduce((a, b) => a + b, 0) !== n) throw new RangeError(`splitAt: sizes ${formatShape(list)} do not add up to ${n}`);
  let start = 0;
  return list.map((size) => {
    start += size;
    return x.narrow(at, start - size, size);
  });
}

function pieces(n: number, size: number): number[] {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`splitAt: want a size of at least 1, got ${size}`);
  return Array.from({ length: Math.max(1, Math.ceil(n / size)) }, (_, i) => Math.min(size, n - i * size));
}

/** At most `count` pieces of one size along an axis; the last may be shorter. */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  checkTensors("chunk", { x });
  const n = x.shape[normalizeAxis(axis, x.rank, "chunk")]!;
  return splitAt(x, Math.max(1, Math.ceil(n / count)), axis);
}

/**
 * The elements of each of several vectors, spread over a grid: result i varies along axis i ("ij", the default), or the first along axis 1 and the
 * second along axis 0 ("xy").
 */
export function meshgrid(vectors: readonly Tensor[], options: { readonly indexing?: "ij" | "xy" } = {}): Tensor[] {
  checkTensorList("meshgrid: vectors", vectors);
  checkOptions("meshgrid", options, MESHGRID);
  const { indexing = "ij" } = options;
  const axis = (i: number): number => (indexing === "xy" && i < 2 && vectors.length > 1 ? 1 - i : i);
  const shape: Shape = vectors.map((_, i) => vectors[axis(i)]!.size);
  return vectors.map((v, i) => v.flatten().broadcastInDim(shape, [axis(i)]));
}

/** Windows of `size` elements along an axis, every `step`; a new last axis holds their elements (PyTorch's Tensor.unfold). */
export function slidingWindows(x: Tensor, axis: number, size: number, step = 1): Tensor {
  checkTensors("slidingWindows", { x });
  if (isAxisOfScalar(axis, x.rank)) return x.unsqueeze(0).windows([size], [step]).squeeze(0);
  const at = normalizeAxis(axis, x.rank, "slidingWindows");
  return x
    .moveAxis(at, x.rank - 1)
    .windows([size], [step])
    .moveAxis(x.rank - 1, at);
}

/** n numbers from `start` to `end`, both included. Default f32. */
export function linspace(start: number, end: number, n: number, options: { readonly dtype?: "f32" | "f64" } = {}): Tensor {
  checkOptions("linspace", options, LINSPACE);
  checkFields("linspace", { start, end }, { start: anyNumber, end: anyNumber });
  checkShape([n], "linspace");
  const { dtype = "f32" } = options;
  if (n <= 1) return full([n], start, dtype);
  // From whichever end is nearer, so that both are exact and equal ends give equal numbers.
  const i = arange(n, dtype);
  const step = (end - start) / (n - 1);
  const fromEnd = i
    .sub(n - 1)
    .mul(step)
    .add(end);
  return i.lt(n / 2).where(i.mul(step).add(start), fromEnd);
}

/** Tensors side by side: scalars and vectors as columns, others joined along axis 1 (NumPy's and PyTorch's column_stack). */
export function columns(tensors: readonly Tensor[]): Tensor {
  checkTensorList("columns", tensors);
  return concatenate(
    tensors.map((x) => (x.rank < 2 ? x.reshape([x.size, 1]) : x)),
    1,
  );
}
