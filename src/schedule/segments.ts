/** @file Segments of a tiled axis: whole tiles, the remainder, and the tail that is shorter than a vector. */
import type { Target } from "../kernel/target.ts";

/** A range of a tiled axis, from <= i < to, gone through with `count` points per iteration, each a scalar or a vector of `lanes` elements. */
export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly lanes: number;
  /** The last vector is moved back by this many elements, so that it ends with the axis. */
  readonly overlap: number;
  /** How many lanes of the last vector are outside the axis and masked off. */
  readonly off: number;
}

/**
 * Segments that cover an axis in tiles of at most `count` points: whole tiles, then the remainder. With `level` the tiles differ by at most one point,
 * because a small last tile would make too few sums at a time to hide their latency. If the vectors do not divide the axis, the last one overlaps the one
 * before (computing an element twice is cheaper than computing elements one by one) or is masked, as the target says. An axis that is shorter than a vector
 * goes element by element.
 *
 *     0 1 2 3 | 4 5 6 7 | 8 9            a tile of two vectors, then one that is moved back by 2
 *     . . . .   . . 6 7   8 9
 *
 *     0 1 2 | 3 4 5 | 6 7 | 8 9          level: of ten points in tiles of three, four are in smaller ones
 */
export function segments(
  extent: number,
  count: number,
  width: number,
  {
    start = 0,
    level = false,
    tails = "overlap",
  }: { readonly start?: number; readonly level?: boolean; readonly tails?: Target["tails"] } = {},
): Segment[] {
  const lanes = extent >= width ? width : 1;
  const points = Math.ceil(extent / lanes);
  const outside = points * lanes - extent;
  const [overlap, off] = tails === "overlap" ? [outside, 0] : [0, outside];
  const tiles = Math.ceil(points / count);
  const even = level && outside === 0;
  const most = even ? Math.ceil(points / tiles) : count;
  const full = even ? points % tiles || tiles : Math.floor(extent / (count * lanes));
  const between = start + full * most * lanes;
  const runs: Segment[] = [
    { from: start, to: between, count: most, lanes, overlap: 0, off: 0 },
    { from: between, to: start + points * lanes, count: even ? most - 1 : points - full * count, lanes, overlap, off },
  ];
  return runs.filter(({ from, to }) => to > from);
}

/** A segment over a whole axis, element by element. */
export function whole(extent: number): Segment {
  return { from: 0, to: extent, count: 1, lanes: 1, overlap: 0, off: 0 };
}
