/** @file Adadelta: Zeiler (2012), "ADADELTA: an adaptive learning rate method", Algorithm 1. */
import type { Cell } from "../runtime/cell.ts";
import {
  averageOfSquares,
  checkRange,
  type Group,
  Optimizer,
  type OptimizerOptions,
  type Trainable,
  type UpdateRule,
} from "./optimizer.ts";

export interface AdadeltaOptions extends OptimizerOptions {
  /** ρ, decay rate of both averages of squares. Default 0.9. */
  readonly rho?: number;
  /** ε, added under both roots. Default 1e-6. */
  readonly eps?: number;
}

const DEFAULTS: Required<AdadeltaOptions> = { lr: 1, weightDecay: 0, maximize: false, rho: 0.9, eps: 1e-6 };

/** s ← ρs + (1 - ρ)g²; δ = √(a + ε)/√(s + ε)·g; a ← ρa + (1 - ρ)δ²; p ← p - lr·δ. Default lr 1. */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  readonly #square: readonly Cell[];
  readonly #moved: readonly Cell[];

  constructor(parameters: Trainable<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    super(parameters, options, DEFAULTS, check);
    this.#square = this.zeros("square");
    this.#moved = this.zeros("moved");
  }

  protected override rule({ options: { rho, eps }, rate }: Group<AdadeltaOptions>): UpdateRule {
    const lr = rate.value;
    return (p, g, i) => {
      const square = averageOfSquares(this.#square[i], rho, g);
      const delta = this.#moved[i].value.add(eps).sqrt().div(square.add(eps).sqrt()).mul(g);
      averageOfSquares(this.#moved[i], rho, delta);
      return p.sub(delta.mul(lr));
    };
  }
}

function check({ rho, eps }: Required<AdadeltaOptions>): void {
  checkRange("rho", rho, 0, 1);
  checkRange("eps", eps, 0);
}
