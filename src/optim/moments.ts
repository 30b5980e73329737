/** @file What the Adam family shares: running means of gradients and of their squares, their options, and the count of steps. */
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import {
  average,
  averageOfSquares,
  checkRange,
  Optimizer,
  type OptimizerOptions,
  type Settings,
  type Trainable,
  tick,
} from "./optimizer.ts";

export interface MomentOptions extends OptimizerOptions {
  /** β₁ and β₂, decay rates of the two moments. Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** ε, added to the root of the second moment. Default 1e-8. */
  readonly eps?: number;
}

export const MOMENT_DEFAULTS: Required<MomentOptions> = { lr: 1e-3, weightDecay: 0, maximize: false, betas: [0.9, 0.999], eps: 1e-8 };

/** Checks the decay rates of two moments, and what is added to a root. */
export function checkMoments({ betas = [0, 0], eps = 0 }: Pick<MomentOptions, "betas" | "eps">): void {
  checkRange("betas[0]", betas[0], 0, 1);
  checkRange("betas[1]", betas[1], 0, 1);
  checkRange("eps", eps, 0);
}

/** 1 - βᵗ as -expm1(t·ln β): in f32, 1 - 0.999 alone is off by 1e-5. */
export function biasCorrection(beta: number | Tensor, t: Tensor): Tensor {
  if (typeof beta !== "number") return t.mul(beta.log()).expm1().neg();
  return beta === 0 ? t.like(1) : t.mul(Math.log(beta)).expm1().neg();
}

/** An optimizer with state `t`, and `m` and `v` for each parameter. */
export abstract class MomentOptimizer<O extends MomentOptions> extends Optimizer<O> {
  readonly #time: Cell;
  readonly #m: readonly Cell[];
  readonly #v: readonly Cell[];

  constructor(trainable: Trainable<O>, options: O, defaults: Required<O>, check: (options: Settings<O>) => void = checkMoments) {
    super(trainable, options, defaults, check);
    this.#time = this.timer();
    this.#m = this.zeros("m");
    this.#v = this.zeros("v");
  }

  protected override advance(): void {
    tick(this.#time);
  }

  /** The number of this step, from 1, as f32. */
  protected get time(): Tensor {
    return this.#time.value.cast("f32");
  }

  /** m ← β₁m + (1 - β₁)g of parameter number i. */
  protected moment(i: number, beta: number | Tensor, g: Tensor): Tensor {
    return average(this.#m[i], beta, g);
  }

  /** v ← β₂v + (1 - β₂)g² of parameter number i. */
  protected secondMoment(i: number, beta: number, g: Tensor): Tensor {
    return averageOfSquares(this.#v[i], beta, g);
  }
}
