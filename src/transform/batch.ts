/**
 * @file Batching: the same computation on n examples at once. Values that do not depend on a mapped one stay single.
 */

import type { Op, Walks } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Instruction, Value } from "../tape/node.ts";
import { tapeOf } from "../tape/tape.ts";

/** The batched images of `outputs`, where `seeds` gives each mapped value with a batch of n on axis 0; undefined for outputs that are not mapped. */
export function batch(outputs: readonly Value[], seeds: ReadonlyMap<Value, Tensor>, n: number, walks: Walks): (Tensor | undefined)[] {
  const since = Math.min(...[...seeds.keys()].map((x) => x.source.serial));
  const image = new Map<Value, Tensor>(seeds);
  for (const instruction of tapeOf(outputs, new Set(seeds.keys()), since)) {
    if (!instruction.operands.some((x) => image.has(x))) continue;
    const results = widen(instruction, image, n, walks);
    instruction.results.forEach((y, i) => {
      image.set(y, results[i]!);
      if (y.label && !results[i]!.label) results[i]!.label = y.label;
    });
  }
  return outputs.map((y) => image.get(y));
}

/** One instruction, by its rule. */
function widen(instruction: Instruction, image: ReadonlyMap<Value, Tensor>, n: number, walks: Walks): Tensor[] {
  const op = instruction.op as Op;
  const mapped = instruction.operands.map((x) => image.has(x));
  const operands = instruction.operands.map((x) => image.get(x) ?? (x as Tensor));
  const site = { params: instruction.params, regions: instruction.regions, types: instruction.results, walks };
  const results = op.batch(operands, mapped, site, n);
  results.forEach((y, i) => {
    const want = [n, ...instruction.results[i]!.shape];
    if (String(y.shape) !== String(want)) throw new Error(`internal: batching ${op.name} gave [${y.shape}], expected [${want}]`);
  });
  return results;
}
