/** @file Options that all optimizers have, and groups of parameters with options of their own. */
import type { Cell } from "../runtime/cell.ts";

export interface OptimizerOptions {
  /** Learning rate. */
  readonly lr?: number;
  /** λ: λ·parameter is added to each gradient, the gradient of ½λ‖parameter‖². Default 0. */
  readonly weightDecay?: number;
  /** Climb instead of descend. Default false. */
  readonly maximize?: boolean;
}

/** Some of the parameters, with the options in which they differ from the rest. */
export type ParameterGroup<O> = Partial<O> & { readonly parameters: Iterable<Cell> };

/** What an optimizer is given to train: parameters, or groups of them. */
export type Trainable<O> = Iterable<Cell> | Iterable<ParameterGroup<O>>;

/** Options of a group with nothing left open. */
export type Settings<O> = Readonly<Required<O> & Required<OptimizerOptions>>;
