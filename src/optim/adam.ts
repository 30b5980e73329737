/** @file Adam: Kingma & Ba (2015), "Adam: a method for stochastic optimization", Algorithm 1. */
import type { Cell } from "../runtime/cell.ts";
import {
  average,
  biasCorrection,
  checkMoments,
  type Group,
  Optimizer,
  type OptimizerOptions,
  type Trainable,
  tick,
  type UpdateRule,
} from "./optimizer.ts";

export interface AdamOptions extends OptimizerOptions {
  /** β₁ and β₂, decay rates of the two moments. Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** ε, added to the root of the corrected second moment. Default 1e-8. */
  readonly eps?: number;
  /** Use the largest second moment so far (Reddi, Kale & Kumar 2018). Default false. */
  readonly amsgrad?: boolean;
}

export const ADAM_DEFAULTS: Required<AdamOptions> = {
  lr: 1e-3,
  weightDecay: 0,
  maximize: false,
  betas: [0.9, 0.999],
  eps: 1e-8,
  amsgrad: false,
};

/**
 * m ← β₁m + (1 - β₁)g; v ← β₂v + (1 - β₂)g²; p ← p - lr·m̂/(√v̂ + ε), m̂ = m/(1 - β₁ᵗ), v̂ = v/(1 - β₂ᵗ). Default lr 1e-3. Weight decay is
 * part of g ("coupled"), as in PyTorch's Adam.
 */
export class Adam extends Optimizer<AdamOptions> {
  readonly #time: Cell;
  readonly #m: readonly Cell[];
  readonly #v: readonly Cell[];
  /** Largest v so far, where amsgrad is on. */
  readonly #top: readonly Cell[];

  constructor(parameters: Trainable<AdamOptions>, options: AdamOptions = {}, defaults: Required<AdamOptions> = ADAM_DEFAULTS) {
    super(parameters, options, defaults, checkMoments);
    this.#time = this.counter("t");
    this.#m = this.zeros("m");
    this.#v = this.zeros("v");
    this.#top = this.zeros("vMax", ({ amsgrad }) => amsgrad);
  }

  protected override advance(): void {
    tick(this.#time);
  }

  protected override rule({ options, rate }: Group<AdamOptions>): UpdateRule {
    const [beta1, beta2] = options.betas;
    const t = this.#time.value.cast("f32");
    const stepSize = biasCorrection(beta1, t).recip().mul(rate.value);
    const scale = biasCorrection(beta2, t).sqrt().recip();
    return (p, g, i) => {
      const m = average(this.#m[i], beta1, g);
      const v = average(this.#v[i], beta2, g.square());
      const top = this.#top[i]?.value.maximum(v);
      if (top) this.#top[i].set(top);
      const root = (top ?? v).sqrt().mul(scale).add(options.eps);
      return p.sub(m.mul(stepSize).div(root));
    };
  }
}
