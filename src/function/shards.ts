/**
 * @file What a function may know of the batch that it sees a shard of: how to add up over all shards, and how large a shard is. Means over a batch (losses,
 * the statistics of batch norms, metrics) ask here, so that they are means over all of it.
 */
import type { Tensor } from "../ops/tensor.ts";

/** The batch around a shard. */
export interface WholeBatch {
  /** The sums of values over all shards: the same on all of them. */
  sums(values: readonly Tensor[]): Tensor[];
  /** Examples of the batch for each one of the shard. */
  readonly ratio: number;
  /** True if several ranks compute the same shard, since there are fewer shards than ranks. */
  readonly repeated: boolean;
}

let around: WholeBatch | undefined;

/** The batch that the caller sees a shard of; nothing where it sees all of it. */
export function wholeBatch(): WholeBatch | undefined {
  return around;
}

/** Runs `fn` on a shard of a batch. */
export function withinBatch<T>(batch: WholeBatch | undefined, fn: () => T): T {
  const before = around;
  around = batch;
  try {
    return fn();
  } finally {
    around = before;
  }
}

/** The sum over all shards of a value; without shards the value itself. */
export function overBatch(x: Tensor): Tensor {
  return around ? around.sums([x])[0]! : x;
}
