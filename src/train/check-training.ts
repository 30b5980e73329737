/**
 * @file What can be known before the first step: whether the optimizer trains the model, whether model, loss and data fit together, and whether the values can be
 * learned from. The model and the loss are recorded once on a batch's shapes; nothing is computed.
 */
import { type Checks, checkOptions, fn, object, positiveInteger, shown } from "../base/check.ts";
import { formatShape, formatType, sameShape, type Type } from "../base/shape.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { capture } from "../function/capture.ts";
import { hearingTargets, type TargetsWanted } from "../math/targets.ts";
import type { Layer } from "../nn/module.ts";
import type { Parameter } from "../nn/parameter.ts";
import { placeholderOf } from "../ops/region.ts";
import { Tensor } from "../ops/tensor.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { isFrozen } from "../runtime/frozen.ts";
import { batchLoss } from "./batch-loss.ts";
import { checkValues } from "./check-values.ts";
import {
  aLoss,
  anOptimizer,
  batchTypes,
  checkData,
  checkModel,
  defaultLoss,
  type Loss,
  lossOf,
  type MoreTensors,
  mainOutput,
  outputSize,
  outputsOfModel,
} from "./task.ts";

/** Options of {@link checkTraining}: those of `fit` that it looks at. */
export interface CheckOptions {
  readonly optimizer: Optimizer;
  readonly loss?: Loss;
  readonly augment?: (x: Tensor) => Tensor;
  /** Default 32. */
  readonly batchSize?: number;
  readonly validation?: Split;
}

const CHECK_OPTIONS: Checks<CheckOptions> = {
  optimizer: anOptimizer,
  loss: aLoss,
  augment: fn,
  batchSize: positiveInteger,
  validation: object,
};

/**
 * Looks for mistakes that training would not show, as `fit` does before its first step; gives what may be one, in sentences.
 * @throws {TypeError | RangeError} for what cannot train: NaN in the data, outputs or targets that the loss does not take, an optimizer of another model.
 */
export async function checkTraining(model: Layer, data: Dataset, options: CheckOptions): Promise<string[]> {
  checkModel("checkTraining", model);
  checkOptions("checkTraining", options, CHECK_OPTIONS, "optimizer");
  checkData(data, "checkTraining: the data set");
  const notes = [...checkOptimizer(model, options.optimizer), ...(await checkValues(data, options.validation))];
  return [...notes, ...checkFit(model, data, options)];
}

/** The same for a function named `what`: says what it finds, and puts the name before errors. */
export async function warnOfMistakes(what: string, model: Layer, data: Dataset, options: CheckOptions & Warnings): Promise<void> {
  const { optimizer, loss, augment, batchSize, validation, checks = true, onWarning = console.warn } = options;
  if (!checks) return;
  const notes = await checkTraining(model, data, { optimizer, loss, augment, batchSize, validation });
  for (const note of notes) onWarning(`${what}: ${note}`);
}

interface Warnings {
  readonly checks?: boolean;
  readonly onWarning?: (text: string) => void;
}

/** @throws {TypeError} for an optimizer that trains nothing of the model. */
export function checkOptimizer(model: Layer, optimizer: Optimizer): string[] {
  const named = model.namedParameters();
  const held = new Set<unknown>(optimizer.parameters);
  const inGroups = "the optimizer";
  if (named.length === 0) return [];
  if (!named.some(([, parameter]) => held.has(parameter)))
    throw new TypeError(
      `${inGroups} holds ${held.size} parameters, none of which is one of the model's ${named.length}: nothing would be trained; make it from this model, as in new Adam(model.parameters()), after the model is complete`,
    );
  const training = named.filter(([, parameter]) => held.has(parameter) && !isFrozen(parameter));
  if (training.length === 0)
    throw new TypeError(
      `every parameter that ${inGroups} holds is frozen: nothing would be trained; unfreeze some, as in model.unfreeze()`,
    );
  const left = named.filter(([, parameter]) => !held.has(parameter) && !isFrozen(parameter));
  if (left.length === 0) return [];
  return [
    `${inGroups} holds ${training.length} of the model's ${named.length} parameters; ${namesOf(left)} will not be trained: give it all of model.parameters(), or freeze those that shall rest (module.freeze())`,
  ];
}

const SHOWN = 6;

function namesOf(named: readonly (readonly [string, Parameter])[]): string {
  const rest = named.length > SHOWN ? ` and ${named.length - SHOWN} more` : "";
  return (
    named
      .slice(0, SHOWN)
      .map(([name]) => name)
      .join(", ") + rest
  );
}

/** Records the model and the loss on a batch; nothing of it takes effect. */
function checkFit(model: Layer, data: Dataset, { loss, augment, batchSize = 32 }: CheckOptions): string[] {
  const { x, y, lengths, more } = batchTypes(data, Math.min(batchSize, data.train.count));
  const [inputs, targets] = [placeholderOf(x, "x"), placeholderOf(y, "y")];
  const { training } = model;
  const wanted: TargetsWanted[] = [];
  model.train();
  try {
    const { result: notes } = capture("fit", () => {
      const others = more && { inputs: placeholdersOf(more.inputs), targets: placeholdersOf(more.targets) };
      const outputs = outputsOfModel(model, augment ? augment(inputs) : inputs, lengths && placeholderOf(lengths, "lengths"), others);
      const found = checkOutputs(data, mainOutput(outputs), targets, loss === undefined);
      hearingTargets(
        (seen, what) => {
          if (sourceOf(seen) === targets) wanted.push(what);
        },
        () => tryLoss(data, loss ?? defaultLoss(data), outputs, targets, others),
      );
      return found;
    });
    return [...notes, ...wanted.flatMap((what) => checkWanted(data, what))];
  } finally {
    model.train(training);
  }
}

const placeholdersOf = (types: Readonly<Record<string, Type>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(types).map(([name, type]) => [name, placeholderOf(type, name)]));

/** Where a tensor comes from that was only cast or laid out anew. */
function sourceOf(x: Tensor): Tensor {
  const { op, operands } = x.source;
  return ["cast", "reshape", "identity", "broadcast"].includes(op.name) && operands[0] instanceof Tensor ? sourceOf(operands[0]) : x;
}

/** The widths of the model's outputs beside the data set's. `usual` says that the loss is that of the task. */
function checkOutputs(data: Dataset, outputs: unknown, targets: Tensor, usual: boolean): string[] {
  if (!(outputs instanceof Tensor))
    throw new TypeError(
      `the model's forward must give a tensor, got ${outputs === undefined ? "nothing; is there a return?" : shown(outputs)}`,
    );
  const want = outputSize(data);
  if (data.task === "regression") {
    if (usual && !sameShape(outputs.shape, targets.shape)) throw regressionError(data, outputs, targets);
    return [];
  }
  const got = outputs.rank < 2 ? 1 : outputs.shape[1];
  if (usual && got < want) throw widthError(data, outputs, got);
  if (outputs.rank < 2 || got === want) return [];
  return [widthNote(data, got, want)];
}

function widthNote(data: Dataset, got: number, want: number): string {
  const none = got === want + 1 ? `class ${want} never occurs` : `classes ${want} to ${got - 1} never occur`;
  const meaning =
    got > want
      ? `${none}; let its last layer have ${want} outputs`
      : "accuracy, the share whose largest output is at their class, will mean little";
  return `the model gives ${got} output${got === 1 ? "" : "s"} for an example, ${data.name} has ${want} classes: ${meaning}`;
}

function widthError(data: Dataset, outputs: Tensor, got: number): RangeError {
  const classes = data.classes.length;
  const last = outputs.shape.at(-1);
  const remedy =
    outputs.rank > 2 && last === classes
      ? "classes belong on axis 1: let forward end with .transpose([0, 2, 1])"
      : `let its last layer have ${classes} outputs, such as new Linear(${"..."}, ${classes})${got === 1 ? ", or give fit a loss for one logit" : ""}`;
  return new RangeError(
    `the model gives outputs ${formatShape(outputs.shape)}, ${got} for an example, but ${data.name} has ${classes} classes: want one output for each; ${remedy}`,
  );
}

function regressionError(data: Dataset, outputs: Tensor, targets: Tensor): RangeError {
  const remedy =
    outputs.size === targets.size
      ? `let forward end with .reshape([-1, ${targets.shape.slice(1).join(", ")}])`
      : `let its last layer have ${outputSize(data)} output${outputSize(data) === 1 ? "" : "s"}, such as new Linear(..., ${outputSize(data)})`;
  return new RangeError(
    `the model gives outputs ${formatShape(outputs.shape)}, but the targets of ${data.name} are ${formatShape(targets.shape)}: want one output for each target value; ${remedy}`,
  );
}

/** @throws {TypeError} that says what the loss was given, and what suits the task. */
function tryLoss(data: Dataset, loss: Loss, outputs: Tensor, targets: Tensor, more?: MoreTensors): void {
  try {
    batchLoss(lossOf(loss, outputs, targets, more), targets.shape[0]);
  } catch (error) {
    const classes = data.task === "classification";
    const remedy = classes
      ? `targets are class indices, for crossEntropy; for a loss of values make them such first, as in targets.oneHot(${data.classes.length}).cast("f32")`
      : "targets are values, for mseLoss, l1Loss or huberLoss; for classes let the data set's task be classification";
    const { message } = error as Error;
    throw new TypeError(
      `the loss does not take outputs ${formatType(mainOutput(outputs))} and targets ${formatType(targets)}: ${message}; ${remedy}`,
      {
        cause: error,
      },
    );
  }
}

/** Looks at all targets of the training split. @throws {RangeError} for one that the loss does not take. */
function checkWanted(data: Dataset, { loss, want, holds, distribution }: TargetsWanted): string[] {
  const { targets, count } = data.train;
  const each = targets.length / count;
  const at = targets.findIndex((value: number) => !holds(value));
  if (at >= 0)
    throw new RangeError(
      `${data.name}: target ${at % each} of training example ${Math.floor(at / each)} is ${targets[at]}, and ${loss} wants targets ${want}; ${remedyFor(data)}`,
    );
  if (!distribution) return [];
  if (each === 1)
    throw new RangeError(
      `${loss} of one output is always 0: there is one class; for two classes use binaryCrossEntropyWithLogits, for values mseLoss`,
    );
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let k = 0; k < each; k++) sum += targets[i * each + k];
    if (Math.abs(sum - 1) > 1e-3)
      return [
        `the targets of training example ${i} of ${data.name} add up to ${Number(sum.toPrecision(4))}, and ${loss} takes them for probabilities; for several labels at once use binaryCrossEntropyWithLogits`,
      ];
  }
  return [];
}

function remedyFor({ task, preprocessing }: Dataset): string {
  if (task === "classification") return "use crossEntropy, which takes class indices";
  return preprocessing?.targets
    ? "the targets are standardized: leave them as they are, or use mseLoss"
    : "scale the targets to that range, or use mseLoss";
}
