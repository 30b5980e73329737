/** @file Sums, means and maxima of rows of a table: bags of embeddings. */

import { checkOptions } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { formatShape, formatType } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { arange } from "../ops/create.ts";
import { addRows } from "../ops/indexing.ts";
import type { Tensor } from "../ops/tensor.ts";
import { checkIndices } from "./indexing.ts";
import { EMBEDDING_BAG_OPTIONS } from "./options.ts";
import { searchsorted } from "./sets.ts";

export interface EmbeddingBagOptions {
  /** Where each bag starts in a list of indices, [B] ascending from 0; a bag ends where the next starts. Not for indices [B, L]. */
  readonly offsets?: Tensor;
  /** Whether `offsets` has one more element, the end of the last bag. Default false. */
  readonly includeLastOffset?: boolean;
  /** How a bag's rows become one. Default "mean". */
  readonly mode?: "sum" | "mean" | "max";
  /** What each row is multiplied by, in the shape of the indices; with mode "sum" only. */
  readonly perSampleWeights?: Tensor;
  /** An index that counts for nothing: its row is not in the sum, mean or maximum, and gets no derivative. */
  readonly paddingIndex?: number;
}

/** For each index which bag it belongs to, and how many bags there are. */
interface Bags {
  readonly bag: Tensor;
  readonly count: number;
}

function bagsOf(index: Tensor, { offsets, includeLastOffset = false }: EmbeddingBagOptions): Bags {
  const n = index.size;
  if (index.rank === 2) {
    if (offsets) throw new RangeError("embeddingBag: indices [bags, length] are bags already; leave offsets out");
    return { bag: arange(n).div(Math.max(1, index.shape[1]!)), count: index.shape[0]! };
  }
  if (index.rank !== 1 || offsets?.rank !== 1)
    throw new RangeError(`embeddingBag: want indices [bags, length], or a list of indices and offsets, got ${formatShape(index.shape)}`);
  const count = offsets.size - (includeLastOffset ? 1 : 0);
  if (count < 0) throw new RangeError("embeddingBag: with includeLastOffset want at least one offset");
  const bag = searchsorted(offsets, arange(n), { right: true }).sub(1);
  // Behind the last bag's end there is no bag.
  return { bag: bag.lt(count).where(bag, -1), count };
}

/**
 * For each bag the sum, mean or maximum of its rows of a table [V, D]: indices [B, L], or a list with `offsets`, to [B, D]. An empty bag gives 0. Of rows
 * that tie for a maximum the first gets the derivative.
 */
export function embeddingBag(index: Tensor, table: Tensor, options: EmbeddingBagOptions = {}): Tensor {
  checkTensors("embeddingBag", { index, table });
  checkOptions("embeddingBag", options, EMBEDDING_BAG_OPTIONS);
  const { mode = "mean", perSampleWeights: weights, paddingIndex } = options;
  if (isFloat(index.dtype) || index.dtype === "bool")
    throw new TypeError(`embeddingBag: want integer indices, got ${formatType(index)}; convert with .cast("i32")`);
  if (weights && mode !== "sum") throw new RangeError(`embeddingBag: perSampleWeights go with mode "sum", got "${mode}"`);
  if (weights && String(weights.shape) !== String(index.shape))
    throw new RangeError(`embeddingBag: want weights ${formatShape(index.shape)}, one for each index, got ${formatShape(weights.shape)}`);
  checkIndices("embeddingBag: index", index, table.shape[0]!);
  const { bag, count } = bagsOf(index, options);
  const flat = index.flatten();
  const padding = paddingIndex !== undefined && paddingIndex < 0 ? paddingIndex + table.shape[0]! : paddingIndex;
  const own = padding === undefined ? bag : flat.eq(padding).where(-1, bag);
  const rows = table.takeInside(flat, 0);
  if (mode === "max") return largest(rows, own, count);
  const params = { batch: 0, size: count };
  const sums = addRows(weights ? rows.mul(weights.flatten().unsqueeze(1)) : rows, own, params);
  if (mode === "sum") return sums;
  const size = addRows(own.like(1), own, params).maximum(1);
  return sums.div(size.cast(sums.dtype).unsqueeze(1));
}

/** The largest of the rows [n, D] in each of `count` bags, [count, D]. */
function largest(rows: Tensor, bag: Tensor, count: number): Tensor {
  const [n, d] = rows.shape as [number, number];
  if (n === 0) return rows.constantOf({ shape: [count, d], dtype: rows.dtype }, 0);
  const pairs = [count, d, n];
  const mine = bag.broadcastInDim(pairs, [2]).eq(arange(count).broadcastInDim(pairs, [0]));
  const { values } = mine.where(rows.transpose().broadcastInDim(pairs, [1, 2]), Number.NEGATIVE_INFINITY).maxWithIndex(2);
  return mine.any(2).where(values, 0);
}
