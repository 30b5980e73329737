/** @file Running loss and accuracy. The sums are cells, so a compiled step adds to them in place and nothing is copied out until they are read. */
import { State } from "../nn/parameter.ts";
import { tensor, zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";

export interface Metrics {
  /** Mean loss per example. */
  readonly loss: number;
  /** Share of examples whose largest output is at their class, from 0 to 1; null for regression. */
  readonly accuracy: number | null;
}

/** Means over the examples of an epoch, accumulated in the engine: losses and hits. */
export class Meter {
  readonly #classification: boolean;
  readonly #loss: State = new State(zeros([]), { label: "lossSum" });
  readonly #correct: State = new State(zeros([], "i32"), { label: "correct" });

  constructor(task: "classification" | "regression") {
    this.#classification = task === "classification";
  }

  /** Adds a batch: the mean loss over its examples, and (classification) the outputs [N, C] beside the classes [N]. */
  add(loss: Tensor, outputs: Tensor, targets: Tensor): void {
    this.#loss.set(this.#loss.value.add(loss.cast("f32").mul(outputs.shape[0])));
    if (this.#classification) this.#correct.set(this.#correct.value.add(outputs.argmax(1).eq(targets).sum()));
  }

  reset(): void {
    this.#loss.set(tensor(0));
    this.#correct.set(tensor(0, { dtype: "i32" }));
  }

  /** The sums: what a run needs that goes on in the middle of an epoch. */
  stateDict(): Map<string, Cell> {
    return new Map<string, Cell>([
      ["loss", this.#loss],
      ["correct", this.#correct],
    ]);
  }

  /** The means over the `count` examples added since the last reset. */
  async read(count: number): Promise<Metrics> {
    const loss = (await this.#loss.value.item()) / count;
    return { loss, accuracy: this.#classification ? (await this.#correct.value.item()) / count : null };
  }
}
