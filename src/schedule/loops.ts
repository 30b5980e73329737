/**
 * @file Loop nests for groups: which axes merge, which carries the vector, how many results a tile holds in registers.
 *
 *     for j step 8            a tile of 3 × 2 vectors: six accumulators live in registers while the innermost loop runs over k,
 *       for i step 3          loading 2 vectors and 3 splats for 6 multiply-adds
 *         for k
 */
import { computeDtype } from "../base/dtype.ts";
import { sizeOf } from "../base/shape.ts";
import * as k from "../kernel/build.ts";
import { Index, loadAt, uses } from "../kernel/index-algebra.ts";
import type { Expr, Kernel, Stmt } from "../kernel/kernel.ts";
import { blockSums } from "../kernel/sums.ts";
import { unflatten } from "../ops/movement.ts";
import type { Lowering, Op } from "../ops/op.ts";
import type { Instruction, Value } from "../tape/node.ts";
import { tapeOf } from "../tape/tape.ts";
import { Elements, type KernelBuffer } from "./elements.ts";
import { type Fusion, type Group, lowering } from "./fuse.ts";
import { indexOf, LANES, lanesLast, memoryOrder, position, type Step, splitAxes } from "./lanes.ts";

export interface GroupKernel {
  readonly kernel: Kernel;
  /** What each buffer of the kernel holds. */
  readonly buffers: readonly KernelBuffer[];
}

/** An axis of a nest: one or several merged axes of the group. */
interface Axis {
  readonly kind: "out" | "sum";
  readonly extent: number;
  /** Extents of the axes it merges. */
  readonly parts: readonly number[];
}

/** How the flat index of each access changes along an axis; null where it is not linear. */
type Coefficients = readonly (number | null)[];

interface Access {
  readonly axes: Axis[];
  /** Per axis, one entry per load. */
  readonly loads: Coefficients[];
}

type Reduce = Extract<Lowering<unknown>, { kind: "reduce" }>;

/** The kernel of a group. */
export function buildKernel(group: Group, fusion: Fusion): GroupKernel {
  k.fresh();
  const builder = new NestBuilder(group, fusion);
  const body = blockSums(builder.build());
  const name = group.roots
    .map((y) => y.source.op.name)
    .slice(-3)
    .join("_");
  return {
    kernel: { name, buffers: builder.elements.buffers.map(({ dtype, length, written }) => ({ dtype, length, written })), body },
    buffers: builder.elements.buffers,
  };
}

/** Where a tile computes an element or a vector of elements: an index for every counter of the results. */
interface Place {
  readonly at: readonly Index[];
  readonly done: number;
}

class NestBuilder {
  readonly elements: Elements;
  readonly #group: Group;
  readonly #reduce: Reduce | undefined;
  readonly #instruction: Instruction | undefined;
  /** Buffer numbers of stored roots. */
  readonly #stores: Map<Value, number> = new Map();
  /** Counters of the nest, for the axes of the results and for those that are summed. */
  #out: readonly Step[];
  #sum: readonly Step[];

  constructor(group: Group, fusion: Fusion) {
    this.#group = group;
    this.elements = new Elements(fusion, group);
    this.#instruction = group.reduction;
    this.#reduce = group.reduction ? (lowering(group.reduction) as Reduce) : undefined;
    this.#out = memoryOrder(group.shape, group.lanes);
    this.#sum = memoryOrder(this.#extents(), undefined);
  }

  build(): Stmt[] {
    if (sizeOf(this.#group.shape) === 0) return [];
    const access = this.#analyse();
    for (const root of this.#group.roots) if (this.#group.stored.has(root)) this.#stores.set(root, this.elements.bufferFor(root, true));
    return new Tiling(access, this.#vectorizes(), this).nest();
  }

  get reduce(): Reduce | undefined {
    return this.#reduce;
  }

  /** f64 has no vectors, so a kernel that touches one is scalar. */
  #vectorizes(): boolean {
    const touched = [...this.#group.roots, ...this.elements.buffers.map((b) => b.value)];
    if (touched.some((v) => v.dtype === "f64")) return false;
    const stop = new Set(this.elements.buffers.map((b) => b.value).filter((v) => !this.#group.roots.includes(v)));
    return tapeOf(this.#group.roots, stop).every((i) => i.results.every((y) => y.dtype !== "f64"));
  }

  #extents(): number[] {
    if (!this.#reduce) return [];
    return this.#reduce.extents(
      this.#instruction!.operands.map((x) => x.shape),
      this.#instruction!.params,
    );
  }

  /** Makes every expression once, on one counter per axis, to see the accesses; then merges axes that all accesses step through as one. */
  #analyse(): Access {
    const access = this.#tryCounters();
    return this.#splitForLanes() ? this.#tryCounters() : access;
  }

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
    const counters = [...out, ...this.#sum].map(({ extent }) => ({ extent, counter: k.variable("i32") }));
    const indices = counters.map(({ counter, extent }) => Index.of(counter, 0, Math.max(0, extent - 1)));
    const at = this.#logical(indices.slice(0, out.length));
    const r = indices.slice(out.length);
    this.#counters = { out: at, sum: this.#summed(r) };
    this.elements.loads = [];
    this.elements.begin();
    const made: Expr[] = [];
    if (this.#reduce) {
      made.push(this.summand(indices.slice(0, out.length), r));
      this.elements.begin();
      this.elements.compute(this.#group.roots[0]!, at, k.variable(computeDtype(this.#group.roots[0]!.dtype)));
    }
    for (const root of this.#group.roots.slice(this.#reduce ? 1 : 0)) {
      made.push(this.elements.root(root, at));
      this.elements.compute(root, at, k.variable(computeDtype(root.dtype)));
    }
    const loads = [...this.elements.loads, position(at, this.#group.shape, this.#group.lanes)];
    const pinned = counters.map(({ counter }) => made.some((x) => usedAsValue(x, counter, new Set())));
    const along = counters.map(({ counter, extent }) => loads.map((index) => (extent === 1 ? 0 : index.coefficientOf(counter))));
    return mergeAxes(
      counters.map((c) => c.extent),
      out.length,
      along,
      pinned,
    );
  }

  /** Indices along the axes of the results and of the sum, from the counters. */
  #logical(counters: readonly Index[]): Index[] {
    return indexOf(this.#out, this.#group.shape.length, counters);
  }

  #summed(counters: readonly Index[]): Index[] {
    return indexOf(this.#sum, this.#extents().length, counters);
  }

  /** The element that the reduction combines, from the counters of the nest. */
  summand(out: readonly Index[], sum: readonly Index[]): Expr {
    const [at, r] = [this.#logical(out), this.#summed(sum)];
    return this.#reduce!.element(at, r, this.elements.operands(this.#instruction!.operands), this.#instruction!.params);
  }

  /** Whether sums may wait in the buffer of the result: those of products in f32. */
  get mayKeepSum(): boolean {
    const root = this.#group.roots[0]!;
    return (root.source.op as Op).cost === "compute" && root.dtype === "f32" && this.combine === "add";
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

/** True if a counter is used other than to address a load: then its axis may not merge with others. */
function usedAsValue(x: Expr, counter: Expr, seen: Set<Expr>): boolean {
  if (x === counter) return true;
  if (seen.has(x)) return false;
  seen.add(x);
  const args = x.op === "load" ? x.args.slice(1) : x.args;
  return args.some((arg) => usedAsValue(arg, counter, seen)) || (x.op === "load" && x.args[0]!.args.some((arg) => loadsWith(arg, counter)));
}

/** True if an address contains a load that itself depends on the counter. */
function loadsWith(x: Expr, counter: Expr): boolean {
  return x.op === "load" ? uses(x, counter) : x.args.some((arg) => loadsWith(arg, counter));
}

/** Neighbouring axes become one where every access steps through them as through one: stride(outer) = stride(inner) · extent(inner). */
function mergeAxes(extents: readonly number[], outs: number, along: readonly Coefficients[], pinned: readonly boolean[]): Access {
  const axes: Axis[] = [];
  const loads: Coefficients[] = [];
  let open = false;
  extents.forEach((extent, i) => {
    const kind = i < outs ? "out" : "sum";
    const last = axes.length - 1;
    const outer = axes[last];
    const same = outer?.kind === kind && open && !pinned[i];
    const inStep = (): boolean => along[i]!.every((c, j) => c !== null && loads[last]![j] === c * extent);
    // An axis of size 1 has no stride of its own: it joins anything.
    if (same && (extent === 1 || outer.extent === 1 || inStep())) {
      axes[last] = { kind, extent: outer.extent * extent, parts: [...outer.parts, extent] };
      if (extent !== 1) loads[last] = along[i]!;
    } else {
      axes.push({ kind, extent, parts: [extent] });
      loads.push(along[i]!);
    }
    open = !pinned[i];
  });
  return { axes, loads };
}

/** A run of a tiled axis: `count` points per iteration, each a scalar or a vector. */
interface Segment {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly lanes: 1 | 4;
  /** The last point is moved back by this much, so that it ends with the axis. */
  readonly overlap: number;
}

/**
 * Runs that cover an axis: whole tiles, then what is left. Where vectors do not fit evenly, the last one overlaps the one before: computing an
 * element twice is cheaper than computing elements one by one. A vectorized axis is as long as a vector at least.
 *
 *     0 1 2 3 | 4 5 6 7 | 8 9            a tile of two vectors, then one that is moved back by 2
 *     . . . .   . . 6 7   8 9
 */
function segments(extent: number, count: number, vector: boolean): Segment[] {
  const lanes = vector ? LANES : 1;
  const step = count * lanes;
  const even = Math.floor(extent / step) * step;
  const rest = Math.ceil((extent - even) / lanes);
  const found: Segment[] = [];
  if (even > 0) found.push({ from: 0, to: even, count, lanes, overlap: 0 });
  if (rest > 0) {
    const to = even + rest * lanes;
    found.push({ from: even, to, count: rest, lanes, overlap: to - extent });
  }
  return found;
}

/** One element of an axis, or a vector of them; of an overlapping vector the first `done` were dealt with before. */
interface Point {
  readonly at: Index;
  readonly done: number;
}

interface Choice {
  /** Position of the axis that carries the vector, or -1. */
  readonly vector: number;
  /** Axes of which a tile holds several points: position and count. */
  readonly tile: readonly (readonly [axis: number, count: number])[];
  /** Independent accumulators along a vectorized sum. */
  readonly unroll: number;
}

/** Accumulators, operands and one splat must fit the 16 vector registers (measured on V8: MR + NV + MR·NV ≤ 15). */
const REGISTERS = 15;

/** Elements that stay in the second cache while panels pass by. */
const CACHED = 1 << 16;

/** A loop of the nest: over an axis, over blocks of `size` points of it, or (inside that) over the block at hand. */
interface Level {
  readonly axis: number;
  readonly size?: number;
}

/** The blocks of axes at hand: `size` points from `base` on. */
type Blocks = ReadonlyMap<number, { readonly base: Index; readonly size: number }>;

/** The points of result axes that a tile holds. */
type Points = ReadonlyMap<number, readonly Point[]>;

/** Products that a tile adds up before it puts its sums aside; and from how many on it does. */
const BLOCK_PRODUCTS = 640;
const LONG_SUM = 1024;
/** Fewer are not worth the way to memory and back. */
const LEAST_PRODUCTS = 128;
/** Side of the squares of a transposition: a line of the cache. */
const SQUARE = 16;
/** Pages whose addresses the processor has at hand, and elements of a page. */
const PAGES = 64;
const PAGE = 1024;
/** Elements that all operands of a block of a sum may take in the second cache. */
const BLOCK_FOOTPRINT = 1 << 17;

/** Combining the lanes of a vector, in loads. */
const FOLD_COST = 6;

/** Chooses vector axis and register tile, and writes the nest. The order of every sum depends on the shapes alone. */
class Tiling {
  readonly #access: Access;
  readonly #builder: NestBuilder;
  readonly #choice: Choice;
  /** Parts of the sum that are added to the results in memory one after another: sizes along the first axes of the sum. */
  readonly #parts: readonly { readonly axis: number; readonly size: number }[];

  constructor(access: Access, vectorizes: boolean, builder: NestBuilder) {
    this.#access = access;
    this.#builder = builder;
    this.#choice = this.#choose(vectorizes);
    this.#parts = this.#partition();
    if (this.#parts.length > 0) builder.keepSum();
  }

  nest(): Stmt[] {
    const { axes, loads } = this.#access;
    const tiled = this.#choice.tile.map(([axis]) => axis);
    const plain = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "out" && !tiled.includes(i) && i !== this.#choice.vector);
    const vector = axes[this.#choice.vector]?.kind === "out" ? [this.#choice.vector] : [];
    const others = tiled.filter((i) => !vector.includes(i));
    // The vector axis goes outside the other tiled one if that leaves an operand as it is, whose panel then stays in cache.
    const stays = vector.every((v) => loads[v]!.slice(0, -1).some((c, j) => c !== 0 && others.every((i) => loads[i]![j] === 0)));
    const order: Level[] = [...plain, ...(stays ? [...vector, ...others] : [...others, ...vector])].map((axis) => ({ axis }));
    const [swept] = others;
    const size = stays && swept !== undefined ? this.#blockSize(swept) : 0;
    if (size > 0) order.unshift({ axis: swept!, size });
    if (!this.#builder.reduce) order.unshift(...this.#squares());
    if (this.#parts.length === 0) return this.#outer(order, new Map(), new Map());
    // Outside the parts of the sum there is a loop over results, whose iterations have nothing to do with each other.
    const first = order[0];
    if (size === 0 && plain.length === 0 && first) {
      const part = partOf(
        axes[first.axis]!.extent,
        first.axis === this.#choice.vector ? LANES : (this.#choice.tile.find(([i]) => i === first.axis)?.[1] ?? 1),
      );
      if (part > 0) order.unshift({ axis: first.axis, size: part });
    }
    return this.#outer([...order.slice(0, 1), ...this.#parts, ...order.slice(1)], new Map(), new Map());
  }

  // ---- choosing ---------------------------------------------------------------------------------------------------------------------

  #choose(vectorizes: boolean): Choice {
    const vector = vectorizes ? this.#vectorAxis() : -1;
    if (!this.#builder.reduce) return { vector, tile: [], unroll: 1 };
    const tile = this.#tile(vector);
    const results = tile.reduce((n, [, count]) => n * count, 1);
    const along = this.#access.axes[vector];
    const unroll = along?.kind === "sum" && results < 4 && along.extent >= 32 ? 4 : 1;
    return { vector, tile, unroll };
  }

  /** The axis along which loads are contiguous or constant; -1 if none is long enough or better than scalars. */
  #vectorAxis(): number {
    const { axes, loads } = this.#access;
    const lastOut = axes.findLastIndex((a) => a.kind === "out");
    const summed = axes.reduce((n, a) => (a.kind === "sum" ? n * a.extent : n), 1);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    axes.forEach((axis, i) => {
      if (axis.extent < LANES || (axis.kind === "out" && i !== lastOut)) return;
      const own = loads[i]!.slice(0, -1);
      if (axis.kind === "out" && loads[i]!.at(-1) !== 1) return;
      const vectors = Math.ceil(axis.extent / LANES);
      const loaded = own.reduce<number>((sum, c) => sum + (c === 0 ? 0.25 : c === 1 ? 1 : 6), 0);
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
  #tile(vector: number): (readonly [number, number])[] {
    const { axes } = this.#access;
    // Inner axes first: of equally good tiles the one whose points lie close together.
    const candidates = axes
      .map((_, i) => i)
      .filter((i) => axes[i]!.kind === "out" && axes[i]!.extent > 1 && (i !== vector || axes[i]!.extent > LANES))
      .reverse();
    const mustHold = axes[vector]?.kind === "out" ? [vector] : [];
    let best: (readonly [number, number])[] = mustHold.map((i) => [i, 1] as const);
    let least = Number.POSITIVE_INFINITY;
    for (const p of candidates) {
      for (const q of [-1, ...candidates]) {
        if (q === p || (mustHold.length > 0 && p !== vector && (q === vector || axes[vector]!.extent > LANES))) continue;
        for (let a = 1; a <= 8; a++) {
          for (let b = 1; b <= (q < 0 ? 1 : 8); b++) {
            if (a + b + a * b > REGISTERS + (q < 0 ? 1 : 0)) continue;
            const tile: (readonly [number, number])[] =
              q < 0
                ? [[p, a]]
                : [
                    [p, a],
                    [q, b],
                  ];
            const cost = this.#cycles(tile, vector);
            if (cost < least * 0.999) {
              least = cost;
              best = tile;
            }
          }
        }
      }
    }
    return best;
  }

  /** Cycles of the innermost iterations over the whole nest: two multiply-adds and two loads a cycle, a latency of four. */
  #cycles(tile: readonly (readonly [number, number])[], vector: number): number {
    const { axes, loads } = this.#access;
    const covers = tile.map(([axis, count]) => segments(axes[axis]!.extent, count, axis === vector));
    const others = axes.reduce((n, a, i) => (a.kind === "out" && !tile.some(([axis]) => axis === i) && i !== vector ? n * a.extent : n), 1);
    let cycles = 0;
    for (const first of covers[0] ?? [whole(1)]) {
      for (const second of covers[1] ?? [whole(1)]) {
        const segs = [first, second];
        const results = first.count * second.count;
        const fetched = loads[0]!
          .slice(0, -1)
          .reduce<number>((sum, _, j) => sum + tile.reduce((n, [axis], t) => (loads[axis]![j] === 0 ? n : n * segs[t]!.count), 1), 0);
        const iterations = segs.reduce((n, s) => n * ((s.to - s.from) / (s.count * s.lanes)), 1);
        cycles += iterations * Math.max(4, results / 2, fetched / 2, (results + fetched) / 3.5);
      }
    }
    return cycles * others;
  }

  // ---- writing ----------------------------------------------------------------------------------------------------------------------

  /** Loops over result axes, outermost first; `points` collects the indices that a tile holds of each. */
  #outer([level, ...inner]: readonly Level[], points: Points, blocks: Blocks): Stmt[] {
    if (!level) return this.#builder.reduce ? this.#reduceTile(points, blocks) : this.#finish(points, undefined);
    const { axis, size } = level;
    const { extent } = this.#access.axes[axis]!;
    if (size !== undefined)
      return loop({ ...whole(extent), count: size }, (base) => this.#outer(inner, points, new Map([...blocks, [axis, { base, size }]])));
    const count = this.#choice.tile.find(([i]) => i === axis)?.[1] ?? 1;
    const own = blocks.get(axis);
    return segments(own?.size ?? extent, count, axis === this.#choice.vector).flatMap((segment) =>
      loop(segment, (first) => {
        const start = own ? first.plus(own.base) : first;
        return this.#outer(inner, new Map([...points, [axis, pointsOf(start, segment)]]), blocks);
      }),
    );
  }

  /**
   * Blocks for a transposition: where a value is read along another axis than it is written, both go in small squares, so that each line of the cache is
   * fetched once.
   */
  #squares(): Level[] {
    const { axes, loads } = this.#access;
    const { vector } = this.#choice;
    if (vector < 0) return [];
    const across = (i: number): boolean =>
      loads[i]!.slice(0, -1).some((c, j) => c === 1 && loads[vector]![j] !== 0 && loads[vector]![j] !== 1);
    const read = axes.findIndex((_, i) => i !== vector && across(i));
    if (read < 0) return [];
    const levels = [read, vector].map((axis) => ({ axis, size: divisor(axes[axis]!.extent, (n) => n <= SQUARE && n % LANES === 0) }));
    return levels.every(({ axis, size }) => size > 0 && size < axes[axis]!.extent) ? levels : [];
  }

  /** Axes of the sum in the order of their loops: products go along the smallest steps in the innermost one. */
  #sums(): number[] {
    const { axes, loads } = this.#access;
    const sums = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "sum");
    const steps = (i: number): number => loads[i]!.slice(0, -1).reduce<number>((n, c) => n + Math.abs(c ?? 0), 0);
    return this.#builder.mayKeepSum ? sums.sort((a, b) => steps(b) - steps(a)) : sums;
  }

  /**
   * A long sum is made in parts, whose operands stay in the cache and on few pages; each part is added to the result in memory. The parts depend on
   * shapes alone.
   */
  #partition(): { axis: number; size: number }[] {
    const { axes, loads } = this.#access;
    const { vector } = this.#choice;
    const sums = this.#sums();
    const [first, second] = sums;
    const along = axes[vector]?.kind === "sum";
    const uneven = axes[vector]?.kind === "out" && axes[vector].extent % LANES !== 0;
    if (first === undefined || first === vector || uneven || !this.#builder.mayKeepSum) return [];
    const products = sums.reduce((n, i) => n * axes[i]!.extent, 1) / (along ? LANES : 1);
    const { extent } = axes[first]!;
    const rest = products / extent;
    if (along) {
      // All results are visited for every part: it should find its operands in the cache.
      const footprint = (parts: ReadonlyMap<number, number>): number =>
        loads[0]!
          .slice(0, -1)
          .reduce<number>((n, _, j) => n + axes.reduce((m, a, i) => (loads[i]![j] === 0 ? m : m * (parts.get(i) ?? a.extent)), 1), 0);
      if (footprint(new Map()) <= 2 * BLOCK_FOOTPRINT || rest < LEAST_PRODUCTS) return [];
      const parts = [{ axis: first, size: 1 }];
      if (second === undefined || second === vector || footprint(new Map([[first, 1]])) <= BLOCK_FOOTPRINT) return parts;
      const inner = rest / axes[second]!.extent;
      const size = divisor(
        axes[second]!.extent,
        (n) =>
          n * inner >= LEAST_PRODUCTS &&
          footprint(
            new Map([
              [first, 1],
              [second, n],
            ]),
          ) <= BLOCK_FOOTPRINT,
      );
      return size > 0 ? [...parts, { axis: second, size }] : parts;
    }
    const jumps = extent > PAGES && loads[first]!.slice(0, -1).some((c) => c === null || Math.abs(c) >= PAGE);
    if (products <= LONG_SUM && !jumps) return [];
    const size = divisor(
      extent,
      (n) => n * rest <= BLOCK_PRODUCTS && n * rest >= Math.min(LEAST_PRODUCTS, PAGES) && (!jumps || n <= PAGES),
    );
    return size > 0 && size < extent ? [{ axis: first, size }] : [];
  }

  /**
   * Points of an axis to do together, if it is swept again for every panel and what it reads does not stay in the cache: as many whole tiles as
   * do. 0 for the whole axis.
   */
  #blockSize(axis: number): number {
    const { axes, loads } = this.#access;
    const { extent } = axes[axis]!;
    const length = (i: number): number => this.#parts.find((p) => p.axis === i)?.size ?? axes[i]!.extent;
    const read = (j: number): number => axes.reduce((n, a, i) => (a.kind === "sum" && loads[i]![j] !== 0 ? n * length(i) : n), 1);
    const perPoint = loads[axis]!.slice(0, -1).reduce<number>((n, c, j) => (c === 0 ? n : n + read(j)), 0);
    if (perPoint * extent <= CACHED) return 0;
    const count = this.#choice.tile.find(([i]) => i === axis)![1];
    for (let size = Math.floor(CACHED / perPoint / count) * count; size >= 4 * count; size -= count) if (extent % size === 0) return size;
    return 0;
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
    const { vector, unroll } = this.#choice;
    const results = this.#combinations(points).map((place) => place.at);
    const own = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "sum");
    const sums = this.#sums();
    const dtype = computeDtype(this.#builder.resultDtype);
    const start = neutral(this.#builder.combine, dtype);
    const along = axes[vector]?.kind === "sum";
    // Per result one accumulator, or several along a vectorized sum, whose lanes are combined in the end.
    const accumulators = results.map((at) => {
      const wide = along || at.some((x) => x.laned);
      return Array.from({ length: unroll }, () => k.bind(wide ? k.splat(start) : start));
    });
    const accumulate = (r: ReadonlyMap<number, Point>, u: number): Stmt[] => {
      this.#builder.elements.begin();
      const at = own.flatMap((i) => unflatten(r.get(i)!.at, axes[i]!.parts));
      const done = sums.reduce((n, i) => n + r.get(i)!.done, 0);
      return results.map((out, i) => {
        const { variable } = accumulators[i]![u]!;
        return k.set(variable, this.#combine(variable, this.#builder.summand(out, at), done));
      });
    };
    const inner = (position: number, r: ReadonlyMap<number, Point>, u: number): Stmt[] => {
      const axis = sums[position];
      if (axis === undefined) return accumulate(r, u);
      const { extent } = axes[axis]!;
      const part = blocks.get(axis);
      if (axis !== vector)
        return loop(whole(part?.size ?? extent), (from) => {
          const at = part ? from.plus(part.base) : from;
          return inner(position + 1, new Map([...r, [axis, { at, done: 0 }]]), u);
        });
      return segments(extent, unroll, true).flatMap((segment) =>
        loop(segment, (first) => pointsOf(first, segment).flatMap((point, n) => inner(position + 1, new Map([...r, [axis, point]]), n))),
      );
    };
    const loops = inner(0, new Map(), 0);
    const reduced = accumulators.map((parts) => {
      const total = pairwise(
        parts.map((b) => b.variable),
        (a, b) => this.#join(a, b),
      );
      return along ? k.fold(this.#builder.combine, total) : total;
    });
    const begin = accumulators.flat().map((b) => b.statement);
    return [...begin, ...loops, ...(this.#parts.length > 0 ? this.#addPart(points, reduced, blocks) : this.#finish(points, reduced))];
  }

  /** Adds sums to what earlier parts left in the buffer of the result; after the last part they are complete. */
  #addPart(points: Points, sums: readonly Expr[], blocks: Blocks): Stmt[] {
    const { axes } = this.#access;
    const all = (which: (base: Index, last: number) => Expr): Expr =>
      this.#parts.map(({ axis, size }) => which(blocks.get(axis)!.base, axes[axis]!.extent - size)).reduce((a, b) => k.and(a, b));
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

  /** acc ∘ x, as a fused multiply-add where it is one; without the lanes that are done. */
  #combine(acc: Expr, x: Expr, done: number): Expr {
    const y = acc.lanes === LANES ? k.splat(x) : x;
    const rest = (z: Expr, otherwise: Expr): Expr => (done === 0 ? z : k.select(k.le(k.splat(k.int(done)), k.ramp()), z, otherwise));
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

/** The largest divisor for which `fits` holds; 0 if none. */
function divisor(n: number, fits: (divisor: number) => boolean): number {
  for (let d = n; d >= 1; d--) if (n % d === 0 && fits(d)) return d;
  return 0;
}

/** A part of an axis of which there are a few, in whole tiles; 0 if it does not divide so. */
function partOf(extent: number, tile: number): number {
  for (const parts of [4, 2, 3]) if (extent % parts === 0 && (extent / parts) % tile === 0) return extent / parts;
  return 0;
}

function pairwise(list: readonly Expr[], join: (a: Expr, b: Expr) => Expr): Expr {
  if (list.length === 1) return list[0]!;
  const half = Math.ceil(list.length / 2);
  return join(pairwise(list.slice(0, half), join), pairwise(list.slice(half), join));
}

/** A loop over a segment; one that would run once is its body. */
function loop({ from, to, count, lanes }: Segment, body: (start: Index) => Stmt[]): Stmt[] {
  const step = count * lanes;
  if (to - from === step) return body(Index.constant(from));
  if (to === from) return [];
  return [k.forLoop(to, (i) => body(Index.of(i, from, to - step)), { from, step })];
}

/** Element by element. */
function whole(extent: number): Segment {
  return { from: 0, to: extent, count: 1, lanes: 1, overlap: 0 };
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
