/** @file Losses that ask for a margin: hinges, rankings, and of pairs and triplets of embeddings. What lies beyond the margin costs nothing. */
import { checkOptions } from "../base/check.ts";
import { formatShape, sameShape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { logSigmoid, softplus } from "./activation.ts";
import { pairwiseDistance } from "./distance.ts";
import { checkIndices } from "./indexing.ts";
import { LOSS_OPTIONS, MARGIN_OPTIONS, MULTI_MARGIN_OPTIONS, MULTILABEL_SOFT_MARGIN_LOSS, TRIPLET_OPTIONS } from "./options.ts";
import { checkSameShape, type LossOptions, reduceTerms } from "./reduction.ts";
import { classIndices, probabilities, signs, wantTargets } from "./targets.ts";

/** Options of the losses with a margin. */
export interface Margin extends LossOptions {
  readonly margin?: number;
}

/** max(0, x), with derivative 1 at 0, as PyTorch's clamp has it. */
function atLeastZero(x: Tensor): Tensor {
  return x.lt(0).where(0, x);
}

/** max(0, 1 - target·x) for targets in {-1, 1}. */
export function hingeLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions("hingeLoss", options, LOSS_OPTIONS);
  checkSameShape("hingeLoss", x, target);
  wantTargets(target, signs("hingeLoss"));
  return reduceTerms(target.mul(x).neg().add(1).relu(), options);
}

/** max(0, 1 - target·x)². */
export function squaredHingeLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions("squaredHingeLoss", options, LOSS_OPTIONS);
  checkSameShape("squaredHingeLoss", x, target);
  wantTargets(target, signs("squaredHingeLoss"));
  return reduceTerms(target.mul(x).neg().add(1).relu().square(), options);
}

/** x for targets 1, max(0, margin - x) for targets -1: of distances. Default margin 1. */
export function hingeEmbeddingLoss(x: Tensor, target: Tensor, options: Margin = {}): Tensor {
  checkOptions("hingeEmbeddingLoss", options, MARGIN_OPTIONS);
  checkSameShape("hingeEmbeddingLoss", x, target);
  wantTargets(target, signs("hingeEmbeddingLoss"));
  const { margin = 1 } = options;
  return reduceTerms(target.eq(1).where(x, atLeastZero(x.neg().add(margin))), options);
}

/** log(1 + e^(-target·x)) for targets in {-1, 1}. */
export function softMarginLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions("softMarginLoss", options, LOSS_OPTIONS);
  checkSameShape("softMarginLoss", x, target);
  wantTargets(target, signs("softMarginLoss"));
  return reduceTerms(softplus(target.mul(x).neg()), options);
}

export interface MultiMarginOptions extends Margin {
  /** Power of each violation, 1 or 2. Default 1. */
  readonly p?: 1 | 2;
  /** Weight of each class, [C]. */
  readonly weight?: TensorLike;
}

/** Multi-class hinge: Σ over j ≠ y of max(0, margin - x_y + x_j)ᵖ / C for scores [N, C] or [C] and classes y [N] or []. Default margin 1. */
export function multiMarginLoss(x: Tensor, targets: Tensor, options: MultiMarginOptions = {}): Tensor {
  checkOptions("multiMarginLoss", options, MULTI_MARGIN_OPTIONS);
  checkTensors("multiMarginLoss", { scores: x, targets });
  if (x.rank < 1 || x.rank > 2 || !sameShape(targets.shape, x.shape.slice(0, -1)))
    throw new RangeError(
      `multiMarginLoss: want scores [N, C] and classes [N], or [C] and [], got ${formatShape(x.shape)} and ${formatShape(targets.shape)}`,
    );
  const { margin = 1, p = 1, weight } = options;
  const classes = x.shape.at(-1)!;
  checkIndices("multiMarginLoss: class", targets, classes);
  wantTargets(targets, classIndices("multiMarginLoss", classes));
  const index = targets.unsqueeze(-1);
  const violation = x.sub(x.takeAlongInside(index, -1)).add(margin).relu();
  const powered = p === 2 ? violation.square() : violation;
  const factor = weight === undefined ? undefined : x.operand(weight).takeInside(targets).unsqueeze(-1);
  const others = powered
    .iotaLike(x.rank - 1)
    .ne(index.cast("i32"))
    .where(factor ? powered.mul(factor) : powered, 0);
  return reduceTerms(others.sum(-1).div(classes), options);
}

/** -mean over classes of t·log σ(x) + (1 - t)·log σ(-x), for x and t [..., C]. */
export function multilabelSoftMarginLoss(x: Tensor, target: Tensor, options: LossOptions & { readonly weight?: TensorLike } = {}): Tensor {
  checkOptions("multilabelSoftMarginLoss", options, MULTILABEL_SOFT_MARGIN_LOSS);
  checkSameShape("multilabelSoftMarginLoss", x, target);
  wantTargets(target, probabilities("multilabelSoftMarginLoss"));
  const terms = target
    .mul(logSigmoid(x))
    .add(target.neg().add(1).mul(logSigmoid(x.neg())))
    .neg();
  return reduceTerms((options.weight === undefined ? terms : terms.mul(options.weight)).mean(-1), options);
}

/**
 * Σ over true labels y and other classes j of max(0, 1 - (x_y - x_j)) / C, for scores and labels [N, C] or [C]; labels count up to the first
 * -1.
 */
export function multilabelMarginLoss(x: Tensor, targets: Tensor, options: LossOptions = {}): Tensor {
  checkOptions("multilabelMarginLoss", options, LOSS_OPTIONS);
  checkSameShape("multilabelMarginLoss", x, targets);
  if (x.rank < 1 || x.rank > 2) throw new RangeError(`multilabelMarginLoss: want scores [N, C] or [C], got ${formatShape(x.shape)}`);
  const classes = x.shape.at(-1)!;
  const labels = targets.cast("i32");
  const position = labels.iotaLike(x.rank - 1);
  // A label counts if no -1 stands before it or at it.
  const ends = labels.lt(0).where(position, classes).min(-1, { keepDims: true });
  const counts = position.lt(ends);
  const safe = counts.where(labels, 0);
  const isTrue = safe.oneHot(classes, "i32").mul(counts.cast("i32").unsqueeze(-1)).sum(-2).gt(0); // [..., C]
  const scores = x.takeAlongInside(safe, -1).unsqueeze(-1); // [..., label, 1]
  const violation = x.unsqueeze(-2).sub(scores).add(1).relu(); // [..., label, class]
  const taken = counts.unsqueeze(-1).and(isTrue.not().unsqueeze(-2));
  return reduceTerms(taken.where(violation, 0).sum([-2, -1]).div(classes), options);
}

/** max(0, margin - target·(x₁ - x₂)): target 1 wants x₁ above x₂, -1 the other way. Default margin 0. */
export function marginRankingLoss(x1: Tensor, x2: Tensor, target: Tensor, options: Margin = {}): Tensor {
  checkOptions("marginRankingLoss", options, MARGIN_OPTIONS);
  checkSameShape("marginRankingLoss", x1, x2);
  checkTensors("marginRankingLoss", { target });
  wantTargets(target, signs("marginRankingLoss"));
  const { margin = 0 } = options;
  return reduceTerms(atLeastZero(target.mul(x1.sub(x2)).neg().add(margin)), options);
}

/** 1 - cos(x₁, x₂) for targets 1, max(0, cos(x₁, x₂) - margin) for targets -1; x [N, D], targets [N]. Default margin 0. */
export function cosineEmbeddingLoss(x1: Tensor, x2: Tensor, target: Tensor, options: Margin = {}): Tensor {
  checkOptions("cosineEmbeddingLoss", options, MARGIN_OPTIONS);
  checkSameShape("cosineEmbeddingLoss", x1, x2);
  checkTensors("cosineEmbeddingLoss", { target });
  const { margin = 0 } = options;
  wantTargets(target, signs("cosineEmbeddingLoss"));
  const EPS = 1e-12;
  const norms = x1.square().sum(-1).add(EPS).mul(x2.square().sum(-1).add(EPS)).sqrt();
  const cosine = x1.mul(x2).sum(-1).div(norms);
  return reduceTerms(target.eq(1).where(cosine.neg().add(1), target.eq(-1).where(atLeastZero(cosine.sub(margin)), 0)), options);
}

export interface TripletOptions extends Margin {
  /** Of the distance. Default 2. */
  readonly p?: number;
  /** Added to every difference. Default 1e-6. */
  readonly eps?: number;
  /** Take the nearer of anchor and positive to the negative (Balntas et al. 2016). Default false. */
  readonly swap?: boolean;
  /** Default {@link pairwiseDistance} with `p` and `eps`. */
  readonly distance?: (a: Tensor, b: Tensor) => Tensor;
}

/** max(0, ‖a - p‖ - ‖a - n‖ + margin) for anchors, positives and negatives [N, D]. Default margin 1. */
export function tripletMarginLoss(anchor: Tensor, positive: Tensor, negative: Tensor, options: TripletOptions = {}): Tensor {
  checkOptions("tripletMarginLoss", options, TRIPLET_OPTIONS);
  checkSameShape("tripletMarginLoss", anchor, positive);
  checkSameShape("tripletMarginLoss", anchor, negative);
  const { margin = 1, p = 2, eps = 1e-6, swap = false } = options;
  const { distance = (a, b) => pairwiseDistance(a, b, { p, eps }) } = options;
  const near = distance(anchor, positive);
  const away = distance(anchor, negative);
  const far = swap ? away.minimum(distance(positive, negative)) : away;
  return reduceTerms(atLeastZero(near.sub(far).add(margin)), options);
}
