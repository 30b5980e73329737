/** @file When the loss is no number any more: the error, and the search for the instruction that made the first NaN. */
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { type Finding, findingText } from "./finding.ts";

/** The loss became NaN or infinite. */
export class DivergenceError extends Error {
  /** The instruction that made the first NaN or infinity, its operands' ranges and the line that recorded it; undefined if not found. */
  readonly culprit: string | undefined;

  /** What the instruments say of the model some steps before, with this batch, the gravest first. */
  readonly findings: readonly Finding[];

  constructor(loss: number, epoch: number, step: number, lr: number, culprit?: string, findings: readonly Finding[] = []) {
    const where = culprit ? `: ${culprit.split("\n")[0].replace(/; its operands are finite:$/, " out of finite operands")}` : "";
    const [first] = findings;
    const remedy = first && first.rule !== "too-fast" ? "" : `; try a smaller learning rate (it is ${lr})`;
    super(
      `the loss became ${loss} in epoch ${epoch}, step ${step}${where}${remedy}${findings.map((each) => `\n${findingText(each)}`).join("")}`,
    );
    this.name = "DivergenceError";
    this.culprit = culprit;
    this.findings = findings;
  }
}

/** Values of cells at one moment, to which they can be put back. Costs their memory once more, from the next step on. */
export class Mark {
  readonly #values: ReadonlyMap<Cell, Tensor>;

  constructor(cells: Iterable<Cell>) {
    this.#values = new Map(Array.from(cells, (cell) => [cell, cell.value]));
  }

  /** What a cell held. @throws {TypeError} for a cell that was not marked. */
  valueOf(cell: Cell): Tensor {
    const found = this.#values.get(cell);
    if (!found) throw new TypeError(`internal: ${cell} was not marked`);
    return found;
  }

  restore(): void {
    for (const [cell, value] of this.#values) cell.set(value);
  }
}
