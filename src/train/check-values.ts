/**
 * @file A look at the values of a data set before training: what is no finite number, and what never changes. One pass over what lies in memory, one batch of
 * what stays on disk.
 */
import { formatShape, sizeOf } from "../base/shape.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { fetchBatches } from "../data/loader.ts";

/** Examples of a split on disk that are looked at. */
const LOOK = 32;
const SHOWN = 8;

/** The splits of a data set by their names in messages. */
function splitsOf({ train, test, validation }: Dataset, held = validation): [name: string, split: Split][] {
  return [["training", train], ["test", test], ...(held ? [["validation", held] satisfies [string, Split]] : [])];
}

/**
 * What a person should know of the values, in sentences.
 * @throws {RangeError} for an input or a target that is NaN or infinite.
 */
export async function checkValues(data: Dataset, validation?: Split): Promise<string[]> {
  const notes: string[] = [];
  for (const [name, split] of splitsOf(data, validation)) {
    const inputs = await inputsOf(split);
    checkFinite(data, name, inputs);
    checkTargets(data, name, split);
    if (name === "training") notes.push(...constantInputs(data, inputs), ...constantTargets(data, split));
  }
  return notes;
}

type Values = Float32Array | Int32Array;

/** All inputs of a split, or those of its first examples. */
async function inputsOf(split: Split): Promise<Values> {
  if (!split.read) return split.inputs;
  const { value } = await fetchBatches(split, { batchSize: Math.min(LOOK, split.count) }).next();
  return value!.inputs;
}

/** Where the first value is that is no finite number; -1 if there is none. */
function firstNotFinite(values: ArrayLike<number>): number {
  let sum = 0; // 0 · x is NaN for what is not finite, and so is the sum
  for (let i = 0; i < values.length; i++) sum += 0 * values[i];
  if (sum === 0) return -1;
  let i = 0;
  while (Number.isFinite(values[i])) i++;
  return i;
}

function checkFinite(data: Dataset, name: string, inputs: Values): void {
  const at = firstNotFinite(inputs);
  if (at < 0) return;
  const width = sizeOf(data.inputShape);
  throw new RangeError(
    `${data.name}: input ${at % width} of ${name} example ${Math.floor(at / width)} (${featureAt(data, at % width)}) is ${inputs[at]}: the loss would be NaN; drop such examples, or fill gaps, for example with the mean of the others`,
  );
}

/** `column "age"`, or where it is in an example. */
function featureAt(data: Dataset, i: number): string {
  const name = columnNames(data)?.[i];
  if (name !== undefined) return `column "${name}"`;
  const { inputShape } = data;
  const index = inputShape.map((size, axis) => Math.floor(i / sizeOf(inputShape.slice(axis + 1))) % size);
  return `at [${index}] of ${formatShape(inputShape)}`;
}

/** Names of the inputs of a table, where they are known. */
function columnNames({ preprocessing, inputShape }: Dataset): string[] | undefined {
  const names = preprocessing?.columns?.flatMap(({ name, categories }) => categories?.map((value) => `${name}=${value}`) ?? [name]);
  return names?.length === sizeOf(inputShape) ? names : undefined;
}

function checkTargets({ name: what, task }: Dataset, name: string, { targets, count }: Split): void {
  if (task === "classification") return;
  const at = firstNotFinite(targets);
  if (at < 0) return;
  const each = targets.length / count;
  throw new RangeError(
    `${what}: target ${at % each} of ${name} example ${Math.floor(at / each)} is ${targets[at]}: nothing can be learned from it; drop examples without a target`,
  );
}

// ---- what never changes ---------------------------------------------------------------------------------------------------------------

/** The axis of an example along which features lie: columns of a table, values of a step, channels of an image. */
function featureAxis({ inputShape }: Dataset): { readonly word: string; readonly count: number; readonly of: (i: number) => number } {
  const size = sizeOf(inputShape);
  const channels = inputShape.length > 2;
  const count = (channels ? inputShape[0] : inputShape.at(-1)) ?? 1;
  const word = channels ? "channel" : inputShape.length === 2 ? "feature" : "column";
  return { word, count, of: (i) => (channels ? Math.floor(i / (size / count)) : i % count) };
}

function constantInputs(data: Dataset, inputs: Values): string[] {
  const width = sizeOf(data.inputShape);
  const count = inputs.length / width;
  if (count < 2) return [];
  const { word, count: features, of } = featureAxis(data);
  const constant = constantFeatures(inputs, width, of, features);
  if (constant.length === 0) return [];
  if (constant.length === features) {
    return [
      `all ${count} training inputs of ${data.name} ${sameThroughout(inputs) ? `are ${inputs[0]} throughout` : "are the same"}: there is nothing to learn from them; look at how they are read`,
    ];
  }
  const names = columnNames(data);
  const shown = constant.slice(0, SHOWN).map((i) => (names ? `"${names[i]}"` : String(i)));
  const rest = constant.length > SHOWN ? ` and ${constant.length - SHOWN} more` : "";
  const many = constant.length > 1;
  return [
    `${word}${many ? "s" : ""} ${shown.join(", ")}${rest} of the training inputs of ${data.name} never change${many ? "" : "s"}: ${many ? "they say" : "it says"} nothing about the targets; leave ${many ? "them" : "it"} out, or look at how ${many ? "they are" : "it is"} read`,
  ];
}

/** Features that have the same values in all examples. Ends as soon as every feature has changed. */
function constantFeatures(inputs: Values, width: number, of: (i: number) => number, features: number): number[] {
  const changed = new Uint8Array(features);
  let left = Array.from({ length: width }, (_, i) => i);
  for (let row = width; row < inputs.length && left.length > 0; row += width) {
    let some = false;
    for (const i of left) {
      if (inputs[row + i] === inputs[i]) continue;
      changed[of(i)] = 1;
      some = true;
    }
    if (some) left = left.filter((i) => changed[of(i)] === 0);
  }
  return Array.from(changed.keys()).filter((feature) => changed[feature] === 0);
}

const sameThroughout = (values: Values): boolean => values.every((value) => value === values[0]);

function constantTargets(data: Dataset, { targets, count }: Split): string[] {
  if (count < 2) return [];
  if (data.task === "classification") return missingClasses(data, targets);
  const each = targets.length / count;
  const constant = Array.from({ length: each }, (_, k) => k).filter((k) =>
    targets.every((y: number, i: number) => i % each !== k || y === targets[k]),
  );
  if (constant.length === 0) return [];
  const which =
    each === 1
      ? "every training target"
      : `target${constant.length > 1 ? "s" : ""} ${constant.slice(0, SHOWN).join(", ")} of every training example`;
  return [`${which} of ${data.name} is the same (${targets[constant[0]]}): there is nothing to learn; look at how the targets are read`];
}

function missingClasses({ name, classes }: Dataset, targets: Values): string[] {
  const seen = new Set(targets);
  const missing = classes.filter((_, c) => !seen.has(c));
  if (missing.length === 0) return [];
  const [only] = classes.filter((_, c) => seen.has(c));
  if (missing.length === classes.length - 1)
    return [
      `all training examples of ${name} are of class "${only}": there is nothing to learn; look at how the targets are read and split`,
    ];
  const list = missing.slice(0, SHOWN).map((text) => `"${text}"`);
  const rest = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : "";
  return [
    `no training example of ${name} is of class ${list.join(", ")}${rest}: it cannot be learned; split again (stratified), or leave such classes out`,
  ];
}
