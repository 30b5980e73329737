/** @file How far or how alike two vectors are, and vectors of length 1. */

import { checkOptions } from "../base/check.ts";
import { broadcastShapes, formatShape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { floating } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { CDIST, COSINE_SIMILARITY, NORMALIZE_OPTIONS, PAIRWISE_DISTANCE_OPTIONS } from "./options.ts";
import { norm } from "./statistics.ts";

export interface NormalizeOptions {
  /** Default 2. */
  readonly p?: number;
  /** Default 1. */
  readonly axis?: number;
  /** Least divisor. Default 1e-12. */
  readonly eps?: number;
}

/** x / max(‖x‖ₚ, ε) along an axis. */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  checkTensors("normalize", { x });
  checkOptions("normalize", options, NORMALIZE_OPTIONS);
  const { p = 2, axis = 1, eps = 1e-12 } = options;
  const z = floating(x);
  return z.div(atLeast(norm(z, { p, axes: axis, keepDims: true }), eps));
}

/** max(x, low); where it is cut the derivative is 0. */
function atLeast(x: Tensor, low: number): Tensor {
  return x.lt(low).where(low, x);
}

/** Both in the shape that they broadcast to. */
function broadcastTogether(name: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const shape = broadcastShapes(a.shape, b.shape);
  if (!shape) throw new RangeError(`${name}: shapes ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast`);
  return [a.broadcastTo(shape), b.broadcastTo(shape)];
}

/** x₁·x₂ / (max(‖x₁‖, ε)·max(‖x₂‖, ε)) along an axis. */
export function cosineSimilarity(x1: Tensor, x2: Tensor, options: { readonly axis?: number; readonly eps?: number } = {}): Tensor {
  checkTensors("cosineSimilarity", { x1, x2 });
  checkOptions("cosineSimilarity", options, COSINE_SIMILARITY);
  const { axis = 1, eps = 1e-8 } = options;
  const [a, b] = broadcastTogether("cosineSimilarity", floating(x1), floating(x2));
  const unit = (x: Tensor): Tensor => x.div(atLeast(norm(x, { axes: axis, keepDims: true }), eps));
  return unit(a).mul(unit(b)).sum(axis);
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
export function pairwiseDistance(x1: Tensor, x2: Tensor, options: PairwiseDistanceOptions = {}): Tensor {
  checkTensors("pairwiseDistance", { x1, x2 });
  checkOptions("pairwiseDistance", options, PAIRWISE_DISTANCE_OPTIONS);
  const { p = 2, eps = 1e-6, keepDims = false } = options;
  const d = x1.sub(x2);
  return norm(eps === 0 ? d : d.add(eps), { p, axes: -1, keepDims });
}

/** Distances ‖x1ᵢ - x2ⱼ‖ₚ of all pairs of rows: [..., n, d] and [..., m, d] to [..., n, m]. */
export function cdist(x1: Tensor, x2: Tensor, options: { readonly p?: number } = {}): Tensor {
  checkTensors("cdist", { x1, x2 });
  checkOptions("cdist", options, CDIST);
  const { p = 2 } = options;
  return norm(x1.unsqueeze(-2).sub(x2.unsqueeze(-3)), { p, axes: -1 });
}
