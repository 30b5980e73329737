/**
 * @file The last batch of an epoch, which has fewer examples: filled up with some that do not count, so that the program of the other batches serves it, where that is
 * right.
 */
import type { Batch } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import { checkBlock } from "../function/block.ts";
import { recordFunction } from "../function/recording.ts";
import type { Layer } from "../nn/module.ts";
import { zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { FitOptions } from "./fit-options.ts";
import { isClassLoss, outputsOfModel } from "./task.ts";

/** From so many steps an epoch on: a full last batch takes at most a tenth more time then, where the smaller one would be compiled. */
const LEAST_STEPS = 10;

/** Cross-entropy counts no target of this class (PyTorch's `ignore_index`), and neither does the accuracy. */
const NO_CLASS = -100;

/**
 * Whether the last batch may be filled up: targets are classes under the loss of the task, which leaves some out and divides by the others, and while it trains the model
 * computes each example by itself (no statistics of the batch, no random numbers).
 */
export function canFill(model: Layer, data: Dataset, options: FitOptions, steps: number): boolean {
  const { batchSize = 32, loss, augment } = options;
  const { train, inputShape, task } = data;
  if (steps < LEAST_STEPS || task !== "classification" || (loss !== undefined && !isClassLoss(loss)) || augment !== undefined) return false;
  if (!(train.targets instanceof Int32Array) || train.lengths || train.moreInputs || train.moreTargets) return false;
  const dtype = train.inputs instanceof Int32Array ? "i32" : "f32";
  model.train();
  try {
    checkBlock(
      recordFunction((x: Tensor) => outputsOfModel(model, x), [zeros([batchSize, ...inputShape], dtype)]),
      batchSize,
    );
    return true;
  } catch {
    return false; // examples are mixed; a model that cannot run says so in its first step
  }
}

/** A batch with its examples again and again until it has `count`; what is added has no class. */
export function filled(batch: Batch, count: number): Batch {
  if (batch.count === count) return batch;
  const { inputs, targets } = batch;
  const each = inputs.length / batch.count;
  const all = new (inputs.constructor as Float32ArrayConstructor)(count * each);
  for (let at = 0; at < all.length; at += inputs.length) all.set(inputs.subarray(0, all.length - at), at);
  const classes = new Int32Array((count * targets.length) / batch.count).fill(NO_CLASS);
  classes.set(targets);
  return { ...batch, count, inputs: all, targets: classes };
}
