/**
 * @file Statistics and norms along axes. Stable at extremes; conventions at kinks are PyTorch's.
 */
import { normalizeAxes, normalizeAxis } from "../base/shape.ts";
import type { AxesLike, Tensor } from "../ops/tensor.ts";

export interface ReduceOptions {
  /** Keep reduced axes with size 1. Default false. */
  readonly keepDims?: boolean;
}

/** log Σ exp x over axes (default all); -∞ where all are -∞. */
export function logSumExp(x: Tensor, axes?: AxesLike, { keepDims = false }: ReduceOptions = {}): Tensor {
  const top = x.max(axes, { keepDims: true }).stopGradient();
  // An infinite maximum is not taken out: ∞ - ∞ has no value.
  const shift = top.abs().lt(Number.POSITIVE_INFINITY).where(top, top.like(0));
  const y = x.sub(shift).exp().sum(axes, { keepDims: true }).log().add(shift);
  return keepDims ? y : dropAxes(y, x, axes);
}

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
export function norm(x: Tensor, { p = 2, axes, keepDims = false }: NormOptions = {}): Tensor {
  if (Number.isNaN(p)) throw new RangeError("norm: the order p is NaN");
  const size = x.abs();
  if (p === Number.POSITIVE_INFINITY) return size.max(axes, { keepDims });
  if (p === Number.NEGATIVE_INFINITY) return size.min(axes, { keepDims });
  if (p === 0) return size.ne(0).cast(x.dtype).sum(axes, { keepDims });
  if (p === 1) return size.sum(axes, { keepDims });
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

/** Numbers below which a fraction q of the elements along an axis (default: of all) lie, interpolated linearly. */
export function quantile(x: Tensor, q: number | readonly number[], axis?: number, { keepDims = false }: ReduceOptions = {}): Tensor {
  const levels = typeof q === "number" ? [q] : q;
  if (levels.some((level) => !(level >= 0 && level <= 1))) throw new RangeError(`quantile: want fractions from 0 to 1, got ${levels}`);
  const flat = axis === undefined ? x.flatten() : x;
  const at = axis === undefined ? 0 : normalizeAxis(axis, x.rank, "quantile");
  const n = flat.shape[at]!;
  if (n === 0) throw new RangeError("quantile: there is no element to choose from");
  const sorted = flat.sort(at).values;
  const unknown = flat.ne(flat).any(at);
  const rows = levels.map((level) => {
    const position = level * (n - 1);
    const low = Math.floor(position);
    const below = sorted.select(at, low);
    const y =
      low === position
        ? below
        : below.add(
            sorted
              .select(at, low + 1)
              .sub(below)
              .mul(position - low),
          );
    return unknown.where(Number.NaN, y);
  });
  const kept = keepDims ? rows.map((row) => (axis === undefined ? row.reshape(x.shape.map(() => 1)) : row.unsqueeze(at))) : rows;
  return typeof q === "number" ? kept[0]! : kept[0]!.unsqueeze(0).concat(kept.slice(1).map((row) => row.unsqueeze(0)));
}

/** The middle element in order; of an even number the lower of the two (PyTorch's median). */
export function median(x: Tensor, axis?: number, { keepDims = false }: ReduceOptions = {}): Tensor {
  const flat = axis === undefined ? x.flatten() : x;
  const at = axis === undefined ? 0 : normalizeAxis(axis, x.rank, "median");
  const n = flat.shape[at]!;
  if (n === 0) throw new RangeError("median: there is no element to choose from");
  const middle = flat.sort(at).values.select(at, (n - 1) >> 1);
  const y = flat.ne(flat).any(at).where(Number.NaN, middle);
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
export function topk(x: Tensor, k: number, { axis = -1, largest = true }: TopkOptions = {}): { values: Tensor; indices: Tensor } {
  const at = normalizeAxis(axis, x.rank, "topk");
  if (!Number.isInteger(k) || k < 0 || k > x.shape[at]!) throw new RangeError(`topk: want 0 <= k <= ${x.shape[at]}, got ${k}`);
  const indices = x.argsort(at, { descending: largest }).narrow(at, 0, k);
  return { values: x.takeAlong(indices, at), indices };
}
