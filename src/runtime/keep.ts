/**
 * @file Decides which values of an eager program are kept. The runtime cannot know which tensors the user references, so it decides by what was recorded:
 *
 *     expensive: a product, a loop, a step on the host        kept at once, up to MOST_BYTES of them
 *     read by an instruction outside the program              kept at once
 *     a result of a transform, or beside a kept result        kept at once
 *     computed before, and now read by a new instruction      kept
 *     computed twice before                                   kept
 *
 * So a value is computed once. A cheap elementwise value is computed twice if its second reader is recorded after the first read. Of a chain of cheap
 * operations of which only the end is read, nothing else is kept.
 */
import { byteSize } from "../base/dtype.ts";
import { sizeOf } from "../base/shape.ts";
import { identity } from "../ops/elementwise.ts";
import { full, iota } from "../ops/indexing.ts";
import { data } from "../ops/leaves.ts";
import { contracts } from "../ops/lowering.ts";
import { broadcast, reshape, transpose } from "../ops/movement.ts";
import type { Instruction } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { OpFace } from "../tape/node.ts";
import { tapeOf } from "../tape/tape.ts";

/** Results that are computed with `t`: of the same transform, or of the same instruction. */
export function siblings(t: Tensor): readonly Tensor[] {
  return t.cohort ?? t.source.results;
}

/** The pending instructions behind some outputs. */
export function pendingList(outputs: readonly Tensor[]): Instruction[] {
  return tapeOf(outputs).filter(({ op }) => op !== data);
}

/** The values of the list behind `outputs` that later reads will need, besides `outputs` themselves. */
export function keptOf(list: readonly Instruction[], outputs: ReadonlySet<Tensor>): Tensor[] {
  const inside = new Map<Tensor, number>();
  const readAnew = new Set<Tensor>();
  for (const { operands, results } of list) {
    const isNew = results.every((y) => y.runs === 0);
    for (const x of operands) {
      inside.set(x, (inside.get(x) ?? 0) + 1);
      if (isNew) readAnew.add(x);
    }
  }
  const kept = new Set<Tensor>();
  const isWanted = (y: Tensor): boolean => {
    const reads = inside.get(y) ?? 0;
    const isResult = reads > 0 && y.cohort !== undefined;
    return isResult || y.readers > reads || (y.runs > 0 && readAnew.has(y)) || y.runs > 1;
  };
  for (const { results } of list) for (const y of results) if (!outputs.has(y) && isWanted(y)) keep(y, kept);
  for (const y of costly(list)) keep(y, kept);
  return [...kept].filter((y) => !outputs.has(y));
}

// A program that keeps its products needs memory for all of them at once instead of reusing it. 64 MiB hold the products of a step of every small network; a
// longer computation keeps the last ones, which are the most likely to be read again.
const MOST_BYTES = 64 * 2 ** 20;

/** Values that take much longer to compute than to copy: the last ones, as many as fit into MOST_BYTES. */
function costly(list: readonly Instruction[]): Tensor[] {
  const found: Tensor[] = [];
  let bytes = 0;
  for (const instruction of list.toReversed()) {
    if (!contracts(instruction) && instruction.op.lower.kind !== "host" && instruction.regions.length === 0) continue;
    for (const y of instruction.results) {
      bytes += sizeOf(y.shape) * byteSize(y.dtype);
      if (bytes > MOST_BYTES) return found;
      found.push(y);
    }
  }
  return found;
}

const MOVEMENT: ReadonlySet<OpFace> = new Set([reshape, transpose, broadcast, identity]);

/** The operand of an op that only moves elements. */
const movedFrom = ({ source }: Tensor): Tensor | undefined => (MOVEMENT.has(source.op) ? source.operands[0] : undefined);

/** Adds `y`, or the smaller value that it only moves the elements of. Values without operands are not worth their memory. */
function keep(y: Tensor, kept: Set<Tensor>): void {
  let x = y;
  for (let from = movedFrom(x); from && sizeOf(from.shape) <= sizeOf(x.shape); from = movedFrom(x)) x = from;
  const { op } = x.source;
  if (op === data || op === full || op === iota) return;
  for (const sibling of siblings(x)) if (!sibling.isComputed) kept.add(sibling);
}
