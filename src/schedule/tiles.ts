/**
 * @file Tiles: which axis of a nest carries the vector, how many results a tile holds in registers, in which order the loops stand, and where loops go in
 * blocks so that what they read stays in the cache. Everything depends on shapes alone, and with it the order of every sum.
 */

import { LANES } from "../kernel/kernel.ts";
import type { Access, Axis, Partial } from "./access.ts";

/** A run of a tiled axis: `count` points per iteration, each a scalar or a vector. */
export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly lanes: 1 | 4;
  /** The last point is moved back by this much, so that it ends with the axis. */
  readonly overlap: number;
}

/**
 * Runs that cover an axis, in tiles of at most `count` points: whole tiles, then what is left; or, where `level`, tiles that differ by one point at most, since in a
 * small one too few sums are made at a time. Where vectors do not fit evenly, the last one overlaps the one before: computing an element twice is
 * cheaper than computing elements one by one. What is shorter than a vector goes element by element.
 *
 *     0 1 2 3 | 4 5 6 7 | 8 9            a tile of two vectors, then one that is moved back by 2
 *     . . . .   . . 6 7   8 9
 *
 *     0 1 2 | 3 4 5 | 6 7 | 8 9          level: of ten points in tiles of three, four are in smaller ones
 */
export function segments(
  extent: number,
  count: number,
  vector: boolean,
  { start = 0, level = false }: { readonly start?: number; readonly level?: boolean } = {},
): Segment[] {
  const lanes = vector && extent >= LANES ? LANES : 1;
  const points = Math.ceil(extent / lanes);
  const overlap = points * lanes - extent;
  const tiles = Math.ceil(points / count);
  const even = level && overlap === 0;
  const most = even ? Math.ceil(points / tiles) : count;
  const full = even ? points % tiles || tiles : Math.floor(extent / (count * lanes));
  const between = start + full * most * lanes;
  const runs: Segment[] = [
    { from: start, to: between, count: most, lanes, overlap: 0 },
    { from: between, to: start + points * lanes, count: even ? most - 1 : points - full * count, lanes, overlap },
  ];
  return runs.filter(({ from, to }) => to > from);
}

/** Element by element. */
export function whole(extent: number): Segment {
  return { from: 0, to: extent, count: 1, lanes: 1, overlap: 0 };
}

export interface Choice {
  /** Position of the axis that carries the vector, or -1. */
  readonly vector: number;
  /** Axes of which a tile holds several points: position and count. */
  readonly tile: readonly (readonly [axis: number, count: number])[];
  /** An axis of a short sum whose terms are written out, so that what several results read is loaded once; or -1. */
  readonly written: number;
  /** Independent accumulators along a vectorized sum. */
  readonly unroll: number;
}

/** Points that a tile holds of axes. */
type Tile = readonly (readonly [axis: number, count: number])[];

/** A loop of the nest: over an axis, over blocks of `size` points of it, or (inside that) over the block at hand. */
export interface Level {
  readonly axis: number;
  readonly size?: number;
}

/** Accumulators, operands and one splat must fit the 16 vector registers (measured on V8: MR + NV + MR·NV ≤ 15). */
const REGISTERS = 15;

/** Products of vectors (half a millisecond of them) from which more code pays for a tenth less time; and how many sums a tile has at most below. */
const MUCH_WORK = 1 << 22;
const FEW_SUMS = 8;

/** Elements that stay in the second cache while panels pass by. */
const CACHED = 1 << 16;

/** Products that a tile adds up before it puts its sums aside; and from how many on it does. */
const BLOCK_PRODUCTS = 640;
const LONG_SUM = 1024;
/** As many that are looked up pay for it, so that the images where they are stay in the first cache. */
const FEW_PRODUCTS = 64;
/** Fewer are not worth the way to memory and back. */
const LEAST_PRODUCTS = 128;
/** Side of the squares of a transposition: a line of the cache. */
const SQUARE = 16;
/** Pages whose addresses the processor finds quickly, and elements of a page. */
const PAGES = 256;
const PAGE = 1024;
/** Elements that all operands of a block of a sum may take in the second cache: five eighths of a mebibyte. */
const BLOCK_FOOTPRINT = 5 << 15;
/** Elements that stay in the first cache. */
const NEAREST = 1 << 13;

/** Terms of a short sum, and of one of its axes that may be written out. */
const SHORT_SUM = 64;
const MOST_WRITTEN = 8;
/** A margin: written out terms must promise a tenth less. A first layer of three channels, where the model saw a tie, was slower with them. */
const WRITTEN_COST = 1.1;

/** Elements of an elementwise nest that pay for longer code. */
const LEAST_UNROLLED = 1 << 12;

/** From here on a row has enough vectors for several sums side by side. */
const LONG_ROW = 64;

/** Vectors a turn, of elementwise nests and of sums along a vector. */
const VECTORS = 4;

/** Combining the lanes of a vector, in loads. */
const FOLD_COST = 6;

/** What a nest is told beside its accesses. */
export interface Wishes {
  readonly reduces: boolean;
  /** Whether its sums may wait in the buffer of the result. */
  readonly mayKeepSum: boolean;
  readonly vectorizes: boolean;
  /** Whether one row after another is read, as it lies in memory. */
  readonly rowByRow: boolean;
  /** How many results there are of each value, with those of other rows. */
  readonly results: number;
}

/** The choices for one nest. */
export class Tiles {
  readonly choice: Choice;
  /** Axes of the sum, outermost first. */
  readonly sums: readonly number[];
  /** Parts of the sum that are added to the results in memory one after another: sizes along the first axes of the sum. */
  readonly parts: readonly { readonly axis: number; readonly size: number }[] = [];
  readonly #access: Access;
  readonly #wishes: Wishes;
  /** Whether products are with what is looked up in memory. */
  readonly #looksUp: boolean;

  constructor(access: Access, wishes: Wishes) {
    this.#access = access;
    this.#wishes = wishes;
    const isLookedUp = ({ kind }: Axis, i: number): boolean => kind === "sum" && access.terms[i]!.includes(null);
    this.#looksUp = wishes.mayKeepSum && access.axes.some(isLookedUp);
    this.choice = this.#choose(wishes.vectorizes);
    const sums = this.#sums();
    if (wishes.mayKeepSum) this.parts = this.#partition(sums);
    // Loops that leave iterations out go outside, so that their bounds are set seldom.
    const isPartial = (i: number): boolean => access.partial.some((p) => p.sum === i);
    this.sums = [...sums.filter(isPartial), ...sums.filter((i) => !isPartial(i))];
  }

  /** Loops over results and parts of the sum, outermost first. */
  order(): Level[] {
    const { axes, loads, terms, partial } = this.#access;
    const { vector: carrier } = this.choice;
    const { plain, vector, others, taps } = this.#results();
    // The vector axis goes outside the other tiled one if that leaves an operand as it is, whose panel then stays in cache.
    const stays = vector.every((v) => loads[v]!.some((c, j) => c !== 0 && others.every((i) => loads[i]![j] === 0)));
    // Where every position has a sum of its own, what it reads is used up (for all channels) before the next position, and positions before the next images.
    const moves = (i: number, j: number): boolean => terms[i]!.some((c, load) => c !== 0 && terms[j]![load] !== 0);
    const far = partial.length > 0 ? others.filter((i) => plain.some((j) => moves(i, j))) : [];
    const near = others.filter((i) => !far.includes(i));
    const [swept] = others;
    const ahead = far.length === 0 && vector.length > 0 && swept !== undefined && this.#goesAhead(swept, plain) ? [swept] : [];
    const inner = stays ? [...vector, ...near] : [...near, ...vector];
    const order: Level[] = [...far, ...ahead, ...plain, ...inner.filter((i) => !ahead.includes(i)), ...taps].map((axis) => ({ axis }));
    const size = stays && vector.length > 0 && swept !== undefined ? this.#blockSize(swept) : 0;
    if (size > 0) order.unshift({ axis: swept!, size });
    if (!this.#wishes.reduces) order.unshift(...this.#squares(carrier), ...this.#lines(carrier));
    if (this.parts.length === 0) return order;
    if (vector.length === 0) return [...this.parts, ...order];
    // Outside the parts of the sum there is a loop over results, whose iterations have nothing to do with each other.
    const first = order[0];
    if (size === 0 && plain.length === 0 && first) {
      const part = partOf(axes[first.axis]!.extent, first.axis === carrier ? LANES : 1, this.#points(first.axis));
      if (part > 0) order.unshift({ axis: first.axis, size: part });
    }
    return [...order.slice(0, 1), ...this.parts, ...order.slice(1)];
  }

  /**
   * Axes of the results: those without a tile, the one that carries the vector, the others of which a tile holds several points; and apart from these the
   * taps of the gradient of a weight, along which a sum reads nearly the same elements again: they go inside the others.
   */
  #results(): Readonly<Record<"plain" | "vector" | "others" | "taps", readonly number[]>> {
    const { axes } = this.#access;
    const { tile, vector: carrier } = this.choice;
    const tiled = tile.map(([axis]) => axis);
    const plain = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "out" && !tiled.includes(i) && i !== carrier);
    const vector = axes[carrier]?.kind === "out" ? [carrier] : [];
    const others = tiled.filter((i) => !vector.includes(i));
    // What the outer one reads stays where it is while the panel that the inner one reads passes by, for every tile: as little as possible.
    const passing = (outer: number, inner: number): number => (axes[outer]!.extent / this.#points(outer)) * this.#panel(inner, outer);
    others.sort((a, b) => passing(a, b) - passing(b, a));
    const taps = axes[carrier]?.kind === "sum" ? plain.filter((i) => this.#isTap(i)) : [];
    return { plain: plain.filter((i) => !taps.includes(i)), vector, others, taps };
  }

  /** Elements that accesses touch along result axes and in a part of the sum: those that move along `mine`, but not along `other`. */
  #panel(mine: number, other: number, along: readonly number[] = [mine]): number {
    const { axes, terms } = this.#access;
    const size = (i: number): number => this.parts.find((p) => p.axis === i)?.size ?? axes[i]!.extent;
    const lanes = axes[this.choice.vector]?.extent === LANES ? this.choice.vector : -1;
    const moves = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "sum" || along.includes(i) || i === lanes);
    const own = terms[mine]!.map((_, j) => j).filter((j) => terms[mine]![j] !== 0 && terms[other]![j] === 0);
    return own.reduce((n, j) => n + touched(moves.map((i) => ({ by: terms[i]![j] ?? PAGE, extent: size(i) }))), 0);
  }

  /** Whether less passes by if a tiled axis goes outside all those without a tile: then for every tile all that these read, else for each of their points what it reads. */
  #goesAhead(axis: number, plain: readonly number[]): boolean {
    const { axes } = this.#access;
    const [inner] = plain.slice(-1);
    if (inner === undefined || plain.some((i) => this.#panel(i, axis) === 0)) return false;
    const results = axes.map((_, i) => i).filter((i) => i !== axis && axes[i]!.kind === "out");
    const points = plain.reduce((n, i) => n * axes[i]!.extent, 1);
    return (axes[axis]!.extent / this.#points(axis)) * this.#panel(inner, axis, results) < points * this.#panel(axis, inner);
  }

  /** True if the sums along a result axis have a third of what they read in common, at least. */
  #isTap(axis: number): boolean {
    const { axes, terms } = this.#access;
    const reads = (j: number, also: boolean): number =>
      touched(axes.flatMap((a, i) => (a.kind === "sum" || (also && i === axis) ? [{ by: terms[i]![j] ?? PAGE, extent: a.extent }] : [])));
    return terms[axis]!.every((_, j) => 3 * reads(j, true) <= 2 * axes[axis]!.extent * reads(j, false));
  }

  /** How many points of an axis a tile holds. */
  #points(axis: number): number {
    return this.choice.tile.find(([i]) => i === axis)?.[1] ?? 1;
  }

  #choose(vectorizes: boolean): Choice {
    const vector = vectorizes ? this.#vectorAxis() : -1;
    const { reduces, rowByRow } = this.#wishes;
    const single = rowByRow && this.#access.axes.every((a) => a.kind === "out" || a.extent === 1);
    if (!reduces || single) return { vector, tile: this.#several(vector), written: -1, unroll: 1 };
    const sequential = rowByRow && this.#access.axes[vector]?.kind === "sum" && this.#access.axes[vector].extent >= LONG_ROW;
    const { tile, written } = sequential ? { tile: [], written: -1 } : this.#tile(vector);
    const results = tile.reduce((n, [, count]) => n * count, 1);
    const along = this.#access.axes[vector];
    const unroll = along?.kind === "sum" && results < 4 && along.extent >= 32 ? VECTORS : 1;
    return { vector, tile, written, unroll };
  }

  /**
   * Vectors of an elementwise nest: several a turn, where the axis divides so and is gone through often. Of a long expression (a tanh is thirty steps that wait
   * for each other) the next vector then starts early enough.
   */
  #several(vector: number): Tile {
    const { axes } = this.#access;
    const [lines] = this.#lines(vector);
    if (lines)
      return [
        [vector, axes[vector]!.extent % (2 * LANES) === 0 ? 2 : 1],
        [lines.axis, lines.size],
      ];
    const elements = axes.reduce((n, a) => n * a.extent, 1);
    const { rowByRow, results } = this.#wishes;
    const isShort = results < LEAST_UNROLLED || (rowByRow && elements < LONG_ROW);
    if (vector < 0 || this.#squares(vector).length > 0 || isShort) return [];
    // Along rows as many as sums have, so that their loops can become one.
    const count = rowByRow ? VECTORS : [VECTORS, 2].find((n) => axes[vector]!.extent % (n * LANES) === 0);
    return count === undefined ? [] : [[vector, count]];
  }

  /** The axis along which loads are contiguous or constant; -1 if none is long enough or better than scalars. */
  #vectorAxis(): number {
    const { axes, loads, stores } = this.#access;
    const lastOut = axes.findLastIndex((a) => a.kind === "out");
    const summed = axes.reduce((n, a) => (a.kind === "sum" ? n * a.extent : n), 1);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    axes.forEach((axis, i) => {
      if (axis.extent < LANES || (axis.kind === "out" && i !== lastOut)) return;
      if (axis.kind === "out" && stores[i] !== 1) return;
      const vectors = Math.ceil(axis.extent / LANES);
      const loaded = loads[i]!.reduce<number>((sum, c) => sum + (c === 0 ? 0.25 : c === 1 ? 1 : 6), 0);
      // Lanes that are computed twice are lost; the lanes of a sum must be combined in the end.
      const cost = (loaded * vectors * LANES) / axis.extent + (axis.kind === "sum" ? (FOLD_COST * LANES) / summed : 0);
      if (cost < least) {
        least = cost;
        best = i;
      }
    });
    return best;
  }

  /** Up to two result axes and how many points of each a tile holds: the fewest cycles by a simple model of the machine. */
  #tile(vector: number): { tile: Tile; written: number } {
    const { axes } = this.#access;
    // Inner axes first: of equally good tiles the one whose points lie close together.
    const candidates = axes
      .map((_, i) => i)
      .filter((i) => axes[i]!.kind === "out" && axes[i]!.extent > 1 && (i !== vector || axes[i]!.extent > LANES))
      .reverse();
    const mustHold = axes[vector]?.kind === "out" ? [vector] : [];
    let best: Tile = mustHold.map((i) => [i, 1] as const);
    let written = -1;
    let least = Number.POSITIVE_INFINITY;
    const writable = this.#writable(vector);
    const points = (i: number): number => Math.ceil(axes[i]!.extent / (i === vector ? LANES : 1));
    const most = axes.reduce((n, a) => n * a.extent, 1) / LANES < MUCH_WORK ? FEW_SUMS : REGISTERS - 1;
    for (const p of candidates) {
      for (const q of [-1, ...candidates]) {
        if (q === p || (mustHold.length > 0 && p !== vector && (q === vector || axes[vector]!.extent > LANES))) continue;
        // Of equally good tiles the one with most vectors, which lie close together: what is read for them anew, a weight or a row, then serves most results.
        for (let a = Math.min(8, points(p)); a >= 1; a--) {
          for (let b = 1; b <= (q < 0 ? 1 : Math.min(8, points(q))); b++) {
            if (a * b > most) continue;
            const tile: Tile =
              q < 0
                ? [[p, a]]
                : [
                    [p, a],
                    [q, b],
                  ];
            for (const term of [-1, ...writable]) {
              const cost = this.#cycles(tile, vector, term);
              const tie = axes[vector]?.kind === "sum" && cost < least * 1.001 && this.#reach(tile) > this.#reach(best);
              if (cost >= least * 0.999 && !tie) continue;
              least = Math.min(cost, least);
              [best, written] = [tile, term];
            }
          }
        }
      }
    }
    return { tile: best, written };
  }

  /** The more points a tile holds of long axes, the less often it passes through what lies along the others. */
  #reach(tile: Tile): number {
    return tile.reduce((n, [axis, count]) => n + count * this.#access.axes[axis]!.extent, 0);
  }

  /** Axes of a short sum that may be written out. */
  #writable(vector: number): number[] {
    const { axes, partial } = this.#access;
    const sums = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "sum" && axes[i]!.extent > 1);
    if (partial.length > 0) return [];
    const terms = sums.reduce((n, i) => n * axes[i]!.extent, 1);
    return terms <= SHORT_SUM && axes[vector]?.kind === "out" ? sums.filter((i) => axes[i]!.extent <= MOST_WRITTEN) : [];
  }

  /**
   * Cycles of the innermost iterations over the whole nest: two multiply-adds and two loads a cycle, a latency of four, which in a short sum the next tile
   * hides. Infinite if sums and all that is loaded take more than the registers: V8 loads everything first, and would keep sums in memory.
   */
  #cycles(tile: Tile, vector: number, written: number): number {
    const { axes, terms: own, partial } = this.#access;
    const covers = tile.map(([axis, count]) => segments(axes[axis]!.extent, count, axis === vector, { level: true }));
    const others = axes.reduce((n, a, i) => (a.kind === "out" && !tile.some(([axis]) => axis === i) && i !== vector ? n * a.extent : n), 1);
    let cycles = 0;
    for (const first of covers[0] ?? [whole(1)]) {
      for (const second of covers[1] ?? [whole(1)]) {
        const segs = [first, second];
        const results = first.count * second.count;
        const counts: Tile = tile.map(([axis], t) => [axis, segs[t]!.count]);
        const fetched = own[0]!.reduce<number>((sum, _, j) => sum + this.#fetched(j, counts, vector, written), 0);
        const turns = segs.reduce((n, s) => n * ((s.to - s.from) / (s.count * s.lanes)), 1);
        const iterations = partial.reduce((n, p) => n * shareOf(p, segs[tile.findIndex(([axis]) => axis === p.out)]), turns);
        const terms = written < 0 ? 1 : axes[written]!.extent;
        const held = this.#wishes.mayKeepSum && written < 0 ? this.#held(counts) : fetched;
        // Terms that are written out need a register in passing.
        if (results + held > REGISTERS - (written < 0 ? 0 : 1)) return Number.POSITIVE_INFINITY;
        const products = results * terms;
        const body = written < 0 ? 1 : WRITTEN_COST;
        cycles +=
          ((body * iterations) / terms) * (0.25 + Math.max(written < 0 ? 4.5 : 0, products / 2, fetched / 2, (products + fetched) / 3.5));
      }
    }
    return cycles * others;
  }

  /** How many operands of a tile are in registers at once: those along its longer side pass one by one. */
  #held(tile: Tile): number {
    const { terms } = this.#access;
    const [longer, shorter] = [...tile].sort(([i, a], [j, b]) => b - a || i - j);
    return terms[0]!.reduce<number>((n, _, load) => {
      const moves = (side: Tile[number] | undefined): boolean => side !== undefined && terms[side[0]]![load] !== 0;
      return n + (moves(longer) || !moves(shorter) ? 1 : shorter![1]);
    }, 0);
  }

  /** How many loads access `j` makes for a tile: of terms that are written out, those that points of the tile share count once. */
  #fetched(j: number, tile: Tile, vector: number, written: number): number {
    const { axes, loads } = this.#access;
    const along = written < 0 ? 0 : loads[written]![j];
    let terms = along === 0 ? 1 : axes[written]!.extent;
    let points = 1;
    for (const [axis, count] of tile) {
      const by = (loads[axis]![j] ?? Number.NaN) * (axis === vector ? LANES : 1);
      const apart = by / (along || Number.NaN);
      // The next point reads what this one reads a few terms later.
      if (Number.isInteger(apart) && apart > 0 && apart < axes[written]!.extent) terms += (count - 1) * apart;
      else if (by !== 0) points *= count;
    }
    return points * terms;
  }

  /**
   * Blocks for a transposition: where a value is read along another axis than it is written, both go in small squares, so that each line of the cache is
   * fetched once.
   */
  #squares(vector: number): Level[] {
    const { axes, loads } = this.#access;
    if (vector < 0) return [];
    const across = (i: number): boolean => loads[i]!.some((c, j) => c === 1 && loads[vector]![j] !== 0 && loads[vector]![j] !== 1);
    const read = axes.findIndex((_, i) => i !== vector && across(i));
    if (read < 0 || axes[read]!.cuts.length + axes[vector]!.cuts.length > 0) return [];
    const levels = [read, vector].map((axis) => ({ axis, size: divisor(axes[axis]!.extent, (n) => n <= SQUARE && n % LANES === 0) }));
    return levels.every(({ axis, size }) => size > 0 && size < axes[axis]!.extent) ? levels : [];
  }

  /** Of an axis along which a value is read in pieces of a line of the cache, and far away in between, so many points together that each line is fetched once. */
  #lines(vector: number): { readonly axis: number; readonly size: number }[] {
    const { axes, loads } = this.#access;
    if (vector < 0) return [];
    const points = (i: number): number => {
      const far = (j: number): boolean => axes.some((_, inner) => inner > i && Math.abs(loads[inner]![j] ?? 0) >= SQUARE);
      const step = loads[i]!.find((c, j) => c !== null && c > 1 && SQUARE % c === 0 && loads[vector]![j] === 1 && far(j)) ?? SQUARE;
      return SQUARE / step;
    };
    const axis = axes.findIndex((a, i) => i !== vector && a.cuts.length === 0 && points(i) > 1 && a.extent % points(i) === 0);
    return axis < 0 ? [] : [{ axis, size: points(axis) }];
  }

  /** Axes of the sum in the order of their loops: products go along the smallest steps in the innermost one. */
  #sums(): number[] {
    const { axes, loads } = this.#access;
    const sums = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "sum");
    const steps = (i: number): number => loads[i]!.reduce<number>((n, c) => n + Math.abs(c ?? 0), 0);
    if (this.#wishes.mayKeepSum) sums.sort((a, b) => steps(b) - steps(a));
    const { written } = this.choice;
    return written < 0 ? sums : [...sums.filter((i) => i !== written), written];
  }

  /**
   * A long sum is made in parts, whose operands stay in the cache and on few pages; each part is added to the result in memory. The parts depend on
   * shapes alone.
   */
  #partition(sums: readonly number[]): { axis: number; size: number }[] {
    const { axes, loads, terms } = this.#access;
    const { vector } = this.choice;
    const [first, second] = sums;
    const along = axes[vector]?.kind === "sum";
    const uneven = axes[vector]?.kind === "out" && axes[vector].extent % LANES !== 0;
    if (first === undefined || first === vector || uneven) return [];
    const products = sums.reduce((n, i) => n * axes[i]!.extent, 1) / (along ? LANES : 1);
    const { extent } = axes[first]!;
    const rest = products / extent;
    if (along) {
      // All results are visited for every part: it should find its operands in the cache, but for the one that it passes through once.
      const { plain, others, taps } = this.#results();
      const own = (i: number): boolean => axes[i]!.kind === "out" && terms[i]!.every((c) => c !== 0);
      const passed = plain.length === 0 ? others.find((i) => !own(i)) : undefined;
      const length = (i: number, parts: ReadonlyMap<number, number>): number =>
        parts.get(i) ?? (i === passed || own(i) ? this.#points(i) : axes[i]!.extent);
      const footprint = (parts: ReadonlyMap<number, number>): number =>
        terms[0]!.reduce<number>((n, _, j) => n + touched(axes.map((_, i) => ({ by: terms[i]![j] ?? PAGE, extent: length(i, parts) }))), 0);
      // Without channels to share them, operands are read again for a few taps at once: then the nearest cache should hold them.
      const apart = taps.length > 0 && axes.every((a, i) => a.kind === "sum" || own(i) || a.extent <= MOST_WRITTEN);
      if (footprint(new Map()) <= (apart ? NEAREST : 2 * BLOCK_FOOTPRINT)) return [];
      const one = new Map([[first, 1]]);
      if (second === undefined || footprint(one) <= BLOCK_FOOTPRINT) {
        // As much of the first axis as pays for the way to memory and back.
        const size = leastDivisor(extent, (n) => n * rest >= LEAST_PRODUCTS);
        return size < extent ? [{ axis: first, size }] : [];
      }
      if (rest < LEAST_PRODUCTS) return [];
      const parts = [{ axis: first, size: 1 }];
      const inner = rest / axes[second]!.extent;
      const size = divisor(
        axes[second]!.extent,
        (n) =>
          (second !== vector || n % LANES === 0) &&
          n * inner >= LEAST_PRODUCTS &&
          footprint(
            new Map([
              [first, 1],
              [second, n],
            ]),
          ) <= BLOCK_FOOTPRINT,
      );
      return size > 0 && size < axes[second]!.extent ? [...parts, { axis: second, size }] : parts;
    }
    const jumps = extent > PAGES && loads[first]!.some((c) => c === null || Math.abs(c) >= PAGE);
    if (products <= LONG_SUM && !jumps) return [];
    const size = this.#looksUp
      ? leastDivisor(extent, (n) => n * rest >= FEW_PRODUCTS)
      : divisor(extent, (n) => n * rest <= BLOCK_PRODUCTS && n * rest >= Math.min(LEAST_PRODUCTS, PAGES) && (!jumps || n <= PAGES));
    return size > 0 && size < extent ? [{ axis: first, size }] : [];
  }

  /**
   * Points of an axis to do together, if it is swept again for every panel and what it reads does not stay in the cache: as many whole tiles as
   * do. 0 for the whole axis.
   */
  #blockSize(axis: number): number {
    const { axes, loads } = this.#access;
    const { extent } = axes[axis]!;
    const length = (i: number): number => this.parts.find((p) => p.axis === i)?.size ?? axes[i]!.extent;
    const read = (j: number): number => axes.reduce((n, a, i) => (a.kind === "sum" && loads[i]![j] !== 0 ? n * length(i) : n), 1);
    const perPoint = loads[axis]!.reduce<number>((n, c, j) => (c === 0 ? n : n + read(j)), 0);
    if (perPoint * extent <= CACHED) return 0;
    const size = divisor(extent, (n) => n * perPoint <= CACHED);
    return size >= 4 * this.#points(axis) ? size : 0;
  }
}

/** The share of its terms that the results in a run of tiles need, where those of a tile are summed together. */
function shareOf({ low, high }: Partial, run: Segment = whole(low.length)): number {
  const most = Math.max(...high);
  let [needed, all] = [0, 0];
  for (let first = run.from; first < run.to; first += run.count) {
    needed += Math.max(0, high[first]! - low[Math.min(first + run.count, low.length) - 1]!);
    all += most;
  }
  return needed / all;
}

/** The largest divisor for which `fits` holds; 0 if none. */
function divisor(n: number, fits: (divisor: number) => boolean): number {
  for (let d = n; d >= 1; d--) if (n % d === 0 && fits(d)) return d;
  return 0;
}

/** The least divisor for which `fits` holds; `n` if none. */
function leastDivisor(n: number, fits: (divisor: number) => boolean): number {
  for (let d = 1; d < n; d++) if (n % d === 0 && fits(d)) return d;
  return n;
}

/** How many elements an access touches along axes: those along which it moves by less than it covers already overlap. */
function touched(axes: readonly { readonly by: number; readonly extent: number }[]): number {
  const moving = axes.filter(({ by }) => by !== 0).sort((a, b) => Math.abs(a.by) - Math.abs(b.by));
  let [count, span] = [1, 1];
  for (const { by, extent } of moving) {
    const added = Math.abs(by) * (extent - 1);
    count = Math.min(count * extent, span + added);
    span += added;
  }
  return count;
}

/** A part of an axis of which there are a few, in whole vectors, a tile at least; 0 if it does not divide so. */
function partOf(extent: number, lanes: number, tile: number): number {
  for (const parts of [4, 2, 3]) if (extent % (parts * lanes) === 0 && extent / parts >= tile * lanes) return extent / parts;
  return 0;
}
