/** @file What the ranks of a run tell each other between steps: who was stopped, and that rank 0 wants the state of an optimizer that is divided among them. */
import type { Dataset } from "../data/dataset.ts";
import type { Distributed } from "../distributed/distributed.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { ShardedOptimizer } from "../optim/sharded.ts";
import type { Cell } from "../runtime/cell.ts";
import type { FitOptions } from "./fit-options.ts";

/** Whether the state of an optimizer is divided among ranks. Told by a method, so that a page without it does not carry the class. */
export const isSharded = (optimizer: Optimizer): optimizer is ShardedOptimizer => "stepLocal" in optimizer;

/** @throws {TypeError} for an optimizer that is divided among other ranks than those that train. */
export function checkSharding(optimizer: Optimizer, distributed: Distributed | undefined): void {
  if (isSharded(optimizer) && optimizer.ranks !== distributed)
    throw new TypeError("fit: the optimizer's state is divided among ranks; want the same ranks as the option distributed");
}

/**
 * Ranks meet after their callbacks. Rank 0, whose callbacks write files, may ask for state until it comes; the others give it as often as they are asked.
 */
export class Meeting {
  readonly #ranks: Distributed;
  readonly #optimizer: Optimizer;

  /** @throws {Error} if a rank trains on other examples, or for another number of steps, than rank 0: it would wait for the others in vain. */
  constructor(ranks: Distributed, { train, inputShape, classes }: Dataset, { optimizer, batchSize = 32, epochs }: FitOptions) {
    this.#ranks = ranks;
    this.#optimizer = optimizer;
    const kinds = classes ? ` of ${classes.length} classes` : "";
    ranks.checkSame(
      `trains on ${train.count} examples of ${inputShape.join("x")}${kinds}, ${batchSize} at a time, for ${epochs} epochs, with ${optimizer.constructor.name}`,
      "all ranks must call fit with the same data and options",
    );
  }

  /** Whether any rank was stopped, or has ended the run. */
  agree(halted: boolean, ended: boolean): { readonly halted: boolean; readonly ended: boolean } {
    for (;;) {
      const [halts, ends, asks] = this.#say(halted, ended, false);
      if (asks === 0) return { halted: halts > 0, ended: ends > 0 };
      if (isSharded(this.#optimizer)) this.#optimizer.gather();
    }
  }

  /** The optimizer's state as one process would have it. @throws {Error} on another rank than 0. */
  state(optimizer: ShardedOptimizer): Map<string, Cell> {
    if (!this.#ranks.first)
      throw new Error(
        "save: the optimizer's state is divided among ranks, and rank 0 gathers it; what saves the run belongs to rank 0 alone",
      );
    this.#say(false, false, true);
    return optimizer.gather()!;
  }

  #say(...told: readonly [halted: boolean, ended: boolean, asks: boolean]): Int32Array {
    return this.#ranks.communicator.allReduce(Int32Array.from(told, Number));
  }
}
