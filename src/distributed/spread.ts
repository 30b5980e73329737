/**
 * @file A function of a shard as a program over several: it is recorded once, for one shard, and what depends on the shard is repeated for each that this rank
 * has. An all-reduce adds up all of them, here and on the other ranks, and what is computed from its results is computed once. (In JAX: `pmap` with `psum`.)
 */
import { formatShape } from "../base/shape.ts";
import { capture, commit, leavesOf, together, withLeaves } from "../function/capture.ts";
import { type WholeBatch, withinBatch } from "../function/shards.ts";
import { atIndex } from "../function/vmap.ts";
import { Call } from "../ops/call.ts";
import { sumsOver } from "../ops/collective.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { type Image, isOne, repeat } from "./repeat.ts";

/** The shards of a batch that this rank has, and the group that its sums are over. */
export interface Share {
  /** Number of the group; see `registerGroup`. */
  readonly group: number;
  /** Shards on this rank. */
  readonly shards: number;
  /** The number of the first of them, in a cell, so that all ranks have the same program. */
  readonly first: Cell;
  /** Examples of the batch for each one of a shard. */
  readonly ratio: number;
  /** Whether several ranks have the same shard. */
  readonly repeated: boolean;
}

/**
 * `fn` on the shards of this rank. Tensors of the arguments have the rank's examples along axis 0, and are cut into equal shards. `fn` sees one of them, must
 * give results that all shards share (sums over the batch), and set cells to such values.
 */
export function spread<A extends unknown[], R>(fn: (...args: A) => R, share: Share): (...args: A) => R {
  const { group, shards, first, ratio, repeated } = share;
  return (...args) => {
    const call = new Call("shards", fn);
    const seeds = new Map<Tensor, readonly Tensor[]>();
    const cut = (x: Tensor, path: string): Tensor => {
      const n = (x.shape[0] ?? 0) / shards;
      if (!Number.isInteger(n) || n === 0)
        throw new RangeError(`shards: argument ${path} is ${formatShape(x.shape)}, want a multiple of ${shards} examples along axis 0`);
      const one = call.placeholderOf({ shape: [n, ...x.shape.slice(1)], dtype: x.dtype }, x.label);
      seeds.set(
        one,
        Array.from({ length: shards }, (_, i) => (shards === 1 ? x : rowsOf(x, i * n, n))),
      );
      return one;
    };
    const placeholders = args.map((arg, i) => {
      const { leaves, paths } = leavesOf(arg);
      return withLeaves(arg, leaves.map((x, j) => cut(x, paths[j] ? `${i} (${paths[j]})` : String(i)))); // biome-ignore format: one thought
    }) as A;
    const index = call.placeholderOf({ shape: [], dtype: "i32" }, "shard");
    const start = first.value;
    seeds.set(
      index,
      Array.from({ length: shards }, (_, i) => start.add(i)),
    );
    const batch: WholeBatch = { ratio, repeated, sums: (values) => sumsOver(group, values) };
    const captured = capture(call, () => atIndex(index, () => withinBatch(batch, () => fn(...placeholders))));
    const images = repeat([...captured.outputs, ...captured.writes.values()], seeds, shards);
    const results = images.splice(0, captured.outputs.length).map((image, i) => {
      if (isOne(image)) return image;
      throw new TypeError(
        `shards: result ${i} differs between the shards of a batch; return its sum over them, as distributed.sum(x) gives it`,
      );
    });
    commit(new Map([...captured.writes.keys()].map((cell, i) => [cell, written(cell, images[i]!)])));
    together(results);
    return withLeaves(captured.result, results);
  };
}

function rowsOf(x: Tensor, from: number, n: number): Tensor {
  return x.slice([from, ...x.shape.slice(1).map(() => 0)], [from + n, ...x.shape.slice(1)]);
}

function written(cell: Cell, image: Image): Tensor {
  if (isOne(image)) return image;
  throw new TypeError(
    `shards: ${cell.label ?? "a cell"} is set to a value that differs between the shards of a batch, but a cell holds one value; set it to a sum over them, as distributed.sum(x) gives it`,
  );
}
