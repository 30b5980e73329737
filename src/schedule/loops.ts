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
import { Index, uses } from "../kernel/index-algebra.ts";
import type { Expr, Kernel, Stmt } from "../kernel/kernel.ts";
import { blockSums } from "../kernel/sums.ts";
import { flatten, unflatten } from "../ops/movement.ts";
import type { Lowering } from "../ops/op.ts";
import type { Instruction, Value } from "../tape/node.ts";
import { tapeOf } from "../tape/tape.ts";
import { Elements, type KernelBuffer } from "./elements.ts";
import { type Fusion, type Group, lowering } from "./fuse.ts";

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

const LANES = 4 as const;

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

/** Where a tile computes an element or a vector of elements: an index along every axis of the group. */
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

  constructor(group: Group, fusion: Fusion) {
    this.#group = group;
    this.elements = new Elements(fusion, group);
    this.#instruction = group.reduction;
    this.#reduce = group.reduction ? (lowering(group.reduction) as Reduce) : undefined;
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
    const out = this.#group.shape;
    const sum = this.#extents();
    const counters = [...out, ...sum].map((d) => ({ extent: d, counter: k.variable("i32") }));
    const indices = counters.map(({ counter, extent }) => Index.of(counter, 0, Math.max(0, extent - 1)));
    const at = indices.slice(0, out.length);
    this.elements.loads = [];
    this.elements.begin();
    const made: Expr[] = [];
    if (this.#reduce) {
      made.push(this.summand(at, indices.slice(out.length)));
      this.elements.begin();
      this.elements.compute(this.#group.roots[0]!, at, k.variable(computeDtype(this.#group.roots[0]!.dtype)));
    }
    for (const root of this.#group.roots.slice(this.#reduce ? 1 : 0)) {
      made.push(this.elements.root(root, at));
      this.elements.compute(root, at, k.variable(computeDtype(root.dtype)));
    }
    const loads = [...this.elements.loads, flatten(at, out)];
    const pinned = counters.map(({ counter }) => made.some((x) => usedAsValue(x, counter, new Set())));
    const along = counters.map(({ counter, extent }) => loads.map((index) => (extent === 1 ? 0 : index.coefficientOf(counter))));
    return mergeAxes(
      counters.map((c) => c.extent),
      out.length,
      along,
      pinned,
    );
  }

  /** The element that the reduction combines. */
  summand(at: readonly Index[], r: readonly Index[]): Expr {
    return this.#reduce!.element(at, r, this.elements.operands(this.#instruction!.operands), this.#instruction!.params);
  }

  get combine(): Reduce["combine"] {
    return this.#reduce!.combine;
  }

  get resultDtype(): Value["dtype"] {
    return this.#group.roots[0]!.dtype;
  }

  /** Everything after the reduction for one element (or vector of elements): lets for all roots, and the stores to put after them. */
  finish({ at, done }: Place, reduced: Expr | undefined): { lets: Stmt[]; stores: Stmt[] } {
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
      const index = flatten(at, root.shape);
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

/** A part of an axis: `size` points from `base` on. */
interface AxisBlock {
  readonly axis: number;
  readonly base: Index;
  readonly size: number;
}

/** Combining the lanes of a vector, in loads. */
const FOLD_COST = 6;

/** Chooses vector axis and register tile, and writes the nest. The order of every sum depends on the shapes alone. */
class Tiling {
  readonly #access: Access;
  readonly #builder: NestBuilder;
  readonly #choice: Choice;

  constructor(access: Access, vectorizes: boolean, builder: NestBuilder) {
    this.#access = access;
    this.#builder = builder;
    this.#choice = this.#choose(vectorizes);
  }

  nest(): Stmt[] {
    const { axes, loads } = this.#access;
    const tiled = this.#choice.tile.map(([axis]) => axis);
    const plain = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "out" && !tiled.includes(i) && i !== this.#choice.vector);
    const vector = axes[this.#choice.vector]?.kind === "out" ? [this.#choice.vector] : [];
    const others = tiled.filter((i) => !vector.includes(i));
    // The vector axis goes outside the other tiled one if that leaves an operand as it is, whose panel then stays in cache.
    const stays = vector.every((v) => loads[v]!.slice(0, -1).some((c, j) => c !== 0 && others.every((i) => loads[i]![j] === 0)));
    const order = [...plain, ...(stays ? [...vector, ...others] : [...others, ...vector])];
    const [swept] = others;
    const size = stays && swept !== undefined ? this.#blockSize(swept) : 0;
    if (size === 0) return this.#outer(order, 0, new Map());
    return loop(
      { ...whole(axes[swept!]!.extent), count: size },
      (base) => this.#outer(order, 0, new Map(), { axis: swept!, base, size }),
      true,
    );
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
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    axes.forEach((axis, i) => {
      if (axis.extent < LANES || (axis.kind === "out" && i !== lastOut)) return;
      const own = loads[i]!.slice(0, -1);
      if (axis.kind === "out" && loads[i]!.at(-1) !== 1) return;
      const vectors = Math.ceil(axis.extent / LANES);
      const loaded = own.reduce<number>((sum, c) => sum + (c === 0 ? 0.25 : c === 1 ? 1 : 6), 0);
      // Lanes that are computed twice are lost; the lanes of a sum must be combined in the end.
      const cost = (loaded * vectors * LANES) / axis.extent + (axis.kind === "sum" ? FOLD_COST / vectors : 0);
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
      .filter((i) => axes[i]!.kind === "out" && axes[i]!.extent > 1)
      .reverse();
    const mustHold = axes[vector]?.kind === "out" ? [vector] : [];
    let best: (readonly [number, number])[] = mustHold.map((i) => [i, 1] as const);
    let least = Number.POSITIVE_INFINITY;
    for (const p of candidates) {
      for (const q of [-1, ...candidates]) {
        if (q === p || (mustHold.length > 0 && p !== vector)) continue;
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
  #outer(order: readonly number[], depth: number, points: ReadonlyMap<number, readonly Point[]>, block?: AxisBlock): Stmt[] {
    const axis = order[depth];
    if (axis === undefined) return this.#builder.reduce ? this.#reduceTile(points) : this.#finish(points, undefined);
    const count = this.#choice.tile.find(([i]) => i === axis)?.[1] ?? 1;
    const own = axis === block?.axis ? block : undefined;
    return segments(own?.size ?? this.#access.axes[axis]!.extent, count, axis === this.#choice.vector).flatMap((segment) =>
      loop(
        segment,
        (first) => {
          const start = own ? first.plus(own.base) : first;
          return this.#outer(order, depth + 1, new Map([...points, [axis, pointsOf(start, segment)]]), block);
        },
        true,
      ),
    );
  }

  /**
   * Points of an axis to do together, if it is swept again for every panel and what it reads does not stay in the cache: as many whole tiles as
   * do. 0 for the whole axis.
   */
  #blockSize(axis: number): number {
    const { axes, loads } = this.#access;
    const { extent } = axes[axis]!;
    const read = (j: number): number => axes.reduce((n, a, i) => (a.kind === "sum" && loads[i]![j] !== 0 ? n * a.extent : n), 1);
    const perPoint = loads[axis]!.slice(0, -1).reduce<number>((n, c, j) => (c === 0 ? n : n + read(j)), 0);
    if (perPoint * extent <= CACHED) return 0;
    const count = this.#choice.tile.find(([i]) => i === axis)![1];
    for (let size = Math.floor(CACHED / perPoint / count) * count; size >= 4 * count; size -= count) if (extent % size === 0) return size;
    return 0;
  }

  /** Every combination of the points, as indices along all result axes. */
  #combinations(points: ReadonlyMap<number, readonly Point[]>): Place[] {
    let list: Place[] = [{ at: [], done: 0 }];
    this.#access.axes.forEach((axis, i) => {
      if (axis.kind !== "out") return;
      const own = points.get(i) ?? [{ at: Index.constant(0), done: 0 }];
      list = list.flatMap((head) => own.map((p) => ({ at: [...head.at, ...unflatten(p.at, axis.parts)], done: head.done + p.done })));
    });
    return list;
  }

  #finish(points: ReadonlyMap<number, readonly Point[]>, reduced: readonly Expr[] | undefined): Stmt[] {
    const done = this.#combinations(points).map((place, i) => this.#builder.finish(place, reduced?.[i]));
    return [...done.flatMap((d) => d.lets), ...done.flatMap((d) => d.stores)];
  }

  #reduceTile(points: ReadonlyMap<number, readonly Point[]>): Stmt[] {
    const { axes } = this.#access;
    const { vector, unroll } = this.#choice;
    const results = this.#combinations(points).map((place) => place.at);
    const sums = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "sum");
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
      const at = sums.flatMap((i) => unflatten(r.get(i)!.at, axes[i]!.parts));
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
      if (axis !== vector) return loop(whole(extent), (at) => inner(position + 1, new Map([...r, [axis, { at, done: 0 }]]), u));
      return segments(extent, unroll, true).flatMap((segment) =>
        loop(segment, (first) =>
          pointsOf(first, segment).flatMap((point, own) => inner(position + 1, new Map([...r, [axis, point]]), own)),
        ),
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
    return [...accumulators.flat().map((b) => b.statement), ...loops, ...this.#finish(points, reduced)];
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

function pairwise(list: readonly Expr[], join: (a: Expr, b: Expr) => Expr): Expr {
  if (list.length === 1) return list[0]!;
  const half = Math.ceil(list.length / 2);
  return join(pairwise(list.slice(0, half), join), pairwise(list.slice(half), join));
}

/** A loop over a segment; one that would run once is its body. Loops over results are `parallel`: each iteration stores results of its own. */
function loop({ from, to, count, lanes }: Segment, body: (start: Index) => Stmt[], parallel?: boolean): Stmt[] {
  const step = count * lanes;
  if (to - from === step) return body(Index.constant(from));
  if (to === from) return [];
  return [k.forLoop(to, (i) => body(Index.of(i, from, to - step)), { from, step, parallel })];
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
