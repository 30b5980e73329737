/** @file Adamax: Kingma & Ba (2015), "Adam: a method for stochastic optimization", Algorithm 2. */
import type { Cell } from "../runtime/cell.ts";
import {
  average,
  biasCorrection,
  checkMoments,
  flushed,
  type Group,
  Optimizer,
  type OptimizerOptions,
  type Trainable,
  tick,
  type UpdateRule,
} from "./optimizer.ts";

export interface AdamaxOptions extends OptimizerOptions {
  /** β₁ and β₂, decay rates of the moment and of the norm. Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** ε, added to the magnitude of each gradient. Default 1e-8. */
  readonly eps?: number;
}

const DEFAULTS: Required<AdamaxOptions> = { lr: 2e-3, weightDecay: 0, maximize: false, betas: [0.9, 0.999], eps: 1e-8 };

/** m ← β₁m + (1 - β₁)g; u ← max(β₂u, |g| + ε); p ← p - lr/(1 - β₁ᵗ)·m/u. Default lr 2e-3. */
export class Adamax extends Optimizer<AdamaxOptions> {
  readonly #time: Cell;
  readonly #m: readonly Cell[];
  readonly #u: readonly Cell[];

  constructor(parameters: Trainable<AdamaxOptions>, options: AdamaxOptions = {}) {
    super(parameters, options, DEFAULTS, checkMoments);
    this.#time = this.counter("t");
    this.#m = this.zeros("m");
    this.#u = this.zeros("u");
  }

  protected override advance(): void {
    tick(this.#time);
  }

  protected override rule({ options: { betas, eps }, rate }: Group<AdamaxOptions>): UpdateRule {
    const stepSize = biasCorrection(betas[0], this.#time.value.cast("f32")).recip().mul(rate.value);
    return (p, g, i) => {
      const m = average(this.#m[i], betas[0], g);
      const u = flushed(this.#u[i].value.mul(betas[1])).maximum(g.abs().add(eps));
      this.#u[i].set(u);
      return p.sub(m.mul(stepSize).div(u));
    };
  }
}
