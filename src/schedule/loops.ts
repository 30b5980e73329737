/**
 * @file Loop nests of groups. The accesses of a group are analysed (`access.ts`), a tile is chosen from them (`tiles.ts`), and the nest is written (`nest.ts`).
 *
 *     for j step 8            a tile of 3 × 2 vectors: six accumulators live in registers while the innermost loop runs over k,
 *       for i step 3          loading 2 vectors and 3 splats for 6 multiply-adds
 *         for k
 */
import type { Watch } from "../base/passes.ts";
import { sizeOf } from "../base/shape.ts";
import * as k from "../kernel/build.ts";
import { Index, loadAt } from "../kernel/index-algebra.ts";
import type { Expr, Kernel, Stmt } from "../kernel/kernel.ts";
import { orderSums } from "../kernel/lower.ts";
import { lanesFor, type Target } from "../kernel/target.ts";
import { mapBlocks } from "../kernel/walk.ts";
import { contracts, extentsOf, type Reduce, reachOf, reduceRule } from "../ops/lowering.ts";
import { unflatten } from "../ops/movement.ts";
import type { Instruction, Reach } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tapeOf } from "../tape/tape.ts";
import { type Access, findCuts, findPeriods, mergeAxes, usedAsValue } from "./access.ts";
import { Elements, type KernelBuffer } from "./elements.ts";
import type { Fusion, Group, Rows } from "./groups.ts";
import { type Counter, indexOf, lanesLast, memoryOrder, position, splitAxes } from "./lanes.ts";
import { type Contents, lanesOf, NestWriter, type ResultPoint } from "./nest.ts";
import { tilesOf } from "./tiles.ts";

/** The kernel of an item, with the value that each of its buffers holds. */
export interface GroupKernel {
  readonly kernel: Kernel;
  /** What each buffer of the kernel holds. */
  readonly buffers: readonly KernelBuffer[];
}

/** Builds the kernel of a group, or of groups that go over the same rows. `watch` is called with the kernel after each pass of `kernel/lower.ts`. */
export function buildKernel(item: Group | Rows, fusion: Fusion, watch?: Watch<Kernel>): GroupKernel {
  return k.inKernel(() => {
    const { kernel, buffers } = writeKernel(item, fusion);
    return { kernel: orderSums(kernel, fusion.target, watch), buffers };
  });
}

/** Writes the kernel, before the passes that decide the order of sums. */
function writeKernel(item: Group | Rows, fusion: Fusion): GroupKernel {
  const elements = new Elements(fusion, item.kind === "rows" ? item.groups[0]! : item);
  const body = item.kind === "rows" ? overRows(item, elements, fusion.target) : new NestBuilder(item, elements, fusion.target).build();
  const name = item.roots
    .map((y) => y.source.op.name)
    .slice(-3)
    .join("_");
  return {
    kernel: { name, buffers: elements.buffers.map(({ dtype, length, written }) => ({ dtype, length, written })), body },
    buffers: elements.buffers,
  };
}

/** Loops over slices and outer axes, the last axis in blocks of rows; the nests of all groups stand inside, one after another. */
function overRows({ groups, outer, block, columns, slices = 1 }: Rows, elements: Elements, target: Target): Stmt[] {
  const last = sizeOf(outer.at(-1)!) / slices;
  const even = last - (last % block);
  const nests = (slice: Index, bases: readonly Index[], size: number): Stmt[] => {
    const rows = bases.with(-1, bases.at(-1)!.plus(slice.times(last)));
    const frame = { outer, bases: rows, size };
    const sums = { slice, base: bases.at(-1)!, size };
    return inOrder(groups.flatMap((group) => new NestBuilder(group, elements, target, columns.has(group) ? sums : frame).build()));
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
  const slice = (i: Expr): Stmt[] => [
    ...[...columns].map((group) => clear(group, i, elements, target.lanes.f32)),
    ...blocks(Index.of(i, 0, slices - 1), []),
  ];
  return [k.forLoop(slices, slice, { parallel: true })];
}

/** A loop that sets the sums of a slice to 0. */
function clear({ roots: [y], shape }: Group, slice: Expr, elements: Elements, lanes: number): Stmt {
  const length = sizeOf(shape.slice(1));
  const buffer = elements.bufferFor(y!, true);
  const start = k.mul(slice, k.int(length));
  return k.forLoop(length, (i) => [k.store(buffer, k.add(start, i), k.splat(k.float(0), lanes))], { step: lanes });
}

/** The same statements, with their loops neither parallel to each other nor kept apart: they run in order and may be fused (`joins`). */
function inOrder(stmts: readonly Stmt[]): Stmt[] {
  return stmts.map((s) => mapBlocks(s.kind === "for" ? { ...s, parallel: undefined, joins: true } : s, inOrder));
}

/** The current rows: one index per merged outer axis. The last index is the first of `size` rows. */
interface Frame {
  readonly outer: Rows["outer"];
  readonly bases: readonly Index[];
  readonly size: number;
}

/** For sums over rows: the current slice, and the rows of it that this block adds. */
interface SumFrame {
  readonly slice: Index;
  readonly base: Index;
  readonly size: number;
}

/** Builds the nest of one group: analyses its accesses, has it tiled, and gives the contents of its loops. */
class NestBuilder implements Contents {
  readonly elements: Elements;
  readonly #group: Group;
  readonly #frame: Frame | undefined;
  readonly #sums: SumFrame | undefined;
  readonly #reduce: Reduce | undefined;
  readonly #instruction: Instruction | undefined;
  /** Buffer numbers of stored roots. */
  readonly #stores: Map<Tensor, number> = new Map();
  /** Counters of the nest: of the axes of the results, and of the axes of the sum. */
  #out: readonly Counter[];
  #sum: readonly Counter[];

  readonly #target: Target;

  constructor(group: Group, elements: Elements, target: Target, rows?: Frame | SumFrame) {
    this.#group = group;
    this.#target = target;
    this.elements = elements;
    elements.enter(group);
    const frame = rows && "outer" in rows ? rows : undefined;
    const sums = rows && "slice" in rows ? rows : undefined;
    this.#frame = frame;
    this.#sums = sums;
    this.#instruction = group.reduction;
    this.#reduce = group.reduction && reduceRule(group.reduction);
    const inner = group.shape.slice(frame ? frame.outer.flat().length : sums ? 1 : 0);
    this.#out = memoryOrder(inner, group.lanes, target);
    if (frame) this.#out = [{ axis: 0, by: 1, extent: frame.size }, ...this.#out];
    this.#sum = memoryOrder(this.#extents(), undefined, target);
    if (sums) this.#sum = this.#sum.with(0, { ...this.#sum[0]!, extent: sums.size });
  }

  /** Returns the statements of the nest. */
  build(): Stmt[] {
    if (sizeOf(this.#group.shape) === 0) return [];
    const access = this.#analyse();
    for (const root of this.#group.roots) if (this.#group.stored.has(root)) this.#stores.set(root, this.elements.bufferFor(root, true));
    const { mayKeepSum } = this;
    const lanes = this.#lanes();
    const tiles = tilesOf({
      access,
      target: this.#target,
      reduces: this.#reduce !== undefined,
      mayKeepSum,
      lanes,
      rowByRow: this.#frame !== undefined || this.#sums?.size === 1,
      results: sizeOf(this.#group.shape),
    });
    if (tiles.parts.length > 0) this.keepSum();
    return new NestWriter(access, tiles, this, { ...this.#target, lanes }).statements();
  }

  get reduce(): Reduce | undefined {
    return this.#reduce;
  }

  /** The vector length of the nest: the least of the target's lengths for the dtypes that it computes with. */
  #lanes(): number {
    const loaded = this.elements.loads.map((load) => load.value);
    const made = tapeOf(this.#group.roots, new Set(loaded)).flatMap((i) => i.results);
    return lanesFor(
      this.#target,
      [...this.#group.roots, ...loaded, ...made].map((v) => v.dtype),
    );
  }

  #extents(): number[] {
    return this.#instruction ? extentsOf(this.#instruction) : [];
  }

  /** Expands every expression once, with one counter per axis, to see the accesses; then merges axes. */
  #analyse(): Access {
    const access = this.#tryCounters();
    const laid = this.#splitForLanes() ? this.#tryCounters() : access;
    return this.#splitForPeriods() ? this.#tryCounters() : laid;
  }

  /** Splits axes along which a condition is periodic: the counter of the phase is unrolled, so that each phase decides the condition. Returns true if an axis was split. */
  #splitForPeriods(): boolean {
    if (this.#frame || this.#sums || this.#periods.every((period) => period === 1)) return false;
    this.#out = this.#out.flatMap(({ axis, by, extent }, i): Counter[] => {
      const period = this.#periods[i]!;
      if (period === 1) return [{ axis, by, extent }];
      return [
        { axis, by: by * period, extent: extent / period },
        { axis, by, extent: period, apart: true },
      ];
    });
    return true;
  }

  /** The period of conditions along each result axis, from the last analysis. */
  #periods: readonly number[] = [];

  /**
   * Splits axes along which an operand is in lanes into vectors and lanes, so that all addresses are linear. In a sum the counter of the lanes is innermost.
   * Returns true if an axis was split.
   */
  #splitForLanes(): boolean {
    const { laned } = this.elements;
    if (laned.size === 0) return false;
    const isLaned = (index: Index, extent: number): boolean => laned.has(index.key) && extent % this.#target.lanes.f32 === 0;
    const axes = (at: readonly Index[], shape: readonly number[]): number[] =>
      at.flatMap((index, i) => (isLaned(index, shape[i]!) ? [i] : []));
    const { out, sum } = this.#counters!;
    const split = this.#group.lanes === undefined ? axes(out, this.#group.shape) : [];
    const folded = axes(sum, this.#extents());
    if (split.length > 0) this.#out = splitAxes(this.#group.shape, split, this.#target);
    if (folded.length > 0) this.#sum = lanesLast(this.#extents(), folded, this.#target);
    return split.length + folded.length > 0;
  }

  /** From the last analysis: the indices along the axes of the results and of the sum. */
  #counters: { readonly out: readonly Index[]; readonly sum: readonly Index[] } | undefined;

  /** Expands the group with the current counters and returns the accesses on merged axes. */
  #tryCounters(): Access {
    const out = this.#out;
    const counters = [...out, ...this.#sum].map(({ extent, apart }) => ({ extent, apart, counter: k.variable("i32") }));
    const indices = counters.map(({ counter, extent }) => Index.of(counter, 0, Math.max(0, extent - 1)));
    const at = this.#logical(indices.slice(0, out.length));
    const r = indices.slice(out.length);
    this.#counters = { out: at, sum: this.#summed(r) };
    const { made, inner } = this.elements.all(at, this.#summed(r));
    const accesses = [...this.elements.loads.map((load) => load.index), this.#position(at)];
    const reaches = this.#reaches();
    const ofReach = new Set(reaches.flatMap((r) => [r.out, r.sum]));
    const pinned = counters.map(({ counter, apart }, i) => apart || ofReach.has(i) || made.some((x) => usedAsValue(x, counter, new Set())));
    const along = counters.map(({ counter, extent }) => accesses.map((index) => (extent === 1 ? 0 : index.coefficientOf(counter))));
    const extents = counters.map((c) => c.extent);
    const cuts = this.#reduce ? extents.map(() => []) : findCuts(made, counters);
    if (!this.#reduce) this.#periods = findPeriods(made, counters);
    const merged = mergeAxes(extents, out.length, along, { pinned, cuts });
    // The merged axis of each counter.
    const axisOf = merged.axes.flatMap(({ parts }, i) => parts.map(() => i));
    const partial = reaches.map(({ out, sum, reach }) => ({
      out: axisOf[out]!,
      sum: axisOf[sum]!,
      ...tabulate(reach, extents[out]!, extents[sum]!),
    }));
    this.#partial = new Map(partial.map(({ sum }, i) => [sum, reaches[i]!.reach]));
    const { axes, along: steps } = merged;
    return {
      axes,
      loads: steps.map((c) => c.slice(0, -1)),
      terms: steps.map((c) => c.slice(0, inner)),
      stores: steps.map((c) => c.at(-1)!),
      partial,
    };
  }

  /** Pairs of counters: an axis of the sum of which some results need only a part, and the result axis on which that part depends. Vectors never go along the latter (`vector-axis.ts`). */
  #reaches(): { readonly out: number; readonly sum: number; readonly reach: Reach }[] {
    const reaches = this.#instruction && this.#group.lanes !== undefined ? reachOf(this.#instruction) : [];
    const counterOf = (steps: readonly Counter[], axis: number): number => {
      const own = steps.flatMap((s, i) => (s.axis === axis ? [i] : []));
      return own.length === 1 ? own[0]! : -1;
    };
    return reaches.flatMap((reach, axis) => {
      if (!reach) return [];
      const [out, sum] = [counterOf(this.#out, reach.axis), counterOf(this.#sum, axis)];
      return out < 0 || sum < 0 ? [] : [{ out, sum: this.#out.length + sum, reach }];
    });
  }

  /** For axes of the nest: the range of terms that results reach along it. */
  #partial: ReadonlyMap<number, Reach> = new Map();

  /** The range of terms along an axis of the sum that the results `first` to `last` need together; undefined for all. */
  within(axis: number, first: readonly Index[], last: readonly Index[]): readonly [Expr, Expr] | undefined {
    const reach = this.#partial.get(axis);
    return reach && [reach.low(this.#logical(last)[reach.axis]!).toExpr(), reach.high(this.#logical(first)[reach.axis]!).toExpr()];
  }

  /** The indices along the axes of the value, from the counters of the nest. */
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

  /** True if rows are added to sums that earlier rows have begun. */
  get addsRows(): boolean {
    return this.#sums !== undefined;
  }

  /** The element that the reduction combines, from the counters of the nest. */
  summand(out: readonly Index[], sum: readonly Index[]): Expr {
    return this.elements.summand(this.#logical(out), this.#summed(sum));
  }

  /** True if partial sums may be kept in the buffer of the result: for contractions in f32. */
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

  /** The flat index of the results at an index. */
  #position(at: readonly Index[]): Index {
    return position(at, this.#group.shape, this.#group.lanes, this.#target);
  }

  /** Loads the partial sum from the buffer of the result. */
  sumAt({ at, live }: ResultPoint): Expr {
    const root = this.#group.roots[0]!;
    return loadAt(this.#stores.get(root)!, root.dtype, this.#position(this.#logical(at)), null, live);
  }

  storeSum({ at, live }: ResultPoint, sum: Expr): Stmt {
    const root = this.#group.roots[0]!;
    const index = this.#position(this.#logical(at));
    return k.store(this.#stores.get(root)!, (index.consecutive() ?? index).toExpr(), sum, live);
  }

  get combine(): Reduce["combine"] {
    return this.#reduce!.combine;
  }

  get resultDtype(): Tensor["dtype"] {
    return this.#group.roots[0]!.dtype;
  }

  /** Everything after the reduction, for one element or one vector of elements: a `let` for each root, and the stores that follow them. */
  finish({ at: counters, done, live }: ResultPoint, reduced: Expr | undefined): { lets: Stmt[]; stores: Stmt[] } {
    const at = this.#logical(counters);
    const index = this.#position(at);
    const start = index.consecutive();
    const lanes = lanesOf(at);
    const lets: Stmt[] = [];
    const stores: Stmt[] = [];
    this.elements.begin();
    this.elements.live = live;
    this.#group.roots.forEach((root, i) => {
      const value = i === 0 && reduced ? reduced : this.elements.root(root, at);
      const { variable, statement } = k.bind(k.splat(value, lanes));
      lets.push(statement);
      this.elements.compute(root, at, variable);
      const buffer = this.#stores.get(root);
      if (buffer === undefined) return;
      if (done === 0) stores.push(k.store(buffer, (start ?? index).toExpr(), variable, live));
      // Elements that an overlapping vector already computed are not stored again: a kernel that works in place has overwritten their operands.
      const single = (i: number): Expr => (start ? start.plus(i).toExpr() : k.lane(index.toExpr(), i));
      for (let i = done; done > 0 && i < lanes; i++) stores.push(k.store(buffer, single(i), k.lane(variable, i)));
    });
    return { lets, stores };
  }
}

/** The first term and the end of the terms that each result needs, as tables. */
function tabulate({ low, high }: Reach, results: number, terms: number): { readonly low: number[]; readonly high: number[] } {
  const at = Array.from({ length: results }, (_, i) => Index.constant(i));
  const clamp = ({ offset }: Index): number => Math.min(terms, Math.max(0, offset));
  return { low: at.map((i) => clamp(low(i))), high: at.map((i) => clamp(high(i))) };
}
