/** @file Adamax: Kingma & Ba (2015), "Adam: a method for stochastic optimization", Algorithm 2. */
import type { Cell } from "../runtime/cell.ts";
import { biasCorrection, checkMoments, MOMENT_DEFAULTS, type MomentOptions } from "./moments.ts";
import { average, flushed, type Group, Optimizer, type Trainable, tick, type UpdateRule } from "./optimizer.ts";

/** β₂ decays the norm, and ε is added to the magnitude of each gradient. */
export type AdamaxOptions = MomentOptions;

const DEFAULTS: Required<AdamaxOptions> = { ...MOMENT_DEFAULTS, lr: 2e-3 };

/** m ← β₁m + (1 - β₁)g; u ← max(β₂u, |g| + ε); p ← p - lr/(1 - β₁ᵗ)·m/u. Default lr 2e-3. */
export class Adamax extends Optimizer<AdamaxOptions> {
  readonly #time: Cell;
  readonly #m: readonly Cell[];
  readonly #u: readonly Cell[];

  constructor(parameters: Trainable<AdamaxOptions>, options: AdamaxOptions = {}) {
    super(parameters, options, DEFAULTS, checkMoments);
    this.#time = this.timer();
    this.#m = this.zeros("m");
    this.#u = this.zeros("u");
  }

  protected override advance(): void {
    tick(this.#time);
  }

  protected override rule({ options: { betas, eps }, rate }: Group<AdamaxOptions>): UpdateRule {
    const stepSize = this.byTime("f32", (t) => biasCorrection(betas[0], t).recip().mul(rate.value));
    return (p, g, i) => {
      const m = average(this.#m[i], betas[0], g);
      const u = flushed(this.#u[i].value.mul(betas[1])).maximum(g.abs().add(eps));
      this.#u[i].set(u);
      return p.sub(m.mul(stepSize(i)).div(u));
    };
  }
}
