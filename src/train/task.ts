/** @file What training must know of a data set: shapes of batches, and the loss that belongs to the task. */

import { areIntegers, asFloats, asTargets } from "../base/elements.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import type { Batch } from "../data/loader.ts";
import { crossEntropy, mseLoss } from "../nn/losses.ts";
import { fromArray } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { LossResult } from "./batch-loss.ts";

/**
 * The loss over a batch from the model's outputs and the targets: what a loss function gives (whatever its reduction and weights), also times a
 * factor or plus a penalty; or `{ sum, divisor }`. Another scalar is taken for a mean over the examples.
 */
export type Loss = (outputs: Tensor, targets: Tensor) => LossResult;

/** Cross-entropy of logits for classes, mean squared error for regression. */
export function defaultLoss(data: Dataset): Loss {
  return data.task === "classification"
    ? (outputs, targets) => crossEntropy(outputs, targets)
    : (outputs, targets) => mseLoss(outputs, targets);
}

/** Numbers that a model gives for one example: one for each class, or for each target value. */
export function outputSize(data: Dataset): number {
  return data.task === "classification" ? data.classes.length : data.train.targets.length / data.train.count;
}

/** Of regression: what one unit of each target value, as the model sees it, is in the target's own units. */
export function targetUnits(data: Dataset): readonly number[] | undefined {
  if (data.task !== "regression") return undefined;
  return data.preprocessing?.targets?.std ?? new Array<number>(outputSize(data)).fill(1);
}

/** A batch as tensors: inputs [N, ...inputShape], and classes i32[N] or target values f32[N, k]. Takes over the batch's arrays. */
export function batchTensors(data: Dataset, batch: Batch): { x: Tensor; y: Tensor } {
  const n = batch.count;
  const targets = asTargets(batch.targets, "targets");
  const x = fromArray(asFloats(batch.inputs, "inputs"), { shape: [n, ...data.inputShape], dtype: "f32" });
  const y = fromArray(targets, areIntegers(targets) ? { shape: [n], dtype: "i32" } : { shape: [n, targets.length / n], dtype: "f32" });
  return { x, y };
}

/** @throws {RangeError} if a split is empty, or a class index is not one of the data set's classes: in a batch it would only show as NaN. */
export function checkData(data: Dataset): void {
  const splits: [string, Split][] = [
    ["training", data.train],
    ["test", data.test],
  ];
  for (const [name, { targets, count }] of splits) {
    if (count === 0) throw new RangeError(`${data.name}: the ${name} split is empty`);
    if (data.task !== "classification") continue;
    const wrong = targets.findIndex((target: number) => !(target >= 0 && target < data.classes.length));
    if (wrong >= 0) {
      throw new RangeError(`${data.name}: ${name} example ${wrong} has class ${targets[wrong]}, want 0 to ${data.classes.length - 1}`);
    }
  }
}

/**
 * The loss of the best answer that ignores the input, over the training split: the entropy of the classes' shares for cross-entropy, the variance
 * of the targets for the mean squared error.
 */
export function baselineLoss({ task, train, classes }: Dataset): number {
  const { targets, count } = train;
  if (task === "classification") {
    const counts = new Float64Array(classes.length);
    for (const target of targets) counts[target]++;
    return counts.reduce((sum, n) => (n > 0 ? sum - (n / count) * Math.log(n / count) : sum), 0);
  }
  const k = targets.length / count;
  const [means, squares] = [new Float64Array(k), new Float64Array(k)];
  targets.forEach((value: number, i: number) => {
    means[i % k] += value / count;
  });
  targets.forEach((value: number, i: number) => {
    squares[i % k] += (value - means[i % k]) ** 2;
  });
  return squares.reduce((a, b) => a + b, 0) / targets.length;
}
