/** @file Stochastic gradient descent with momentum, by PyTorch's rules. */
import { full } from "../ops/create.ts";
import { Cell } from "../runtime/cell.ts";
import { checkRange, flushed, numbered, Optimizer, type OptimizerOptions, type UpdateRule, zerosFor } from "./optimizer.ts";

export interface SgdOptions extends OptimizerOptions {
  /** μ, from 0 to below 1. Default 0. */
  readonly momentum?: number;
  /** τ: the share of each gradient (but the first) that the velocity leaves out. Default 0. */
  readonly dampening?: number;
  /** Look ahead along the velocity (Nesterov 1983, in the form of Sutskever et al. 2013). Default false. */
  readonly nesterov?: boolean;
}

/**
 * v ← μ·v + (1 - τ)·g, but v ← g in the first step; p ← p - lr·v, or with Nesterov p ← p - lr·(g + μ·v). The learning rate scales the
 * velocity when it is used (PyTorch), not when it is accumulated (Sutskever et al.), so changing it acts at once.
 */
export class SGD extends Optimizer {
  readonly #momentum: number;
  readonly #dampening: number;
  readonly #nesterov: boolean;
  readonly #velocity: readonly Cell[];
  /** Whether a step has been taken; only dampening needs to know. */
  readonly #started: Cell | undefined;

  constructor(parameters: Iterable<Cell>, options: SgdOptions) {
    super(parameters, options);
    const { momentum = 0, dampening = 0, nesterov = false } = options;
    this.#momentum = checkRange("momentum", momentum, 0, 1);
    this.#dampening = checkRange("dampening", dampening, 0);
    this.#nesterov = nesterov;
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new RangeError(
        `SGD: Nesterov momentum wants momentum > 0 and dampening 0, got momentum ${momentum} and dampening ${dampening}`,
      );
    }
    this.#velocity = momentum === 0 ? [] : zerosFor(this.parameters, "velocity");
    this.#started = dampening === 0 ? undefined : new Cell(full([], 0, "i32"), "started");
  }

  protected override rule(): UpdateRule {
    const first = this.#started?.value.eq(0);
    this.#started?.set(full([], 1, "i32"));
    return (p, g, i) => {
      const cell = this.#velocity[i];
      if (!cell) return p.sub(g.mul(this.rate));
      const running = cell.value.mul(this.#momentum).add(g.mul(1 - this.#dampening));
      const v = flushed(first ? first.where(g, running) : running);
      cell.set(v);
      return p.sub((this.#nesterov ? g.add(v.mul(this.#momentum)) : v).mul(this.rate));
    };
  }

  protected override state(): [name: string, cell: Cell][] {
    return [...(this.#started ? [["started", this.#started] as [string, Cell]] : []), ...numbered("velocity", this.#velocity)];
  }
}
