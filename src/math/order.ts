/**
 * @file Elements by their place in order, with the positions they come from, and statistics that leave NaN out. What is chosen gets the derivative.
 */

import { checkOptions } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { isAxisOfScalar, normalizeAxis } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { floating } from "../ops/create.ts";
import { searchSorted } from "../ops/search.ts";
import type { AxesLike, Tensor } from "../ops/tensor.ts";
import { QUANTILE_OPTIONS, REDUCE_OPTIONS } from "./options.ts";
import type { Interpolation, QuantileOptions, ReduceOptions } from "./statistics.ts";

/** Elements chosen along an axis, and their positions (i32) there. */
export interface Chosen {
  readonly values: Tensor;
  readonly indices: Tensor;
}

/** Runs on x with an axis in the last place; `run` gives positions [..., 1] along it. */
function choose(what: string, x: Tensor, axis: number, options: ReduceOptions, run: (rows: Tensor, n: number) => Tensor): Chosen {
  checkOptions(what, options, REDUCE_OPTIONS);
  if (isAxisOfScalar(axis, x.rank)) return choose(what, x.unsqueeze(0), 0, {}, run);
  const at = normalizeAxis(axis, x.rank, what);
  const n = x.shape[at]!;
  if (n === 0) throw new RangeError(`${what}: there is no element to choose from along axis ${axis}`);
  const rows = x.moveAxis(at, x.rank - 1);
  const position = run(rows, n);
  const [values, indices] = [rows.takeAlongInside(position, -1), position].map((t) =>
    options.keepDims ? t.moveAxis(x.rank - 1, at) : t.squeeze(-1),
  ) as [Tensor, Tensor];
  return { values, indices };
}

/** The first position of a NaN in each row where there is one, else `otherwise`. */
function orNaN(rows: Tensor, otherwise: Tensor): Tensor {
  if (!isFloat(rows.dtype)) return otherwise;
  const unknown = rows.isNaN();
  return unknown.any(-1, { keepDims: true }).where(unknown.cast("i32").argmax(-1, { keepDims: true }), otherwise);
}

/** The middle element in order along an axis, of an even number the lower of the two, and its position; NaN where there is one (PyTorch's median). */
export function medianWithIndex(x: Tensor, axis = -1, options: ReduceOptions = {}): Chosen {
  checkTensors("medianWithIndex", { x });
  return choose("medianWithIndex", x, axis, options, (rows, n) => orNaN(rows, rows.argsort(-1).narrow(-1, (n - 1) >> 1, 1)));
}

/** The k-th smallest element along an axis, counted from 1, and its position. NaN counts as largest. */
export function kthValue(x: Tensor, k: number, axis = -1, options: ReduceOptions = {}): Chosen {
  checkTensors("kthValue", { x });
  return choose("kthValue", x, axis, options, (rows, n) => {
    if (!Number.isInteger(k) || k < 1 || k > n) throw new RangeError(`kthValue: want 1 <= k <= ${n}, got ${k}`);
    return rows.argsort(-1).narrow(-1, k - 1, 1);
  });
}

/** The most frequent element along an axis, of several the smallest, and its last position. */
export function mode(x: Tensor, axis = -1, options: ReduceOptions = {}): Chosen {
  checkTensors("mode", { x });
  return choose("mode", x, axis, options, (rows) => {
    const { values, indices } = rows.sort(-1);
    const [first, behind] = [false, true].map((right) => values.bind(searchSorted, [values, values], { right })) as [Tensor, Tensor];
    const most = behind.sub(first).argmax(-1, { keepDims: true });
    return indices.takeAlongInside(behind.takeAlongInside(most, -1).sub(1), -1);
  });
}

/** The lower middle of the elements that are not NaN along an axis, and its position; NaN where there are no others (PyTorch's nanmedian). */
export function nanMedianWithIndex(x: Tensor, axis = -1, options: ReduceOptions = {}): Chosen {
  checkTensors("nanMedianWithIndex", { x });
  return choose("nanMedianWithIndex", x, axis, options, (rows) => {
    const known = rows.isNaN().not().sum(-1, { keepDims: true });
    return rows.argsort(-1).takeAlongInside(known.sub(1).maximum(0).shr(1), -1);
  });
}

/** {@link nanMedianWithIndex} without the position; without an axis, of all elements. */
export function nanMedian(x: Tensor, axis?: number, options: ReduceOptions = {}): Tensor {
  checkTensors("nanMedian", { x });
  checkOptions("nanMedian", options, REDUCE_OPTIONS);
  if (axis !== undefined) return nanMedianWithIndex(x, axis, options).values;
  const { values } = nanMedianWithIndex(x.flatten(), 0);
  return options.keepDims ? values.reshape(x.shape.map(() => 1)) : values;
}

/** The smallest and the largest element along an axis, or of all. NaN if any is. */
export function aminmax(x: Tensor, axis?: number, options: ReduceOptions = {}): { min: Tensor; max: Tensor } {
  checkTensors("aminmax", { x });
  checkOptions("aminmax", options, REDUCE_OPTIONS);
  return { min: x.min(axis, options), max: x.max(axis, options) };
}

/** Sum over axes (default all) with NaN as 0. */
export function nanSum(x: Tensor, axes?: AxesLike, options: ReduceOptions = {}): Tensor {
  checkTensors("nanSum", { x });
  return x.isNaN().where(x.like(0), x).sum(axes, options);
}

/** Mean over axes (default all) of the elements that are not NaN; NaN where there are none. */
export function nanMean(x: Tensor, axes?: AxesLike, options: ReduceOptions = {}): Tensor {
  checkTensors("nanMean", { x });
  const y = floating(x);
  return nanSum(y, axes, options).div(y.isNaN().not().sum(axes, options).cast(y.dtype));
}

/** Where a position among the sorted elements is moved to; a half goes to the even one, as in NumPy and PyTorch. */
const INTERPOLATIONS: Readonly<Record<Interpolation, (position: Tensor) => Tensor>> = {
  linear: (position) => position,
  lower: (position) => position.floor(),
  higher: (position) => position.ceil(),
  midpoint: (position) => position.floor().add(position.ceil()).mul(0.5),
  nearest: (position) => position.round(),
};

/** `quantile` of the elements that are not NaN along an axis (default: of all); NaN where there are none. */
export function nanQuantile(x: Tensor, q: number | readonly number[], axis?: number, options: QuantileOptions = {}): Tensor {
  checkTensors("nanQuantile", { x });
  checkOptions("nanQuantile", options, QUANTILE_OPTIONS);
  const { keepDims = false, interpolation = "linear" } = options;
  const levels = typeof q === "number" ? [q] : q;
  if (!Array.isArray(levels) || levels.some((level) => !(level >= 0 && level <= 1)))
    throw new RangeError(`nanQuantile: want fractions from 0 to 1, got ${levels}`);
  const flat = floating(axis === undefined || x.rank === 0 ? x.flatten() : x);
  const at = axis === undefined || x.rank === 0 ? 0 : normalizeAxis(axis, x.rank, "nanQuantile");
  if (flat.shape[at] === 0) throw new RangeError("nanQuantile: there is no element to choose from");
  const sorted = flat.moveAxis(at, flat.rank - 1).sort(-1).values;
  const known = sorted.isNaN().not().sum(-1, { keepDims: true });
  const last = known.sub(1).maximum(0).cast("f64");
  const rows = levels.map((level) => {
    const y = between(sorted, INTERPOLATIONS[interpolation](last.mul(level)));
    if (!keepDims) return y.squeeze(-1);
    return axis === undefined ? y.reshape(x.shape.map(() => 1)) : x.rank === 0 ? y.squeeze(-1) : y.moveAxis(-1, at);
  });
  return typeof q === "number" ? rows[0]! : rows[0]!.unsqueeze(0).concat(rows.slice(1).map((row) => row.unsqueeze(0)));
}

/** The elements at positions [..., 1] (f64) along the last axis, or what lies between the two next to each. */
function between(x: Tensor, position: Tensor): Tensor {
  const low = position.floor();
  const [below, above] = [low, position.ceil()].map((p) => x.takeAlongInside(p.cast("i32"), -1)) as [Tensor, Tensor];
  const share = position.sub(low).cast(x.dtype);
  // Beside an infinity the difference has no value. Where both are one element there is nothing to mix.
  const endless = below.isInf().or(above.isInf());
  const mixed = endless.where(share.eq(0).where(below, below.mul(share.neg().add(1)).add(above.mul(share))), 0);
  return endless.where(mixed, below.add(endless.where(0, above.sub(below)).mul(share)));
}
