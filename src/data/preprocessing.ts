/**
 * @file What was done to raw values before a model saw them, as plain data that JSON carries: it is fitted on the training part alone and kept
 * with the model, so that a prediction does the same to new values.
 */

import { type Checks, check, checkFields, checkOptions, flag, list, numbers, positiveInteger } from "../base/check.ts";
import { checkDataset } from "./check.ts";
import type { Dataset, Split } from "./dataset.ts";
import type { Standardization } from "./preprocessing-types.ts";

export type { Column, ImagePreparation, Preprocessing, RawArray, Standardization } from "./preprocessing-types.ts";

/**
 * Means and standard deviations (over the examples, not corrected) of `parts` equal, consecutive parts of each example.
 * @param values Examples one after another. @param count Their number. @param parts Features, or channels.
 */
export function fitStandardization(values: ArrayLike<number>, count: number, parts: number): Standardization {
  check("fitStandardization: values", values, numbers);
  check("fitStandardization: count", count, positiveInteger);
  check("fitStandardization: parts", parts, positiveInteger);
  const width = values.length / count;
  const inner = width / parts;
  if (count < 1 || !Number.isInteger(inner))
    throw new RangeError(`fitStandardization: want ${parts} equal parts of each of ${count} examples, got ${values.length} values in all`);
  const first = Float64Array.from({ length: parts }, (_, part) => values[part * inner]);
  const [sum, square] = [new Float64Array(parts), new Float64Array(parts)];
  const each = (fn: (part: number, value: number) => void): void => {
    for (let i = 0; i < values.length; i++) fn(Math.floor((i % width) / inner), values[i]);
  };
  // Differences from the first value are exact where the spread is small beside the mean, as for timestamps; of a constant they are 0.
  each((part, value) => {
    sum[part] += value - first[part];
  });
  const mean = first.map((value, part) => value + sum[part] / (count * inner));
  each((part, value) => {
    square[part] += (value - mean[part]) ** 2;
  });
  const deviation = square.map((s) => Math.sqrt(s / (count * inner)));
  return standardization(mean, deviation);
}

/** Deviations that are rounding errors, as those of constants, count as 1. */
export function standardization(mean: Float64Array, deviation: Float64Array): Standardization {
  return { mean: [...mean], std: Array.from(deviation, (s, i) => (s > ROUNDING * Math.abs(mean[i]) ? s : 1)) };
}

/** Deviations below this share of the mean are rounding errors of f64. */
const ROUNDING = 1e-15;

/** Leaves values as they are. */
export function unitStandardization(parts: number): Standardization {
  return { mean: new Array<number>(parts).fill(0), std: new Array<number>(parts).fill(1) };
}

/** (x - mean) / std of examples one after another, in a new array. */
export function standardizeValues(values: ArrayLike<number>, options: Standardization, count: number): Float32Array {
  checkFields("standardizeValues", options, { mean: list, std: list });
  const { mean, std } = options;
  return affine(values, count, mean.length, (part, x) => (x - mean[part]) / std[part]);
}

/** The inverse of {@link standardizeValues}: values in their own units. */
export function unstandardize(values: ArrayLike<number>, options: Standardization, count: number): Float32Array {
  checkFields("unstandardize", options, { mean: list, std: list });
  const { mean, std } = options;
  return affine(values, count, mean.length, (part, x) => x * std[part] + mean[part]);
}

function affine(values: ArrayLike<number>, count: number, parts: number, fn: (part: number, x: number) => number): Float32Array {
  const width = values.length / count;
  const inner = width / parts;
  if (!Number.isInteger(inner))
    throw new RangeError(
      `standardization of ${parts} parts: ${count} examples of ${width} values do not have them; is it another data set's?`,
    );
  const result = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) result[i] = fn(Math.floor((i % width) / inner), values[i]);
  return result;
}

export interface StandardizeOptions {
  /** Whether regression targets are standardized too. Default false. */
  readonly targets?: boolean;
}

const STANDARDIZE_OPTIONS: Checks<StandardizeOptions> = { targets: flag };

/**
 * The data set with inputs of mean 0 and standard deviation 1, by feature or (images) by channel, as the training split has them; the test
 * split follows the training split's numbers. They are in the result's `preprocessing`.
 */
export function standardize(data: Dataset, options: StandardizeOptions = {}): Dataset {
  checkDataset("standardize: the data set", data, { empty: true });
  checkOptions("standardize", options, STANDARDIZE_OPTIONS);
  const { targets = false } = options;
  const { train, test } = data;
  if (data.preprocessing?.inputs) throw new Error(`standardize: ${data.name} is standardized already`);
  const inputs = fitStandardization(train.inputs, train.count, data.inputShape[0]);
  const values =
    targets && data.task === "regression" ? fitStandardization(train.targets, train.count, train.targets.length / train.count) : undefined;
  const apply = ({ inputs: x, targets: y, count }: Split): Split => ({
    inputs: standardizeValues(x, inputs, count),
    targets: values ? standardizeValues(y as Float32Array, values, count) : y,
    count,
  });
  const same = train === test;
  const first = apply(train);
  const preprocessing = { ...data.preprocessing, inputs, ...(values && { targets: values }) };
  return { ...data, train: first, test: same ? first : apply(test), preprocessing };
}
