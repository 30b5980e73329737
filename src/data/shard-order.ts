/**
 * @file The order of an epoch over examples that lie in shards (files, row groups): random, but such that few shards are read at a time, and that each of several
 * ranks reads shards of its own. A function of the key and of what is there, whatever the number of ranks.
 *
 *     shards in random order, shuffled four at a time      |---- run 0 ----|---- run 1 ----| ... |---- run 7 ----|rest|
 *     a batch takes equally many of each run               a rank's part of it are those of its runs
 */
import { fold, type Key, permutation } from "../base/random.ts";

/** Runs that an epoch is cut into: the ranks of up to so many processes read shards of their own. As many as the virtual shards of a batch. */
const RUNS = 8;

/** Shards of a run that are shuffled together. */
const TOGETHER = 4;

/** Positions of all examples. @param shards Examples of each shard, in their order in the split. */
export function shardOrder(shards: ArrayLike<number>, batchSize: number, key: Key): Int32Array {
  const sequence = shuffled(shards, key);
  const runs = commonDivisor(batchSize, RUNS);
  const length = Math.floor(sequence.length / runs);
  const each = batchSize / runs;
  const order = new Int32Array(sequence.length);
  let at = 0;
  for (let from = 0; from < length; from += each)
    for (let run = 0; run < runs; run++) {
      const piece = sequence.subarray(run * length + from, run * length + Math.min(from + each, length));
      order.set(piece, at);
      at += piece.length;
    }
  order.set(sequence.subarray(at), at);
  return order;
}

/** All examples, shards in random order, those of some shards at a time shuffled. */
function shuffled(shards: ArrayLike<number>, key: Key): Int32Array {
  const first = new Int32Array(shards.length);
  for (let s = 1; s < shards.length; s++) first[s] = first[s - 1]! + shards[s - 1]!;
  const turns = permutation(shards.length, fold(key, 0));
  const sequence = new Int32Array(shards.length > 0 ? first.at(-1)! + shards[shards.length - 1]! : 0);
  for (let s = 0, at = 0; s < turns.length; s += TOGETHER) {
    const some = [...turns.subarray(s, s + TOGETHER)].flatMap((shard) =>
      Array.from({ length: shards[shard]! }, (_, i) => first[shard]! + i),
    );
    for (const i of permutation(some.length, fold(key, 1 + s))) sequence[at++] = some[i]!;
  }
  return sequence;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
