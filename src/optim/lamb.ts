/** @file LAMB: You et al. (2020), "Large batch optimization for deep learning: training BERT in 76 minutes", Algorithm 2. */
import { norm } from "../math/statistics.ts";
import type { Cell } from "../runtime/cell.ts";
import {
  average,
  biasCorrection,
  checkMoments,
  type DecayKind,
  type Group,
  Optimizer,
  type OptimizerOptions,
  type Trainable,
  tick,
  type UpdateRule,
} from "./optimizer.ts";

export interface LambOptions extends OptimizerOptions {
  /** β₁ and β₂, decay rates of the two moments. Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** ε, added to the root of the corrected second moment. Default 1e-6. */
  readonly eps?: number;
}

const DEFAULTS: Required<LambOptions> = { lr: 1e-3, weightDecay: 0, maximize: false, betas: [0.9, 0.999], eps: 1e-6 };

/**
 * m̂, v̂ as in Adam; u = m̂/(√v̂ + ε) + λp; p ← p - lr·‖p‖/‖u‖·u, for each parameter tensor as a whole; the ratio is 1 where a norm is 0.
 * Default lr 1e-3.
 */
export class LAMB extends Optimizer<LambOptions> {
  protected override readonly decay: DecayKind = "own";
  readonly #time: Cell;
  readonly #m: readonly Cell[];
  readonly #v: readonly Cell[];

  constructor(parameters: Trainable<LambOptions>, options: LambOptions = {}) {
    super(parameters, options, DEFAULTS, checkMoments);
    this.#time = this.counter("t");
    this.#m = this.zeros("m");
    this.#v = this.zeros("v");
  }

  protected override advance(): void {
    tick(this.#time);
  }

  protected override rule({ options: { betas, eps, weightDecay }, rate }: Group<LambOptions>): UpdateRule {
    const t = this.#time.value.cast("f32");
    const [ofMoment, ofRoot] = [biasCorrection(betas[0], t).recip(), biasCorrection(betas[1], t).sqrt().recip()];
    const lr = rate.value;
    return (p, g, i) => {
      const m = average(this.#m[i], betas[0], g).mul(ofMoment);
      const root = average(this.#v[i], betas[1], g.square()).sqrt().mul(ofRoot).add(eps);
      const u = m.div(root).add(p.mul(weightDecay));
      const [sizeP, sizeU] = [norm(p), norm(u)];
      const zero = sizeP.eq(0).or(sizeU.eq(0));
      const ratio = zero.where(1, sizeP.div(zero.where(1, sizeU)));
      return p.sub(u.mul(ratio.mul(lr)));
    };
  }
}
