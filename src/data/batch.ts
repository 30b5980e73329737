/** @file A batch, and how examples become one. */
import { check, checkFields, expectation, type Fields, listOf, object, optional, positiveInteger } from "../base/check.ts";
import { typedArrayName } from "../base/elements.ts";
import type { Example, Split } from "./dataset.ts";

/** Fresh arrays, the caller's to keep. `indices` are the examples' positions in the split. */
export interface Batch {
  readonly inputs: Float32Array;
  readonly targets: Int32Array | Float32Array;
  readonly count: number;
  readonly indices: Int32Array;
  /** Of sequences: the steps of each. */
  readonly lengths?: Int32Array;
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

/**
 * Examples as one batch; those with lengths are padded to the longest. @throws {Error} if others differ in size, steps differ in size, some have lengths and
 * some none, or some have classes and some values.
 */
export function collate(examples: readonly Example[], indices: Int32Array): Batch {
  const lengths = lengthsOf(examples, indices);
  const width = lengths ? examples.reduce((most, { input }) => Math.max(most, input.length), 0) : examples[0].input.length;
  const first = examples[0].target;
  const inputs = new Float32Array(examples.length * width);
  const k = typeof first === "number" ? 1 : first.length;
  const targets = typeof first === "number" ? new Int32Array(examples.length) : new Float32Array(examples.length * k);
  examples.forEach(({ input, target }, i) => {
    if (!lengths && input.length !== width)
      throw new Error(`example ${indices[i]} has ${input.length} values, example ${indices[0]} has ${width}; bring them to one size first`);
    if (typeof target !== typeof first || (typeof target !== "number" && target.length !== k))
      throw new Error(
        `example ${indices[i]} has another kind of target than example ${indices[0]}: want a class index each, or equally many values`,
      );
    inputs.set(input, i * width);
    targets.set(typeof target === "number" ? [target] : target, i * k);
  });
  return { inputs, targets, count: examples.length, indices, ...(lengths && { lengths }) };
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
