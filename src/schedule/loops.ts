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

const LANES = 4;

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
  finish(at: readonly Index[], reduced: Expr | undefined, lanes: 1 | 4): { lets: Stmt[]; stores: Stmt[] } {
    const lets: Stmt[] = [];
    const stores: Stmt[] = [];
    this.elements.begin();
    this.#group.roots.forEach((root, i) => {
      const value = i === 0 && reduced ? reduced : this.elements.root(root, at);
      const { variable, statement } = k.bind(lanes === LANES ? k.splat(value) : value);
      lets.push(statement);
      this.elements.compute(root, at, variable);
      const buffer = this.#stores.get(root);
      if (buffer === undefined) return;
      const index = flatten(at, root.shape);
      stores.push(k.store(buffer, (index.consecutive() ?? index).toExpr(), variable));
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
}

/** Runs that cover an axis: whole tiles, whole vectors, single elements. */
function segments(extent: number, count: number, vector: boolean): Segment[] {
  const found: Segment[] = [];
  let at = 0;
  const add = (n: number, lanes: 1 | 4): void => {
    const step = n * lanes;
    const to = at + Math.floor((extent - at) / step) * step;
    if (n > 0 && to > at) {
      found.push({ from: at, to, count: n, lanes });
      at = to;
    }
  };
  if (vector) {
    add(count, 4);
    add(Math.floor((extent - at) / LANES), 4);
    add(extent - at, 1);
  } else {
    add(count, 1);
    add(extent - at, 1);
  }
  return found;
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
    const { axes } = this.#access;
    const tiled = this.#choice.tile.map(([axis]) => axis);
    const plain = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "out" && !tiled.includes(i) && i !== this.#choice.vector);
    // The vector axis goes outside the other tiled one, so that its operand's panel stays in cache.
    const vector = axes[this.#choice.vector]?.kind === "out" ? [this.#choice.vector] : [];
    const order = [...plain, ...vector, ...tiled.filter((i) => !vector.includes(i))];
    return this.#outer(order, 0, new Map());
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
      const cost = own.reduce<number>((sum, c) => sum + (c === 0 ? 0.25 : c === 1 ? 1 : 6), 0) + (axis.extent % LANES) / axis.extent;
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
    const candidates = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "out" && axes[i]!.extent > 1);
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
    const runs = tile.map(([axis, count]) => segments(axes[axis]!.extent, count, axis === vector));
    const others = axes.reduce((n, a, i) => (a.kind === "out" && !tile.some(([axis]) => axis === i) && i !== vector ? n * a.extent : n), 1);
    let cycles = 0;
    for (const first of runs[0] ?? [{ from: 0, to: 1, count: 1, lanes: 1 as const }]) {
      for (const second of runs[1] ?? [{ from: 0, to: 1, count: 1, lanes: 1 as const }]) {
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
  #outer(order: readonly number[], depth: number, points: ReadonlyMap<number, readonly Index[]>): Stmt[] {
    const axis = order[depth];
    if (axis === undefined) return this.#builder.reduce ? this.#reduceTile(points) : this.#finish(points, undefined);
    const count = this.#choice.tile.find(([i]) => i === axis)?.[1] ?? 1;
    return segments(this.#access.axes[axis]!.extent, count, axis === this.#choice.vector).flatMap((segment) =>
      loop(segment, (start) => this.#outer(order, depth + 1, new Map([...points, [axis, pointsOf(start, segment)]]))),
    );
  }

  /** Every combination of the points, as indices along all result axes. */
  #combinations(points: ReadonlyMap<number, readonly Index[]>): Index[][] {
    let list: Index[][] = [[]];
    this.#access.axes.forEach((axis, i) => {
      if (axis.kind !== "out") return;
      const own = points.get(i) ?? [Index.constant(0)];
      list = list.flatMap((head) => own.map((p) => [...head, ...unflatten(p, axis.parts)]));
    });
    return list;
  }

  #finish(points: ReadonlyMap<number, readonly Index[]>, reduced: readonly Expr[] | undefined): Stmt[] {
    const done = this.#combinations(points).map((at, i) => this.#builder.finish(at, reduced?.[i], at.some((x) => x.laned) ? 4 : 1));
    return [...done.flatMap((d) => d.lets), ...done.flatMap((d) => d.stores)];
  }

  #reduceTile(points: ReadonlyMap<number, readonly Index[]>): Stmt[] {
    const { axes } = this.#access;
    const { vector, unroll } = this.#choice;
    const results = this.#combinations(points);
    const sums = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "sum");
    const dtype = computeDtype(this.#builder.resultDtype);
    const start = neutral(this.#builder.combine, dtype);
    const along = axes[vector]?.kind === "sum" ? axes[vector] : undefined;
    const tail = along ? along.extent % LANES > 0 : true;
    const narrow = results.map((at) => k.bind(at.some((x) => x.laned) ? k.splat(start) : start));
    const wide = along ? results.map(() => Array.from({ length: unroll }, () => k.bind(k.splat(start)))) : [];
    const statements: Stmt[] = [];
    if (tail) statements.push(...narrow.map((b) => b.statement));
    statements.push(...wide.flat().map((b) => b.statement));
    const accumulate = (r: ReadonlyMap<number, Index>, into: (i: number) => Expr): Stmt[] => {
      this.#builder.elements.begin();
      const at = sums.flatMap((i) => unflatten(r.get(i)!, axes[i]!.parts));
      return results.map((out, i) => k.set(into(i), this.#combine(into(i), this.#builder.summand(out, at))));
    };
    const inner = (position: number, r: ReadonlyMap<number, Index>): Stmt[] => {
      const axis = sums[position];
      if (axis === undefined) return accumulate(r, (i) => narrow[i]!.variable);
      const extent = axes[axis]!.extent;
      if (axis !== vector) return loop({ from: 0, to: extent, count: 1, lanes: 1 }, (i) => inner(position + 1, new Map([...r, [axis, i]])));
      return this.#vectorSum(extent, unroll, (index, u) => {
        const next = new Map([...r, [axis, index]]);
        return u < 0
          ? inner(position + 1, next)
          : this.#vectorInner(sums, position + 1, next, axes, (rr) => accumulate(rr, (i) => wide[i]![u]!.variable));
      });
    };
    statements.push(...inner(0, new Map()));
    const reduced = results.map((_, i) => {
      const parts = wide[i]?.map((b) => b.variable) ?? [];
      if (parts.length === 0) return narrow[i]!.variable;
      const sum = k.fold(
        this.#builder.combine,
        pairwise(parts, (a, b) => this.#join(a, b)),
      );
      return tail ? this.#join(sum, narrow[i]!.variable) : sum;
    });
    return [...statements, ...this.#finish(points, reduced)];
  }

  /** Loops inside a vectorized sum axis that is not the innermost one. */
  #vectorInner(
    sums: readonly number[],
    position: number,
    r: ReadonlyMap<number, Index>,
    axes: readonly Axis[],
    body: (r: ReadonlyMap<number, Index>) => Stmt[],
  ): Stmt[] {
    const axis = sums[position];
    if (axis === undefined) return body(r);
    return loop({ from: 0, to: axes[axis]!.extent, count: 1, lanes: 1 }, (i) =>
      this.#vectorInner(sums, position + 1, new Map([...r, [axis, i]]), axes, body),
    );
  }

  /** Vectors along a sum, `unroll` at a time, then single vectors, then elements (u = -1). */
  #vectorSum(extent: number, unroll: number, body: (index: Index, u: number) => Stmt[]): Stmt[] {
    return segments(extent, unroll, true).flatMap((segment) =>
      loop(segment, (start) => pointsOf(start, segment).flatMap((point, u) => body(point, segment.lanes === 1 ? -1 : u))),
    );
  }

  /** acc ∘ x, as a fused multiply-add where it is one. */
  #combine(acc: Expr, x: Expr): Expr {
    const y = acc.lanes === LANES ? k.splat(x) : x;
    if (this.#builder.combine === "add" && y.op === "mul" && acc.dtype === "f32") return k.fma(y.args[0]!, y.args[1]!, acc);
    return this.#join(acc, y);
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

/** A loop over a segment; one that would run once is its body. */
function loop({ from, to, count, lanes }: Segment, body: (start: Index) => Stmt[]): Stmt[] {
  const step = count * lanes;
  if (to - from === step) return body(Index.constant(from));
  if (to === from) return [];
  return [k.forLoop(to, (i) => body(Index.of(i, from, to - step)), { from, step })];
}

/** The points of one iteration. */
function pointsOf(start: Index, { count, lanes }: Segment): Index[] {
  const first = lanes === LANES ? start.plus(Index.lane()) : start;
  return Array.from({ length: count }, (_, i) => first.plus(i * lanes));
}

/** What combining starts from. */
function neutral(combine: Reduce["combine"], dtype: Value["dtype"]): Expr {
  const isFloat = dtype === "f32" || dtype === "f64";
  const low = isFloat ? Number.NEGATIVE_INFINITY : dtype === "i32" ? -(2 ** 31) : 0;
  const high = isFloat ? Number.POSITIVE_INFINITY : dtype === "i32" ? 2 ** 31 - 1 : 2 ** 32 - 1;
  return k.constant({ add: 0, mul: 1, max: low, min: high }[combine], dtype);
}
