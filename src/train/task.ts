/** @file What training must know of a data set: shapes of batches, and the loss that belongs to the task. */

import { check, checkFields, type Expectation, fn, having, listOf, oneOf, optional, positiveInteger } from "../base/check.ts";
import { areIntegers, asFloats, asInputs, asTargets, typedArrayName } from "../base/elements.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { checkDataset, checkDescription, checkSplit, checkSplitOf, checkTargets } from "../data/check.ts";
import type { Dataset, Split, Values } from "../data/dataset.ts";
import type { Batch } from "../data/loader.ts";
import { type CrossEntropyOptions, crossEntropy, mseLoss } from "../nn/losses.ts";
import { type Layer, Module } from "../nn/module.ts";
import { fromArray } from "../ops/create.ts";
import { Tensor } from "../ops/tensor.ts";
import type { LossResult } from "./batch-loss.ts";

/** Further inputs and targets of a batch by name, [N, ...]. */
export interface MoreTensors {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly targets: Readonly<Record<string, Tensor>>;
}

/**
 * The loss over a batch from the model's outputs and the targets (and, where the data set has some, further targets by name): what a loss function gives (whatever its reduction and weights), also times a
 * factor or plus a penalty; or `{ sum, divisor }`. Another scalar is taken for a mean over the examples.
 */
// biome-ignore lint/suspicious/noExplicitAny: a loss function of the library takes options in this place, and is given nothing there.
export type LossFunction = (outputs: Tensor, targets: Tensor, more?: any) => LossResult;

/** A loss as a function, or as a module: `nn.crossEntropy`, `(outputs, targets) => ...`, `new nn.CrossEntropyLoss({ labelSmoothing: 0.1 })`. */
export type Loss = LossFunction | (Module & { forward(outputs: Tensor, targets: Tensor): LossResult });

/** The class that losses leave out. */
const IGNORED = -100;

/** Cross-entropy of logits for classes, mean squared error for regression. */
export function defaultLoss(data: Dataset): LossFunction {
  checkFields("defaultLoss", data, { task: oneOf("classification", "regression") });
  return data.task === "classification" ? classLoss() : (outputs, targets) => mseLoss(outputs, targets);
}

const classLosses = new WeakSet<Loss>();

/** Cross-entropy of logits for classes with its options, as a loss of `fit`, which then knows that targets of no class (-100) do not count. */
export function classLoss(options?: CrossEntropyOptions): LossFunction {
  const loss: LossFunction = (outputs, targets) => (options ? crossEntropy(outputs, targets, options) : crossEntropy(outputs, targets));
  classLosses.add(loss);
  return loss;
}

/** Returns true for cross-entropy, plain or made by {@link classLoss}. */
export const isClassLoss = (loss: Loss): boolean => loss === crossEntropy || classLosses.has(loss);

/** Numbers that a model gives for one example: one for each class, or for each target value. */
export function outputSize(data: Dataset): number {
  checkDescription("outputSize", data);
  if (data.task === "classification") return data.classes.length;
  checkTargets("outputSize: the training split", data.train);
  return data.train.targets.length / data.train.count;
}

/** Of regression: what one unit of each target value, as the model sees it, is in the target's own units. */
export function targetUnits(data: Dataset): readonly number[] | undefined {
  if (data.task !== "regression") return undefined;
  return data.preprocessing?.targets?.std ?? new Array<number>(outputSize(data)).fill(1);
}

const SHAPED = { inputShape: listOf(positiveInteger) };

/** A batch for a model: inputs, targets, and of sequences their lengths i32[N]. */
export interface BatchTensors {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly lengths: Tensor | undefined;
  /** Further inputs and targets, where the data set has some. */
  readonly more?: MoreTensors | undefined;
}

/**
 * What the model makes of inputs [N, ...]; it is also given the lengths of sequences and further inputs, as `model.forward(x, { lengths, ...moreInputs })`.
 */
export function outputsOfModel(model: Layer, x: Tensor, lengths?: Tensor, more?: MoreTensors): Tensor {
  // A layer need not take the second argument.
  const forward: (x: Tensor, options?: Readonly<Record<string, Tensor>>) => Tensor = model.forward;
  const options = { ...(lengths && { lengths }), ...more?.inputs };
  return Object.keys(options).length > 0 ? forward.call(model, x, options) : model.forward(x);
}

/** The loss of a batch; it sees further targets only where there are some. */
export function lossOf(loss: Loss, outputs: Tensor, targets: Tensor, more?: MoreTensors): LossResult {
  const of: LossFunction = loss instanceof Module ? (...given) => loss.forward(...(given as unknown as [Tensor, Tensor])) : loss;
  return more && Object.keys(more.targets).length > 0 ? of(outputs, targets, more.targets) : of(outputs, targets);
}

/** What metrics look at: the outputs, or the first of several (a list, or an object of tensors). */
export function mainOutput(outputs: unknown): Tensor {
  if (outputs instanceof Tensor || typeof outputs !== "object" || outputs === null) return outputs as Tensor;
  return Object.values(outputs)[0] as Tensor;
}

/** Types of a batch's tensors. */
export interface BatchTypes {
  readonly x: Type;
  readonly y: Type;
  readonly lengths: Type | undefined;
  readonly more: { readonly inputs: Readonly<Record<string, Type>>; readonly targets: Readonly<Record<string, Type>> } | undefined;
}

/** What `batchTensors` will give for `n` examples of the training split. */
export function batchTypes(data: Dataset, n: number): BatchTypes {
  const { targets, count, lengths, moreInputs, moreTargets, read } = data.train;
  const x: Type = { shape: [n, ...data.inputShape], dtype: read ? "f32" : inputType(data.train.inputs) };
  const types = (all: Split["moreInputs"] = {}): Record<string, Type> =>
    Object.fromEntries(Object.entries(all).map(([name, values]) => [name, valuesType(values, n, count)]));
  const more = moreInputs || moreTargets ? { inputs: types(moreInputs), targets: types(moreTargets) } : undefined;
  const y = targetType(data, n, targets.length / count, areIntegers(targets));
  return { x, y, lengths: lengths && { shape: [n], dtype: "i32" }, more };
}

const inputType = (values: ArrayLike<number>): "f32" | "i32" => (typedArrayName(values) === "Int32Array" ? "i32" : "f32");

/** Of `n` examples, from values of `count`. */
function valuesType({ data, shape }: Values, n: number, count: number): Type {
  const each = data.length / count;
  return { shape: [n, ...(shape ?? (each === 1 ? [] : [each]))], dtype: inputType(data) };
}

function tensorsOf(all: Batch["moreInputs"], n: number): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(all ?? {}).map(([name, values]) => [name, fromArray(asInputs(values.data, name), valuesType(values, n, n))]),
  );
}

/** Of `n` examples with `each` targets. Regression is of numbers, whatever array they came in. */
function targetType({ task, targetShape }: Dataset, n: number, each: number, integers: boolean): Type {
  const values = task === "regression" || !integers;
  const shape = targetShape && sizeOf(targetShape) === each ? targetShape : each === 1 && !values ? [] : [each];
  return { shape: [n, ...shape], dtype: values ? "f32" : "i32" };
}

/** A batch as tensors: inputs [N, ...inputShape], and classes i32[N] (i32[N, k] where an example has k) or target values f32[N, k]. Takes over the batch's arrays. */
export function batchTensors(data: Dataset, batch: Batch): BatchTensors {
  checkFields("batchTensors: the data set", data, SHAPED);
  checkSplit("batchTensors: the batch", batch, sizeOf(data.inputShape));
  const n = batch.count;
  const targets = asTargets(batch.targets, "targets");
  const inputs = asInputs(batch.inputs, "inputs");
  const x = fromArray(inputs, { shape: [n, ...data.inputShape], dtype: inputType(inputs) });
  const type = targetType(data, n, targets.length / n, areIntegers(targets));
  const y = fromArray(type.dtype === "f32" ? asFloats(targets, "targets") : targets, type);
  const lengths = batch.lengths && fromArray(asTargets(batch.lengths, "lengths"), { shape: [n], dtype: "i32" });
  const { moreInputs, moreTargets } = batch;
  const more = moreInputs || moreTargets ? { inputs: tensorsOf(moreInputs, n), targets: tensorsOf(moreTargets, n) } : undefined;
  return { x, y, lengths, ...(more && { more }) };
}

const layer = having("a module with forward(x)", "forward", "train", "eval", "stateDict", "parameters");
export const anOptimizer: Expectation = having("an optimizer, as in new Adam(model.parameters())", "step", "stateDict");

const isClass = (value: unknown): boolean => typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));

/** A loss that must be given. */
export const someLoss: Expectation = {
  want: "a function of outputs and targets, or a module such as new nn.CrossEntropyLoss()",
  holds: (value) => (fn.holds(value) && !isClass(value)) || value instanceof Module,
  remedy: (value) => (isClass(value) ? `; make one: new ${(value as { name: string }).name}()` : ""),
};
export const aLoss: Expectation = optional(someLoss);

/** @throws {TypeError} for what is no model. */
export function checkModel(what: string, model: unknown): void {
  check(`${what}: the model`, model, layer);
}

/**
 * @throws {TypeError | RangeError} if a field is missing, does not fit the others, or a split is empty; or a class index is not one of the data
 * set's classes: in a batch it would only show as NaN. -100 is none that losses look at.
 */
export function checkData(data: Dataset, what = "data"): void {
  checkDataset(what, data);
  const splits: [string, Split][] = [
    ["training", data.train],
    ["test", data.test],
    ...(data.validation ? [["validation", data.validation] satisfies [string, Split]] : []),
  ];
  for (const [name, { targets, count }] of splits) {
    if (data.task !== "classification") continue;
    const wrong = targets.findIndex((target: number) => !(target >= 0 && target < data.classes.length) && target !== IGNORED);
    if (wrong >= 0) {
      throw new RangeError(
        `${data.name}: ${name} example ${Math.floor((wrong * count) / targets.length)} has class ${targets[wrong]}, want 0 to ${data.classes.length - 1}; classes names ${data.classes.length}: number them from 0, or name them all`,
      );
    }
  }
}

/**
 * The loss of the best answer that ignores the input, over the training split: the entropy of the classes' shares for cross-entropy, the variance
 * of the targets for the mean squared error.
 */
export function baselineLoss(data: Dataset): number {
  checkDescription("baselineLoss", data);
  checkSplitOf("baselineLoss: the training split", data, data.train);
  const { task, train, classes } = data;
  const { targets } = train;
  if (task === "classification") {
    const counts = new Float64Array(classes.length);
    for (const target of targets) if (target >= 0) counts[target]++;
    const count = counts.reduce((a, b) => a + b, 0);
    return counts.reduce((sum, n) => (n > 0 ? sum - (n / count) * Math.log(n / count) : sum), 0);
  }
  const { count } = train;
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
