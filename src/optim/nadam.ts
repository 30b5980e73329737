/** @file NAdam: Dozat (2016), "Incorporating Nesterov momentum into Adam", Algorithm 2, with its momentum schedule, as PyTorch has it. */
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { biasCorrection, checkMoments, MOMENT_DEFAULTS, MomentOptimizer, type MomentOptions } from "./moments.ts";
import { checkRange, type DecayKind, flushed, type Group, type Trainable, type UpdateRule } from "./optimizer.ts";

export interface NAdamOptions extends MomentOptions {
  /** ψ of the schedule of the momentum. Default 4e-3. */
  readonly momentumDecay?: number;
  /** Π_t·μ_t·μ_{t+1} in place of Π_{t+1}, as PyTorch up to 1.13 has it: for going on with its runs. Default false. */
  readonly squaredMomentum?: boolean;
  /** Weight decay shrinks the parameters by 1 - lr·λ instead of joining the gradients (Loshchilov & Hutter 2019). Default false. */
  readonly decoupledWeightDecay?: boolean;
}

const DEFAULTS: Required<NAdamOptions> = {
  ...MOMENT_DEFAULTS,
  lr: 2e-3,
  momentumDecay: 4e-3,
  squaredMomentum: false,
  decoupledWeightDecay: false,
};

/**
 * μ_t = β₁(1 - ½·0.96^(tψ)), Π_t = μ₁⋯μ_t; m and v as in Adam;
 * p ← p - lr·((1 - μ_t)/(1 - Π_t)·g + μ_{t+1}/(1 - Π_{t+1})·m)/(√v̂ + ε). Default lr 2e-3.
 */
export class NAdam extends MomentOptimizer<NAdamOptions> {
  readonly #product: readonly Cell[];

  constructor(parameters: Trainable<NAdamOptions>, options: NAdamOptions = {}) {
    super(parameters, options, DEFAULTS, check);
    this.#product = this.perGroup("muProduct", 1);
  }

  protected override decayOf({ decoupledWeightDecay }: Required<NAdamOptions>): DecayKind {
    return decoupledWeightDecay ? "decoupled" : "coupled";
  }

  protected override rule({ options, rate, index }: Group<NAdamOptions>): UpdateRule {
    const [beta1, beta2] = options.betas;
    const t = this.time.cast(rate.dtype as "f32" | "f64");
    const momentum = (n: Tensor): Tensor =>
      n
        .mul(options.momentumDecay * Math.log(0.96))
        .exp()
        .mul(-0.5)
        .add(1)
        .mul(beta1);
    const mu = momentum(t);
    const next = momentum(t.add(1));
    const product = flushed(this.#product[index].value.mul(mu));
    this.#product[index].set(product);
    const ofGradient = one(mu).div(one(product)).mul(rate.value);
    const nextProduct = (options.squaredMomentum ? product.mul(mu) : product).mul(next);
    const ofMoment = next.div(one(nextProduct)).mul(rate.value);
    const scale = this.byTime(rate.dtype as "f32" | "f64", (own) => biasCorrection(beta2, own).sqrt().recip());
    return (p, g, i) => {
      const m = this.moment(i, beta1, g);
      const root = this.secondMoment(i, beta2, g).sqrt().mul(scale(i)).add(options.eps);
      return p.sub(g.mul(ofGradient).add(m.mul(ofMoment)).div(root));
    };
  }
}

/** 1 - x */
function one(x: Tensor): Tensor {
  return x.neg().add(1);
}

function check(options: Required<NAdamOptions>): void {
  checkMoments(options);
  checkRange("momentumDecay", options.momentumDecay, 0);
}
