/** @file Losses as modules: the functions of the same names with their options kept. `reduction` is "mean" (the default), "sum" or "none". */
import { type Checks, checkOptions } from "../base/check.ts";
import {
  BCE_WITH_LOGITS_OPTIONS,
  CROSS_ENTROPY_OPTIONS,
  CTC_OPTIONS,
  DICE_LOSS,
  FOCAL_OPTIONS,
  GAUSSIAN_OPTIONS,
  HUBER_LOSS,
  KL_DIV_OPTIONS,
  LOSS_OPTIONS,
  MARGIN_OPTIONS,
  MULTI_MARGIN_OPTIONS,
  MULTILABEL_SOFT_MARGIN_LOSS,
  NLL_OPTIONS,
  POISSON_OPTIONS,
  SMOOTH_L1_LOSS,
  TRIPLET_OPTIONS,
  WEIGHTED_OPTIONS,
} from "../math/options.ts";
import type { Tensor } from "../ops/tensor.ts";
import * as F from "./losses.ts";
import { Module } from "./module.ts";

/** The options that a loss takes after its tensors, of which there are `N`. */
export type LossLayerOptions<L extends (...args: never[]) => Tensor, N extends number = 2> = NonNullable<Parameters<L>[N]>;
/** Outputs, and what they shall be. */
export type LossPair = [x: Tensor, target: Tensor];

abstract class Loss<I extends Tensor[], O extends object> extends Module {
  readonly options: O;
  readonly #loss: (...inputs: [...I, O]) => Tensor;

  constructor(loss: (...inputs: [...I, O]) => Tensor, options: O, checks: Checks<O>) {
    checkOptions(new.target.name, options, checks);
    super();
    [this.#loss, this.options] = [loss, options];
  }

  forward(...inputs: I): Tensor {
    return this.#loss(...inputs, this.options);
  }

  protected override details(): string {
    return Object.entries(this.options)
      .filter(([, value]) => typeof value === "number" || typeof value === "string" || typeof value === "boolean")
      .map(([name, value]) => `${name} ${value}`)
      .join(", ");
  }
}

/** (x - target)². */
export class MSELoss extends Loss<LossPair, F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(F.mseLoss, options, LOSS_OPTIONS);
  }
}

/** |x - target|. */
export class L1Loss extends Loss<LossPair, F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(F.l1Loss, options, LOSS_OPTIONS);
  }
}

/** ½d² up to |d| = δ (default 1), linear beyond (Huber 1964). */
export class HuberLoss extends Loss<LossPair, LossLayerOptions<typeof F.huberLoss>> {
  constructor(options: LossLayerOptions<typeof F.huberLoss> = {}) {
    super(F.huberLoss, options, HUBER_LOSS);
  }
}

/** ½d²/β below |d| = β (default 1), |d| - ½β beyond. */
export class SmoothL1Loss extends Loss<LossPair, LossLayerOptions<typeof F.smoothL1Loss>> {
  constructor(options: LossLayerOptions<typeof F.smoothL1Loss> = {}) {
    super(F.smoothL1Loss, options, SMOOTH_L1_LOSS);
  }
}

/** log cosh(x - target). */
export class LogCoshLoss extends Loss<LossPair, F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(F.logCoshLoss, options, LOSS_OPTIONS);
  }
}

/** Binary cross-entropy of probabilities; `weight` per term. */
export class BCELoss extends Loss<LossPair, LossLayerOptions<typeof F.binaryCrossEntropy>> {
  constructor(options: LossLayerOptions<typeof F.binaryCrossEntropy> = {}) {
    super(F.binaryCrossEntropy, options, WEIGHTED_OPTIONS);
  }
}

/** Binary cross-entropy of logits; `posWeight` of positive targets. */
export class BCEWithLogitsLoss extends Loss<LossPair, LossLayerOptions<typeof F.binaryCrossEntropyWithLogits>> {
  constructor(options: LossLayerOptions<typeof F.binaryCrossEntropyWithLogits> = {}) {
    super(F.binaryCrossEntropyWithLogits, options, BCE_WITH_LOGITS_OPTIONS);
  }
}

/** -log-probability of the target class; class `weight`, `ignoreIndex`. */
export class NLLLoss extends Loss<LossPair, F.NllOptions> {
  constructor(options: F.NllOptions = {}) {
    super(F.nllLoss, options, NLL_OPTIONS);
  }
}

/** -log softmax(logits) at the target class; class `weight`, `ignoreIndex`, `labelSmoothing`. */
export class CrossEntropyLoss extends Loss<LossPair, F.CrossEntropyOptions> {
  constructor(options: F.CrossEntropyOptions = {}) {
    super(F.crossEntropy, options, CROSS_ENTROPY_OPTIONS);
  }
}

/** target·(log target - x) for log-probabilities x. */
export class KLDivLoss extends Loss<LossPair, F.KlDivOptions> {
  constructor(options: F.KlDivOptions = {}) {
    super(F.klDiv, options, KL_DIV_OPTIONS);
  }
}

/** -log of the Poisson probability of counts. */
export class PoissonNLLLoss extends Loss<LossPair, F.PoissonOptions> {
  constructor(options: F.PoissonOptions = {}) {
    super(F.poissonNllLoss, options, POISSON_OPTIONS);
  }
}

/** max(0, 1 - target·x) for targets in {-1, 1}. */
export class HingeLoss extends Loss<LossPair, F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(F.hingeLoss, options, LOSS_OPTIONS);
  }
}

/** max(0, 1 - target·x)². */
export class SquaredHingeLoss extends Loss<LossPair, F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(F.squaredHingeLoss, options, LOSS_OPTIONS);
  }
}

/** x for targets 1, max(0, margin - x) for targets -1. */
export class HingeEmbeddingLoss extends Loss<LossPair, LossLayerOptions<typeof F.hingeEmbeddingLoss>> {
  constructor(options: LossLayerOptions<typeof F.hingeEmbeddingLoss> = {}) {
    super(F.hingeEmbeddingLoss, options, MARGIN_OPTIONS);
  }
}

/** log(1 + e^(-target·x)). */
export class SoftMarginLoss extends Loss<LossPair, F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(F.softMarginLoss, options, LOSS_OPTIONS);
  }
}

/** Multi-class hinge for scores [N, C] and classes [N]. */
export class MultiMarginLoss extends Loss<LossPair, F.MultiMarginOptions> {
  constructor(options: F.MultiMarginOptions = {}) {
    super(F.multiMarginLoss, options, MULTI_MARGIN_OPTIONS);
  }
}

/** Mean over classes of binary cross-entropies of logits. */
export class MultiLabelSoftMarginLoss extends Loss<LossPair, LossLayerOptions<typeof F.multilabelSoftMarginLoss>> {
  constructor(options: LossLayerOptions<typeof F.multilabelSoftMarginLoss> = {}) {
    super(F.multilabelSoftMarginLoss, options, MULTILABEL_SOFT_MARGIN_LOSS);
  }
}

/** Multi-label hinge for scores and labels [N, C], -1 behind the last label. */
export class MultiLabelMarginLoss extends Loss<LossPair, F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(F.multilabelMarginLoss, options, LOSS_OPTIONS);
  }
}

/** -(1 - p)^γ log p (Lin et al. 2017). */
export class SigmoidFocalLoss extends Loss<LossPair, F.FocalOptions> {
  constructor(options: F.FocalOptions = {}) {
    super(F.sigmoidFocalLoss, options, FOCAL_OPTIONS);
  }
}

/** 1 - 2Σ(x·target)/(Σx + Σtarget) per example (Milletari et al. 2016). */
export class DiceLoss extends Loss<LossPair, LossLayerOptions<typeof F.diceLoss>> {
  constructor(options: LossLayerOptions<typeof F.diceLoss> = {}) {
    super(F.diceLoss, options, DICE_LOSS);
  }
}

/** ½‖x - target‖² per example (Nielsen 2015). */
export class QuadraticLoss extends Loss<LossPair, F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(F.quadraticLoss, options, LOSS_OPTIONS);
  }
}

/** ½(log var + (x - target)²/var). */
export class GaussianNLLLoss extends Loss<[x: Tensor, target: Tensor, variance: Tensor], F.GaussianOptions> {
  constructor(options: F.GaussianOptions = {}) {
    super(F.gaussianNllLoss, options, GAUSSIAN_OPTIONS);
  }
}

/** max(0, margin - target·(x₁ - x₂)). */
export class MarginRankingLoss extends Loss<[x1: Tensor, x2: Tensor, target: Tensor], LossLayerOptions<typeof F.marginRankingLoss, 3>> {
  constructor(options: LossLayerOptions<typeof F.marginRankingLoss, 3> = {}) {
    super(F.marginRankingLoss, options, MARGIN_OPTIONS);
  }
}

/** 1 - cos(x₁, x₂) for targets 1, max(0, cos - margin) for -1. */
export class CosineEmbeddingLoss extends Loss<[x1: Tensor, x2: Tensor, target: Tensor], LossLayerOptions<typeof F.cosineEmbeddingLoss, 3>> {
  constructor(options: LossLayerOptions<typeof F.cosineEmbeddingLoss, 3> = {}) {
    super(F.cosineEmbeddingLoss, options, MARGIN_OPTIONS);
  }
}

/** max(0, ‖a - p‖ - ‖a - n‖ + margin). */
export class TripletMarginLoss extends Loss<[anchor: Tensor, positive: Tensor, negative: Tensor], F.TripletOptions> {
  constructor(options: F.TripletOptions = {}) {
    super(F.tripletMarginLoss, options, TRIPLET_OPTIONS);
  }
}

/** Connectionist temporal classification (Graves et al. 2006) of log-probabilities [T, N, C] and targets [N, S] with their lengths [N]. */
export class CTCLoss extends Loss<[logp: Tensor, targets: Tensor, inputLengths: Tensor, targetLengths: Tensor], F.CtcOptions> {
  constructor(options: F.CtcOptions = {}) {
    super(F.ctcLoss, options, CTC_OPTIONS);
  }
}
