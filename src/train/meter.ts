/** @file Running loss, and accuracy or errors. The sums are cells, so a compiled step adds to them in place and nothing is copied out until they are read. */

import { check, oneOf } from "../base/check.ts";
import { sameShape } from "../base/shape.ts";
import { wholeBatch } from "../function/shards.ts";
import { State } from "../nn/parameter.ts";
import { zeros } from "../ops/create.ts";
import { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { type BatchLoss, batchLoss } from "./batch-loss.ts";
import { hits, Regression, type RegressionErrors } from "./metrics.ts";
import { countable } from "./ranking.ts";

export interface Metrics {
  /** Mean loss, over examples (or targets that count, or their weights, as the loss has it); of a loss that is a sum, per example. */
  readonly loss: number;
  /** Share of targets whose class has the largest output, from 0 to 1; null for regression. Outputs that are NaN are never right. */
  readonly accuracy: number | null;
  /** Of regression: errors in the targets' own units, and R². Absent where outputs and targets differ in shape. */
  readonly errors?: RegressionErrors;
}

/** Means over an epoch, accumulated in the engine: losses, and hits or errors. */
export class Meter {
  readonly #classification: boolean;
  readonly #loss: State = new State(zeros([], "f64"), { label: "lossSum" });
  readonly #divisor: State = new State(zeros([], "f64"), { label: "divisor" });
  readonly #correct: State = new State(zeros([], "i32"), { label: "correct" });
  readonly #counted: State = new State(zeros([], "i32"), { label: "counted" });

  readonly #errors: Regression | undefined;
  #hasErrors = false;

  /** @param units Of regression: what one unit of each target value is in the target's own units. Without, errors are not measured. */
  constructor(task: "classification" | "regression", units?: readonly number[]) {
    check("Meter: task", task, oneOf("classification", "regression"));
    this.#classification = task === "classification";
    this.#errors = task === "regression" && units ? new Regression(units.length, units) : undefined;
  }

  /** Adds a batch: its loss (a scalar or what `batchLoss` gives), and (classification) outputs [N, C] beside classes [N]. */
  add(loss: BatchLoss | Tensor, outputs: Tensor, targets: Tensor): void {
    const { sum, divisor, examples } = loss instanceof Tensor ? batchLoss(loss, outputs.shape[0]) : loss;
    const by = divisor ?? examples;
    growAll([this.#loss, this.#divisor], [sum, typeof by === "number" ? sum.like(by) : by]);
    this.#hasErrors = this.#errors !== undefined && targets.shape.length === 2 && sameShape(outputs.shape, targets.shape);
    if (this.#hasErrors) this.#errors!.add(outputs, targets);
    if (!this.#classification) return;
    growAll([this.#correct, this.#counted], [hits(outputs, targets), countable(targets).cast("i32").sum()]);
  }

  reset(): void {
    for (const cell of this.stateDict().values()) cell.set(zeros(cell.shape, cell.dtype));
  }

  /** The sums: what a run needs that goes on in the middle of an epoch. */
  stateDict(): Map<string, Cell> {
    return new Map<string, Cell>([
      ["loss", this.#loss],
      ["divisor", this.#divisor],
      ["correct", this.#correct],
      ["counted", this.#counted],
      ...[...(this.#errors?.stateDict() ?? [])].map(([name, cell]): [string, Cell] => [`errors.${name}`, cell]),
    ]);
  }

  /** The means over what was added since the last reset; NaN over nothing. */
  async read(): Promise<Metrics> {
    const sums = [this.#loss, this.#divisor, this.#correct, this.#counted];
    const [loss, divisor, correct, counted] = await Promise.all(sums.map((cell) => cell.value.item()));
    const errors = this.#hasErrors ? { errors: await this.#errors!.read() } : {};
    return { loss: loss / divisor, accuracy: this.#classification ? correct / counted : null, ...errors };
  }
}

/** Adds to sums what a batch gives; of a shard, what all shards give. */
function growAll(cells: readonly State[], by: readonly Tensor[]): void {
  const terms = cells.map((cell, i) => by[i].cast(cell.dtype));
  const sums = wholeBatch()?.sums(terms) ?? terms;
  for (const [i, cell] of cells.entries()) cell.set(cell.value.add(sums[i]));
}
