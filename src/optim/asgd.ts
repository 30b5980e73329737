/** @file Averaged SGD: Polyak & Juditsky (1992), "Acceleration of stochastic approximation by averaging", with Bottou's (2010) rates. */
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { checkRange, type Group, Optimizer, type OptimizerOptions, type Trainable, tick, type UpdateRule } from "./optimizer.ts";

export interface AsgdOptions extends OptimizerOptions {
  /** λ: decay of weights and rate. Default 1e-4. */
  readonly lambd?: number;
  /** α, power of the fall of the rate. Default 0.75. */
  readonly alpha?: number;
  /** Step after which averaging starts. Default 1e6. */
  readonly t0?: number;
}

const DEFAULTS: Required<AsgdOptions> = { lr: 1e-2, weightDecay: 0, maximize: false, lambd: 1e-4, alpha: 0.75, t0: 1e6 };

/**
 * η_t = lr/(1 + λ·lr·(t - 1))^α; p ← (1 - λη_t)p - η_t·g; a ← a + μ_t(p - a), μ_t = 1/max(1, t - 1 - t₀). Default lr 1e-2.
 * The averages a are in `averages`, in the parameters' order.
 */
export class ASGD extends Optimizer<AsgdOptions> {
  /** Means of the parameters since step t₀; the parameters themselves before. */
  readonly averages: readonly Cell[];
  readonly #time: Cell;

  constructor(parameters: Trainable<AsgdOptions>, options: AsgdOptions = {}) {
    super(parameters, options, DEFAULTS, check);
    this.#time = this.counter("t");
    this.averages = this.zeros("ax");
  }

  protected override advance(): void {
    tick(this.#time);
  }

  protected override rule({ options: { lambd, alpha, t0 }, rate }: Group<AsgdOptions>): UpdateRule {
    const before = this.#time.value.cast("f32").sub(1);
    const lr = rate.value;
    const eta: Tensor = lr.mul(lr.mul(before).mul(lambd).log1p().mul(-alpha).exp());
    const mu = before.sub(t0).maximum(1).recip();
    const rest = eta.mul(-lambd).add(1);
    return (p, g, i) => {
      const next = p.mul(rest).sub(g.mul(eta));
      const old = this.averages[i].value;
      this.averages[i].set(mu.eq(1).where(next, old.add(next.sub(old).mul(mu))));
      return next;
    };
  }
}

function check({ lambd, alpha, t0 }: Required<AsgdOptions>): void {
  for (const [name, value] of Object.entries({ lambd, alpha, t0 })) checkRange(name, value, 0);
}
