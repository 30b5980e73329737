/** @file Adagrad: Duchi, Hazan & Singer (2011), "Adaptive subgradient methods for online learning", eq. 1 with a diagonal matrix. */
import type { Cell } from "../runtime/cell.ts";
import { checkRange, type Group, Optimizer, type OptimizerOptions, type Trainable, tick, type UpdateRule } from "./optimizer.ts";

export interface AdagradOptions extends OptimizerOptions {
  /** η: the rate falls as 1/(1 + (t - 1)η). Default 0. */
  readonly lrDecay?: number;
  /** What the sums of squares start from. Default 0. */
  readonly initialAccumulator?: number;
  /** ε, added to the root. Default 1e-10. */
  readonly eps?: number;
}

const DEFAULTS: Required<AdagradOptions> = { lr: 1e-2, weightDecay: 0, maximize: false, lrDecay: 0, initialAccumulator: 0, eps: 1e-10 };

/** s ← s + g²; p ← p - lr/(1 + (t - 1)η)·g/(√s + ε). Default lr 1e-2. */
export class Adagrad extends Optimizer<AdagradOptions> {
  readonly #time: Cell;
  readonly #sum: readonly Cell[];

  constructor(parameters: Trainable<AdagradOptions>, options: AdagradOptions = {}) {
    super(parameters, options, DEFAULTS, check);
    this.#time = this.counter("t");
    this.#sum = this.filled("sum", ({ initialAccumulator }) => initialAccumulator);
  }

  protected override advance(): void {
    tick(this.#time);
  }

  protected override rule({ options: { lrDecay, eps }, rate }: Group<AdagradOptions>): UpdateRule {
    const lr = rate.value.div(this.#time.value.cast("f32").sub(1).mul(lrDecay).add(1));
    return (p, g, i) => {
      const sum = this.#sum[i].value.add(g.square());
      this.#sum[i].set(sum);
      return p.sub(g.mul(lr).div(sum.sqrt().add(eps)));
    };
  }
}

function check({ lrDecay, initialAccumulator, eps }: Required<AdagradOptions>): void {
  for (const [name, value] of Object.entries({ lrDecay, initialAccumulator, eps })) checkRange(name, value, 0);
}
