/** @file Options of a training. */
import type { Split } from "../data/dataset.ts";
import type { Sampler } from "../data/sampler.ts";
import type { Distributed } from "../distributed/distributed.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { WeightAverage } from "../optim/averaging.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Schedule } from "../optim/schedules.ts";
import type { Callback } from "./callback.ts";
import type { Loss } from "./task.ts";

/** Options of {@link fit}. */
export interface FitOptions {
  readonly optimizer: Optimizer;
  readonly epochs: number;
  /**
   * Examples per step. Default 32. The last batch of an epoch may be smaller. It is filled up with examples that do not count, and the program of the others serves it, if
   * targets are classes under cross-entropy (the default, `nn.crossEntropy`, class weights and label smoothing of `nabla train`), the model computes each example by
   * itself while it trains, and an epoch has at least 10 steps; else a second program is compiled for it. So it is with batch normalization, whose statistics would
   * count the examples that are added; with dropout, whose random numbers depend on the number of examples; with other losses, which leave no example out.
   */
  readonly batchSize?: number;
  /** Seed of the order of examples. Default 0. Initial values and dropout follow `manualSeed`. */
  readonly seed?: number;
  /** What draws the examples of each epoch, such as `data.balancedSampler(set.train)`. Default: each once, in random order. */
  readonly sampler?: Sampler;
  /**
   * The learning rate of each step (batch), for example `optim.oneCycle(0.1)`; the number of all steps is known to it. It is the rate of the optimizer's first
   * group; the others keep their ratio to it. Default: the optimizer's own rate, which comes back at the end.
   */
  readonly schedule?: Schedule;
  /** Default: cross-entropy for classification, mean squared error for regression. */
  readonly loss?: Loss;
  /** Batches whose gradients make one update, as one batch of all their examples would. Default 1. An epoch's rest makes an update too. */
  readonly accumulate?: number;
  /** All gradients together are scaled down to this norm, if theirs is larger. Default: no limit. */
  readonly clipNorm?: number;
  /** An average of the weights, updated after each step: it is what is tested, and what the model holds when the run is finished. */
  readonly average?: WeightAverage;
  /** Changes the inputs [N, ...] of a training batch inside the compiled step. Randomness follows `manualSeed`. */
  readonly augment?: (x: Tensor) => Tensor;
  /** Examples measured after each epoch beside the test split, so that decisions (early stopping) need not look at that. Default: those of the data set, if it has any. */
  readonly validation?: Split;
  /** Told of steps and epochs, in this order; one that saves the run belongs last. */
  readonly callbacks?: readonly Callback[];
  /** An `AbortSignal`: aborting ends the run after the step at hand. */
  readonly signal?: { readonly aborted: boolean };
  /** A checkpoint of this run (same model, data and options): it goes on from there, to the same bits as if it had never ended. */
  readonly resume?: Uint8Array;
  /**
   * Look for mistakes first, as {@link checkTraining} does: default true. What may be one is told in a line each; false trains without a look, also on NaN.
   */
  readonly checks?: boolean;
  /** Where these lines go. Default: `console.warn`. */
  readonly onWarning?: (text: string) => void;
  /**
   * Several processes train together, each on its part of every batch: `await distribute()`, from `nabla/distributed`. All of them call `fit` with the same data
   * and options; weights and random state are those of rank 0, and so is `resume`. Callbacks run on every rank: what writes files belongs to rank 0 alone.
   */
  readonly distributed?: Distributed;
  /**
   * Keep a copy of all state, at most 200 steps old, from which the origin of a NaN is found. Default true; false saves the memory. In a bundle
   * only the model is put back, unless it imports `nabla/inspect`.
   */
  readonly traceNaN?: boolean;
}
