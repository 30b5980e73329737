/** @file The cost model of tiles: cycles of a nest with a given tile, from what its innermost iteration multiplies, loads and holds in registers. */
import type { PartialSum } from "./access.ts";
import { type Segment, segments, whole } from "./segments.ts";
import type { Nest, Tile } from "./tiling.ts";

/** A tile, the axis that carries the vector, and the axis of the sum that is unrolled (`written`); -1 for none. */
export interface Candidate {
  readonly tile: Tile;
  readonly vector: number;
  readonly written: number;
}

/**
 * Cycles of the innermost iterations over the whole nest. An unrolled short sum hides the latency of its additions behind the next tile, so latency does not
 * count there. Infinite if the sums and the operands held at once need more registers than the target has.
 */
export function cyclesOf(nest: Nest, candidate: Candidate): number {
  const { axes } = nest.access;
  const { tile, vector } = candidate;
  const covers = tile.map(([axis, count]) =>
    segments(axes[axis]!.extent, count, axis === vector ? nest.lanes : 1, { level: true, tails: nest.target.tails }),
  );
  const isTiled = (i: number): boolean => i === vector || tile.some(([axis]) => axis === i);
  const others = axes.reduce((n, a, i) => (a.kind === "out" && !isTiled(i) ? n * a.extent : n), 1);
  let cycles = 0;
  for (const first of covers[0] ?? [whole(1)])
    for (const second of covers[1] ?? [whole(1)]) cycles += cyclesOfRun(nest, candidate, [first, second]);
  return cycles * others;
}

/** Cycles of the iterations within one segment along each axis of the tile. */
function cyclesOfRun(nest: Nest, candidate: Candidate, runs: readonly [Segment, Segment]): number {
  const { access, target, mayKeepSum } = nest;
  const { tile, written } = candidate;
  const { costs } = target;
  const results = runs[0].count * runs[1].count;
  const counts: Tile = tile.map(([axis], t) => [axis, runs[t]!.count]);
  // An unrolled sum needs one more register while its terms are added.
  const registers = target.registers - (written < 0 ? 0 : 1) - results;
  const keepsSum = mayKeepSum && written < 0;
  if (keepsSum && operandsHeld(nest, counts) > registers) return Number.POSITIVE_INFINITY;
  const fetched = access.terms[0]!.reduce<number>((sum, _, j) => sum + loadsOf(nest, j, { ...candidate, tile: counts }), 0);
  if (!keepsSum && fetched > registers) return Number.POSITIVE_INFINITY;
  const all = runs.reduce((n, s) => n * ((s.to - s.from) / (s.count * s.lanes)), 1);
  const iterations = access.partial.reduce((n, p) => n * shareOf(p, runs[tile.findIndex(([axis]) => axis === p.out)]), all);
  const terms = written < 0 ? 1 : access.axes[written]!.extent;
  const products = results * terms;
  const body = written < 0 ? 1 : costs.written;
  const latency = written < 0 ? costs.latency : 0;
  const arriving = costs.lines === undefined ? 0 : linesOf(nest, counts, candidate.vector) / costs.lines;
  const longest = Math.max(latency, arriving, products / costs.multiplies, fetched / costs.loads, (products + fetched) / costs.issues);
  return ((body * iterations) / terms) * (costs.iteration + longest);
}

/**
 * Cache lines that an iteration of the innermost loop reads and the one before did not. The innermost loop of a sum is that with the least steps; an operand that goes along it in steps
 * shorter than a line stays on its lines for a while, and points that are close together share theirs.
 */
function linesOf(nest: Nest, tile: Tile, vector: number): number {
  const { access, lanes, target } = nest;
  const { terms } = access;
  const { caches } = target;
  const innermost = innermostSum(nest);
  if (innermost < 0) return 0;
  const lines = (i: number, j: number, count: number): number =>
    Math.min(count, (Math.abs(terms[i]![j] ?? caches.page) * count) / caches.line);
  return terms[0]!.reduce<number>((all, _, j) => {
    const along = lines(innermost, j, innermost === vector ? lanes : 1);
    const points = tile.reduce((n, [axis, count]) => n * Math.max(1, lines(axis, j, axis === vector ? count * lanes : count)), 1);
    return all + along * points;
  }, 0);
}

const innermostSums: WeakMap<Nest, number> = new WeakMap();

/** The axis of the sum with the least steps; -1 without a sum. */
function innermostSum(nest: Nest): number {
  let found = innermostSums.get(nest);
  if (found === undefined) {
    const { access, target } = nest;
    const steps = (i: number): number => access.terms[i]!.reduce<number>((n, c) => n + Math.abs(c ?? target.caches.page), 0);
    const sums = access.axes.flatMap((axis, i) => (axis.kind === "sum" ? [i] : []));
    found = sums.reduce((a, b) => (a < 0 || steps(b) < steps(a) ? b : a), -1);
    innermostSums.set(nest, found);
  }
  return found;
}

/** How many operands of a tile are in registers at once. Those along its longer side are loaded one at a time. */
function operandsHeld({ access: { terms } }: Nest, tile: Tile): number {
  const [longer, shorter] = [...tile].sort(([i, a], [j, b]) => b - a || i - j);
  return terms[0]!.reduce<number>((n, _, load) => {
    const moves = (side: Tile[number] | undefined): boolean => side !== undefined && terms[side[0]]![load] !== 0;
    return n + (moves(longer) || !moves(shorter) ? 1 : shorter![1]);
  }, 0);
}

/** How many loads access `j` needs for a tile. In an unrolled sum, a load that several points of the tile share counts once. */
function loadsOf({ access: { axes, loads }, lanes }: Nest, j: number, { tile, vector, written }: Candidate): number {
  const along = written < 0 ? 0 : loads[written]![j];
  let terms = along === 0 ? 1 : axes[written]!.extent;
  let points = 1;
  for (const [axis, count] of tile) {
    const by = (loads[axis]![j] ?? Number.NaN) * (axis === vector ? lanes : 1);
    const apart = by / (along || Number.NaN);
    // The next point reads at term r what this point reads at term r + apart, so only `apart` terms are new.
    if (Number.isInteger(apart) && apart > 0 && apart < axes[written]!.extent) terms += (count - 1) * apart;
    else if (by !== 0) points *= count;
  }
  return points * terms;
}

/** The share of the terms along a partial axis that is computed, given that the results of a tile are summed over the range that any of them needs. */
function shareOf({ low, high }: PartialSum, run: Segment = whole(low.length)): number {
  const most = Math.max(...high);
  let [needed, all] = [0, 0];
  for (let first = run.from; first < run.to; first += run.count) {
    needed += Math.max(0, high[first]! - low[Math.min(first + run.count, low.length) - 1]!);
    all += most;
  }
  return needed / all;
}
