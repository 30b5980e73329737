/**
 * @file Gradient clipping: pure functions from gradients to gradients, for between `backward` and `step`. Inside `compile` they are part of
 * the program.
 */

import { aNumber, type Checks, check, checkOptions, list, listOf } from "../base/check.ts";
import { aTensor } from "../math/options.ts";
import { norm } from "../math/statistics.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { checkRange } from "./optimizer.ts";

function checkGradients(what: string, grads: unknown): void {
  check(`${what}: the gradients`, grads, listOf(aTensor));
}

export interface ClipNormOptions {
  /** Order of the norm; Infinity is the largest magnitude. Default 2. */
  readonly p?: number;
}

const CLIP_NORM_OPTIONS: Checks<ClipNormOptions> = { p: aNumber };

/** PyTorch adds it to a norm before it divides by it. */
const NORM_EPS = 1e-6;

/** Every element into [-limit, limit]. */
export function clipByValue(grads: readonly Tensor[], limit: number): Tensor[] {
  checkGradients("clipByValue", grads);
  checkRange("limit", limit, 0);
  return grads.map((g) => g.clamp(-limit, limit));
}

/** Every gradient by itself to a norm of at most `max`. */
export function clipByNorm(grads: readonly Tensor[], max: number, options: ClipNormOptions = {}): Tensor[] {
  checkOptions("clipByNorm", options, CLIP_NORM_OPTIONS);
  checkGradients("clipByNorm", grads);
  return grads.flatMap((g) => clipByGlobalNorm([g], max, options).grads);
}

/**
 * All gradients by one factor, min(1, max/(total + 1e-6)), where `total` is the norm of all of them as one vector: Pascanu, Mikolov & Bengio
 * (2013), Algorithm 1. Also gives `total`, which is worth watching.
 */
export function clipByGlobalNorm(grads: readonly Tensor[], max: number, options: ClipNormOptions = {}): { grads: Tensor[]; total: Tensor } {
  checkOptions("clipByGlobalNorm", options, CLIP_NORM_OPTIONS);
  const { p = 2 } = options;
  checkGradients("clipByGlobalNorm", grads);
  checkRange("max", max, 0);
  if (grads.length === 0) throw new RangeError("clipByGlobalNorm: got no gradients, want at least one");
  const [first, ...rest] = grads.map((g) => norm(g, { p }).reshape([1]));
  const total = norm(first.concat(rest), { p });
  const factor = total.add(NORM_EPS).recip().mul(max).minimum(1);
  return { grads: grads.map((g) => g.mul(factor)), total };
}

export interface AdaptiveClipOptions {
  /** λ: the largest ratio of a gradient's norm to its parameter's. Default 0.01. */
  readonly clip?: number;
  /** Norms of parameters count as at least this, so that zeros can learn. Default 1e-3. */
  readonly eps?: number;
}

const CLIP_ADAPTIVELY: Checks<AdaptiveClipOptions> = { clip: aNumber, eps: aNumber };

/**
 * Each row of a gradient (all that makes one output: the slice along axis 0; a bias or scale as a whole) to a norm of at most
 * λ·max(‖parameter row‖, ε): Brock et al. (2021), eq. 3.
 */
export function clipAdaptively(grads: readonly Tensor[], parameters: readonly Cell[], options: AdaptiveClipOptions = {}): Tensor[] {
  checkOptions("clipAdaptively", options, CLIP_ADAPTIVELY);
  const { clip = 0.01, eps = 1e-3 } = options;
  checkGradients("clipAdaptively", grads);
  check("clipAdaptively: parameters", parameters, list);
  checkRange("clip", clip, 0);
  checkRange("eps", eps, 0);
  if (grads.length !== parameters.length) {
    throw new RangeError(`clipAdaptively: got ${grads.length} gradients for ${parameters.length} parameters; give them in the same order`);
  }
  return grads.map((g, i) => {
    const axes = g.rank > 1 ? g.shape.map((_, axis) => axis).slice(1) : g.shape.map((_, axis) => axis);
    const size = norm(g, { axes, keepDims: true });
    const most = norm(parameters[i].value, { axes, keepDims: true }).maximum(eps).mul(clip);
    const large = size.gt(most);
    return g.mul(large.where(most.div(large.where(size, 1)), 1));
  });
}
