/** @file Losses as modules: the functions of the same names with their options kept. `reduction` is "mean" (the default), "sum" or "none". */
import type { Tensor } from "../ops/tensor.ts";
import * as F from "./losses.ts";
import { Module } from "./module.ts";

/** The options that a loss of predictions and targets takes. */
type Options<L extends (...args: never[]) => Tensor> = NonNullable<Parameters<L>[2]>;

abstract class Loss<O extends object> extends Module {
  readonly options: O;

  constructor(options: O) {
    super();
    this.options = options;
  }

  protected override details(): string {
    return Object.entries(this.options)
      .filter(([, value]) => typeof value === "number" || typeof value === "string" || typeof value === "boolean")
      .map(([name, value]) => `${name} ${value}`)
      .join(", ");
  }
}

/** (x - target)². */
export class MSELoss extends Loss<F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.mseLoss(x, target, this.options);
  }
}

/** |x - target|. */
export class L1Loss extends Loss<F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.l1Loss(x, target, this.options);
  }
}

/** ½d² up to |d| = δ (default 1), linear beyond (Huber 1964). */
export class HuberLoss extends Loss<Options<typeof F.huberLoss>> {
  constructor(options: Options<typeof F.huberLoss> = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.huberLoss(x, target, this.options);
  }
}

/** ½d²/β below |d| = β (default 1), |d| - ½β beyond. */
export class SmoothL1Loss extends Loss<Options<typeof F.smoothL1Loss>> {
  constructor(options: Options<typeof F.smoothL1Loss> = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(x, target, this.options);
  }
}

/** log cosh(x - target). */
export class LogCoshLoss extends Loss<F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.logCoshLoss(x, target, this.options);
  }
}

/** Binary cross-entropy of probabilities; `weight` per term. */
export class BCELoss extends Loss<Options<typeof F.binaryCrossEntropy>> {
  constructor(options: Options<typeof F.binaryCrossEntropy> = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(x, target, this.options);
  }
}

/** Binary cross-entropy of logits; `posWeight` of positive targets. */
export class BCEWithLogitsLoss extends Loss<Options<typeof F.binaryCrossEntropyWithLogits>> {
  constructor(options: Options<typeof F.binaryCrossEntropyWithLogits> = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropyWithLogits(x, target, this.options);
  }
}

/** -log-probability of the target class; class `weight`, `ignoreIndex`. */
export class NLLLoss extends Loss<F.NllOptions> {
  constructor(options: F.NllOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.nllLoss(x, target, this.options);
  }
}

/** -log softmax(logits) at the target class; class `weight`, `ignoreIndex`, `labelSmoothing`. */
export class CrossEntropyLoss extends Loss<F.CrossEntropyOptions> {
  constructor(options: F.CrossEntropyOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(x, target, this.options);
  }
}

/** target·(log target - x) for log-probabilities x. */
export class KLDivLoss extends Loss<F.KlDivOptions> {
  constructor(options: F.KlDivOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.klDiv(x, target, this.options);
  }
}

/** -log of the Poisson probability of counts. */
export class PoissonNLLLoss extends Loss<F.PoissonOptions> {
  constructor(options: F.PoissonOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.poissonNllLoss(x, target, this.options);
  }
}

/** max(0, 1 - target·x) for targets in {-1, 1}. */
export class HingeLoss extends Loss<F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.hingeLoss(x, target, this.options);
  }
}

/** max(0, 1 - target·x)². */
export class SquaredHingeLoss extends Loss<F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.squaredHingeLoss(x, target, this.options);
  }
}

/** x for targets 1, max(0, margin - x) for targets -1. */
export class HingeEmbeddingLoss extends Loss<Options<typeof F.hingeEmbeddingLoss>> {
  constructor(options: Options<typeof F.hingeEmbeddingLoss> = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.hingeEmbeddingLoss(x, target, this.options);
  }
}

/** log(1 + e^(-target·x)). */
export class SoftMarginLoss extends Loss<F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.softMarginLoss(x, target, this.options);
  }
}

/** Multi-class hinge for scores [N, C] and classes [N]. */
export class MultiMarginLoss extends Loss<F.MultiMarginOptions> {
  constructor(options: F.MultiMarginOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.multiMarginLoss(x, target, this.options);
  }
}

/** Mean over classes of binary cross-entropies of logits. */
export class MultiLabelSoftMarginLoss extends Loss<Options<typeof F.multilabelSoftMarginLoss>> {
  constructor(options: Options<typeof F.multilabelSoftMarginLoss> = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.multilabelSoftMarginLoss(x, target, this.options);
  }
}

/** Multi-label hinge for scores and labels [N, C], -1 behind the last label. */
export class MultiLabelMarginLoss extends Loss<F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.multilabelMarginLoss(x, target, this.options);
  }
}

/** -(1 - p)^γ log p (Lin et al. 2017). */
export class SigmoidFocalLoss extends Loss<F.FocalOptions> {
  constructor(options: F.FocalOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.sigmoidFocalLoss(x, target, this.options);
  }
}

/** 1 - 2Σ(x·target)/(Σx + Σtarget) per example (Milletari et al. 2016). */
export class DiceLoss extends Loss<Options<typeof F.diceLoss>> {
  constructor(options: Options<typeof F.diceLoss> = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.diceLoss(x, target, this.options);
  }
}

/** ½‖x - target‖² per example (Nielsen 2015). */
export class QuadraticLoss extends Loss<F.LossOptions> {
  constructor(options: F.LossOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return F.quadraticLoss(x, target, this.options);
  }
}

/** ½(log var + (x - target)²/var). */
export class GaussianNLLLoss extends Loss<F.GaussianOptions> {
  constructor(options: F.GaussianOptions = {}) {
    super(options);
  }

  forward(x: Tensor, target: Tensor, variance: Tensor): Tensor {
    return F.gaussianNllLoss(x, target, variance, this.options);
  }
}

/** max(0, margin - target·(x₁ - x₂)). */
export class MarginRankingLoss extends Loss<NonNullable<Parameters<typeof F.marginRankingLoss>[3]>> {
  constructor(options: NonNullable<Parameters<typeof F.marginRankingLoss>[3]> = {}) {
    super(options);
  }

  forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    return F.marginRankingLoss(x1, x2, target, this.options);
  }
}

/** 1 - cos(x₁, x₂) for targets 1, max(0, cos - margin) for -1. */
export class CosineEmbeddingLoss extends Loss<NonNullable<Parameters<typeof F.cosineEmbeddingLoss>[3]>> {
  constructor(options: NonNullable<Parameters<typeof F.cosineEmbeddingLoss>[3]> = {}) {
    super(options);
  }

  forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    return F.cosineEmbeddingLoss(x1, x2, target, this.options);
  }
}

/** max(0, ‖a - p‖ - ‖a - n‖ + margin). */
export class TripletMarginLoss extends Loss<F.TripletOptions> {
  constructor(options: F.TripletOptions = {}) {
    super(options);
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return F.tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/** Connectionist temporal classification (Graves et al. 2006) of log-probabilities [T, N, C] and targets [N, S] with their lengths [N]. */
export class CTCLoss extends Loss<F.CtcOptions> {
  constructor(options: F.CtcOptions = {}) {
    super(options);
  }

  forward(logp: Tensor, targets: Tensor, inputLengths: Tensor, targetLengths: Tensor): Tensor {
    return F.ctcLoss(logp, targets, inputLengths, targetLengths, this.options);
  }
}
