/** @file Running loss and accuracy. The sums are cells, so a compiled step adds to them in place and nothing is copied out until they are read. */
import { State } from "../nn/parameter.ts";
import { zeros } from "../ops/create.ts";
import { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { type BatchLoss, batchLoss } from "./batch-loss.ts";
import { hits } from "./metrics.ts";
import { countable } from "./ranking.ts";

export interface Metrics {
  /** Mean loss, over examples (or targets that count, or their weights, as the loss has it); of a loss that is a sum, per example. */
  readonly loss: number;
  /** Share of targets whose class has the largest output, from 0 to 1; null for regression. Outputs that are NaN are never right. */
  readonly accuracy: number | null;
}

/** Means over an epoch, accumulated in the engine: losses and hits. */
export class Meter {
  readonly #classification: boolean;
  readonly #loss: State = new State(zeros([], "f64"), { label: "lossSum" });
  readonly #divisor: State = new State(zeros([], "f64"), { label: "divisor" });
  readonly #correct: State = new State(zeros([], "i32"), { label: "correct" });
  readonly #counted: State = new State(zeros([], "i32"), { label: "counted" });

  constructor(task: "classification" | "regression") {
    this.#classification = task === "classification";
  }

  /** Adds a batch: its loss (a scalar or what `batchLoss` gives), and (classification) outputs [N, C] beside classes [N]. */
  add(loss: BatchLoss | Tensor, outputs: Tensor, targets: Tensor): void {
    const { sum, divisor, examples } = loss instanceof Tensor ? batchLoss(loss, outputs.shape[0]) : loss;
    const by = divisor ?? examples;
    grow(this.#loss, sum);
    grow(this.#divisor, typeof by === "number" ? sum.like(by) : by);
    if (!this.#classification) return;
    grow(this.#correct, hits(outputs, targets));
    grow(this.#counted, countable(targets).cast("i32").sum());
  }

  reset(): void {
    for (const cell of this.stateDict().values()) cell.set(zeros([], cell.dtype));
  }

  /** The sums: what a run needs that goes on in the middle of an epoch. */
  stateDict(): Map<string, Cell> {
    return new Map<string, Cell>([
      ["loss", this.#loss],
      ["divisor", this.#divisor],
      ["correct", this.#correct],
      ["counted", this.#counted],
    ]);
  }

  /** The means over what was added since the last reset; NaN over nothing. */
  async read(): Promise<Metrics> {
    const [loss, divisor, correct, counted] = await Promise.all([...this.stateDict().values()].map((cell) => cell.value.item()));
    return { loss: loss / divisor, accuracy: this.#classification ? correct / counted : null };
  }
}

function grow(cell: State, by: Tensor): void {
  cell.set(cell.value.add(by.cast(cell.dtype)));
}
