/**
 * @file Writes loop nests: loops over tiles, the accumulators of a tile, the loops of its sum, and the remainders at the edges. A group's `Contents` gives
 * the expressions that stand in them.
 */

import { computeDtype } from "../base/dtype.ts";
import * as k from "../kernel/build.ts";
import { Index } from "../kernel/index-algebra.ts";
import type { Expr, Stmt } from "../kernel/kernel.ts";
import type { Target } from "../kernel/target.ts";
import type { Reduce } from "../ops/lowering.ts";
import { unflatten } from "../ops/movement.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Access, Axis } from "./access.ts";
import type { Elements } from "./elements.ts";
import { type Segment, segments, whole } from "./segments.ts";
import type { Tiles } from "./tiles.ts";
import type { Level } from "./tiling.ts";

/** Which lanes of a vector count: all but the first `done`, which an earlier vector computed, or those for which the mask `live` holds. */
interface Wanted {
  readonly done: number;
  readonly live: Expr | undefined;
}

const ALL: Wanted = { done: 0, live: undefined };

/** The properties of the target that decide how a nest is written; `lanes` is its vector length. */
export interface Machine extends Pick<Target, "tails" | "slowOrderedMinimum"> {
  readonly lanes: number;
}

/** A result of a tile: an element or a vector of elements, with an index for every counter of the results. */
export interface ResultPoint extends Wanted {
  readonly at: readonly Index[];
}

/** The length of the vector that some indices stand for; 1 for a single element. */
export const lanesOf = (at: readonly Index[]): number => at.reduce((n, x) => Math.max(n, x.lanes), 1);

/** The contents of a nest: expressions of elements and terms, and the stores of results. */
export interface Contents {
  readonly elements: Elements;
  readonly reduce: Reduce | undefined;
  readonly combine: Reduce["combine"];
  readonly resultDtype: Tensor["dtype"];
  /** True if rows are added to sums that earlier rows have begun. */
  readonly addsRows: boolean;
  /** The element that the reduction combines, from the counters of the nest. */
  summand(out: readonly Index[], sum: readonly Index[]): Expr;
  /** The range of terms along an axis of the sum that the results `first` to `last` need together; undefined for all. */
  within(axis: number, first: readonly Index[], last: readonly Index[]): readonly [Expr, Expr] | undefined;
  /** Loads the partial sum from the buffer of the result. */
  sumAt(place: ResultPoint): Expr;
  storeSum(place: ResultPoint, sum: Expr): Stmt;
  /** Everything after the reduction, for one element or one vector of elements: a `let` for each root, and the stores that follow them. */
  finish(place: ResultPoint, reduced: Expr | undefined): { lets: Stmt[]; stores: Stmt[] };
}

/** One element of an axis, or a vector of them. */
interface AxisPoint extends Wanted {
  readonly at: Index;
}

/** The current block of each blocked axis: `size` points from `base` on. */
type Blocks = ReadonlyMap<number, { readonly base: Index; readonly size: number }>;

/** The points of result axes that a tile holds. */
type Points = ReadonlyMap<number, readonly AxisPoint[]>;

/**
 * The variable in which a tile combines elements; `nan`, if set, notes separately whether one of them was NaN. Where lanes have masks, it notes instead that none was: a comparison under the
 * mask so far takes one instruction.
 */
interface Accumulator {
  readonly value: ReturnType<typeof k.bind>;
  readonly nan: ReturnType<typeof k.bind> | undefined;
}

/** Writes a nest as its tiling (`tiles.ts`) prescribes. */
export class NestWriter {
  readonly #access: Access;
  readonly #contents: Contents;
  readonly #tiles: Tiles;
  readonly #target: Machine;

  constructor(access: Access, tiles: Tiles, contents: Contents, target: Machine) {
    this.#target = target;
    this.#access = access;
    this.#tiles = tiles;
    this.#contents = contents;
  }

  statements(): Stmt[] {
    return this.#outer(this.#tiles.order, new Map(), new Map());
  }

  /** Writes the loops over result axes, outermost first; `points` collects the points of the tile along each axis. */
  #outer([level, ...inner]: readonly Level[], points: Points, blocks: Blocks): Stmt[] {
    if (!level) return this.#contents.reduce ? this.#reduceTile(points, blocks) : this.#finish(points, undefined);
    const { axis, size } = level;
    const { extent, kind } = this.#access.axes[axis]!;
    if (size !== undefined) {
      const block = (base: Index): Stmt[] => this.#outer(inner, points, new Map([...blocks, [axis, { base, size }]]));
      return loop({ ...whole(extent), count: size }, block, kind === "out" ? true : "inside");
    }
    const count = this.#tiles.tile.find(([i]) => i === axis)?.[1] ?? 1;
    const own = blocks.get(axis);
    const vector = axis === this.#tiles.vector;
    const sums = this.#contents.reduce !== undefined;
    const runs = own
      ? this.#segments(own.size, count, vector, { level: sums })
      : pieces(this.#access.axes[axis]!).flatMap(([from, to]) => this.#segments(to - from, count, vector, { start: from, level: sums }));
    return runs.flatMap((segment) =>
      loop(
        segment,
        (first) => {
          const start = own ? first.plus(own.base) : first;
          return this.#outer(inner, new Map([...points, [axis, pointsOf(start, segment)]]), blocks);
        },
        true,
      ),
    );
  }

  #segments(extent: number, count: number, vector: boolean, options?: { readonly start?: number; readonly level?: boolean }): Segment[] {
    const { lanes, tails } = this.#target;
    return segments(extent, count, vector ? lanes : 1, { ...options, tails });
  }

  /** Every combination of the points, as indices along all result axes. */
  #combinations(points: Points): ResultPoint[] {
    let list: ResultPoint[] = [{ at: [], ...ALL }];
    this.#access.axes.forEach((axis, i) => {
      if (axis.kind !== "out") return;
      const own = points.get(i) ?? [{ at: Index.constant(0), ...ALL }];
      list = list.flatMap((head) => own.map((p) => ({ at: [...head.at, ...unflatten(p.at, axis.parts)], ...both(head, p) })));
    });
    return list;
  }

  #finish(points: Points, reduced: readonly Expr[] | undefined): Stmt[] {
    const done = this.#combinations(points).map((place, i) => this.#contents.finish(place, reduced?.[i]));
    return [...done.flatMap((d) => d.lets), ...done.flatMap((d) => d.stores)];
  }

  /** Writes a tile of a reduction: accumulators, the loops of the sum, and what follows the sum. */
  #reduceTile(points: Points, blocks: Blocks): Stmt[] {
    const { axes } = this.#access;
    const { vector, unroll, written } = this.#tiles;
    const places = this.#combinations(points);
    const results = places.map((place) => place.at);
    const own = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "sum");
    const { sums } = this.#tiles;
    const dtype = computeDtype(this.#contents.resultDtype);
    const start = neutral(this.#contents.combine, dtype);
    const along = axes[vector]?.kind === "sum";
    // One accumulator per result, or several along a vectorized sum; their lanes are combined at the end.
    const accumulators = results.map((at) => {
      const lanes = along ? this.#target.lanes : lanesOf(at);
      return Array.from({ length: unroll }, () => this.#accumulator(k.splat(start, lanes)));
    });
    const accumulate = (r: ReadonlyMap<number, AxisPoint>, u: number): Stmt[] => {
      this.#contents.elements.begin();
      const at = own.flatMap((i) => unflatten(r.get(i)!.at, axes[i]!.parts));
      const wanted = sums.reduce<Wanted>((all, i) => both(all, r.get(i)!), ALL);
      return this.#longerSideFirst(points).flatMap((i) => {
        this.#contents.elements.live = wanted.live ?? places[i]!.live;
        return this.#accumulate(accumulators[i]![u]!, this.#contents.summand(results[i]!, at), wanted);
      });
    };
    const inner = (position: number, r: ReadonlyMap<number, AxisPoint>, u: number): Stmt[] => {
      const axis = sums[position];
      if (axis === undefined) return accumulate(r, u);
      const { extent } = axes[axis]!;
      const part = blocks.get(axis);
      if (axis === written)
        return Array.from({ length: extent }, (_, i) =>
          inner(position + 1, new Map([...r, [axis, { at: Index.constant(i), ...ALL }]]), u),
        ).flat();
      if (axis !== vector) {
        const body = (from: Index): Stmt[] => {
          const at = part ? from.plus(part.base) : from;
          return inner(position + 1, new Map([...r, [axis, { at, ...ALL }]]), u);
        };
        return loop(whole(part?.size ?? extent), body, undefined, this.#contents.within(axis, results[0]!, results.at(-1)!));
      }
      return this.#segments(part?.size ?? extent, unroll, true).flatMap((segment) =>
        loop(segment, (first) => {
          const start = part ? first.plus(part.base) : first;
          return pointsOf(start, segment).flatMap((point, n) => inner(position + 1, new Map([...r, [axis, point]]), n));
        }),
      );
    };
    const loops = inner(0, new Map(), 0);
    const reduced = accumulators.map((parts) => {
      const total = pairwise(
        parts.map((part) => this.#withNan(part)),
        (a, b) => this.#join(a, b),
      );
      return along ? k.fold(this.#contents.combine, total) : total;
    });
    const begin = accumulators.flat().flatMap(({ value, nan }) => (nan ? [value.statement, nan.statement] : [value.statement]));
    if (this.#contents.addsRows) return [...begin, ...loops, ...this.#addRows(points, reduced)];
    return [...begin, ...loops, ...(this.#tiles.parts.length > 0 ? this.#addPart(points, reduced, blocks) : this.#finish(points, reduced))];
  }

  /**
   * The order in which the results of a tile are updated. The longer side is the outer one, so that the few operands of the shorter side stay in registers
   * and those of the longer side are loaded one at a time.
   */
  #longerSideFirst(points: Points): number[] {
    const sides = this.#access.axes.map((_, i) => points.get(i)?.length ?? 1).filter((n) => n > 1);
    const count = sides.reduce((n, side) => n * side, 1);
    const inner = sides.at(-1) ?? 1;
    const outer = count / inner;
    return Array.from({ length: count }, (_, i) => (inner > outer ? (i % outer) * inner + Math.floor(i / outer) : i));
  }

  /** Adds the sums of this block of rows to those of earlier rows of the slice, in memory. */
  #addRows(points: Points, sums: readonly Expr[]): Stmt[] {
    const places = this.#combinations(points);
    const totals = places.map((place, i) => k.bind(k.add(this.#contents.sumAt(place), sums[i]!)));
    return [...totals.map((t) => t.statement), ...places.map((place, i) => this.#contents.storeSum(place, totals[i]!.variable))];
  }

  /** Adds sums to the partial sums that earlier parts left in the buffer of the result; after the last part the results are finished. */
  #addPart(points: Points, sums: readonly Expr[], blocks: Blocks): Stmt[] {
    const { axes } = this.#access;
    const all = (which: (base: Index, last: number) => Expr): Expr =>
      this.#tiles.parts.map(({ axis, size }) => which(blocks.get(axis)!.base, axes[axis]!.extent - size)).reduce((a, b) => k.and(a, b));
    const isFirst = all((base) => k.eq(base.toExpr(), k.int(0)));
    const isLast = all((base, last) => k.eq(base.toExpr(), k.int(last)));
    const places = this.#combinations(points);
    const totals = places.map((place, i) => {
      const before = this.#contents.sumAt(place);
      const zero = k.float(0);
      const start = k.select(isFirst, zero, before);
      return k.bind(k.add(start, sums[i]!));
    });
    const variables = totals.map((t) => t.variable);
    const store = places.map((place, i) => this.#contents.storeSum(place, variables[i]!));
    return [...totals.map((t) => t.statement), k.ifThen(isLast, this.#finish(points, variables), store)];
  }

  /** Makes an accumulator with its start value. The minimum or maximum of vectors by comparison alone would lose NaNs, so they are noted apart. */
  #accumulator(start: Expr): Accumulator {
    const orders = this.#contents.combine === "max" || this.#contents.combine === "min";
    const apart = orders && this.#target.slowOrderedMinimum;
    const none = k.constant(this.#target.tails === "mask" ? 1 : 0, "bool");
    const nan = apart && start.lanes > 1 && start.dtype === "f32" ? k.bind(k.splat(none, start.lanes)) : undefined;
    return { value: k.bind(start), nan };
  }

  /** What an accumulator has combined: NaN where one of the elements was. */
  #withNan({ value, nan }: Accumulator): Expr {
    if (!nan) return value.variable;
    const [found, none] = [k.float(Number.NaN), value.variable];
    return this.#target.tails === "mask" ? k.select(nan.variable, none, found) : k.select(nan.variable, found, none);
  }

  /** Statements that combine the accumulator with one more element. */
  #accumulate({ value: { variable }, nan }: Accumulator, x: Expr, wanted: Wanted): Stmt[] {
    if (!nan) return [k.set(variable, this.#combine(variable, x, wanted))];
    // Two comparisons: a minimum that orders zeros and keeps NaN takes seven instructions on x86.
    const y = k.bind(lanesLeft(k.splat(x, variable.lanes), wanted, neutral(this.#contents.combine, "f32")));
    const further = this.#contents.combine === "max" ? k.lt(variable, y.variable) : k.lt(y.variable, variable);
    return [
      y.statement,
      k.set(variable, k.select(further, y.variable, variable)),
      k.set(
        nan.variable,
        this.#target.tails === "mask"
          ? k.and(nan.variable, k.eq(y.variable, y.variable))
          : k.or(nan.variable, k.ne(y.variable, y.variable)),
      ),
    ];
  }

  /** acc ∘ x in the lanes that count, as a fused multiply-add if x is a product. */
  #combine(acc: Expr, x: Expr, wanted: Wanted): Expr {
    const y = k.splat(x, acc.lanes);
    const rest = (z: Expr, otherwise: Expr): Expr => lanesLeft(z, wanted, otherwise);
    if (this.#contents.combine === "add" && y.op === "mul" && acc.dtype === "f32") {
      const zero = k.float(0);
      return k.fma(rest(y.args[0]!, zero), rest(y.args[1]!, zero), acc);
    }
    return this.#join(acc, rest(y, neutral(this.#contents.combine, acc.dtype)));
  }

  #join(a: Expr, b: Expr): Expr {
    return { add: k.add, mul: k.mul, min: k.min, max: k.max }[this.#contents.combine](a, b);
  }
}

/** Replaces the lanes that do not count by `otherwise`. */
function lanesLeft(x: Expr, { done, live }: Wanted, otherwise: Expr): Expr {
  if (live) return k.select(live, x, otherwise);
  return done === 0 ? x : k.select(k.le(k.int(done), k.ramp(x.lanes)), x, otherwise);
}

/** Combines the lanes that count along two axes, of which at most one carries the vector. */
function both(a: Wanted, b: Wanted): Wanted {
  return { done: a.done + b.done, live: a.live ?? b.live };
}

function pairwise(list: readonly Expr[], join: (a: Expr, b: Expr) => Expr): Expr {
  if (list.length === 1) return list[0]!;
  const half = Math.ceil(list.length / 2);
  return join(pairwise(list.slice(0, half), join), pairwise(list.slice(half), join));
}

/** The pieces of an axis, from the start (inclusive) to the end (exclusive) of each. */
function pieces({ extent, cuts }: Axis): [from: number, to: number][] {
  return [0, ...cuts].map((from, i) => [from, cuts[i] ?? extent]);
}

/** A loop over a segment; only the body if it would run once. Loops over results are `parallel`, since each iteration stores its own results. */
function loop(
  { from, to, count, lanes }: Segment,
  body: (start: Index) => Stmt[],
  parallel?: boolean | "inside",
  within?: readonly [Expr, Expr],
): Stmt[] {
  const step = count * lanes;
  if (to - from === step && !within) return body(Index.constant(from));
  if (to === from) return [];
  return [k.forLoop(to, (i) => body(Index.of(i, from, to - step)), { from, step, parallel, within })];
}

/** The points of one iteration. */
function pointsOf(start: Index, { count, lanes, overlap, off }: Segment): AxisPoint[] {
  return Array.from({ length: count }, (_, i) => {
    const isLast = i === count - 1;
    const done = isLast ? overlap : 0;
    const wanted = isLast ? lanes - off : lanes;
    const first = lanes > 1 ? start.plus(Index.lane(lanes, wanted)) : start;
    return { at: first.plus(i * lanes - done), done, live: wanted < lanes ? k.lt(k.ramp(lanes), k.int(wanted)) : undefined };
  });
}

/** The neutral element of a combination: 0, 1 or an infinity. */
function neutral(combine: Reduce["combine"], dtype: Tensor["dtype"]): Expr {
  const isFloat = dtype === "f32" || dtype === "f64";
  const low = isFloat ? Number.NEGATIVE_INFINITY : dtype === "i32" ? -(2 ** 31) : 0;
  const high = isFloat ? Number.POSITIVE_INFINITY : dtype === "i32" ? 2 ** 31 - 1 : 2 ** 32 - 1;
  return k.constant({ add: 0, mul: 1, max: low, min: high }[combine], dtype);
}
