/**
 * @file Mini-batches of a split, in order or shuffled. The order is a function of (seed, epoch) alone, so that a resumed run sees
 * the batches that it would have seen.
 */
import { fold, type Key, keyFromSeed, permutation } from "../base/random.ts";
import type { Split } from "./dataset.ts";

/** Options of {@link batches}. */
export interface BatchOptions {
  readonly batchSize: number;
  /** Default false: the order of the split. */
  readonly shuffle?: boolean;
  /** Seed of the order, a number or a key (default 0). Every epoch folds in its own number. */
  readonly seed?: number | Key;
  readonly epoch?: number;
  /** Leave out a last batch with fewer examples (default false). */
  readonly dropLast?: boolean;
}

/** Fresh arrays, the caller's to keep. `indices` are the examples' positions in the split. */
export interface Batch {
  readonly inputs: Float32Array;
  readonly targets: Int32Array | Float32Array;
  readonly count: number;
  readonly indices: Int32Array;
}

/** How many batches `batches` will yield. */
export function batchCount(split: Split, { batchSize, dropLast = false }: BatchOptions): number {
  return dropLast ? Math.floor(split.count / batchSize) : Math.ceil(split.count / batchSize);
}

/** The examples of a split in batches. */
export function batches(split: Split, options: BatchOptions): Generator<Batch, void, undefined> {
  // Checked here and not in the generator, whose body runs only at the first `next`.
  const { batchSize } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1) throw new Error(`batches: batchSize must be a positive integer, got ${batchSize}`);
  return generate(split, options);
}

function* generate(split: Split, options: BatchOptions): Generator<Batch, void, undefined> {
  const order = options.shuffle ? permutation(split.count, orderKey(options)) : Int32Array.from({ length: split.count }, (_, i) => i);
  const n = batchCount(split, options);
  for (let b = 0; b < n; b++) {
    const indices = order.slice(b * options.batchSize, (b + 1) * options.batchSize);
    yield {
      inputs: gather(split.inputs, indices, split.inputs.length / split.count),
      targets: gather(split.targets, indices, split.targets.length / split.count),
      count: indices.length,
      indices,
    };
  }
}

function orderKey({ seed = 0, epoch = 0 }: BatchOptions): Key {
  return fold(typeof seed === "number" ? keyFromSeed(seed) : seed, epoch);
}

/** The rows with these indices, each `width` long, one after another. */
function gather<T extends Float32Array | Int32Array>(rows: T, indices: Int32Array, width: number): T {
  const result = new (rows.constructor as new (length: number) => T)(indices.length * width);
  indices.forEach((index, i) => {
    result.set(rows.subarray(index * width, (index + 1) * width), i * width);
  });
  return result;
}
