/** @file Stochastic gradient descent with momentum, by PyTorch's rules. */
import { full } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { checkRange, flushed, type Group, Optimizer, type OptimizerOptions, type Trainable, type UpdateRule } from "./optimizer.ts";

/** Options of {@link SGD}. */
export interface SgdOptions extends OptimizerOptions {
  readonly lr: number;
  /** μ, from 0 to below 1. Default 0. */
  readonly momentum?: number;
  /** τ: the share of each gradient (but the first) that the velocity leaves out. Default 0. */
  readonly dampening?: number;
  /** Look ahead along the velocity (Nesterov 1983, in the form of Sutskever et al. 2013). Default false. */
  readonly nesterov?: boolean;
}

const DEFAULTS: Required<SgdOptions> = {
  lr: Number.NaN, // has none
  weightDecay: 0,
  maximize: false,
  momentum: 0,
  dampening: 0,
  nesterov: false,
};

/**
 * v ← μ·v + (1 - τ)·g, but v ← g in the first step; p ← p - lr·v, or with Nesterov p ← p - lr·(g + μ·v). The learning rate scales the
 * velocity when it is used (PyTorch), not when it is accumulated (Sutskever et al.), so changing it acts at once.
 */
export class SGD extends Optimizer<SgdOptions> {
  /** Whether a step has been taken; only dampening needs to know. */
  readonly #started: Cell | undefined;
  readonly #momentum: readonly Cell[];
  readonly #velocity: readonly Cell[];

  constructor(parameters: Trainable<SgdOptions>, options: SgdOptions) {
    super(parameters, options, DEFAULTS, check);
    this.#started = this.groups.some((group) => group.options.dampening !== 0) ? this.counter("started") : undefined;
    this.#momentum = this.momenta(({ momentum }) => momentum);
    this.#velocity = this.zeros("velocity", ({ momentum }) => momentum !== 0);
  }

  protected override rule({ options: { dampening, nesterov }, rate, index }: Group<SgdOptions>): UpdateRule {
    const first = this.#started?.value.eq(0);
    const lr = rate.value;
    const momentum = this.#momentum[index]?.value;
    return (p, g, i) => {
      const cell = this.#velocity[i];
      if (!cell || !momentum) return p.sub(g.mul(lr));
      const running = cell.value.mul(momentum).add(g.mul(1 - dampening));
      const v = flushed(first && dampening !== 0 ? first.where(g, running) : running);
      cell.set(v);
      return p.sub((nesterov ? g.add(v.mul(momentum)) : v).mul(lr));
    };
  }

  override step(grads: readonly Tensor[]): void {
    super.step(grads);
    this.#started?.set(full([], 1, "i32"));
  }
}

function check({ momentum, dampening, nesterov }: Required<SgdOptions>): void {
  checkRange("momentum", momentum, 0, 1);
  checkRange("dampening", dampening, 0);
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new RangeError(`SGD: Nesterov momentum wants momentum > 0 and dampening 0, got momentum ${momentum} and dampening ${dampening}`);
  }
}
