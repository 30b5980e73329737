/**
 * @file The tiling of a loop nest: the axis that carries the vector (`vector-axis.ts`), how many results a tile holds in registers (`tile-choice.ts`, by the
 * cost model of `tile-cost.ts`), the parts of a long sum (`partition.ts`), and the order of the loops (`loop-order.ts`). All of it, and with it the order of
 * every sum, depends on shapes and the target alone.
 */
import { orderLoops } from "./loop-order.ts";
import { orderSums, partition } from "./partition.ts";
import { chooseTile } from "./tile-choice.ts";
import type { Choice, Level, Nest, Part } from "./tiling.ts";

/** The tiling of a nest: everything that the writer of nests needs. */
export interface Tiles extends Choice {
  /** Axes of the sum, outermost first. */
  readonly sums: readonly number[];
  /** Parts of the sum that are added to the results in memory one after another: sizes along the first axes of the sum. */
  readonly parts: readonly Part[];
  /** Loops over results and parts of the sum, outermost first. */
  readonly order: readonly Level[];
}

/** Tiles a nest. */
export function tilesOf(nest: Nest): Tiles {
  const choice = chooseTile(nest);
  const sums = orderSums(nest, choice);
  const parts = nest.mayKeepSum ? partition(nest, choice, sums) : [];
  // Loops that leave iterations out go outside, so that their bounds are computed rarely.
  const isPartial = (i: number): boolean => nest.access.partial.some((p) => p.sum === i);
  const ordered = [...sums.filter(isPartial), ...sums.filter((i) => !isPartial(i))];
  return { ...choice, sums: ordered, parts, order: orderLoops(nest, choice, parts) };
}
