/** @file LAMB: You et al. (2020), "Large batch optimization for deep learning: training BERT in 76 minutes", Algorithm 2. */
import { norm } from "../math/statistics.ts";
import { biasCorrection, MOMENT_DEFAULTS, MomentOptimizer, type MomentOptions } from "./moments.ts";
import type { DecayKind, Group, Trainable, UpdateRule } from "./optimizer.ts";

/** As Adam's, but ε is 1e-6 by default. */
export type LambOptions = MomentOptions;

const DEFAULTS: Required<LambOptions> = { ...MOMENT_DEFAULTS, eps: 1e-6 };

/**
 * m̂, v̂ as in Adam; u = m̂/(√v̂ + ε) + λp; p ← p - lr·‖p‖/‖u‖·u, for each parameter tensor as a whole; the ratio is 1 where a norm is 0.
 * Default lr 1e-3.
 */
export class LAMB extends MomentOptimizer<LambOptions> {
  protected override readonly decay: DecayKind = "own";

  constructor(parameters: Trainable<LambOptions>, options: LambOptions = {}) {
    super(parameters, options, DEFAULTS);
  }

  protected override rule({ options: { betas, eps, weightDecay }, rate }: Group<LambOptions>): UpdateRule {
    const corrections = this.byTime(rate.dtype as "f32" | "f64", (t) => [
      biasCorrection(betas[0], t).recip(),
      biasCorrection(betas[1], t).sqrt().recip(),
    ]);
    const lr = rate.value;
    return (p, g, i) => {
      const [ofMoment, ofRoot] = corrections(i);
      const m = this.moment(i, betas[0], g).mul(ofMoment);
      const root = this.secondMoment(i, betas[1], g).sqrt().mul(ofRoot).add(eps);
      const u = m.div(root).add(p.mul(weightDecay));
      const [sizeP, sizeU] = [norm(p), norm(u)];
      const zero = sizeP.eq(0).or(sizeU.eq(0));
      const ratio = zero.where(1, sizeP.div(zero.where(1, sizeU)));
      return p.sub(u.mul(ratio.mul(lr)));
    };
  }
}
