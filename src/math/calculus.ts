/** @file Integrals and derivatives of sampled functions, covariances, and distances of all pairs. */

import { check, checkOptions, finite, positive, shown } from "../base/check.ts";
import { formatShape, normalizeAxes, normalizeAxis } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { concatenate, floating } from "../ops/create.ts";
import { Tensor } from "../ops/tensor.ts";
import { triuIndices } from "./grids.ts";
import { COV_OPTIONS, GRADIENT_OPTIONS, PDIST, TRAPEZOID_OPTIONS } from "./options.ts";
import { norm } from "./statistics.ts";

export interface TrapezoidOptions {
  /** Where the samples are: a list, or a tensor that broadcasts to y. Default: `dx` apart. */
  readonly x?: Tensor;
  /** Distance between samples. Default 1. */
  readonly dx?: number;
  /** Default the last. */
  readonly axis?: number;
}

/** The areas between neighbouring samples, along the last axis. */
function areas(what: string, y: Tensor, options: TrapezoidOptions): { parts: Tensor; at: number } {
  checkOptions(what, options, TRAPEZOID_OPTIONS);
  const { x, dx = 1, axis = -1 } = options;
  const at = normalizeAxis(axis, y.rank, what);
  const n = y.shape[at]!;
  const rows = floating(y).moveAxis(at, y.rank - 1);
  if (n < 2) return { parts: rows.narrow(-1, 0, 0), at };
  const middle = rows
    .narrow(-1, 1, n - 1)
    .add(rows.narrow(-1, 0, n - 1))
    .mul(0.5);
  if (!x) return { parts: middle.mul(dx), at };
  const places = x.rank === 1 ? x : x.broadcastTo(y.shape).moveAxis(at, y.rank - 1);
  if (places.shape.at(-1) !== n) throw new RangeError(`${what}: want ${n} places x, one for each sample, got ${formatShape(x.shape)}`);
  return { parts: middle.mul(places.narrow(-1, 1, n - 1).sub(places.narrow(-1, 0, n - 1))), at };
}

/** ∫ y along an axis by the trapezoidal rule: Σ (yᵢ + yᵢ₊₁)/2·(xᵢ₊₁ - xᵢ). */
export function trapezoid(y: Tensor, options: TrapezoidOptions = {}): Tensor {
  checkTensors("trapezoid", { y });
  return areas("trapezoid", y, options).parts.sum(-1);
}

/** The integrals of {@link trapezoid} up to each sample but the first. */
export function cumulativeTrapezoid(y: Tensor, options: TrapezoidOptions = {}): Tensor {
  checkTensors("cumulativeTrapezoid", { y });
  const { parts, at } = areas("cumulativeTrapezoid", y, options);
  return parts.cumsum(-1).moveAxis(-1, at);
}

export interface GradientOptions {
  /** Distance between samples, or the places of the samples; one for all axes, or a list with one for each. Default 1. */
  readonly spacing?: number | Tensor | readonly (number | Tensor)[];
  /** Default all. */
  readonly axes?: number | readonly number[];
  /** Order of the one-sided differences at the ends, 1 or 2. Default 1. */
  readonly edgeOrder?: 1 | 2;
}

/**
 * Slopes of samples of a function along each axis: differences of both neighbours (for unequal distances weighted to second order), one-sided at the ends
 * (NumPy's and PyTorch's gradient).
 */
export function gradient(f: Tensor, options: GradientOptions = {}): Tensor[] {
  checkTensors("gradient", { f });
  checkOptions("gradient", options, GRADIENT_OPTIONS);
  const { spacing = 1, axes, edgeOrder = 1 } = options;
  const list = normalizeAxes(axes, f.rank, "gradient");
  const each = Array.isArray(spacing) ? (spacing as (number | Tensor)[]) : list.map(() => spacing as number | Tensor);
  if (each.length !== list.length) throw new RangeError(`gradient: want spacings for ${list.length} axes, got ${each.length}`);
  return list.map((axis, i) => slopes(floating(f).moveAxis(axis, f.rank - 1), each[i]!, edgeOrder).moveAxis(f.rank - 1, axis));
}

/** Slopes along the last axis. */
function slopes(f: Tensor, spacing: number | Tensor, order: 1 | 2): Tensor {
  const n = f.shape.at(-1)!;
  if (n < order + 1) throw new RangeError(`gradient: want at least ${order + 1} samples along each axis, got ${formatShape(f.shape)}`);
  if (spacing instanceof Tensor && (spacing.rank !== 1 || spacing.size !== n))
    throw new RangeError(`gradient: want ${n} places along an axis of ${n} samples, got ${formatShape(spacing.shape)}`);
  const steps =
    spacing instanceof Tensor
      ? spacing
          .narrow(0, 1, n - 1)
          .sub(spacing.narrow(0, 0, n - 1))
          .cast(f.dtype)
      : f.constantOf({ shape: [n - 1], dtype: f.dtype }, spacing);
  const part = (i: number, count: number): Tensor => f.narrow(-1, i, count);
  const step = (i: number, count = 1): Tensor => steps.narrow(0, i, count);
  // (f₁ - f₀)/h between neighbours.
  const rise = (i: number, count = 1): Tensor =>
    part(i + 1, count)
      .sub(part(i, count))
      .div(step(i, count));
  const pieces: Tensor[] = [];
  if (n > 2) {
    const [before, after] = [step(0, n - 2), step(1, n - 2)];
    pieces.push(
      rise(0, n - 2)
        .mul(after)
        .add(rise(1, n - 2).mul(before))
        .div(before.add(after)),
    );
  }
  const end = (near: number, far: number): Tensor => {
    if (order === 1) return rise(near);
    // The parabola through three samples, at its end.
    const share = step(near).div(step(near).add(step(far)));
    return rise(near).add(rise(near).sub(rise(far)).mul(share));
  };
  return concatenate([end(0, 1), ...pieces, end(n - 2, n - 3)], -1);
}

export interface CovOptions {
  /** What the divisor is less than the number of observations by. Default 1. */
  readonly correction?: number;
  /** How often each observation counts, [N], integers. */
  readonly fweights?: Tensor;
  /** The weight of each observation, [N]. */
  readonly aweights?: Tensor;
}

/** Covariances of variables in rows, observations in columns: [D, N] to [D, D]; a vector gives its variance. */
export function cov(x: Tensor, options: CovOptions = {}): Tensor {
  checkTensors("cov", { x });
  checkOptions("cov", options, COV_OPTIONS);
  const { correction = 1, fweights, aweights } = options;
  if (x.rank > 2) throw new RangeError(`cov: want variables in rows, [D, N], got ${formatShape(x.shape)}`);
  const rows = floating(x.rank === 2 ? x : x.reshape([1, x.size]));
  const n = rows.shape[1]!;
  for (const w of [fweights, aweights])
    if (w && (w.rank !== 1 || w.size !== n))
      throw new RangeError(`cov: want ${n} weights, one for each observation, got ${formatShape(w.shape)}`);
  const [often, heavy] = [fweights?.cast(rows.dtype), aweights?.cast(rows.dtype)];
  const w = often && heavy ? often.mul(heavy) : (often ?? heavy ?? rows.constantOf({ shape: [n], dtype: rows.dtype }, 1));
  const total = w.sum();
  const apart = rows.sub(rows.mul(w).sum(1, { keepDims: true }).div(total));
  const lost = heavy ? w.mul(heavy).sum().div(total).mul(correction) : total.like(correction);
  const c = apart.mul(w).matmul(apart.transpose()).div(total.sub(lost).maximum(0));
  return x.rank === 2 ? c : c.reshape([]);
}

/** Correlations of variables in rows (Pearson): [D, N] to [D, D], from -1 to 1; NaN for a variable that does not vary. */
export function corrcoef(x: Tensor): Tensor {
  checkTensors("corrcoef", { x });
  const c = cov(x);
  if (c.rank === 0) return c.div(c);
  const spread = c
    .mul(c.iotaLike(0).eq(c.iotaLike(1)).cast(c.dtype))
    .sum(1)
    .sqrt();
  return c.div(spread.unsqueeze(1)).div(spread.unsqueeze(0)).clamp(-1, 1);
}

/** Distances ‖xᵢ - xⱼ‖ₚ (default p = 2) of all pairs i < j of rows [n, d], in the order (0, 1), (0, 2), ... */
export function pdist(x: Tensor, options: { readonly p?: number } = {}): Tensor {
  checkTensors("pdist", { x });
  checkOptions("pdist", options, PDIST);
  if (x.rank !== 2) throw new RangeError(`pdist: want points in rows, [n, d], got ${formatShape(x.shape)}`);
  const pairs = triuIndices(x.shape[0]!, x.shape[0]!, 1);
  const [a, b] = [0, 1].map((i) => x.takeInside(pairs.select(0, i), 0)) as [Tensor, Tensor];
  return norm(a.sub(b), { p: options.p ?? 2, axes: 1 });
}

/** x with each slice along an axis whose p-norm is above `maxNorm` scaled down to it. */
export function renorm(x: Tensor, p: number, axis: number, maxNorm: number): Tensor {
  check("renorm: p", p, positive);
  check("renorm: maxNorm", maxNorm, finite);
  const at = normalizeAxis(axis, x.rank, "renorm");
  const axes = x.shape.map((_, i) => i).filter((i) => i !== at);
  const length = norm(x, { p, axes, keepDims: true });
  // PyTorch's ε, so that the norm does not come out above the bound.
  return length.gt(maxNorm).where(x.mul(length.add(1e-7).recip().mul(maxNorm)), x);
}

/** ‖x - y‖ₚ over all elements. */
export function dist(x: Tensor, y: Tensor, p = 2): Tensor {
  if (!(x instanceof Tensor && y instanceof Tensor)) throw new TypeError(`dist: want two tensors, got ${shown(x)} and ${shown(y)}`);
  return norm(x.sub(y), { p });
}
