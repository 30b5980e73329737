/**
 * @file Statistics and norms along axes. Stable at extremes; conventions at kinks are PyTorch's.
 */

import { check, checkOptions, eachAxis } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { isAxisOfScalar, normalizeAxes, normalizeAxis } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { floating } from "../ops/create.ts";
import type { AxesLike, Tensor } from "../ops/tensor.ts";
import { NORM_OPTIONS, QUANTILE_OPTIONS, REDUCE_OPTIONS, TOPK_OPTIONS } from "./options.ts";

export interface ReduceOptions {
  /** Keep reduced axes with size 1. Default false. */
  readonly keepDims?: boolean;
}

/** log Σ exp x over axes (default all); -∞ where all are -∞, or where there are none. */
export function logSumExp(x: Tensor, axes?: AxesLike, options: ReduceOptions = {}): Tensor {
  checkTensors("logSumExp", { x });
  checkOptions("logSumExp", options, REDUCE_OPTIONS);
  const { keepDims = false } = options;
  if (isEmptyAlong(x, axes)) return x.sum(axes, { keepDims }).log();
  const z = floating(x);
  const top = z.max(axes, { keepDims: true });
  // An infinite maximum is the result; with it taken out ∞ - ∞ would have no value.
  const endless = top.isInf();
  const shift = endless.where(0, top.stopGradient());
  const terms = endless.where(0, z.sub(shift)).exp();
  const y = endless.where(top, terms.sum(axes, { keepDims: true }).log().add(shift));
  return keepDims ? y : dropAxes(y, x, axes);
}

const isEmptyAlong = (x: Tensor, axes?: AxesLike): boolean => normalizeAxes(axes, x.rank, "reduction").some((axis) => x.shape[axis] === 0);

/** Without the reduced axes, which have size 1. */
function dropAxes(y: Tensor, x: Tensor, axes?: AxesLike): Tensor {
  const list = normalizeAxes(axes, x.rank, "reduction");
  return y.reshape(y.shape.filter((_, i) => !list.includes(i)));
}

export interface NormOptions extends ReduceOptions {
  /** Any order: 0 counts nonzeros, ±Infinity are the largest and smallest magnitude. Default 2. */
  readonly p?: number;
  /** Default all. */
  readonly axes?: AxesLike;
}

/** (Σ |x|ᵖ)^(1/p) over axes. Its derivative at the zero vector is 0. */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  checkTensors("norm", { x });
  checkOptions("norm", options, NORM_OPTIONS);
  const { p = 2, axes, keepDims = false } = options;
  if (Number.isNaN(p)) throw new RangeError("norm: the order p is NaN");
  if (!isFloat(x.dtype)) return norm(x.cast("f32"), { p, axes, keepDims });
  const size = x.abs();
  if (p === Number.POSITIVE_INFINITY) return size.max(axes, { keepDims });
  if (p === Number.NEGATIVE_INFINITY) return size.min(axes, { keepDims });
  if (p === 0) return size.ne(0).cast(x.dtype).sum(axes, { keepDims });
  if (p === 1 || (p > 0 && isEmptyAlong(x, axes))) return size.sum(axes, { keepDims });
  // The largest magnitude is taken out, so that no power overflows or vanishes.
  const top = size.max(axes, { keepDims: true }).stopGradient();
  const usable = top.gt(0).and(top.lt(Number.POSITIVE_INFINITY));
  const scale = usable.where(top, top.like(1));
  const unit = x.div(scale);
  const sum = p === 2 ? unit.mul(unit).sum(axes, { keepDims: true }) : unit.abs().pow(p).sum(axes, { keepDims: true });
  const zero = sum.eq(0);
  const root = p === 2 ? sum.sqrtOrFlat() : zero.where(sum.like(0), zero.where(sum.like(1), sum).pow(1 / p));
  const y = root.mul(scale);
  return keepDims ? y : dropAxes(y, x, axes);
}

/** What stands for a quantile between two elements: a point on the line, the lower, the higher, their middle, or the nearest of the two. */
export type Interpolation = "linear" | "lower" | "higher" | "midpoint" | "nearest";

/** Where a position among the sorted elements is moved to. */
const INTERPOLATIONS: Readonly<Record<Interpolation, (position: number) => number>> = {
  linear: (position: number) => position,
  lower: Math.floor,
  higher: Math.ceil,
  midpoint: (position: number) => (Math.floor(position) + Math.ceil(position)) / 2,
  // A half goes to the even one, as in NumPy and PyTorch.
  nearest: (position: number) => (position % 1 === 0.5 ? 2 * Math.round(position / 2) : Math.round(position)),
};

export interface QuantileOptions extends ReduceOptions {
  /** Default "linear". */
  readonly interpolation?: Interpolation;
}

/** Numbers below which a fraction q of the elements along an axis (default: of all) lie. */
export function quantile(x: Tensor, q: number | readonly number[], axis?: number, options: QuantileOptions = {}): Tensor {
  checkTensors("quantile", { x });
  checkOptions("quantile", options, QUANTILE_OPTIONS);
  const { keepDims = false, interpolation = "linear" } = options;
  if (x.rank === 0) return quantile(x.unsqueeze(0), q, axis, { ...options, keepDims: false });
  check("quantile: q", q, eachAxis);
  const levels = typeof q === "number" ? [q] : q;
  if (levels.some((level) => !(level >= 0 && level <= 1))) throw new RangeError(`quantile: want fractions from 0 to 1, got ${levels}`);
  if (!Object.hasOwn(INTERPOLATIONS, interpolation))
    throw new RangeError(`quantile: there is no interpolation ${interpolation}; want one of ${Object.keys(INTERPOLATIONS).join(", ")}`);
  const flat = axis === undefined ? floating(x).flatten() : floating(x);
  const at = axis === undefined ? 0 : normalizeAxis(axis, x.rank, "quantile");
  const n = flat.shape[at]!;
  if (n === 0) throw new RangeError("quantile: there is no element to choose from");
  const sorted = flat.sort(at).values;
  const unknown = flat.ne(flat).any(at);
  const rows = levels.map((level) => unknown.where(Number.NaN, between(sorted, at, INTERPOLATIONS[interpolation](level * (n - 1)))));
  const kept = keepDims ? rows.map((row) => (axis === undefined ? row.reshape(x.shape.map(() => 1)) : row.unsqueeze(at))) : rows;
  return typeof q === "number" ? kept[0]! : kept[0]!.unsqueeze(0).concat(kept.slice(1).map((row) => row.unsqueeze(0)));
}

/** The element at a position along an axis, or what lies between the two next to it. */
function between(x: Tensor, axis: number, position: number): Tensor {
  const low = Math.floor(position);
  const below = x.select(axis, low);
  if (low === position) return below;
  const above = x.select(axis, low + 1);
  const share = position - low;
  // Beside an infinity the difference has no value, the weighted sum has.
  const endless = below.isInf().or(above.isInf());
  const line = below.add(endless.where(0, above.sub(below)).mul(share));
  return endless.where(below.mul(1 - share).add(above.mul(share)), line);
}

/** The middle element in order; of an even number the lower of the two (PyTorch's median). */
export function median(x: Tensor, axis?: number, options: ReduceOptions = {}): Tensor {
  checkTensors("median", { x });
  checkOptions("median", options, REDUCE_OPTIONS);
  const { keepDims = false } = options;
  if (x.rank === 0) return median(x.unsqueeze(0), axis);
  const flat = axis === undefined ? x.flatten() : x;
  const at = axis === undefined ? 0 : normalizeAxis(axis, x.rank, "median");
  const n = flat.shape[at]!;
  if (n === 0) throw new RangeError("median: there is no element to choose from");
  const middle = flat.sort(at).values.select(at, (n - 1) >> 1);
  const y = isFloat(flat.dtype) ? flat.ne(flat).any(at).where(Number.NaN, middle) : middle;
  if (!keepDims) return y;
  return axis === undefined ? y.reshape(x.shape.map(() => 1)) : y.unsqueeze(at);
}

export interface TopkOptions {
  /** Default the last. */
  readonly axis?: number;
  /** Default true; false for the smallest. */
  readonly largest?: boolean;
}

/** The k largest (or smallest) elements along an axis in order, and their positions. */
export function topk(x: Tensor, k: number, options: TopkOptions = {}): { values: Tensor; indices: Tensor } {
  checkTensors("topk", { x });
  checkOptions("topk", options, TOPK_OPTIONS);
  const { axis = -1, largest = true } = options;
  if (isAxisOfScalar(axis, x.rank) && k === 1) return { values: x, indices: x.like(0).cast("i32") };
  const at = normalizeAxis(axis, x.rank, "topk");
  if (!Number.isInteger(k) || k < 0 || k > x.shape[at]!) throw new RangeError(`topk: want 0 <= k <= ${x.shape[at]}, got ${k}`);
  const indices = x.argsort(at, { descending: largest }).narrow(at, 0, k);
  return { values: x.takeAlong(indices, at), indices };
}
