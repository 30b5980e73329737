/** @file What a data set is here: two splits of plain typed arrays, and what a model needs to know about them. */

export interface Split {
  /** Examples one after another, each of the data set's `inputShape`, row by row. */
  readonly inputs: Float32Array;
  /** A class index per example, or (regression) the target values one after another. */
  readonly targets: Int32Array | Float32Array;
  /** The number of examples. */
  readonly count: number;
}

/** Two splits of examples, and what a model needs to know of them. */
export interface Dataset {
  readonly name: string;
  readonly train: Split;
  readonly test: Split;
  /** Names of the classes by index; empty for regression. */
  readonly classes: readonly string[];
  /** Shape of one example: [features], or [channels, height, width]. */
  readonly inputShape: readonly number[];
  readonly task: "classification" | "regression";
}
