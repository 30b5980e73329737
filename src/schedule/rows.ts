/**
 * @file Kernels that go over rows once. Groups that share their outer axes become one loop over rows, with their nests one after another inside, if the later
 * groups read the earlier ones at the same outer index only: a softmax, a layer norm, a loss. A row stays in the cache from the first nest to the last.
 *
 *     for i step 4          four rows
 *       max of x            nests of the groups, each over these rows
 *       e = exp(x - max)    read by nobody else: in the memory of y
 *       sum of e
 *       y = e / sum
 *
 * A sum over rows that is cut into slices (`optimize/split-sums.ts`) can join too: the outermost loop then goes over slices, and each slice adds its rows to
 * one row of results.
 */
import { byteSize } from "../base/dtype.ts";
import { type Shape, sameShape, sizeOf } from "../base/shape.ts";
import type { Index } from "../kernel/index-algebra.ts";
import type { Expr } from "../kernel/kernel.ts";
import type { Target } from "../kernel/target.ts";
import { contracts, extentsOf, reduceRule } from "../ops/lowering.ts";
import { flatten } from "../ops/movement.ts";
import type { Tensor } from "../ops/tensor.ts";
import { mergeAxes, usedAsValue } from "./access.ts";
import { type Load, Probe } from "./elements.ts";
import type { Fusion, Group, Item, Rows } from "./groups.ts";

export type { Rows } from "./groups.ts";

/** Added to a position, it gives one behind that item and before the next. */
const BEHIND = 2 ** -20;

/** What joining rows needs to know of a fusion. */
export interface Context extends Pick<Fusion, "bufferOf" | "lanesOf" | "target"> {
  /** The buffers and barriers that a root is computed from. */
  needsOf(root: Tensor): Iterable<Tensor>;
  /** The shard of the batch that a root belongs to, if the batch is sharded. */
  shardOf(root: Tensor): number | undefined;
  readonly outputs: Iterable<Tensor>;
}

/** The items, with groups that go over the same rows joined to one item. */
export function joinRows(items: readonly Item[], context: Context): Item[] {
  return new Joiner(items, context).run();
}

/** Groups that will be one kernel. `position` is that of one of them, or lies between two items. */
interface Cluster {
  readonly groups: readonly Group[];
  /** How many outer axes they share. */
  readonly axes: number;
  readonly at: number;
  /** The groups that sum over rows, in slices. */
  readonly columns: ReadonlySet<Group>;
}

/** Joins groups to clusters, in the order of the items. */
class Joiner {
  readonly #items: readonly Item[];
  readonly #context: Context;
  /** The position of the item that makes a value. */
  readonly #made: Map<Tensor, number> = new Map();
  /** The positions of the items that read a buffer; outputs are read at the end. */
  readonly #readers: Map<Tensor, number[]> = new Map();
  readonly #clusters: (Cluster | undefined)[];
  readonly #probes: Map<Group, Probe> = new Map();

  constructor(items: readonly Item[], context: Context) {
    this.#items = items;
    this.#context = context;
    this.#clusters = items.map(() => undefined);
  }

  /** Returns the items, with clusters of several groups as one item each. */
  run(): Item[] {
    this.#items.forEach((item, position) => {
      for (const y of item.kind === "control" ? item.instruction.results : item.roots) this.#made.set(y, position);
      for (const x of this.#needs(item)) this.#readers.set(x, [...(this.#readers.get(x) ?? []), position]);
    });
    for (const y of this.#context.outputs) {
      const buffer = this.#context.bufferOf(y);
      if (buffer) this.#readers.set(buffer, [...(this.#readers.get(buffer) ?? []), this.#items.length]);
    }
    this.#items.forEach((item, position) => {
      if (item.kind === "group" && mayJoin(item)) this.#place(item, position);
    });
    const placed = this.#items.flatMap((item, position) => {
      const cluster = this.#clusters[position];
      if (!cluster || cluster.groups.length === 1) return [{ at: position, item }];
      return cluster.groups[0] === item ? [{ at: cluster.at, item: this.#finish(cluster) }] : [];
    });
    return placed.sort((a, b) => a.at - b.at).map(({ item }) => item);
  }

  #needs(item: Item): Set<Tensor> {
    if (item.kind !== "control") return new Set(item.roots.flatMap((root) => [...this.#context.needsOf(root)]));
    return new Set(item.instruction.operands.flatMap((x) => [x, this.#context.bufferOf(x) ?? x]));
  }

  /** The position at which an item runs now. */
  #at(position: number): number {
    return this.#clusters[position]?.at ?? position;
  }

  /** Joins a group to clusters whose rows it reads, or that read the same rows. */
  #place(group: Group, position: number): void {
    let own: Cluster = { groups: [group], axes: group.shape.length, at: position, columns: new Set() };
    this.#clusters[position] = own;
    const near = new Set<Cluster>();
    for (const x of this.#needs(group)) {
      const made = this.#made.get(x);
      const shared =
        sizeOf(x.shape) >= sizeOf(group.shape)
          ? this.#readers
              .get(x)!
              .filter((reader) => reader < position)
              .at(-1)
          : undefined;
      for (const p of [made, shared]) if (p !== undefined && this.#clusters[p]) near.add(this.#clusters[p]);
    }
    near.delete(own);
    for (const other of [...near].sort((a, b) => b.at - a.at)) {
      const joined = other.at < own.at ? this.#join(other, own) : this.#join(own, other);
      if (!joined) continue;
      for (const g of joined.groups) this.#clusters[this.#made.get(g.roots[0]!)!] = joined;
      own = joined;
    }
  }

  /** Joins two clusters, `a` before `b`; undefined if that is not possible or gains nothing. */
  #join(a: Cluster, b: Cluster): Cluster | undefined {
    if (this.#shardOf(a) !== this.#shardOf(b)) return undefined;
    const at = this.#position(a, b);
    const groups = [...a.groups, ...b.groups];
    if (at === undefined || !groups.some((g) => g.reduction)) return undefined;
    for (const [rows, sums] of [
      [a, b],
      [b, a],
    ] as const)
      for (let axes = rows.axes; axes > 0 && sums.columns.size === 0; axes--) {
        const joined = { groups, axes, at, columns: new Set([...rows.columns, ...sums.groups]) };
        if (sumUpRows(sums.groups, rows, axes, this.#context.target) && this.#fits(joined, a, b)) return joined;
      }
    const [s, t] = [leadOf(a), leadOf(b)];
    const differs = s.findIndex((d, i) => d !== t[i]);
    for (let axes = differs < 0 ? Math.min(s.length, t.length) : differs; axes > 0; axes--) {
      const joined = { groups, axes, at, columns: new Set([...a.columns, ...b.columns]) };
      if ([a, b].some((c) => c.columns.size > 0 && c.axes !== axes)) return undefined;
      if (this.#readsRows(joined, a, b)) return this.#fits(joined, a, b) ? joined : undefined;
    }
    return undefined;
  }

  #shardOf({ groups }: Cluster): number | undefined {
    return this.#context.shardOf(groups[0]!.roots[0]!);
  }

  /** Returns true if the second of two clusters reads the first at its own rows only. */
  #readsRows(joined: Cluster, a: Cluster, b: Cluster): boolean {
    const own = new Set(a.groups.flatMap((g) => g.roots));
    return b.groups.every((g) => {
      const probe = this.#probe(g);
      return probe.loads.every(
        (load) => !own.has(load.value) || (!joined.columns.has(this.#groupOf(load.value)) && isRowWise(probe, load, joined)),
      );
    });
  }

  #fits(joined: Cluster, a: Cluster, b: Cluster): boolean {
    const probes = joined.groups.map((g) => this.#probe(g));
    return this.#readsRows(joined, a, b) && suits(probes, joined, this.#context.target);
  }

  #groupOf(root: Tensor): Group {
    return this.#items[this.#made.get(root)!] as Group;
  }

  /** A position at which both clusters can run: that of the first, or one behind the last value that the second needs, if that is before any reader of the first. */
  #position(a: Cluster, b: Cluster): number | undefined {
    const made = new Set(a.groups.flatMap((g) => g.roots));
    const own = new Set(b.groups.flatMap((g) => g.roots));
    const needed = b.groups.flatMap((g) => [...this.#needs(g)]).filter((x) => !made.has(x) && !own.has(x) && this.#made.has(x));
    const last = needed.reduce((at, x) => Math.max(at, this.#at(this.#made.get(x)!)), -1);
    if (last < a.at) return a.at;
    const behind = last + BEHIND;
    if (this.#items.slice(Math.ceil(a.at), Math.ceil(behind)).some((item) => item.kind === "control")) return undefined;
    const members = new Set([...a.groups, ...b.groups].map((g) => this.#made.get(g.roots[0]!)!));
    const readers = [...made].flatMap((x) => this.#readers.get(x) ?? []);
    return readers.every((p) => members.has(p) || this.#at(p) > behind) ? behind : undefined;
  }

  #probe(group: Group): Probe {
    let probe = this.#probes.get(group);
    if (!probe) {
      probe = new Probe(group, this.#context);
      this.#probes.set(group, probe);
    }
    return probe;
  }

  /** Makes the item of a cluster: its blocks of rows, and the values that share memory. */
  #finish(cluster: Cluster): Rows {
    const { groups, columns } = cluster;
    const probes = groups.map((g) => this.#probe(g));
    const outer = outerAxes(probes, cluster);
    const slices = [...columns][0]?.shape[0];
    const members = new Set(groups.map((g) => this.#made.get(g.roots[0]!)!));
    const isLocal = (y: Tensor): boolean => (this.#readers.get(y) ?? []).every((p) => members.has(p));
    const roots = groups.flatMap((g) => g.roots);
    const stored = new Set(groups.flatMap((g) => [...g.stored]));
    const single = new Set([...columns].flatMap((g) => g.roots));
    const inPlace = shareMemory(groups, probes, (y) => stored.has(y) && !single.has(y), isLocal);
    const mayOverwrite = (y: Tensor, x: Tensor): boolean => {
      // Sums over rows are set to 0 before the first row is read, so nothing in the kernel may read the old contents.
      if (columns.has(this.#groupOf(y))) return probes.every((probe) => probe.loads.every((l) => l.value !== x));
      const first = groups.findIndex((g) => g.roots.some((r) => endOf(r, inPlace) === y));
      return probes.every((probe, n) => {
        const loads = probe.loads.filter((l) => l.value === x);
        return loads.every((load) => (n < first ? isRowWise(probe, load, cluster) : n === first && load.index.key === probe.stores.key));
      });
    };
    const block = blockOf(sizeOf(outer.at(-1)!) / (slices ?? 1), touchedInRow(probes, cluster), this.#context.target);
    return { kind: "rows", groups, outer, block, columns, slices, roots, stored, inPlace, mayOverwrite };
  }
}

/** Returns true if a group may join others. Contractions have tiles of their own, and values in lanes have no contiguous rows. */
function mayJoin({ shape, lanes, reduction }: Group): boolean {
  return shape.length > 0 && sizeOf(shape) > 0 && lanes === undefined && !(reduction && contracts(reduction));
}

/** The extents of the shared outer axes of a cluster. */
function leadOf({ groups, axes, columns }: Cluster): Shape {
  return groups.find((g) => !columns.has(g))!.shape.slice(0, axes);
}

/** Returns true if all groups only sum over the rows of a cluster, in slices. */
function sumUpRows(groups: readonly Group[], rows: Cluster, axes: number, { tiling, lanes }: Target): boolean {
  const count = sizeOf(leadOf(rows).slice(0, axes));
  const slices = [...rows.columns][0]?.shape[0] ?? groups[0]!.shape[0]!;
  return (
    (rows.columns.size === 0 || axes === rows.axes) &&
    slices >= tiling.leastRows &&
    groups.every(({ shape, reduction, roots }) => {
      if (!reduction || roots.length > 1 || shape.length < 2 || shape[0] !== slices || roots[0]!.dtype !== "f32") return false;
      const { combine } = reduceRule(reduction);
      // Rows must be whole vectors: elements in overlapping vectors would be added twice.
      return combine === "add" && extentsOf(reduction)[0]! * slices === count && shape.at(-1)! % lanes.f32 === 0;
    })
  );
}

/** The number of the row that a group computes or adds. */
function rowOf({ group, at, summed }: Probe, { columns, axes }: Cluster): Index {
  if (columns.has(group)) return at[0]!.times(extentsOf(group.reduction!)[0]!).plus(summed[0]!);
  return flatten(at.slice(0, axes), group.shape.slice(0, axes));
}

/** Returns true if a group reads a buffer of the cluster at its own row only. */
function isRowWise(probe: Probe, { value, index }: Load, cluster: Cluster): boolean {
  const length = sizeOf(value.shape) / sizeOf(leadOf(cluster));
  return Number.isInteger(length) && index.div(length).key === rowOf(probe, cluster).key;
}

/** Returns true if joining pays: rows are contiguous, fit in the cache, and are enough to be divided among threads. */
function suits(probes: readonly Probe[], cluster: Cluster, { caches, tiling, buffers: most }: Target): boolean {
  const rows = sizeOf(leadOf(cluster));
  const row = touchedInRow(probes, cluster);
  if (row > caches.row || (rows < tiling.leastRows && rows * row > tiling.smallRows)) return false;
  const buffers = new Set(probes.flatMap((p) => [...p.loads.map((l) => l.value), ...p.group.roots]));
  if (buffers.size > most || probes.some((p) => p.laned)) return false;
  if (cluster.columns.size > 0 && outerAxes(probes, cluster).length > 1) return false;
  return probes.every((p) => cluster.columns.has(p.group) || p.loads.every((load) => !goesDown(p, load, cluster.axes)));
}

/** Returns true if a load goes along a column of its buffer, so that a row of the kernel is not contiguous there. */
function goesDown({ counters }: Probe, { index }: Load, axes: number): boolean {
  const steps = (list: Probe["counters"]): number[] =>
    list.map(({ counter, extent }) => (extent > 1 ? Math.abs(index.coefficientOf(counter) ?? 2) : 0));
  const inside = steps(counters.slice(axes)).filter((c) => c !== 0);
  return inside.length > 0 && Math.min(...inside) > 1 && steps(counters.slice(0, axes)).some((c) => c === 1);
}

/** Elements that a row touches, of all buffers. */
function touchedInRow(probes: readonly Probe[], { axes, columns }: Cluster): number {
  const found = new Map<Tensor, number>();
  for (const { group, counters, loads } of probes) {
    const inside = columns.has(group) ? counters.filter((_, i) => i !== 0 && i !== group.shape.length) : counters.slice(axes);
    for (const { value, index } of loads) {
      const inner = inside.filter(({ counter }) => index.coefficientOf(counter) !== 0);
      found.set(
        value,
        Math.max(
          found.get(value) ?? 0,
          inner.reduce((n, c) => n * c.extent, 1),
        ),
      );
    }
    for (const y of group.stored) found.set(y, sizeOf(group.shape.slice(columns.has(group) ? 1 : axes)));
  }
  return [...found.values()].reduce((sum, n) => sum + n, 0);
}

/** The shared axes, merged where every access steps through neighbours with one stride. */
function outerAxes(all: readonly Probe[], cluster: Cluster): readonly (readonly number[])[] {
  const shape = leadOf(cluster);
  const probes = all.filter((p) => !cluster.columns.has(p.group));
  const along = shape.map((extent, axis) =>
    probes.flatMap(({ counters, loads, stores }) =>
      [...loads.map((l) => l.index), stores].map((index) => (extent === 1 ? 0 : index.coefficientOf(counters[axis]!.counter))),
    ),
  );
  const pinned = shape.map((_, axis) =>
    probes.some(({ made, counters }) => made.some((x: Expr) => usedAsValue(x, counters[axis]!.counter, new Set()))),
  );
  return mergeAxes(shape, shape.length, along, { pinned, cuts: shape.map(() => []) }).axes.map((axis) => axis.parts);
}

/** How many rows a block has: a divisor of the extent if there is one of a good size. */
function blockOf(extent: number, row: number, { tiling }: Target): number {
  const most = Math.min(extent, Math.max(1, Math.min(tiling.mostRows, Math.floor(tiling.rowElements / row))));
  for (let n = most; n > most / 2; n--) if (extent % n === 0) return n;
  return most;
}

/**
 * Gives values that only this kernel reads the memory of a value that is written later: in a nest behind their last reader, or by that reader itself if it
 * reads and writes the same element.
 */
function shareMemory(
  groups: readonly Group[],
  probes: readonly Probe[],
  mayShare: (x: Tensor) => boolean,
  isLocal: (x: Tensor) => boolean,
): Map<Tensor, Tensor> {
  const shared = new Map<Tensor, Tensor>();
  const taken = new Set<Tensor>();
  const fits = (x: Tensor, y: Tensor): boolean =>
    mayShare(y) && !taken.has(y) && sameShape(x.shape, y.shape) && byteSize(x.dtype) === byteSize(y.dtype);
  groups.forEach((group, n) => {
    for (const x of group.roots) {
      if (!mayShare(x) || !isLocal(x)) continue;
      const last = probes.findLastIndex((p) => p.loads.some((l) => l.value === x));
      if (last <= n) continue;
      const from = readsInPlace(probes[last]!, x) ? last : last + 1;
      const y = groups
        .slice(from)
        .flatMap((g) => g.roots)
        .find((r) => fits(x, r));
      if (!y) continue;
      shared.set(x, y);
      taken.add(y);
    }
  });
  return shared;
}

/** Follows `inPlace` to the value whose memory `x` uses. */
function endOf(x: Tensor, inPlace: ReadonlyMap<Tensor, Tensor>): Tensor {
  const over = inPlace.get(x);
  return over ? endOf(over, inPlace) : x;
}

/** Returns true if a group reads `x` only at the element that it computes. */
function readsInPlace({ loads, stores }: Probe, x: Tensor): boolean {
  return loads.every((l) => l.value !== x || l.index.key === stores.key);
}
