/**
 * @file Loop nests for groups: the accesses of a group (`access.ts`) decide on tiles (`tiles.ts`), and the nest is written around them.
 *
 *     for j step 8            a tile of 3 × 2 vectors: six accumulators live in registers while the innermost loop runs over k,
 *       for i step 3          loading 2 vectors and 3 splats for 6 multiply-adds
 *         for k
 */
import { computeDtype } from "../base/dtype.ts";
import { sizeOf } from "../base/shape.ts";
import * as k from "../kernel/build.ts";
import { Index, loadAt } from "../kernel/index-algebra.ts";
import { type Expr, type Kernel, LANES, type Stmt } from "../kernel/kernel.ts";
import { blockSums } from "../kernel/sums.ts";
import { mapBlocks } from "../kernel/walk.ts";
import { contracts, extentsOf, lowering, reachOf } from "../ops/lowering.ts";
import { unflatten } from "../ops/movement.ts";
import type { Lowering, Reach } from "../ops/op.ts";
import type { Instruction, Value } from "../tape/node.ts";
import { tapeOf } from "../tape/tape.ts";
import { type Access, type Axis, findCuts, findPeriods, mergeAxes, usedAsValue } from "./access.ts";
import { Elements, type KernelBuffer } from "./elements.ts";
import type { Fusion, Group } from "./fuse.ts";
import { indexOf, lanesLast, memoryOrder, position, type Step, splitAxes } from "./lanes.ts";
import type { Rows } from "./rows.ts";
import { type Level, type Segment, segments, Tiles, whole } from "./tiles.ts";

export interface GroupKernel {
  readonly kernel: Kernel;
  /** What each buffer of the kernel holds. */
  readonly buffers: readonly KernelBuffer[];
}

type Reduce = Extract<Lowering<unknown>, { kind: "reduce" }>;

/** The kernel of a group, or of groups that go over the same rows. */
export function buildKernel(item: Group | Rows, fusion: Fusion): GroupKernel {
  k.fresh();
  const elements = new Elements(fusion, item.kind === "rows" ? item.groups[0]! : item);
  const body = blockSums(item.kind === "rows" ? overRows(item, elements) : new NestBuilder(item, elements).build());
  const name = item.roots
    .map((y) => y.source.op.name)
    .slice(-3)
    .join("_");
  return {
    kernel: { name, buffers: elements.buffers.map(({ dtype, length, written }) => ({ dtype, length, written })), body },
    buffers: elements.buffers,
  };
}

/** Loops over slices and the outer axes, the last one in blocks, and in it the nests of all groups. */
function overRows({ groups, outer, block, columns, slices = 1 }: Rows, elements: Elements): Stmt[] {
  const last = sizeOf(outer.at(-1)!) / slices;
  const even = last - (last % block);
  const nests = (slice: Index, bases: readonly Index[], size: number): Stmt[] => {
    const rows = bases.with(-1, bases.at(-1)!.plus(slice.times(last)));
    const frame = { outer, bases: rows, size };
    const sums = { slice, base: bases.at(-1)!, size };
    return inOrder(groups.flatMap((group) => new NestBuilder(group, elements, columns.has(group) ? sums : frame).build()));
  };
  const blocks = (slice: Index, bases: readonly Index[]): Stmt[] => {
    if (block === last) return nests(slice, [...bases, Index.constant(0)], block);
    const over = (from: number, to: number, step: number): Stmt =>
      k.forLoop(to, (i) => nests(slice, [...bases, Index.of(i, from, to - step)], step), {
        from,
        step,
        parallel: slices === 1 || undefined,
      });
    return even === last ? [over(0, even, block)] : [over(0, even, block), over(even, last, last - even)];
  };
  const loops = (bases: readonly Index[]): Stmt[] => {
    if (bases.length === outer.length - 1) return blocks(Index.constant(0), bases);
    const extent = sizeOf(outer[bases.length]!);
    return [k.forLoop(extent, (i) => loops([...bases, Index.of(i, 0, extent - 1)]), { parallel: true })];
  };
  if (slices === 1) return loops([]);
  const slice = (i: Expr): Stmt[] => [...[...columns].map((group) => clear(group, i, elements)), ...blocks(Index.of(i, 0, slices - 1), [])];
  return [k.forLoop(slices, slice, { parallel: true })];
}

/** Zeros for the sums of a slice. */
function clear({ roots: [y], shape }: Group, slice: Expr, elements: Elements): Stmt {
  const length = sizeOf(shape.slice(1));
  const buffer = elements.bufferFor(y!, true);
  const start = k.mul(slice, k.int(length));
  return k.forLoop(length, (i) => [k.store(buffer, k.add(start, i), k.splat(k.float(0)))], { step: LANES });
}

/** Statements whose loops wait for each other. */
function inOrder(stmts: readonly Stmt[]): Stmt[] {
  return stmts.map((s) => mapBlocks(s.kind === "for" ? { ...s, parallel: undefined } : s, inOrder));
}

/** The rows at hand: along each run of outer axes an index, the last one the first of `size` rows. */
interface Frame {
  readonly outer: Rows["outer"];
  readonly bases: readonly Index[];
  readonly size: number;
}

/** For sums over rows: the slice at hand, and its rows that are added now. */
interface SumFrame {
  readonly slice: Index;
  readonly base: Index;
  readonly size: number;
}

/** Where a tile computes an element or a vector of elements: an index for every counter of the results. */
interface Place {
  readonly at: readonly Index[];
  readonly done: number;
}

class NestBuilder {
  readonly elements: Elements;
  readonly #group: Group;
  readonly #frame: Frame | undefined;
  readonly #sums: SumFrame | undefined;
  readonly #reduce: Reduce | undefined;
  readonly #instruction: Instruction | undefined;
  /** Buffer numbers of stored roots. */
  readonly #stores: Map<Value, number> = new Map();
  /** Counters of the nest, for the axes of the results and for those that are summed. */
  #out: readonly Step[];
  #sum: readonly Step[];

  constructor(group: Group, elements: Elements, rows?: Frame | SumFrame) {
    this.#group = group;
    this.elements = elements;
    elements.enter(group);
    const frame = rows && "outer" in rows ? rows : undefined;
    const sums = rows && "slice" in rows ? rows : undefined;
    this.#frame = frame;
    this.#sums = sums;
    this.#instruction = group.reduction;
    this.#reduce = group.reduction ? (lowering(group.reduction) as Reduce) : undefined;
    const inner = group.shape.slice(frame ? frame.outer.flat().length : sums ? 1 : 0);
    this.#out = memoryOrder(inner, group.lanes);
    if (frame) this.#out = [{ axis: 0, by: 1, extent: frame.size }, ...this.#out];
    this.#sum = memoryOrder(this.#extents(), undefined);
    if (sums) this.#sum = this.#sum.with(0, { ...this.#sum[0]!, extent: sums.size });
  }

  build(): Stmt[] {
    if (sizeOf(this.#group.shape) === 0) return [];
    const access = this.#analyse();
    for (const root of this.#group.roots) if (this.#group.stored.has(root)) this.#stores.set(root, this.elements.bufferFor(root, true));
    const { mayKeepSum } = this;
    const tiles = new Tiles(access, {
      reduces: this.#reduce !== undefined,
      mayKeepSum,
      vectorizes: this.#vectorizes(),
      rowByRow: this.#frame !== undefined,
    });
    if (tiles.parts.length > 0) this.keepSum();
    return new Nest(access, tiles, this).statements();
  }

  get reduce(): Reduce | undefined {
    return this.#reduce;
  }

  /** f64 has no vectors, so a kernel that touches one is scalar. */
  #vectorizes(): boolean {
    const loaded = this.elements.loads.map((load) => load.value);
    if ([...this.#group.roots, ...loaded].some((v) => v.dtype === "f64")) return false;
    const stop = new Set(loaded);
    return tapeOf(this.#group.roots, stop).every((i) => i.results.every((y) => y.dtype !== "f64"));
  }

  #extents(): number[] {
    return this.#instruction ? extentsOf(this.#instruction) : [];
  }

  /** Makes every expression once, on one counter per axis, to see the accesses; then merges axes that all accesses step through as one. */
  #analyse(): Access {
    const access = this.#tryCounters();
    const laid = this.#splitForLanes() ? this.#tryCounters() : access;
    return this.#splitForPeriods() ? this.#tryCounters() : laid;
  }

  /** An axis along which a condition is periodic has a counter for its phase, whose values are written out. */
  #splitForPeriods(): boolean {
    if (this.#frame || this.#sums || this.#periods.every((period) => period === 1)) return false;
    this.#out = this.#out.flatMap(({ axis, by, extent }, i): Step[] => {
      const period = this.#periods[i]!;
      if (period === 1) return [{ axis, by, extent }];
      return [
        { axis, by: by * period, extent: extent / period },
        { axis, by, extent: period, apart: true },
      ];
    });
    return true;
  }

  /** With which period conditions change along the axes of the results, as the last analysis saw it. */
  #periods: readonly number[] = [];

  /** An axis along which an operand lies in lanes has a counter for its lanes, so that all addresses are linear: the innermost one in a sum. */
  #splitForLanes(): boolean {
    const { laned } = this.elements;
    if (laned.size === 0) return false;
    const isLaned = (index: Index, extent: number): boolean => laned.has(index.key) && extent % LANES === 0;
    const axes = (at: readonly Index[], shape: readonly number[]): number[] =>
      at.flatMap((index, i) => (isLaned(index, shape[i]!) ? [i] : []));
    const { out, sum } = this.#counters!;
    const split = this.#group.lanes === undefined ? axes(out, this.#group.shape) : [];
    const folded = axes(sum, this.#extents());
    if (split.length > 0) this.#out = splitAxes(this.#group.shape, split);
    if (folded.length > 0) this.#sum = lanesLast(this.#extents(), folded);
    return split.length + folded.length > 0;
  }

  /** Indices of the last analysis along the axes of the results and of the sum. */
  #counters: { readonly out: readonly Index[]; readonly sum: readonly Index[] } | undefined;

  #tryCounters(): Access {
    const out = this.#out;
    const counters = [...out, ...this.#sum].map(({ extent, apart }) => ({ extent, apart, counter: k.variable("i32") }));
    const indices = counters.map(({ counter, extent }) => Index.of(counter, 0, Math.max(0, extent - 1)));
    const at = this.#logical(indices.slice(0, out.length));
    const r = indices.slice(out.length);
    this.#counters = { out: at, sum: this.#summed(r) };
    const { made, inner } = this.elements.all(at, this.#summed(r));
    const loads = [...this.elements.loads.map((load) => load.index), position(at, this.#group.shape, this.#group.lanes)];
    const reaches = this.#reaches();
    const ofReach = new Set(reaches.flatMap((r) => [r.out, r.sum]));
    const pinned = counters.map(({ counter, apart }, i) => apart || ofReach.has(i) || made.some((x) => usedAsValue(x, counter, new Set())));
    const along = counters.map(({ counter, extent }) => loads.map((index) => (extent === 1 ? 0 : index.coefficientOf(counter))));
    const extents = counters.map((c) => c.extent);
    const cuts = this.#reduce ? extents.map(() => []) : findCuts(made, counters);
    if (!this.#reduce) this.#periods = findPeriods(made, counters);
    const merged = mergeAxes(extents, out.length, along, { pinned, cuts, inner });
    // Which of the merged axes a counter is.
    const axisOf = merged.axes.flatMap(({ parts }, i) => parts.map(() => i));
    const partial = reaches.map(({ out, sum, reach }) => ({
      out: axisOf[out]!,
      sum: axisOf[sum]!,
      ...tabulate(reach, extents[out]!, extents[sum]!),
    }));
    this.#partial = new Map(partial.map(({ sum }, i) => [sum, reaches[i]!.reach]));
    return { ...merged, partial };
  }

  /** Axes of the sum of which some results need a part only, and the axes of these results, as counters; where no vector goes along these. */
  #reaches(): { readonly out: number; readonly sum: number; readonly reach: Reach }[] {
    const reaches = this.#instruction && this.#group.lanes !== undefined ? reachOf(this.#instruction) : [];
    const counterOf = (steps: readonly Step[], axis: number): number => {
      const own = steps.flatMap((s, i) => (s.axis === axis ? [i] : []));
      return own.length === 1 ? own[0]! : -1;
    };
    return reaches.flatMap((reach, axis) => {
      if (!reach) return [];
      const [out, sum] = [counterOf(this.#out, reach.axis), counterOf(this.#sum, axis)];
      return out < 0 || sum < 0 ? [] : [{ out, sum: this.#out.length + sum, reach }];
    });
  }

  /** By axis of the nest: what results reach along it. */
  #partial: ReadonlyMap<number, Reach> = new Map();

  /** The terms along an axis of the sum that results from `first` to `last` need. */
  within(axis: number, first: readonly Index[], last: readonly Index[]): readonly [Expr, Expr] | undefined {
    const reach = this.#partial.get(axis);
    return reach && [reach.low(this.#logical(last)[reach.axis]!).toExpr(), reach.high(this.#logical(first)[reach.axis]!).toExpr()];
  }

  /** Indices along the axes of the results and of the sum, from the counters. */
  #logical(counters: readonly Index[]): Index[] {
    if (this.#sums) return [this.#sums.slice, ...counters];
    if (!this.#frame) return indexOf(this.#out, this.#group.shape.length, counters);
    const { outer, bases } = this.#frame;
    const [row, ...inner] = counters;
    const rows = bases.with(-1, bases.at(-1)!.plus(row!));
    return [...outer.flatMap((parts, i) => unflatten(rows[i]!, parts)), ...inner];
  }

  #summed(counters: readonly Index[]): Index[] {
    if (this.#sums) return [this.#sums.base.plus(counters[0]!), ...counters.slice(1)];
    return indexOf(this.#sum, this.#extents().length, counters);
  }

  /** Whether rows are added to sums that earlier rows have begun. */
  get addsRows(): boolean {
    return this.#sums !== undefined;
  }

  /** The element that the reduction combines, from the counters of the nest. */
  summand(out: readonly Index[], sum: readonly Index[]): Expr {
    return this.elements.summand(this.#logical(out), this.#summed(sum));
  }

  /** Whether sums may wait in the buffer of the result: those of products in f32. */
  get mayKeepSum(): boolean {
    const root = this.#group.roots[0]!;
    return contracts(root.source) && root.dtype === "f32" && this.combine === "add";
  }

  /** Gives the sum a buffer, even if nobody else reads it. */
  keepSum(): void {
    const root = this.#group.roots[0]!;
    if (this.#stores.has(root)) return;
    this.#group.stored.add(root);
    this.#stores.set(root, this.elements.bufferFor(root, true));
  }

  /** What is in the buffer of the sum. */
  sumAt({ at }: Place): Expr {
    const root = this.#group.roots[0]!;
    return loadAt(this.#stores.get(root)!, root.dtype, position(this.#logical(at), root.shape, this.#group.lanes));
  }

  storeSum({ at }: Place, sum: Expr): Stmt {
    const root = this.#group.roots[0]!;
    const index = position(this.#logical(at), root.shape, this.#group.lanes);
    return k.store(this.#stores.get(root)!, (index.consecutive() ?? index).toExpr(), sum);
  }

  get combine(): Reduce["combine"] {
    return this.#reduce!.combine;
  }

  get resultDtype(): Value["dtype"] {
    return this.#group.roots[0]!.dtype;
  }

  /** Everything after the reduction for one element (or vector of elements): lets for all roots, and the stores to put after them. */
  finish({ at: counters, done }: Place, reduced: Expr | undefined): { lets: Stmt[]; stores: Stmt[] } {
    const at = this.#logical(counters);
    const wide = at.some((x) => x.laned);
    const lets: Stmt[] = [];
    const stores: Stmt[] = [];
    this.elements.begin();
    this.#group.roots.forEach((root, i) => {
      const value = i === 0 && reduced ? reduced : this.elements.root(root, at);
      const { variable, statement } = k.bind(wide ? k.splat(value) : value);
      lets.push(statement);
      this.elements.compute(root, at, variable);
      const buffer = this.#stores.get(root);
      if (buffer === undefined) return;
      const index = position(at, root.shape, this.#group.lanes);
      const start = index.consecutive();
      if (done === 0) stores.push(k.store(buffer, (start ?? index).toExpr(), variable));
      // Elements that are done stay as they are: if the kernel works in place, they were computed from what it has overwritten since.
      const single = (i: number): Expr => (start ? start.plus(i).toExpr() : k.lane(index.toExpr(), i));
      for (let i = done; done > 0 && i < LANES; i++) stores.push(k.store(buffer, single(i), k.lane(variable, i)));
    });
    return { lets, stores };
  }
}

/** One element of an axis, or a vector of them; of an overlapping vector the first `done` were dealt with before. */
interface Point {
  readonly at: Index;
  readonly done: number;
}

/** The blocks of axes at hand: `size` points from `base` on. */
type Blocks = ReadonlyMap<number, { readonly base: Index; readonly size: number }>;

/** The points of result axes that a tile holds. */
type Points = ReadonlyMap<number, readonly Point[]>;

/** A variable that a tile combines elements in; apart from it, whether one of them was no number. */
interface Accumulator {
  readonly value: ReturnType<typeof k.bind>;
  readonly nan: ReturnType<typeof k.bind> | undefined;
}

/** Writes the nest that the tiles ask for. */
class Nest {
  readonly #access: Access;
  readonly #builder: NestBuilder;
  readonly #tiles: Tiles;

  constructor(access: Access, tiles: Tiles, builder: NestBuilder) {
    this.#access = access;
    this.#tiles = tiles;
    this.#builder = builder;
  }

  statements(): Stmt[] {
    return this.#outer(this.#tiles.order(), new Map(), new Map());
  }

  /** Loops over result axes, outermost first; `points` collects the indices that a tile holds of each. */
  #outer([level, ...inner]: readonly Level[], points: Points, blocks: Blocks): Stmt[] {
    if (!level) return this.#builder.reduce ? this.#reduceTile(points, blocks) : this.#finish(points, undefined);
    const { axis, size } = level;
    const { extent, kind } = this.#access.axes[axis]!;
    if (size !== undefined) {
      const block = (base: Index): Stmt[] => this.#outer(inner, points, new Map([...blocks, [axis, { base, size }]]));
      return loop({ ...whole(extent), count: size }, block, kind === "out" ? true : "inside");
    }
    const count = this.#tiles.choice.tile.find(([i]) => i === axis)?.[1] ?? 1;
    const own = blocks.get(axis);
    const vector = axis === this.#tiles.choice.vector;
    const runs = own
      ? segments(own.size, count, vector)
      : pieces(this.#access.axes[axis]!).flatMap(([from, to]) => segments(to - from, count, vector, from));
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

  /** Every combination of the points, as indices along all result axes. */
  #combinations(points: Points): Place[] {
    let list: Place[] = [{ at: [], done: 0 }];
    this.#access.axes.forEach((axis, i) => {
      if (axis.kind !== "out") return;
      const own = points.get(i) ?? [{ at: Index.constant(0), done: 0 }];
      list = list.flatMap((head) => own.map((p) => ({ at: [...head.at, ...unflatten(p.at, axis.parts)], done: head.done + p.done })));
    });
    return list;
  }

  #finish(points: Points, reduced: readonly Expr[] | undefined): Stmt[] {
    const done = this.#combinations(points).map((place, i) => this.#builder.finish(place, reduced?.[i]));
    return [...done.flatMap((d) => d.lets), ...done.flatMap((d) => d.stores)];
  }

  #reduceTile(points: Points, blocks: Blocks): Stmt[] {
    const { axes } = this.#access;
    const { vector, unroll, written } = this.#tiles.choice;
    const results = this.#combinations(points).map((place) => place.at);
    const own = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "sum");
    const { sums } = this.#tiles;
    const dtype = computeDtype(this.#builder.resultDtype);
    const start = neutral(this.#builder.combine, dtype);
    const along = axes[vector]?.kind === "sum";
    // Per result one accumulator, or several along a vectorized sum, whose lanes are combined in the end.
    const accumulators = results.map((at) => {
      const wide = along || at.some((x) => x.laned);
      return Array.from({ length: unroll }, () => this.#accumulator(wide ? k.splat(start) : start));
    });
    const accumulate = (r: ReadonlyMap<number, Point>, u: number): Stmt[] => {
      this.#builder.elements.begin();
      const at = own.flatMap((i) => unflatten(r.get(i)!.at, axes[i]!.parts));
      const done = sums.reduce((n, i) => n + r.get(i)!.done, 0);
      return results.flatMap((out, i) => this.#accumulate(accumulators[i]![u]!, this.#builder.summand(out, at), done));
    };
    const inner = (position: number, r: ReadonlyMap<number, Point>, u: number): Stmt[] => {
      const axis = sums[position];
      if (axis === undefined) return accumulate(r, u);
      const { extent } = axes[axis]!;
      const part = blocks.get(axis);
      if (axis === written)
        return Array.from({ length: extent }, (_, i) =>
          inner(position + 1, new Map([...r, [axis, { at: Index.constant(i), done: 0 }]]), u),
        ).flat();
      if (axis !== vector) {
        const body = (from: Index): Stmt[] => {
          const at = part ? from.plus(part.base) : from;
          return inner(position + 1, new Map([...r, [axis, { at, done: 0 }]]), u);
        };
        return loop(whole(part?.size ?? extent), body, undefined, this.#builder.within(axis, results[0]!, results.at(-1)!));
      }
      return segments(part?.size ?? extent, unroll, true).flatMap((segment) =>
        loop(segment, (first) => {
          const start = part ? first.plus(part.base) : first;
          return pointsOf(start, segment).flatMap((point, n) => inner(position + 1, new Map([...r, [axis, point]]), n));
        }),
      );
    };
    const loops = inner(0, new Map(), 0);
    const reduced = accumulators.map((parts) => {
      const total = pairwise(
        parts.map(({ value, nan }) => (nan ? k.select(nan.variable, k.splat(k.float(Number.NaN)), value.variable) : value.variable)),
        (a, b) => this.#join(a, b),
      );
      return along ? k.fold(this.#builder.combine, total) : total;
    });
    const begin = accumulators.flat().flatMap(({ value, nan }) => (nan ? [value.statement, nan.statement] : [value.statement]));
    if (this.#builder.addsRows) return [...begin, ...loops, ...this.#addRows(points, reduced)];
    return [...begin, ...loops, ...(this.#tiles.parts.length > 0 ? this.#addPart(points, reduced, blocks) : this.#finish(points, reduced))];
  }

  /** Adds sums of rows to those of earlier rows of the slice. */
  #addRows(points: Points, sums: readonly Expr[]): Stmt[] {
    const places = this.#combinations(points);
    const totals = places.map((place, i) => k.bind(k.add(this.#builder.sumAt(place), sums[i]!)));
    return [...totals.map((t) => t.statement), ...places.map((place, i) => this.#builder.storeSum(place, totals[i]!.variable))];
  }

  /** Adds sums to what earlier parts left in the buffer of the result; after the last part they are complete. */
  #addPart(points: Points, sums: readonly Expr[], blocks: Blocks): Stmt[] {
    const { axes } = this.#access;
    const all = (which: (base: Index, last: number) => Expr): Expr =>
      this.#tiles.parts.map(({ axis, size }) => which(blocks.get(axis)!.base, axes[axis]!.extent - size)).reduce((a, b) => k.and(a, b));
    const isFirst = all((base) => k.eq(base.toExpr(), k.int(0)));
    const isLast = all((base, last) => k.eq(base.toExpr(), k.int(last)));
    const places = this.#combinations(points);
    const totals = places.map((place, i) => {
      const before = this.#builder.sumAt(place);
      const zero = k.float(0);
      const start = before.lanes === LANES ? k.select(k.splat(isFirst), k.splat(zero), before) : k.select(isFirst, zero, before);
      return k.bind(k.add(start, sums[i]!));
    });
    const variables = totals.map((t) => t.variable);
    const store = places.map((place, i) => this.#builder.storeSum(place, variables[i]!));
    return [...totals.map((t) => t.statement), k.ifThen(isLast, this.#finish(points, variables), store)];
  }

  /** What combining starts from. A vector's greatest or least element by comparison alone loses NaNs, so these are kept apart. */
  #accumulator(start: Expr): Accumulator {
    const orders = this.#builder.combine === "max" || this.#builder.combine === "min";
    const nan = orders && start.lanes === LANES && start.dtype === "f32" ? k.bind(k.splat(k.constant(0, "bool"))) : undefined;
    return { value: k.bind(start), nan };
  }

  #accumulate({ value: { variable }, nan }: Accumulator, x: Expr, done: number): Stmt[] {
    if (!nan) return [k.set(variable, this.#combine(variable, x, done))];
    // Two comparisons, where the instruction that orders zeros and finds NaNs takes seven of x86.
    const y = k.bind(this.#lanesLeft(k.splat(x), done, neutral(this.#builder.combine, "f32")));
    const further = this.#builder.combine === "max" ? k.lt(variable, y.variable) : k.lt(y.variable, variable);
    return [
      y.statement,
      k.set(variable, k.select(further, y.variable, variable)),
      k.set(nan.variable, k.or(nan.variable, k.ne(y.variable, y.variable))),
    ];
  }

  /** A vector without the lanes that are done. */
  #lanesLeft(x: Expr, done: number, otherwise: Expr): Expr {
    return done === 0 ? x : k.select(k.le(k.splat(k.int(done)), k.ramp()), x, otherwise);
  }

  /** acc ∘ x, as a fused multiply-add where it is one; without the lanes that are done. */
  #combine(acc: Expr, x: Expr, done: number): Expr {
    const y = acc.lanes === LANES ? k.splat(x) : x;
    const rest = (z: Expr, otherwise: Expr): Expr => this.#lanesLeft(z, done, otherwise);
    if (this.#builder.combine === "add" && y.op === "mul" && acc.dtype === "f32") {
      const zero = k.float(0);
      return k.fma(rest(y.args[0]!, zero), rest(y.args[1]!, zero), acc);
    }
    return this.#join(acc, rest(y, neutral(this.#builder.combine, acc.dtype)));
  }

  #join(a: Expr, b: Expr): Expr {
    return { add: k.add, mul: k.mul, min: k.min, max: k.max }[this.#builder.combine](a, b);
  }
}

function pairwise(list: readonly Expr[], join: (a: Expr, b: Expr) => Expr): Expr {
  if (list.length === 1) return list[0]!;
  const half = Math.ceil(list.length / 2);
  return join(pairwise(list.slice(0, half), join), pairwise(list.slice(half), join));
}

/** From where to where the pieces of an axis go. */
function pieces({ extent, cuts }: Axis): [from: number, to: number][] {
  return [0, ...cuts].map((from, i) => [from, cuts[i] ?? extent]);
}

/** A loop over a segment; one that would run once is its body. Loops over results are `parallel`: each iteration stores results of its own. */
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

/** What each of `results` results reaches of `terms` terms. */
function tabulate({ low, high }: Reach, results: number, terms: number): { readonly low: number[]; readonly high: number[] } {
  const at = Array.from({ length: results }, (_, i) => Index.constant(i));
  const clamp = ({ offset }: Index): number => Math.min(terms, Math.max(0, offset));
  return { low: at.map((i) => clamp(low(i))), high: at.map((i) => clamp(high(i))) };
}

/** The points of one iteration. */
function pointsOf(start: Index, { count, lanes, overlap }: Segment): Point[] {
  const first = lanes === LANES ? start.plus(Index.lane()) : start;
  return Array.from({ length: count }, (_, i) => {
    const done = i === count - 1 ? overlap : 0;
    return { at: first.plus(i * lanes - done), done };
  });
}

/** What combining starts from. */
function neutral(combine: Reduce["combine"], dtype: Value["dtype"]): Expr {
  const isFloat = dtype === "f32" || dtype === "f64";
  const low = isFloat ? Number.NEGATIVE_INFINITY : dtype === "i32" ? -(2 ** 31) : 0;
  const high = isFloat ? Number.POSITIVE_INFINITY : dtype === "i32" ? 2 ** 31 - 1 : 2 ** 32 - 1;
  return k.constant({ add: 0, mul: 1, max: low, min: high }[combine], dtype);
}
