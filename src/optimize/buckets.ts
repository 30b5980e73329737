/**
 * @file Cuts a large sum over ranks into buckets, which are begun as soon as their values are made, so that gradients are sent while the backward pass goes on
 * (Li et al. 2020, "PyTorch Distributed", §3.2). The scheduler moves the starts (`schedule/order.ts`).
 *
 *     g1, g2, g3 = allReduce a1 a2 a3     becomes     s = allReduceStart a2 a3;  t = allReduceStart a1;  g2, g3 = allReduceFinish s;  g1 = allReduceFinish t
 */
import { byteSize } from "../base/dtype.ts";
import { sizeOf } from "../base/shape.ts";
import { allReduceFinish, allReduceStart, Bucket } from "../ops/bucket.ts";
import { allReduce, bucketSize } from "../ops/collective.ts";
import { instructionOf } from "../ops/made-by.ts";
import type { Instruction, Region } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

export function buckets(region: Region): Region {
  const list = tapeOfRegion(region);
  if (!list.some(({ op }) => op === allReduce)) return region;
  const made = new Map<Instruction, number>(list.map((instruction, at) => [instruction, at]));
  const rule: Rule = (instruction, _, original) => {
    const sums = instructionOf(instruction, allReduce);
    return sums && cut(sums, original, made);
  };
  // Inside of loops there are only small sums.
  return rewriteRegion(region, (inner) => (inner === region ? rule : () => undefined));
}

/** The sum in buckets; undefined if it would be one. */
function cut(
  { operands, results, params }: Instruction & { readonly params: { readonly group: number; readonly shards: number } },
  original: Instruction,
  made: ReadonlyMap<Instruction, number>,
): Tensor[] | undefined {
  const { group, shards } = params;
  const bytes = results.map(({ shape, dtype }) => sizeOf(shape) * byteSize(dtype));
  const size = bucketSize(group, bytes.reduce((a, b) => a + b, 0)); // biome-ignore format: one thought
  const own = <T>(list: readonly T[], j: number): readonly T[] => list.slice(j * shards, (j + 1) * shards);
  const ready = results.map((_, j) => Math.max(...own(original.operands, j).map((x) => made.get(x.source) ?? -1)));
  const order = results.map((_, j) => j).sort((a, b) => ready[a]! - ready[b]!);
  const parts: number[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const j of order) {
    if (filled >= size) {
      parts.push([]);
      filled = 0;
    }
    parts.at(-1)!.push(j);
    filled += bytes[j]!;
  }
  if (parts.length < 2) return undefined;
  const begun = parts.map((part) => {
    const bucket = new Bucket(params, part.map((j) => ({ shape: results[j]!.shape, dtype: results[j]!.dtype }))); // biome-ignore format: one thought
    const values = part.flatMap((j) => own(operands, j));
    return { bucket, ticket: values[0]!.bindAll(allReduceStart, values, bucket)[0]! };
  });
  const found: Tensor[] = [];
  begun.forEach(({ bucket, ticket }, i) => {
    const sums = ticket.bindAll(allReduceFinish, [ticket], bucket);
    for (const [k, j] of parts[i]!.entries()) found[j] = sums[k]!;
  });
  return found;
}
