/** @file A batch, and how examples become one. */
import type { Example } from "./dataset.ts";

/** Fresh arrays, the caller's to keep. `indices` are the examples' positions in the split. */
export interface Batch {
  readonly inputs: Float32Array;
  readonly targets: Int32Array | Float32Array;
  readonly count: number;
  readonly indices: Int32Array;
}

/** Examples as one batch. @throws {Error} if they differ in size, or some have classes and some values. */
export function collate(examples: readonly Example[], indices: Int32Array): Batch {
  const width = examples[0].input.length;
  const first = examples[0].target;
  const inputs = new Float32Array(examples.length * width);
  const k = typeof first === "number" ? 1 : first.length;
  const targets = typeof first === "number" ? new Int32Array(examples.length) : new Float32Array(examples.length * k);
  examples.forEach(({ input, target }, i) => {
    if (input.length !== width)
      throw new Error(`example ${indices[i]} has ${input.length} values, example ${indices[0]} has ${width}; bring them to one size first`);
    if (typeof target !== typeof first || (typeof target !== "number" && target.length !== k))
      throw new Error(
        `example ${indices[i]} has another kind of target than example ${indices[0]}: want a class index each, or equally many values`,
      );
    inputs.set(input, i * width);
    targets.set(typeof target === "number" ? [target] : target, i * k);
  });
  return { inputs, targets, count: examples.length, indices };
}
