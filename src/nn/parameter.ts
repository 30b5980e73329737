/**
 * @file The cells of a network: parameters, which an optimizer changes, and state, which the network itself keeps (running statistics, a rate).
 */
import type { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";

/** A cell that is trained: `backward` differentiates by it and an optimizer sets it. Usable wherever a tensor is. */
export class Parameter extends Cell {
  readonly trainable: true = true;
}

export interface StateOptions {
  /** The name that printed lists show. */
  readonly label?: string;
  /** Whether state dicts hold it. Default true; false for a hyperparameter, which belongs to the program and not to the model. */
  readonly persistent?: boolean;
}

/** A cell that is not trained. Changing it never makes a compiled function be recorded anew. */
export class State extends Cell {
  readonly trainable: false = false;
  readonly persistent: boolean;

  constructor(initial: Tensor, { label, persistent = true }: StateOptions = {}) {
    super(initial, label);
    this.persistent = persistent;
  }
}
