/** @file Rprop: Riedmiller & Braun (1993), in the form Igel & Hüsken (2000) call iRprop⁻, Algorithm 4, as PyTorch has it. */
import type { Cell } from "../runtime/cell.ts";
import { checkRange, type Group, Optimizer, type OptimizerOptions, type Trainable, type UpdateRule } from "./optimizer.ts";

export interface RpropOptions extends OptimizerOptions {
  /** η⁻ and η⁺: what a step is multiplied by when the sign of its gradient changes, and when it stays. Default 0.5 and 1.2. */
  readonly etas?: readonly [number, number];
  /** Smallest and largest step. Default 1e-6 and 50. */
  readonly stepSizes?: readonly [number, number];
}

const DEFAULTS: Required<RpropOptions> = { lr: 1e-2, weightDecay: 0, maximize: false, etas: [0.5, 1.2], stepSizes: [1e-6, 50] };

/**
 * Each element has a step Δ, at first the learning rate: Δ ← η⁺Δ if the gradient keeps its sign, η⁻Δ if it changes it (and then that
 * gradient counts as 0), within bounds; p ← p - sign(g)·Δ. For full batches. Setting the learning rate later changes nothing.
 */
export class Rprop extends Optimizer<RpropOptions> {
  readonly #sign: readonly Cell[];
  readonly #stepSize: readonly Cell[];

  constructor(parameters: Trainable<RpropOptions>, options: RpropOptions = {}) {
    super(parameters, options, DEFAULTS, check);
    this.#sign = this.zeros("sign");
    this.#stepSize = this.filled("stepSize", ({ lr }) => lr);
  }

  protected override rule({ options: { etas, stepSizes } }: Group<RpropOptions>): UpdateRule {
    return (p, g, i) => {
      const same = g.sign().mul(this.#sign[i].value);
      const turned = same.lt(0);
      const factor = same.gt(0).where(etas[1], turned.where(etas[0], same.like(1)));
      const stepSize = this.#stepSize[i].value.mul(factor).clamp(...stepSizes);
      const sign = turned.where(0, g.sign());
      this.#stepSize[i].set(stepSize);
      this.#sign[i].set(sign);
      return p.sub(sign.mul(stepSize));
    };
  }
}

function check({ etas, stepSizes }: Required<RpropOptions>): void {
  if (!(etas[0] > 0 && etas[0] < 1 && etas[1] > 1)) throw new RangeError(`etas must be [below 1, above 1], got [${etas}]`);
  checkRange("stepSizes[0]", stepSizes[0], 0);
  checkRange("stepSizes[1]", stepSizes[1], stepSizes[0]);
}
