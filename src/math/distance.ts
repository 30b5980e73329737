/**
 * @file Lengths of vectors along an axis, and how far or how alike two vectors are. The length of a zero vector has derivative 0: the root
 * is never taken at 0, where 0 times its infinite slope would be NaN.
 */
import type { Tensor } from "../ops/tensor.ts";

interface LengthOptions {
  /** Keep the axes with size 1. Default false. */
  readonly keepDims?: boolean;
}

/** √x of sums of squares, with derivative 0 at 0. */
export function safeSqrt(x: Tensor): Tensor {
  const positive = x.gt(0);
  return positive.where(positive.where(x, 1).sqrt(), positive.or(x.eq(0)).where(0, x));
}

/** (Σ |x|ᵖ)^(1/p) over axes; p = ∞ is the largest magnitude, p = 0 counts what is not 0. */
export function lengthOf(x: Tensor, axes: number | readonly number[] | undefined, p = 2, options: LengthOptions = {}): Tensor {
  if (p === 2) return safeSqrt(x.square().sum(axes, options));
  if (p === 1) return x.abs().sum(axes, options);
  if (p === Number.POSITIVE_INFINITY) return x.abs().max(axes, options);
  if (p === Number.NEGATIVE_INFINITY) return x.abs().min(axes, options);
  if (p === 0) return x.ne(0).cast(x.dtype).sum(axes, options);
  const zero = x.eq(0);
  const powers = zero.where(0, zero.where(1, x.abs()).pow(p)).sum(axes, options);
  const none = powers.eq(0);
  return none.where(0, none.where(1, powers).pow(1 / p));
}

export interface NormalizeOptions {
  /** Default 2. */
  readonly p?: number;
  /** Default 1. */
  readonly axis?: number;
  /** Least divisor. Default 1e-12. */
  readonly eps?: number;
}

/** x / max(‖x‖ₚ, ε) along an axis. */
export function normalize(x: Tensor, { p = 2, axis = 1, eps = 1e-12 }: NormalizeOptions = {}): Tensor {
  return x.div(atLeast(lengthOf(x, axis, p, { keepDims: true }), eps));
}

/** max(x, low); where it is cut the derivative is 0. */
function atLeast(x: Tensor, low: number): Tensor {
  return x.lt(low).where(low, x);
}

/** x₁·x₂ / (max(‖x₁‖, ε)·max(‖x₂‖, ε)) along an axis. */
export function cosineSimilarity(
  x1: Tensor,
  x2: Tensor,
  { axis = 1, eps = 1e-8 }: { readonly axis?: number; readonly eps?: number } = {},
): Tensor {
  return x1
    .mul(x2)
    .sum(axis)
    .div(atLeast(lengthOf(x1, axis), eps).mul(atLeast(lengthOf(x2, axis), eps)));
}

export interface PairwiseDistanceOptions {
  /** Default 2. */
  readonly p?: number;
  /** Added to every difference. Default 1e-6. */
  readonly eps?: number;
  /** Keep the last axis with size 1. Default false. */
  readonly keepDims?: boolean;
}

/** ‖x₁ - x₂ + ε‖ₚ along the last axis. */
export function pairwiseDistance(x1: Tensor, x2: Tensor, { p = 2, eps = 1e-6, keepDims = false }: PairwiseDistanceOptions = {}): Tensor {
  const d = x1.sub(x2);
  return lengthOf(eps === 0 ? d : d.add(eps), -1, p, { keepDims });
}

/** Distances ‖x1ᵢ - x2ⱼ‖ₚ of all pairs of rows: [..., n, d] and [..., m, d] to [..., n, m]. */
export function cdist(x1: Tensor, x2: Tensor, { p = 2 }: { readonly p?: number } = {}): Tensor {
  return lengthOf(x1.unsqueeze(-2).sub(x2.unsqueeze(-3)), -1, p);
}
