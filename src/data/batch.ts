/** @file A batch, and how examples become one. */
import { check, checkFields, expectation, type Fields, listOf, object, optional, positiveInteger } from "../base/check.ts";
import { typedArrayName } from "../base/elements.ts";
import type { Example, Split, Values } from "./dataset.ts";

/** Fresh arrays, the caller's to keep. `indices` are the examples' positions in the split. */
export interface Batch {
  readonly inputs: Float32Array | Int32Array;
  readonly targets: Int32Array | Float32Array;
  readonly count: number;
  readonly indices: Int32Array;
  /** Of sequences: the steps of each. */
  readonly lengths?: Int32Array;
  /** Further inputs and targets by name. */
  readonly moreInputs?: Readonly<Record<string, Values>>;
  readonly moreTargets?: Readonly<Record<string, Values>>;
}

/**
 * Sequences with their lengths as one split, padded with 0 at the end to the longest, as PyTorch's `pad_sequence` does; examples of one size as they are.
 * @throws {Error} as {@link collate}, or if there are none.
 */
export function splitOf(examples: readonly Example[]): Split {
  checkExamples(examples);
  const { indices: _, ...split } = collate(
    examples,
    Int32Array.from(examples, (__, i) => i),
  );
  return split;
}

function checkExamples(examples: unknown): void {
  check("splitOf: examples", examples, listOf(object));
  if ((examples as Example[]).length === 0) throw new RangeError("splitOf: want at least one example");
  for (const [i, example] of (examples as Example[]).entries()) checkFields(`splitOf: example ${i}`, example, EXAMPLE);
}

const EXAMPLE: Fields = {
  input: expectation("a typed array of numbers", (value) => typedArrayName(value) !== undefined),
  target: expectation(
    "a class index, or a typed array of values",
    (value) => typeof value === "number" || typedArrayName(value) !== undefined,
  ),
  length: optional(positiveInteger),
};

/** The class beyond the end of a sequence of classes: losses leave it out. */
const NO_CLASS = -100;

/**
 * Examples as one batch; those with lengths are padded to the longest, a class for each step with -100. @throws {Error} if others differ in size, steps differ in size, some have lengths and
 * some none, or some have classes and some values.
 */
export function collate(examples: readonly Example[], indices: Int32Array): Batch {
  const lengths = lengthsOf(examples, indices);
  const width = lengths ? examples.reduce((most, { input }) => Math.max(most, input.length), 0) : examples[0].input.length;
  const inputs = new (examples[0].input instanceof Int32Array ? Int32Array : Float32Array)(examples.length * width);
  examples.forEach(({ input }, i) => {
    if (!lengths && input.length !== width)
      throw new Error(`example ${indices[i]} has ${input.length} values, example ${indices[0]} has ${width}; bring them to one size first`);
    inputs.set(input, i * width);
  });
  const more = moreOf(examples, indices);
  return { inputs, targets: targetsOf(examples, indices, lengths), count: examples.length, indices, ...(lengths && { lengths }), ...more };
}

function targetsOf(examples: readonly Example[], indices: Int32Array, lengths: Int32Array | undefined): Int32Array | Float32Array {
  const first = examples[0].target;
  const kind = (target: Example["target"]): string =>
    typeof target === "number" ? "number" : target instanceof Int32Array ? "classes" : "values";
  const size = (target: Example["target"]): number => (typeof target === "number" ? 1 : target.length);
  const each = lengths !== undefined && kind(first) === "classes"; // one for each step
  const k = each ? examples.reduce((most, { target }) => Math.max(most, size(target)), 0) : size(first);
  const targets =
    kind(first) === "values" ? new Float32Array(examples.length * k) : new Int32Array(examples.length * k).fill(each ? NO_CLASS : 0);
  examples.forEach(({ target }, i) => {
    if (kind(target) !== kind(first) || (!each && size(target) !== k))
      throw new Error(
        `example ${indices[i]} has another kind of target than example ${indices[0]}: want a class index each, or equally many values`,
      );
    if (each && size(target) % lengths[i] !== 0)
      throw new Error(`example ${indices[i]} has ${size(target)} targets and the length ${lengths[i]}; want equally many for each step`);
    targets.set(typeof target === "number" ? [target] : target, i * k);
  });
  return targets;
}

/** Further inputs and targets, stacked. */
function moreOf(examples: readonly Example[], indices: Int32Array): Pick<Batch, "moreInputs" | "moreTargets"> {
  const stacked = (field: "moreInputs" | "moreTargets"): Record<string, Values> | undefined => {
    const names = Object.keys(examples[0][field] ?? {});
    if (names.length === 0) return undefined;
    return Object.fromEntries(names.map((name) => [name, { data: stackedValues(examples, indices, field, name) }]));
  };
  const [moreInputs, moreTargets] = [stacked("moreInputs"), stacked("moreTargets")];
  return { ...(moreInputs && { moreInputs }), ...(moreTargets && { moreTargets }) };
}

function stackedValues(
  examples: readonly Example[],
  indices: Int32Array,
  field: "moreInputs" | "moreTargets",
  name: string,
): Float32Array | Int32Array {
  const rows = examples.map((example) => {
    const value = example[field]?.[name];
    return typeof value === "number" ? Float32Array.of(value) : value;
  });
  const first = rows[0]!;
  const all = new (first instanceof Int32Array ? Int32Array : Float32Array)(rows.length * first.length);
  rows.forEach((row, i) => {
    if (row?.length !== first.length)
      throw new Error(
        `example ${indices[i]} has ${row?.length ?? 0} values for ${field}.${name}, example ${indices[0]} has ${first.length}; want equally many`,
      );
    all.set(row, i * first.length);
  });
  return all;
}

/** The steps of each example, if they have such. */
function lengthsOf(examples: readonly Example[], indices: Int32Array): Int32Array | undefined {
  if (examples.every(({ length }) => length === undefined)) return undefined;
  const size = examples[0].input.length / (examples[0].length ?? 1);
  return Int32Array.from(examples, ({ input, length }, i) => {
    if (length === undefined) throw new Error(`example ${indices[i]} has no length, others of its batch have; give each its steps`);
    if (!(Number.isInteger(length) && length > 0 && input.length === length * size))
      throw new Error(
        `example ${indices[i]} has ${input.length} values and the length ${length}; want ${size} values a step, as example ${indices[0]} has`,
      );
    return length;
  });
}
