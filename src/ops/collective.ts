/**
 * @file Collective operations over ranks, such as sums over all shards of a batch. A program calls them as steps of their own; all ranks call them in the order of
 * the list.
 */
import type { TypedArray } from "../base/dtype.ts";
import { formatType, sameType, sizeOf, type Type } from "../base/shape.ts";
import type { HostArray, Maybe, Op } from "./op.ts";
import { Packed, shardsOf, treeSum } from "./shard-sums.ts";
import type { Tensor } from "./tensor.ts";

/** A sum that was begun. */
export interface Flight {
  /** Returns when it is done. */
  wait(): void;
}

/** A group of ranks that performs collective operations. */
export interface Collective {
  /** Sums over all ranks, in place. */
  allReduce(x: TypedArray): void;
  /** True if sums can be begun with `start` and go on while this rank computes. */
  readonly overlaps?: boolean;
  /** Begins a sum over all ranks, in place. All ranks begin the same sums in the same order. */
  start?(x: TypedArray): Flight;
  /** Moves on what was begun, without waiting. */
  progress?(): void;
  /** Sums over all ranks; rank r gets block r of `size` equal blocks. */
  reduceScatter(all: TypedArray, part: TypedArray): void;
  /** Concatenates the parts of all ranks. */
  allGather(part: TypedArray, all: TypedArray): void;
}

const groups = new Map<number, Collective>();
const bucketSizes = new Map<number, number>();

/**
 * Registers a group of ranks and returns the number by which instructions refer to it. Group 0 is this process alone. `bucketBytes`: see {@link bucketSize};
 * 0 if nothing is to be sent while a rank computes.
 */
export function registerGroup(group: Collective, bucketBytes?: number): number {
  groups.set(groups.size + 1, group);
  if (bucketBytes !== undefined) bucketSizes.set(groups.size, bucketBytes);
  return groups.size;
}

/** Buckets are sums of at least so many bytes, since each costs a few messages, and at most so many, since the last one is sent when nothing is left to compute. */
const BUCKET = { least: 2 ** 20, most: 25 * 2 ** 20 } as const;

/** Bytes that a group sends at once of a sum of `total` bytes, while the rank goes on; Infinity if it sends everything at the end. */
export function bucketSize(group: number, total: number): number {
  if (!groups.get(group)?.overlaps) return Number.POSITIVE_INFINITY;
  const given = bucketSizes.get(group) ?? Math.min(BUCKET.most, Math.max(BUCKET.least, total / 8));
  return given === 0 ? Number.POSITIVE_INFINITY : given;
}

/** Moves on the sums that were begun. A program calls it between kernels. */
export function moveOn(): void {
  for (const group of groups.values()) group.progress?.();
}

export function groupOf(number: number): Collective | undefined {
  const group = groups.get(number);
  if (!group && number !== 0) throw new Error(`internal: there is no group ${number} of ranks`);
  return group;
}

/** Parameters of {@link allReduce}: the group of ranks, and the number of shards on this rank. */
export interface AllReduce {
  readonly group: number;
  /** The number of operands that are summed for each result on this rank: one per shard, in order. */
  readonly shards: number;
}

/** Sums over shards and ranks; all results are sent in one message. */
function runAllReduce(x: readonly HostArray[], y: readonly HostArray[], params: AllReduce): void {
  const { group, shards } = params;
  const ranks = groupOf(group);
  if (y.length === 1 || !ranks) {
    for (const [j, { data }] of y.entries()) treeSum(shardsOf(x, j, shards), data);
    ranks?.allReduce(y[0]!.data);
    return;
  }
  const packed = messages.get(params) ?? new Packed(y);
  messages.set(params, packed);
  packed.fill(x, shards);
  ranks.allReduce(packed.message);
  packed.unpack(y);
}

/** By the parameters of an instruction, its message. */
const messages = new WeakMap<AllReduce, Packed>();

/** Checks that operands come in groups of equal types, one operand per shard. */
export function checkSums(operands: readonly Type[], shards: number): void {
  const bad = operands.find(({ dtype }) => dtype === "bool" || dtype === "u8");
  if (bad) throw new TypeError(`allReduce: adds up f32, f64, i32 and u32, got ${formatType(bad)}; convert with .cast("i32") first`);
  if (operands.length === 0 || operands.length % shards !== 0)
    throw new TypeError(`internal: allReduce of ${shards} shards was given ${operands.length} operands`);
  operands.forEach((x, i) => {
    if (x.dtype !== operands[0]!.dtype || !sameType(x, operands[i - (i % shards)]!))
      throw new TypeError(`internal: allReduce wants operands of one type for each result, got ${operands.map(formatType).join(", ")}`);
  });
}

/** Result j is the sum of operands j·shards to (j + 1)·shards - 1 of all ranks, in a binary tree over the shards. All operands have one dtype. */
export const allReduce: Op<-1, AllReduce> = {
  name: "allReduce",
  doc: "sums over all shards of a batch and all ranks, in one binary tree",
  arity: -1,
  mergeable: true,
  traits: { ordered: true },
  type(operands, { shards }) {
    checkSums(operands, shards);
    return operands.flatMap(({ shape, dtype }, i) => (i % shards === 0 ? [{ shape, dtype }] : []));
  },
  derivative: {
    kind: "linear",
    in: "all",
    how: "jointly",
    // Every shard has its own result with its own cotangent; the cotangent of an operand is the sum of all of them.
    transpose(ct, x, { params: { group, shards } }) {
      const there = ct.flatMap((t, j) => (t ? [j] : []));
      if (there.length === 0) return x.map(() => undefined);
      const sums = ct[there[0]!]!.bindAll(
        allReduce,
        there.map((j) => ct[j]!),
        { group, shards: 1 },
      );
      return x.map((_, i): Maybe => sums[there.indexOf(Math.floor(i / shards))]);
    },
  },
  batch: (x, mapped, { params }, n) =>
    x[0]!.bindAll(
      allReduce,
      x.map((t, i) => (mapped[i] ? t : t.expandFront(n))),
      params,
    ),
  lower: { kind: "host", run: runAllReduce },
  cost: "compute",
  samples: [
    { operands: [{ shape: [3, 2], dtype: "f64" }], params: { group: 0, shards: 1 } },
    {
      operands: [
        ...Array.from({ length: 3 }, () => ({ shape: [3, 2], dtype: "f64" as const })),
        ...Array.from({ length: 3 }, () => ({ shape: [4], dtype: "f64" as const })),
      ],
      params: { group: 0, shards: 3 },
    },
  ],
};

/** Parameters of operations on blocks of a vector. */
export interface Blocks {
  readonly group: number;
  /** The number of ranks in the group. */
  readonly size: number;
}

const flat = (name: string, [x]: readonly Type[], size: number): number => {
  if (x!.shape.length !== 1 || sizeOf(x!.shape) % size !== 0)
    throw new TypeError(`internal: ${name} wants a vector of ${size} equal blocks, got ${formatType(x!)}`);
  return sizeOf(x!.shape);
};

/** Throws: there is no batching rule, since a vector has one block for each rank. */
export function refuseBatch(name: string): never {
  throw new TypeError(`vmap: ${name} has no batching rule; call it outside of vmap`);
}

/** The block of this rank in the sum of a vector over all ranks. */
export const reduceScatter: Op<1, Blocks> = {
  name: "reduceScatter",
  doc: "the sum over all ranks of a vector, cut into equal blocks: the block of this rank",
  arity: 1,
  mergeable: true,
  traits: { ordered: true },
  type: (operands, { size }) => [{ shape: [flat("reduceScatter", operands, size) / size], dtype: operands[0]!.dtype }],
  derivative: {
    kind: "linear",
    in: "all",
    how: "jointly",
    transpose: ([ct], _, { params }) => (ct ? ct.bindAll(allGather, [ct], params) : [undefined]),
  },
  batch: () => refuseBatch("reduceScatter"),
  lower: {
    kind: "host",
    run([x], [y], { group }) {
      const ranks = groupOf(group);
      if (ranks) ranks.reduceScatter(x!.data, y!.data);
      else y!.data.set(x!.data);
    },
  },
  cost: "compute",
  samples: [],
};

/** The concatenated blocks of all ranks. */
export const allGather: Op<1, Blocks> = {
  name: "allGather",
  doc: "the vectors of all ranks, one after another",
  arity: 1,
  mergeable: true,
  traits: { ordered: true },
  type: ([x], { size }) => [{ shape: [flat("allGather", [x!], 1) * size], dtype: x!.dtype }],
  derivative: {
    kind: "linear",
    in: "all",
    how: "jointly",
    transpose: ([ct], _, { params }) => (ct ? ct.bindAll(reduceScatter, [ct], params) : [undefined]),
  },
  batch: () => refuseBatch("allGather"),
  lower: {
    kind: "host",
    run([x], [y], { group }) {
      const ranks = groupOf(group);
      if (ranks) ranks.allGather(x!.data, y!.data);
      else y!.data.set(x!.data);
    },
  },
  cost: "compute",
  samples: [],
};

/** Sums of tensors of any dtypes over all shards and ranks: one instruction for each dtype. */
export function sumsOver(group: number, list: readonly Tensor[]): Tensor[] {
  const sums = new Map<Tensor, Tensor>();
  for (const dtype of new Set(list.map((x) => x.dtype))) {
    const own = [...new Set(list.filter((x) => x.dtype === dtype))];
    own[0]!.bindAll(allReduce, own, { group, shards: 1 }).forEach((y, i) => {
      sums.set(own[i]!, y);
    });
  }
  return list.map((x) => sums.get(x)!);
}
