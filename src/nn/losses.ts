/**
 * @file Losses: how far predictions are from targets. Each gives the mean over all its terms (the default), their sum, or the terms.
 */
import { isFloat } from "../base/dtype.ts";
import { formatShape, formatType, sameShape } from "../base/shape.ts";
import { logSoftmax } from "../math/softmax.ts";
import type { Tensor } from "../ops/tensor.ts";

export type Reduction = "mean" | "sum" | "none";

export interface LossOptions {
  /** Default "mean". */
  readonly reduction?: Reduction;
}

function reduce(terms: Tensor, { reduction = "mean" }: LossOptions): Tensor {
  if (reduction === "none") return terms;
  return reduction === "sum" ? terms.sum() : terms.mean();
}

/** Broadcasting [N, 1] against [N] would give N² terms without a word; so shapes must be equal. */
function checkSameShape(loss: string, x: Tensor, target: Tensor): void {
  if (!sameShape(x.shape, target.shape)) {
    throw new RangeError(
      `${loss}: predictions ${formatShape(x.shape)} and targets ${formatShape(target.shape)} must have the same shape; use reshape`,
    );
  }
}

export interface CrossEntropyOptions extends LossOptions {
  /** ε: the target is (1 - ε)·onehot + ε/C (Szegedy et al. 2016, §7). Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * -log softmax(logits)[target]. Logits [N, C] or [N, C, ...]; targets are class indices, integers [N] or [N, ...], or probabilities in the
 * logits' shape. A class index outside 0..C-1 gives NaN.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { labelSmoothing: epsilon = 0 } = options;
  checkClassTargets("crossEntropy", logits, targets);
  const logp = logSoftmax(logits, 1);
  const terms = isFloat(targets.dtype) ? targets.mul(logp).sum(1).neg() : pick(logp, targets).neg();
  if (epsilon === 0) return reduce(terms, options);
  return reduce(terms.mul(1 - epsilon).add(logp.mean(1).mul(-epsilon)), options);
}

/** -logp[target] for log-probabilities [N, C] (or [N, C, ...]) and class indices [N] (or [N, ...]). */
export function nllLoss(logp: Tensor, targets: Tensor, options: LossOptions = {}): Tensor {
  if (isFloat(targets.dtype))
    throw new TypeError(`nllLoss: targets must be class indices, got ${formatType(targets)}; convert with .cast("i32")`);
  checkClassTargets("nllLoss", logp, targets);
  return reduce(pick(logp, targets).neg(), options);
}

function checkClassTargets(loss: string, x: Tensor, targets: Tensor): void {
  if (x.rank < 2)
    throw new RangeError(
      `${loss}: want predictions [batch, classes, ...], got ${formatShape(x.shape)}; a single example needs unsqueeze(0)`,
    );
  const want = isFloat(targets.dtype) ? x.shape : x.shape.toSpliced(1, 1);
  if (sameShape(targets.shape, want)) return;
  const kind = isFloat(targets.dtype)
    ? `probabilities ${formatShape(want)} (or, as integers, class indices)`
    : `class indices ${formatShape(want)}`;
  throw new RangeError(`${loss}: for predictions ${formatShape(x.shape)} targets must be ${kind}, got ${formatType(targets)}`);
}

/** x[n, target[n, ...], ...]: the element of each example's class. */
function pick(x: Tensor, targets: Tensor): Tensor {
  return x.takeAlong(targets.unsqueeze(1), 1).squeeze(1);
}

/** (x - target)², the terms over all elements. */
export function mseLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkSameShape("mseLoss", x, target);
  return reduce(x.sub(target).square(), options);
}

/** ½‖x - target‖² per example, [N, ...] to [N] before the reduction: the quadratic cost of Nielsen (2015), eq. 6, per example. */
export function quadraticLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkSameShape("quadraticLoss", x, target);
  return reduce(x.sub(target).square().reshape([x.shape[0], -1]).sum(1).mul(0.5), options);
}

/** |x - target|. */
export function l1Loss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkSameShape("l1Loss", x, target);
  return reduce(x.sub(target).abs(), options);
}

/** ½d² for |d| = |x - target| <= delta, δ(|d| - ½δ) beyond (Huber 1964). Default delta 1. */
export function huberLoss(x: Tensor, target: Tensor, options: LossOptions & { readonly delta?: number } = {}): Tensor {
  checkSameShape("huberLoss", x, target);
  const { delta = 1 } = options;
  const d = x.sub(target);
  const far = d
    .abs()
    .sub(0.5 * delta)
    .mul(delta);
  return reduce(d.abs().le(delta).where(d.square().mul(0.5), far), options);
}

/** -target·log x - (1 - target)·log(1 - x) for probabilities x. Logarithms are at least -100, as in PyTorch, so that 0 and 1 stay finite. */
export function binaryCrossEntropy(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkSameShape("binaryCrossEntropy", x, target);
  const one = x.like(1);
  return reduce(
    target
      .mul(boundedLog(x))
      .add(one.sub(target).mul(boundedLog(one.sub(x))))
      .neg(),
    options,
  );
}

/** max(log p, -100), with derivative 0 where it is cut: the logarithm of 0 is never taken, since 0 times its slope would be NaN. */
function boundedLog(p: Tensor): Tensor {
  const positive = p.gt(0);
  return positive.where(p, 1).log().add(positive.where(0, -100));
}

/** {@link binaryCrossEntropy} of sigmoid(x), computed as max(x, 0) - x·target + log(1 + e^-|x|), which neither overflows nor cancels. */
export function binaryCrossEntropyWithLogits(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkSameShape("binaryCrossEntropyWithLogits", x, target);
  // Not -|x|, whose derivative at 0 would be 0: logits of exactly 0 are what a network starts with.
  const below = x.gt(0).where(x.neg(), x);
  return reduce(x.relu().sub(x.mul(target)).add(below.exp().log1p()), options);
}
