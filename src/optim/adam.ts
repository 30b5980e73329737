/** @file Adam: Kingma & Ba (2015), "Adam: a method for stochastic optimization", Algorithm 1. */
import type { Cell } from "../runtime/cell.ts";
import { biasCorrection, MOMENT_DEFAULTS, MomentOptimizer, type MomentOptions } from "./moments.ts";
import type { Group, Trainable, UpdateRule } from "./optimizer.ts";

export interface AdamOptions extends MomentOptions {
  /** Use the largest second moment so far (Reddi, Kale & Kumar 2018). Default false. */
  readonly amsgrad?: boolean;
}

export const ADAM_DEFAULTS: Required<AdamOptions> = { ...MOMENT_DEFAULTS, amsgrad: false };

/**
 * m ← β₁m + (1 - β₁)g; v ← β₂v + (1 - β₂)g²; p ← p - lr·m̂/(√v̂ + ε), m̂ = m/(1 - β₁ᵗ), v̂ = v/(1 - β₂ᵗ). Default lr 1e-3. Weight decay is
 * part of g ("coupled"), as in PyTorch's Adam.
 */
export class Adam extends MomentOptimizer<AdamOptions> {
  readonly #beta1: readonly Cell[];
  /** Largest v so far, where amsgrad is on. */
  readonly #top: readonly Cell[];

  constructor(parameters: Trainable<AdamOptions>, options: AdamOptions = {}, defaults: Required<AdamOptions> = ADAM_DEFAULTS) {
    super(parameters, options, defaults);
    this.#beta1 = this.momenta(({ betas }) => betas[0]);
    this.#top = this.zeros("vMax", ({ amsgrad }) => amsgrad);
  }

  protected override rule({ options, rate, index }: Group<AdamOptions>): UpdateRule {
    const beta1 = this.#beta1[index]?.value ?? 0;
    const beta2 = options.betas[1];
    const corrections = this.byTime(rate.dtype as "f32" | "f64", (t) => ({
      stepSize: biasCorrection(beta1, t).recip().mul(rate.value),
      scale: biasCorrection(beta2, t).sqrt().recip(),
    }));
    return (p, g, i) => {
      const { stepSize, scale } = corrections(i);
      const m = this.moment(i, beta1, g);
      const v = this.secondMoment(i, beta2, g);
      const top = this.#top[i]?.value.maximum(v);
      if (top) this.#top[i].set(top);
      const root = (top ?? v).sqrt().mul(scale).add(options.eps);
      return p.sub(m.mul(stepSize).div(root));
    };
  }
}
