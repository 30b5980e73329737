/** @file Types of the tiler's input and of its decisions (`tiles.ts`), and helpers that several of its files use. */
import type { Target } from "../kernel/target.ts";
import type { Access } from "./access.ts";

/** A loop nest, as the tiler sees it. */
export interface Nest {
  readonly access: Access;
  readonly target: Target;
  readonly reduces: boolean;
  /** True if partial sums may be kept in the buffer of the result. */
  readonly mayKeepSum: boolean;
  /** The length of its vectors in elements; 1 if it has none. */
  readonly lanes: number;
  /** True if the nest is part of a pass over rows, so that it reads one contiguous row after another. */
  readonly rowByRow: boolean;
  /** The number of results of each value, those of all rows included. */
  readonly results: number;
}

/** The axes of which a tile holds several points: position of the axis, and number of points. */
export type Tile = readonly (readonly [axis: number, count: number])[];

/** The axis that carries the vector, and the tile. Axes are positions in `Access.axes`. */
export interface Choice {
  /** Position of the axis that carries the vector, or -1. */
  readonly vector: number;
  /** Axes of which a tile holds several points. */
  readonly tile: Tile;
  /** The axis of a short sum that is unrolled, so that what several results read is loaded once; or -1. */
  readonly written: number;
  /** Independent accumulators along a vectorized sum. */
  readonly unroll: number;
}

/** A block of an axis: `size` points that are computed together. */
export interface Part {
  readonly axis: number;
  readonly size: number;
}

/** A loop of the nest: over an axis, over its blocks of `size` points, or (inside that) over the current block. */
export interface Level {
  readonly axis: number;
  readonly size?: number;
}

/** How many points of an axis a tile holds. */
export function pointsOf(tile: Tile, axis: number): number {
  return tile.find(([i]) => i === axis)?.[1] ?? 1;
}

/** The positions of the axes of one kind. */
export function axesOf({ axes }: Access, kind: "out" | "sum"): number[] {
  return axes.flatMap((axis, i) => (axis.kind === kind ? [i] : []));
}

/** By how many elements an access moves per step along an axis; a page if that is not linear. */
export function stepOf({ access, target }: Nest, axis: number, load: number): number {
  return access.terms[axis]![load] ?? target.caches.page;
}

/** How many distinct elements an access touches along axes. Steps that are smaller than the range already covered overlap it. */
export function touched(axes: readonly { readonly by: number; readonly extent: number }[]): number {
  const moving = axes.filter(({ by }) => by !== 0).sort((a, b) => Math.abs(a.by) - Math.abs(b.by));
  let [count, span] = [1, 1];
  for (const { by, extent } of moving) {
    const added = Math.abs(by) * (extent - 1);
    count = Math.min(count * extent, span + added);
    span += added;
  }
  return count;
}
