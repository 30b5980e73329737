/** @file Checks of data sets: what is missing or does not fit is named before anything is computed from it. */
import {
  check,
  checkFields,
  expectation,
  type Fields,
  fn,
  list,
  listOf,
  naturalNumber,
  object,
  oneOf,
  optional,
  positiveInteger,
  text,
} from "../base/check.ts";
import { areIntegers, typedArrayName } from "../base/elements.ts";
import { sizeOf } from "../base/shape.ts";
import type { Dataset, Split } from "./dataset.ts";

const floats = expectation("a Float32Array, or another array of numbers", isArray);
const classIndices = expectation("an Int32Array of class indices", (value) => isArray(value) && areIntegers(value as Int32Array));
const stepsOf = (count: number) =>
  expectation(
    `an Int32Array of ${count} steps from 1, one for each example`,
    (value) =>
      isArray(value) &&
      areIntegers(value as Int32Array) &&
      (value as Int32Array).length === count &&
      !(value as Int32Array).some((n) => n < 1),
  );
const targets = expectation("an Int32Array of class indices, or a Float32Array of values", isArray);

/** A typed array of any class and realm. */
function isArray(value: unknown): boolean {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) !== "[object DataView]";
}

const INPUTS: Fields = { count: naturalNumber, inputs: floats };
const VALUES: Fields = {
  data: expectation("a Float32Array or an Int32Array", (value) => ["Float32Array", "Int32Array"].includes(typedArrayName(value) ?? "")),
  shape: optional(listOf(positiveInteger)),
};
/** Of a split whose examples stay on disk: its inputs cannot be looked at. */
const ON_DISK: Fields = { count: naturalNumber, read: fn };
const DATASET: Fields = {
  name: text,
  task: oneOf("classification", "regression"),
  classes: listOf(text),
  inputShape: listOf(positiveInteger),
  targetShape: optional(listOf(positiveInteger)),
};

const isOnDisk = (split: unknown): boolean => (split as Partial<Split> | null | undefined)?.read !== undefined;

/** @throws {TypeError | RangeError} unless the inputs are `count` rows of one width (of `width`, if given), or stay on disk. */
export function checkInputs(what: string, split: unknown, width?: number): void {
  checkFields(what, split, isOnDisk(split) ? ON_DISK : INPUTS);
  if (isOnDisk(split)) return;
  const { inputs, count } = split as Split;
  const fits = width === undefined ? inputs.length % Math.max(1, count) === 0 : inputs.length === count * width;
  if (!fits || (count === 0 && inputs.length > 0))
    throw new RangeError(
      `${what}: inputs must be ${count} examples of ${width === undefined ? "one size" : `${width} values`}, got ${inputs.length} values`,
    );
}

/** @throws {TypeError | RangeError} unless it is a split whose count agrees with its arrays. */
export function checkSplit(what: string, split: unknown, width?: number): void {
  checkFields(what, split, { ...(isOnDisk(split) ? ON_DISK : INPUTS), targets });
  checkInputs(what, split, width);
  const { targets: y, count, lengths } = split as Split;
  if (lengths !== undefined) check(`${what}: lengths`, lengths, stepsOf(count));
  checkMore(what, split as Split);
  if (y.length % Math.max(1, count) !== 0 || (count > 0 ? y.length === 0 : y.length > 0))
    throw new RangeError(`${what}: targets must be equally many for each of ${count} examples, got ${y.length} in all`);
}

/** @throws {TypeError | RangeError} for further inputs or targets that are no values of `count` examples. */
function checkMore(what: string, split: Split): void {
  for (const field of ["moreInputs", "moreTargets"] as const) {
    if (split[field] !== undefined) check(`${what}: ${field}`, split[field], object);
    for (const [name, values] of Object.entries(split[field] ?? {})) {
      const at = `${what}: ${field}.${name}`;
      checkFields(at, values, VALUES);
      const each = values.shape ? sizeOf(values.shape) : values.data.length / Math.max(1, split.count);
      if (!Number.isInteger(each) || values.data.length !== each * split.count)
        throw new RangeError(
          `${at}: data must be ${values.shape ? `${each} values` : "equally many values"} for each of ${split.count} examples, got ${values.data.length} in all`,
        );
    }
  }
}

/** @throws {TypeError | RangeError} unless it is a table. */
export function checkTable(what: string, table: unknown): void {
  checkFields(what, table, { what: text, columns: listOf(text), rows: list, rowName: fn });
}

/** The examples that positions are drawn from: targets and their number. */
export function checkTargets(what: string, split: unknown): void {
  checkFields(what, split, { count: naturalNumber, targets });
}

/** A data set without a look at its splits. */
export function checkDescription(what: string, data: unknown): void {
  checkFields(what, data, DATASET);
}

/** A split of a data set: sizes, and the kind of targets that the task has. */
export function checkSplitOf(what: string, data: Dataset, split: unknown, { empty = false }: { readonly empty?: boolean } = {}): void {
  checkSplit(what, split, sizeOf(data.inputShape));
  const { count, targets: y, lengths } = split as Split;
  const long = lengths?.findIndex((n) => n > data.inputShape[0]) ?? -1;
  if (long >= 0)
    throw new RangeError(
      `${what}: example ${long} has the length ${lengths![long]}, inputs have ${data.inputShape[0]} steps, the first axis of inputShape`,
    );
  if (count === 0 && !empty) throw new RangeError(`${what} is empty`);
  const each = y.length / Math.max(1, count);
  if (data.targetShape && count > 0 && sizeOf(data.targetShape) !== each)
    throw new RangeError(`${what}: targets must be ${sizeOf(data.targetShape)} for each example, as targetShape says, got ${each}`);
  check(`${what}: targets`, y, data.task === "classification" ? classIndices : floats);
}

/** A whole data set. `what` stands before the fields that are missing. */
export function checkDataset(what: string, data: unknown, options: { readonly empty?: boolean } = {}): void {
  checkDescription(what, data);
  const { name, train, test, validation } = data as Dataset;
  checkSplitOf(`${name}: the training split`, data as Dataset, train, options);
  checkSplitOf(`${name}: the test split`, data as Dataset, test, options);
  if (validation !== undefined) checkSplitOf(`${name}: the validation split`, data as Dataset, validation, options);
}
