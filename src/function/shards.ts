/**
 * @file The whole batch behind a shard: how to sum over all shards, and how large a shard is. Means over a batch (losses, the statistics of batch norms, metrics) use
 * this, so that they are means over the whole batch.
 */
import type { Tensor } from "../ops/tensor.ts";

/** The batch that a shard is a part of. */
export interface WholeBatch {
  /** Returns the sums of values over all shards; all shards get the same. */
  sums(values: readonly Tensor[]): Tensor[];
  /** The number of examples of the batch divided by that of the shard. */
  readonly ratio: number;
  /** True if several ranks compute the same shard, since there are fewer shards than ranks. */
  readonly repeated: boolean;
}

let around: WholeBatch | undefined;

/** The whole batch if the caller computes on a shard; undefined if it has the whole batch itself. */
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

/** The sum of a value over all shards; without shards the value itself. */
export function overBatch(x: Tensor): Tensor {
  return around ? around.sums([x])[0]! : x;
}
