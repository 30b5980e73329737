/**
 * @file What a data set is here. A `Split` lies in memory as plain typed arrays; `Examples` are read one by one, when they are wanted; an
 * `ExampleStream` only comes by. `Loader` makes batches of any of them. A `Dataset` is two splits and what a model needs to know about them.
 */
import type { Preprocessing } from "./preprocessing-types.ts";

export interface Split {
  /** Examples one after another, each of the data set's `inputShape`, row by row. */
  readonly inputs: Float32Array | Int32Array;
  /** Class indices (one for each example, or as many as it has tokens or pixels: `targetShape`), or (regression) the target values one after another. */
  readonly targets: Int32Array | Float32Array;
  /** The number of examples. */
  readonly count: number;
  /**
   * Of sequences: the steps of each example; what lies beyond is padding. Training and evaluation call `model.forward(x, { lengths })`, i32[N], which a
   * model hands on to its recurrent layers: a model that takes no second argument sees the padding.
   */
  readonly lengths?: Int32Array;
  /** Further inputs by name. Training and evaluation call `model.forward(x, { ...moreInputs })`, each a tensor [N, ...shape]. */
  readonly moreInputs?: Readonly<Record<string, Values>>;
  /** Further targets by name, for a loss of one's own: `loss(outputs, targets, { ...moreTargets })`. */
  readonly moreTargets?: Readonly<Record<string, Values>>;
  /**
   * Of a split whose examples stay on disk: the inputs of these examples, read now. `epoch` is given in training, where a source may change its
   * examples from epoch to epoch. Such a split has no `inputs`: reading them throws.
   */
  readonly read?: (indices: Int32Array, epoch?: number) => Promise<Float32Array>;
  /** Of examples that lie in shards, such as the files of a data set: how many lie in each, in order. Shuffling then reads few shards at a time. */
  readonly shards?: Int32Array;
}

/** Values of each example of a split: floats or integers. */
export interface Values {
  /** Examples one after another. */
  readonly data: Float32Array | Int32Array;
  /** Shape of one example's. Default: [] where there is one value for each, else [values]. */
  readonly shape?: readonly number[];
}

/** One example, as sources of any kind give it. */
export interface Example {
  /** The elements of one example, row by row; integers for embeddings. */
  readonly input: Float32Array | Int32Array;
  /** A class index, (regression) the target values, or a class for each step or pixel. Beyond a sequence's end classes are -100, which losses leave out. */
  readonly target: number | Float32Array | Int32Array;
  /** Further inputs and targets by name; see {@link Split}. */
  readonly moreInputs?: Readonly<Record<string, number | Float32Array | Int32Array>>;
  readonly moreTargets?: Readonly<Record<string, number | Float32Array | Int32Array>>;
  /** Of a sequence: its steps. Such examples may differ in size; in a batch they are padded with 0 at the end to the longest. */
  readonly length?: number;
}

/** Random access to examples that need not lie in memory: files that are decoded, values that are computed. */
export interface Examples {
  readonly count: number;
  /** Example `index`, from 0; the same each time, or (in training) in each `epoch`. Its arrays are copied before the next call. */
  example(index: number, epoch?: number): Example | Promise<Example>;
}

/** Examples that come one after another, of unknown number. A function starts the stream anew, once for each epoch. */
export type ExampleStream = () => Iterable<Example> | AsyncIterable<Example>;

/** Splits of examples, and what a model needs to know of them. */
export interface Dataset {
  /** What a person should know of how it was read: files left out, columns and what they were taken for. */
  readonly notes?: readonly string[];
  readonly name: string;
  readonly train: Split;
  readonly test: Split;
  /** Names of the classes by index; empty for regression. */
  readonly classes: readonly string[];
  /** Shape of one example: [features], or [channels, height, width]. */
  readonly inputShape: readonly number[];
  /** Shape of one example's targets, where it has several: [steps], [height, width]. Default: [] for one, [k] for k. */
  readonly targetShape?: readonly number[];
  readonly task: "classification" | "regression";
  /** How raw values became these inputs and targets: plain data, to be kept with the model. Absent if prediction needs no such thing. */
  readonly preprocessing?: Preprocessing;
  /** Examples for decisions on the way, where the data set has such a part. */
  readonly validation?: Split;
  /** SHA-256 of the files that it was read from, in hex; absent where there are none, or none of one's own. */
  readonly sha256?: string;
}

/** All of a data set but the examples: what a model must know of its data to predict. */
export type DataDescription = Omit<Dataset, "train" | "test" | "validation">;
