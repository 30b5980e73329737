/** @file When the loss is no number any more: the error, and the search for the instruction that made the first NaN. */
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";

/** The loss became NaN or infinite. */
export class DivergenceError extends Error {
  /** The instruction that made the first NaN or infinity, its operands' ranges and the line that recorded it; undefined if not found. */
  readonly culprit: string | undefined;

  constructor(loss: number, epoch: number, step: number, lr: number, culprit?: string) {
    const where = culprit ? `: ${culprit.split("\n")[0].replace(/; its operands are finite:$/, " out of finite operands")}` : "";
    super(`the loss became ${loss} in epoch ${epoch}, step ${step}${where}; try a smaller learning rate (it is ${lr})`);
    this.name = "DivergenceError";
    this.culprit = culprit;
  }
}

/** Values of cells at one moment, to which they can be put back. Costs their memory once more, from the next step on. */
export class Mark {
  readonly #values: readonly (readonly [Cell, Tensor])[];

  constructor(cells: Iterable<Cell>) {
    this.#values = [...cells].map((cell) => [cell, cell.value] as const);
  }

  restore(): void {
    for (const [cell, value] of this.#values) cell.set(value);
  }
}
