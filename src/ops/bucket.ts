/**
 * @file An all-reduce in two instructions, between which the rank computes. `optimize/buckets.ts` makes them of a large one, when no derivative is taken any more;
 * the scheduler begins each as soon as its operands are made, and moves on between kernels what is on its way.
 */
import type { Type } from "../base/shape.ts";
import { type AllReduce, checkSums, type Flight, groupOf, moveOn, refuseBatch } from "./collective.ts";
import type { HostArray, Op } from "./op.ts";
import { Packed } from "./shard-sums.ts";

/** Values that are sent in one message, and the message while it is on its way. */
export class Bucket implements AllReduce {
  readonly group: number;
  readonly shards: number;
  readonly types: readonly Type[];
  #packed: Packed | undefined;
  #flight: Flight | undefined;

  constructor({ group, shards }: AllReduce, types: readonly Type[]) {
    this.group = group;
    this.shards = shards;
    this.types = types;
  }

  /** Begins the sum. @throws {Error} if that of an earlier step has not ended: something has failed in between. */
  start(x: readonly HostArray[]): void {
    if (this.#flight)
      throw new Error(
        "allReduce: a step before this one has failed while gradients were on their way, so this rank is out of step with the others; start all ranks again, from a checkpoint",
      );
    this.#packed ??= new Packed(this.types);
    this.#packed.fill(x, this.shards);
    this.#flight = groupOf(this.group)!.start!(this.#packed.message);
  }

  /** Waits for the sum and writes it. */
  finish(y: readonly HostArray[]): void {
    this.#flight!.wait();
    this.#flight = undefined;
    this.#packed!.unpack(y);
  }
}

/** Begins the sum of a bucket. Operands as those of allReduce; its result, always 0, orders the two instructions. */
export const allReduceStart: Op<-1, Bucket> = {
  name: "allReduceStart",
  doc: "begins an all-reduce, which goes on while other instructions run",
  arity: -1,
  mergeable: false,
  traits: { ordered: true, begins: moveOn },
  type(operands, { shards }) {
    checkSums(operands, shards);
    return [{ shape: [], dtype: "i32" }];
  },
  derivative: { kind: "none" },
  batch: () => refuseBatch("allReduceStart"),
  lower: {
    kind: "host",
    run(x, [y], bucket) {
      bucket.start(x);
      y!.data[0] = 0;
    },
  },
  cost: "compute",
  samples: [],
};

/** Waits for the sum of a bucket; the operand is what {@link allReduceStart} gave. */
export const allReduceFinish: Op<1, Bucket> = {
  name: "allReduceFinish",
  doc: "the results of an all-reduce that was begun",
  arity: 1,
  mergeable: false,
  traits: { ordered: true, ends: true },
  type: (_, { types }) => [...types],
  derivative: { kind: "none" },
  batch: () => refuseBatch("allReduceFinish"),
  lower: { kind: "host", run: (_, y, bucket) => bucket.finish(y) },
  cost: "compute",
  samples: [],
};
