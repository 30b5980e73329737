/** @file RAdam: Liu et al. (2020), "On the variance of the adaptive learning rate and beyond", Algorithm 2. */
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { biasCorrection, MOMENT_DEFAULTS, MomentOptimizer, type MomentOptions } from "./moments.ts";
import type { DecayKind, Group, Trainable, UpdateRule } from "./optimizer.ts";

/** ε is added to the root of the second moment before that is corrected. */
export interface RAdamOptions extends MomentOptions {
  /** Weight decay shrinks the parameters by 1 - lr·λ instead of joining the gradients (Loshchilov & Hutter 2019). Default false. */
  readonly decoupledWeightDecay?: boolean;
}

const DEFAULTS: Required<RAdamOptions> = { ...MOMENT_DEFAULTS, decoupledWeightDecay: false };

/** Below this length of average the variance has no bound, and the step is that of momentum alone. */
const TRACTABLE = 5;

/**
 * m̂, v as in Adam; ρ_∞ = 2/(1 - β₂) - 1, ρ_t = ρ_∞ - 2tβ₂ᵗ/(1 - β₂ᵗ). While ρ_t <= 5: p ← p - lr·m̂. After that:
 * p ← p - lr·r·m̂·√(1 - β₂ᵗ)/(√v + ε), r² = (ρ_t - 4)(ρ_t - 2)ρ_∞/((ρ_∞ - 4)(ρ_∞ - 2)ρ_t). Default lr 1e-3.
 *
 * ρ_t as written is a difference of two numbers near 2000, of which the 5 decides. But ρ_t = 2·A/B - 1 with A = Σ kβ₂ᵏ⁻¹, B = Σ βᵏ⁻¹ over
 * k = 1..t (twice the mean age of a gradient in v, less one), where nothing cancels; the two sums are state.
 */
export class RAdam extends MomentOptimizer<RAdamOptions> {
  readonly #ages: readonly Cell[];
  readonly #weights: readonly Cell[];

  constructor(parameters: Trainable<RAdamOptions>, options: RAdamOptions = {}) {
    super(parameters, options, DEFAULTS);
    this.#ages = this.perGroup("ages", 0);
    this.#weights = this.perGroup("weights", 0);
  }

  protected override decayOf({ decoupledWeightDecay }: Required<RAdamOptions>): DecayKind {
    return decoupledWeightDecay ? "decoupled" : "coupled";
  }

  protected override rule({ options, rate, index }: Group<RAdamOptions>): UpdateRule {
    const [beta1, beta2] = options.betas;
    const factors = (t: Tensor, length: Tensor): { usable: Tensor; adaptive: Tensor; stepSize: Tensor } => ({
      usable: length.gt(TRACTABLE),
      adaptive: rectification(length, beta2).mul(biasCorrection(beta2, t).sqrt()),
      stepSize: biasCorrection(beta1, t).recip().mul(rate.value),
    });
    const at = this.byTime(
      rate.dtype as "f32" | "f64",
      (t) => factors(t, this.#length(beta2, t, index)),
      (t) => factors(t, lengthAt(beta2, t)),
    );
    return (p, g, i) => {
      const { usable, adaptive, stepSize } = at(i);
      const m = this.moment(i, beta1, g);
      const root = this.secondMoment(i, beta2, g).sqrt().add(options.eps);
      return p.sub(m.mul(stepSize).mul(usable.where(root.recip().mul(adaptive), 1)));
    };
  }

  /** ρ_t */
  #length(beta: number, t: Tensor, index: number): Tensor {
    const weight = beta === 0 ? t.eq(1).cast("f32") : t.sub(1).mul(Math.log(beta)).exp();
    const weights = this.#weights[index].value.add(weight);
    const ages = this.#ages[index].value.add(weight.mul(t));
    this.#weights[index].set(weights);
    this.#ages[index].set(ages);
    return ages.div(weights).mul(2).sub(1);
  }
}

/** ρ_t in closed form, which loses digits at small t: of parameters that joined later, for which no sums are kept. */
function lengthAt(beta: number, t: Tensor): Tensor {
  const all = biasCorrection(beta, t);
  return t
    .mul(2)
    .mul(all.neg().add(1))
    .div(all)
    .neg()
    .add(2 / (1 - beta) - 1);
}

/** r; 1 where the root would be of a negative number. */
function rectification(length: Tensor, beta: number): Tensor {
  const limit = 2 / (1 - beta) - 1;
  const scale = limit / ((limit - 4) * (limit - 2));
  const square = length.sub(4).mul(length.sub(2)).mul(scale).div(length);
  return length.gt(TRACTABLE).where(square, 1).sqrt();
}
