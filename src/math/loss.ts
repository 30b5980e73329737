/**
 * @file Losses of values and of classes (OPT-4): how far predictions are from targets, as PyTorch defines and reduces them. Formulas neither
 * overflow nor cancel at extreme predictions.
 */
import { checkOptions } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { axesFrom, broadcastShapes, formatShape, formatType, sameShape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { floating } from "../ops/create.ts";
import { ownLog } from "../ops/special.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { softplus } from "./activation.ts";
import { checkIndices } from "./indexing.ts";
import {
  BCE_WITH_LOGITS_OPTIONS,
  CROSS_ENTROPY_OPTIONS,
  DICE_LOSS,
  FOCAL_OPTIONS,
  GAUSSIAN_OPTIONS,
  HUBER_LOSS,
  KL_DIV_OPTIONS,
  LOSS_OPTIONS,
  NLL_OPTIONS,
  POISSON_OPTIONS,
  SMOOTH_L1_LOSS,
  WEIGHTED_OPTIONS,
} from "./options.ts";
import { checkSameShape, type LossOptions, reduceTerms } from "./reduction.ts";
import { logSoftmax } from "./softmax.ts";
import { atLeast0, classIndices, probabilities, wantTargets } from "./targets.ts";

// ---- values -------------------------------------------------------------------------------------------------------------------------

/** (x - target)². */
export function mseLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions("mseLoss", options, LOSS_OPTIONS);
  checkSameShape("mseLoss", x, target);
  return reduceTerms(floating(x).sub(target).square(), options);
}

/** |x - target|. */
export function l1Loss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions("l1Loss", options, LOSS_OPTIONS);
  checkSameShape("l1Loss", x, target);
  return reduceTerms(floating(x).sub(target).abs(), options);
}

/** ½d² for |d| = |x - target| <= δ, δ(|d| - ½δ) beyond (Huber 1964). Default δ 1. */
export function huberLoss(x: Tensor, target: Tensor, options: LossOptions & { readonly delta?: number } = {}): Tensor {
  checkOptions("huberLoss", options, HUBER_LOSS);
  checkSameShape("huberLoss", x, target);
  const { delta = 1 } = options;
  const d = floating(x).sub(target);
  const size = d.abs();
  const far = size.sub(0.5 * delta).mul(delta);
  const near = size.gt(delta).not(); // NaN too, so that its derivative is NaN
  return reduceTerms(near.where(near.where(d, 0).square().mul(0.5), far), options);
}

/** ½d²/β for |d| = |x - target| < β, |d| - ½β beyond: {@link huberLoss} over β. Default β 1; at 0 it is {@link l1Loss}. */
export function smoothL1Loss(x: Tensor, target: Tensor, options: LossOptions & { readonly beta?: number } = {}): Tensor {
  checkOptions("smoothL1Loss", options, SMOOTH_L1_LOSS);
  checkSameShape("smoothL1Loss", x, target);
  const { beta = 1, ...rest } = options;
  if (beta === 0) return l1Loss(x, target, rest);
  const d = floating(x).sub(target);
  const size = d.abs();
  const near = size.ge(beta).not(); // NaN too, so that its derivative is NaN
  return reduceTerms(
    near.where(
      near
        .where(d, 0)
        .square()
        .mul(0.5 / beta),
      size.sub(0.5 * beta),
    ),
    options,
  );
}

/** log cosh(x - target), computed as |d| + log(1 + e^(-2|d|)) - log 2, and as ½ log(1 + sinh² d) where that would cancel. */
export function logCoshLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions("logCoshLoss", options, LOSS_OPTIONS);
  checkSameShape("logCoshLoss", x, target);
  const d = floating(x).sub(target);
  const near = d.abs().lt(0.5);
  const t = near.where(d, 0).expm1();
  const sinh = t.add(t.div(t.add(1))).mul(0.5);
  const far = near.where(1, d);
  return reduceTerms(near.where(sinh.square().log1p().mul(0.5), softplus(far.mul(2)).sub(far).sub(Math.LN2)), options);
}

/** Σ|w|, whose subgradient is sign w and 0 at 0: small weights jump about 0 but do not stay there; `proximalL1` makes them stay. */
export function l1Penalty(w: Tensor): Tensor {
  checkTensors("l1Penalty", { w });
  return w.abs().sum();
}

/** ½‖w‖², the penalty Ω of weight decay. */
export function l2Penalty(w: Tensor): Tensor {
  checkTensors("l2Penalty", { w });
  return w.square().sum().mul(0.5);
}

export interface PoissonOptions extends LossOptions {
  /** x is the logarithm of the rate. Default true. */
  readonly logInput?: boolean;
  /** Add Stirling's approximation of log target! where target > 1. Default false. */
  readonly full?: boolean;
  /** Added to a rate of which the logarithm is taken. Default 1e-8. */
  readonly eps?: number;
}

/** -log of the Poisson probability of counts `target`: eˣ - target·x, or x - target·log x for a rate x. */
export function poissonNllLoss(x: Tensor, target: Tensor, options: PoissonOptions = {}): Tensor {
  checkOptions("poissonNllLoss", options, POISSON_OPTIONS);
  checkSameShape("poissonNllLoss", x, target);
  wantTargets(target, atLeast0("poissonNllLoss"));
  const { logInput = true, full = false, eps = 1e-8 } = options;
  const terms = logInput ? x.exp().sub(target.mul(x)) : x.sub(target.mul(x.add(eps).log()));
  if (!full) return reduceTerms(terms, options);
  const large = target.gt(1);
  const t = large.where(target, 1);
  const stirling = t
    .mul(t.log())
    .sub(t)
    .add(
      t
        .mul(2 * Math.PI)
        .log()
        .mul(0.5),
    );
  return reduceTerms(terms.add(large.where(stirling, 0)), options);
}

export interface GaussianOptions extends LossOptions {
  /** Add ½log 2π. Default false. */
  readonly full?: boolean;
  /** Least variance; the derivative does not see that it was raised. Default 1e-6. */
  readonly eps?: number;
}

/**
 * ½(log var + (x - target)²/var): -log of a normal density. `variance` has x's shape, or size 1 along some axes, or lacks the last axis: one
 * number per row.
 */
export function gaussianNllLoss(x: Tensor, target: Tensor, variance: Tensor, options: GaussianOptions = {}): Tensor {
  checkOptions("gaussianNllLoss", options, GAUSSIAN_OPTIONS);
  checkSameShape("gaussianNllLoss", x, target);
  checkTensors("gaussianNllLoss", { variance });
  const { full = false, eps = 1e-6 } = options;
  const spread = variance.rank === x.rank - 1 ? variance.unsqueeze(-1) : variance;
  if (!sameShape(broadcastShapes(spread.shape, x.shape) ?? [], x.shape))
    throw new RangeError(
      `gaussianNllLoss: variances ${formatShape(variance.shape)} do not fit ${formatShape(x.shape)}; want this shape, 1 along some axes, or no last axis`,
    );
  const lifted = spread.lt(eps).where(spread.sub(spread.stopGradient()).add(eps), spread);
  const terms = lifted.log().add(x.sub(target).square().div(lifted)).mul(0.5);
  return reduceTerms(full ? terms.add(0.5 * Math.log(2 * Math.PI)) : terms, options);
}

// ---- probabilities ------------------------------------------------------------------------------------------------------------------

export interface Weighted extends LossOptions {
  /** Factor of each term, broadcast. */
  readonly weight?: TensorLike;
}

const weighted = (terms: Tensor, weight: TensorLike | undefined): Tensor => (weight === undefined ? terms : terms.mul(weight));

/** max(log p, -100), with derivative 0 where it is cut: the logarithm of 0 is never taken, since 0 times its slope would be NaN. */
function boundedLog(p: Tensor): Tensor {
  const positive = p.le(0).not();
  const log = positive.where(p, 1).log();
  return positive.where(log.lt(-100).where(-100, log), -100);
}

/** -target·log x - (1 - target)·log(1 - x) for probabilities x. Logarithms are at least -100, as in PyTorch, so that 0 and 1 stay finite. */
export function binaryCrossEntropy(x: Tensor, target: Tensor, options: Weighted = {}): Tensor {
  checkOptions("binaryCrossEntropy", options, WEIGHTED_OPTIONS);
  checkSameShape("binaryCrossEntropy", x, target);
  wantTargets(target, probabilities("binaryCrossEntropy"));
  const hit = target.mul(boundedLog(x));
  const miss = target
    .neg()
    .add(1)
    .mul(boundedLog(x.neg().add(1)));
  return reduceTerms(weighted(hit.add(miss).neg(), options.weight), options);
}

export interface BceWithLogitsOptions extends Weighted {
  /** Factor of the terms of positive targets, broadcast. */
  readonly posWeight?: TensorLike;
}

/** {@link binaryCrossEntropy} of σ(x), computed as (1 - t)x + (1 + (p - 1)t)·softplus(-x), which neither overflows nor cancels. */
export function binaryCrossEntropyWithLogits(x: Tensor, target: Tensor, options: BceWithLogitsOptions = {}): Tensor {
  checkOptions("binaryCrossEntropyWithLogits", options, BCE_WITH_LOGITS_OPTIONS);
  checkSameShape("binaryCrossEntropyWithLogits", x, target);
  wantTargets(target, probabilities("binaryCrossEntropyWithLogits"));
  const { weight, posWeight } = options;
  if (posWeight === undefined) {
    const below = x.gt(0).where(x.neg(), x);
    return reduceTerms(weighted(x.relu().sub(x.mul(target)).add(below.exp().log1p()), weight), options);
  }
  const factor = x.operand(posWeight).sub(1).mul(target).add(1);
  const terms = target
    .neg()
    .add(1)
    .mul(x)
    .add(factor.mul(softplus(x.neg())));
  return reduceTerms(weighted(terms, weight), options);
}

export interface KlDivOptions extends Omit<LossOptions, "reduction"> {
  /** "batchmean" is the sum over the size of axis 0: the mathematical divergence. Default "mean", over all terms. */
  readonly reduction?: LossOptions["reduction"] | "batchmean";
  /** The targets are logarithms too. Default false. */
  readonly logTarget?: boolean;
}

/** target·(log target - x) for log-probabilities x; 0·log 0 counts as 0. */
export function klDiv(x: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  checkOptions("klDiv", options, KL_DIV_OPTIONS);
  checkSameShape("klDiv", x, target);
  const { reduction, logTarget = false, ...rest } = options;
  if (!logTarget) wantTargets(target, probabilities("klDiv"));
  // 0·∞ counts as 0: of what has no probability nothing is asked.
  const cross = target.eq(0).where(0, target.mul(x));
  const terms = logTarget ? target.exp().mul(target.sub(x)) : target.unary(ownLog).sub(cross);
  return reduction === "batchmean" ? reduceTerms(terms.sum(axesFrom(terms.shape, 1)), rest) : reduceTerms(terms, { ...rest, reduction });
}

// ---- classes ------------------------------------------------------------------------------------------------------------------------

export interface NllOptions extends LossOptions {
  /** Weight of each class, [C]; the mean then divides by the sum of the weights of the targets. */
  readonly weight?: TensorLike;
  /** Class index that marks targets to leave out, also of the mean. Default -100. */
  readonly ignoreIndex?: number;
}

export interface CrossEntropyOptions extends NllOptions {
  /** ε: the target is (1 - ε)·onehot + ε/C (Szegedy et al. 2016, §7). Default 0. */
  readonly labelSmoothing?: number;
}

function checkClassTargets(loss: string, x: Tensor, targets: Tensor, ignoreIndex = -100): void {
  checkTensors(loss, { predictions: x, targets });
  const classAxis = x.rank === 1 ? 0 : 1;
  const want = isFloat(targets.dtype) ? x.shape : x.shape.toSpliced(classAxis, 1);
  if (x.rank > 0 && sameShape(targets.shape, want)) {
    const classes = x.shape[classAxis]!;
    if (!isFloat(targets.dtype)) checkIndices(`${loss}: class`, targets, classes, ignoreIndex);
    wantTargets(
      targets,
      isFloat(targets.dtype) ? { ...probabilities(loss), distribution: true } : classIndices(loss, classes, ignoreIndex),
    );
    return;
  }
  const kind = isFloat(targets.dtype)
    ? `probabilities ${formatShape(want)} (or, as integers, class indices)`
    : `class indices ${formatShape(want)}`;
  throw new RangeError(`${loss}: for predictions ${formatShape(x.shape)} targets must be ${kind}, got ${formatType(targets)}`);
}

/** Class weights laid along the class axis of x. */
function classWeights(x: Tensor, weight: TensorLike, axis: number): Tensor {
  const w = x.operand(weight);
  if (w.rank !== 1 || w.shape[0] !== x.shape[axis])
    throw new RangeError(`class weights: want [${x.shape[axis]}], one per class, got ${formatShape(w.shape)}`);
  return w.reshape(x.shape.map((_, i) => (i === axis ? -1 : 1))).broadcastTo(x.shape);
}

/** x at each target's class, along the class axis, which disappears. */
function pick(x: Tensor, targets: Tensor, axis: number): Tensor {
  return x.takeAlongInside(targets.unsqueeze(axis), axis).squeeze(axis);
}

interface Chosen {
  readonly axis: number;
  /** Targets that count. */
  readonly counts: Tensor;
  /** Class indices, with those that do not count replaced by 0. */
  readonly classes: Tensor;
  /** Weight of each target, 0 where it does not count; undefined if every weight is 1. */
  readonly weights: Tensor;
}

function choose(x: Tensor, targets: Tensor, { weight, ignoreIndex = -100 }: NllOptions): Chosen {
  const axis = x.rank === 1 ? 0 : 1;
  const index = targets.cast("i32");
  const counts = index.ne(ignoreIndex);
  const classes = counts.where(index, 0);
  const one = weight === undefined ? undefined : pick(classWeights(x, weight, axis), classes, axis);
  const weights = counts.where(one ?? x.constantOf({ shape: targets.shape, dtype: x.dtype }, 1), 0);
  return { axis, counts, classes, weights };
}

/** -weight·logp[target] for log-probabilities [N, C] or [N, C, ...] and class indices [N] or [N, ...]. An index outside 0..C-1 is an error, or NaN within a program. */
export function nllLoss(logp: Tensor, targets: Tensor, options: NllOptions = {}): Tensor {
  checkOptions("nllLoss", options, NLL_OPTIONS);
  checkTensors("nllLoss", { predictions: logp, targets });
  if (isFloat(targets.dtype))
    throw new TypeError(`nllLoss: targets must be class indices, got ${formatType(targets)}; convert with .cast("i32")`);
  checkClassTargets("nllLoss", logp, targets, options.ignoreIndex);
  const chosen = choose(logp, targets, options);
  return reduceTerms(classTerms(logp, chosen), options, chosen.weights);
}

function classTerms(logp: Tensor, { axis, counts, classes, weights }: Chosen): Tensor {
  return counts
    .where(pick(logp, classes, axis), 0)
    .mul(weights)
    .neg();
}

/**
 * -log softmax(logits)[target]. Logits [C], [N, C] or [N, C, ...]; targets are class indices, integers without the class axis, or
 * probabilities in the logits' shape. A class index outside 0..C-1 gives NaN.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkTensors("crossEntropy", { logits, targets });
  checkOptions("crossEntropy", options, CROSS_ENTROPY_OPTIONS);
  const { labelSmoothing: epsilon = 0, weight } = options;
  checkClassTargets("crossEntropy", logits, targets, options.ignoreIndex);
  const axis = logits.rank === 1 ? 0 : 1;
  const logp = logSoftmax(logits, axis);
  const classes = logits.shape[axis];
  if (isFloat(targets.dtype)) {
    const soft = epsilon === 0 ? targets : targets.mul(1 - epsilon).add(epsilon / classes);
    const terms = soft.mul(logp);
    return reduceTerms((weight === undefined ? terms : terms.mul(classWeights(logp, weight, axis))).sum(axis).neg(), options);
  }
  const chosen = choose(logp, targets, options);
  const hard = classTerms(logp, chosen);
  if (epsilon === 0) return reduceTerms(hard, options, chosen.weights);
  // The smoothed part weighs every class by its own weight, not the target's.
  const all = weight === undefined ? logp : logp.mul(classWeights(logp, weight, axis));
  const smooth = chosen.counts.where(all.sum(axis).neg(), 0);
  return reduceTerms(hard.mul(1 - epsilon).add(smooth.mul(epsilon / classes)), options, chosen.weights);
}

export interface FocalOptions extends LossOptions {
  /** Weight of positive targets, 1 - α that of negative ones; without it both are 1. */
  readonly alpha?: number;
  /** How much easy examples are damped. Default 2. */
  readonly gamma?: number;
}

/** -(1 - p)^γ log p with p the probability σ gives to the truth, for logits and targets in {0, 1} (Lin et al. 2017, eq. 5). */
export function sigmoidFocalLoss(x: Tensor, target: Tensor, options: FocalOptions = {}): Tensor {
  checkOptions("sigmoidFocalLoss", options, FOCAL_OPTIONS);
  checkSameShape("sigmoidFocalLoss", x, target);
  wantTargets(target, probabilities("sigmoidFocalLoss"));
  const { alpha, gamma = 2 } = options;
  const entropy = binaryCrossEntropyWithLogits(x, target, { reduction: "none" });
  const p = x.sigmoid();
  const wrong = p.mul(target.neg().add(1)).add(p.neg().add(1).mul(target));
  const focused = gamma === 0 ? entropy : entropy.mul(wrong.pow(gamma));
  const balance = alpha === undefined ? undefined : target.mul(2 * alpha - 1).add(1 - alpha);
  return reduceTerms(balance ? focused.mul(balance) : focused, options);
}

/** 1 - 2Σ(x·target)/(Σx + Σtarget) per example, for probabilities (Milletari et al. 2016). */
export function diceLoss(x: Tensor, target: Tensor, options: LossOptions & { readonly eps?: number } = {}): Tensor {
  checkOptions("diceLoss", options, DICE_LOSS);
  checkSameShape("diceLoss", x, target);
  wantTargets(target, probabilities("diceLoss"));
  const { eps = 1e-6 } = options;
  const perExample = (t: Tensor): Tensor => t.sum(axesFrom(t.shape, 1));
  const overlap = perExample(x.mul(target)).mul(2).add(eps);
  return reduceTerms(
    overlap
      .div(perExample(x).add(perExample(target)).add(eps))
      .neg()
      .add(1),
    options,
  );
}
