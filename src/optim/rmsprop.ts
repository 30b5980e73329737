/** @file RMSProp: Tieleman & Hinton (2012), lecture 6.5; centered as in Graves (2013), "Generating sequences...", eq. 38-41. */
import type { Cell } from "../runtime/cell.ts";
import {
  average,
  averageOfSquares,
  checkRange,
  flushed,
  type Group,
  Optimizer,
  type OptimizerOptions,
  type Trainable,
  type UpdateRule,
} from "./optimizer.ts";

export interface RmspropOptions extends OptimizerOptions {
  /** α, decay rate of the averages. Default 0.99. */
  readonly alpha?: number;
  /** ε, added to the root. Default 1e-8. */
  readonly eps?: number;
  /** μ, momentum of the scaled gradients. Default 0. */
  readonly momentum?: number;
  /** Divide by the standard deviation of the gradient instead of its root mean square. Default false. */
  readonly centered?: boolean;
}

const DEFAULTS: Required<RmspropOptions> = {
  lr: 1e-2,
  weightDecay: 0,
  maximize: false,
  alpha: 0.99,
  eps: 1e-8,
  momentum: 0,
  centered: false,
};

/**
 * s ← αs + (1 - α)g²; centered: a ← αa + (1 - α)g, s - a² in place of s; with momentum b ← μb + g/(√s + ε), p ← p - lr·b, else
 * p ← p - lr·g/(√s + ε). Default lr 1e-2. Rounding can make s - a² negative; it counts as 0 then, where PyTorch gives NaN.
 */
export class RMSProp extends Optimizer<RmspropOptions> {
  readonly #square: readonly Cell[];
  readonly #mean: readonly Cell[];
  readonly #momentum: readonly Cell[];
  readonly #velocity: readonly Cell[];

  constructor(parameters: Trainable<RmspropOptions>, options: RmspropOptions = {}) {
    super(parameters, options, DEFAULTS, check);
    this.#square = this.zeros("square");
    this.#mean = this.zeros("mean", ({ centered }) => centered);
    this.#momentum = this.momenta(({ momentum }) => momentum);
    this.#velocity = this.zeros("velocity", ({ momentum }) => momentum > 0);
  }

  protected override rule({ options: { alpha, eps, centered }, rate, index }: Group<RmspropOptions>): UpdateRule {
    const lr = rate.value;
    const momentum = this.#momentum[index]?.value;
    return (p, g, i) => {
      const square = averageOfSquares(this.#square[i], alpha, g);
      const spread = centered ? square.sub(average(this.#mean[i], alpha, g).square()).maximum(0) : square;
      const scaled = g.div(spread.sqrt().add(eps));
      if (!momentum) return p.sub(scaled.mul(lr));
      const velocity = flushed(this.#velocity[i].value.mul(momentum).add(scaled));
      this.#velocity[i].set(velocity);
      return p.sub(velocity.mul(lr));
    };
  }
}

function check({ alpha, eps, momentum }: Required<RmspropOptions>): void {
  checkRange("alpha", alpha, 0, 1);
  checkRange("eps", eps, 0);
  checkRange("momentum", momentum, 0);
}
