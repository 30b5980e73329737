/** @file What the tiler works on and what it decides: see `tiles.ts`. */
import type { Target } from "../kernel/target.ts";
import type { Access } from "./access.ts";

/** What the tiler is told of a loop nest. */
export interface Nest {
  readonly access: Access;
  readonly target: Target;
  readonly reduces: boolean;
  /** Whether its sums may wait in the buffer of the result. */
  readonly mayKeepSum: boolean;
  /** Elements of its vectors; 1 if it has none. */
  readonly lanes: number;
  /** Whether one row after another is read, as it lies in memory. */
  readonly rowByRow: boolean;
  /** How many results there are of each value, with those of other rows. */
  readonly results: number;
}

/** Points that a tile holds of axes: position and count. */
export type Tile = readonly (readonly [axis: number, count: number])[];

export interface Choice {
  /** Position of the axis that carries the vector, or -1. */
  readonly vector: number;
  /** Axes of which a tile holds several points. */
  readonly tile: Tile;
  /** An axis of a short sum whose terms are written out, so that what several results read is loaded once; or -1. */
  readonly written: number;
  /** Independent accumulators along a vectorized sum. */
  readonly unroll: number;
}

/** Points of an axis that are done together. */
export interface Part {
  readonly axis: number;
  readonly size: number;
}

/** A loop of the nest: over an axis, over blocks of `size` points of it, or (inside that) over the block at hand. */
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

/** How far an access moves along an axis; where that is not linear, a page. */
export function stepOf({ access, target }: Nest, axis: number, load: number): number {
  return access.terms[axis]![load] ?? target.caches.page;
}

/** How many elements an access touches along axes: those along which it moves by less than it covers already overlap. */
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

/** The largest divisor for which `fits` holds; 0 if none. */
export function divisor(n: number, fits: (divisor: number) => boolean): number {
  for (let d = n; d >= 1; d--) if (n % d === 0 && fits(d)) return d;
  return 0;
}

/** The least divisor for which `fits` holds; `n` if none. */
export function leastDivisor(n: number, fits: (divisor: number) => boolean): number {
  for (let d = 1; d < n; d++) if (n % d === 0 && fits(d)) return d;
  return n;
}
