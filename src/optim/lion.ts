/** @file Lion: Chen et al. (2023), "Symbolic discovery of optimization algorithms", Algorithm 2. */
import type { Cell } from "../runtime/cell.ts";
import { checkMoments } from "./moments.ts";
import { average, type DecayKind, type Group, Optimizer, type OptimizerOptions, type Trainable, type UpdateRule } from "./optimizer.ts";

export interface LionOptions extends OptimizerOptions {
  /** β₁ of the direction, β₂ of the moment. Default 0.9 and 0.99. */
  readonly betas?: readonly [number, number];
}

const DEFAULTS: Required<LionOptions> = { lr: 1e-4, weightDecay: 0, maximize: false, betas: [0.9, 0.99] };

/** p ← (1 - lr·λ)p - lr·sign(β₁m + (1 - β₁)g); m ← β₂m + (1 - β₂)g. Default lr 1e-4. */
export class Lion extends Optimizer<LionOptions> {
  protected override readonly decay: DecayKind = "decoupled";
  readonly #m: readonly Cell[];

  constructor(parameters: Trainable<LionOptions>, options: LionOptions = {}) {
    super(parameters, options, DEFAULTS, checkMoments);
    this.#m = this.zeros("m");
  }

  protected override rule({ options: { betas }, rate }: Group<LionOptions>): UpdateRule {
    const lr = rate.value;
    return (p, g, i) => {
      const direction = this.#m[i].value.mul(betas[0]).add(g.mul(1 - betas[0]));
      average(this.#m[i], betas[1], g);
      return p.sub(direction.sign().mul(lr));
    };
  }
}
