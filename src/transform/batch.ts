/**
 * @file Batching: the same computation on n examples at once. Values that do not depend on a mapped value are computed once.
 */
import type { Instruction, Walks } from "../ops/op.ts";
import { rebind } from "../ops/region.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tapeOf } from "../tape/tape.ts";

/** The image of a value: its batch, or one value that all examples share. */
export interface Image {
  readonly y: Tensor;
  readonly mapped: boolean;
}

/** The images of `outputs`. `seeds` gives for each mapped value its batch, with n examples on axis 0. */
export function batch(outputs: readonly Tensor[], seeds: ReadonlyMap<Tensor, Tensor>, n: number, walks: Walks): Image[] {
  const since = Math.min(...[...seeds.keys()].map((x) => x.source.serial));
  const images = new Map<Tensor, Image>([...seeds].map(([x, y]) => [x, { y, mapped: true }]));
  const imageOf = (x: Tensor): Image => images.get(x) ?? { y: x, mapped: false };
  for (const instruction of tapeOf(outputs, new Set(seeds.keys()), since)) {
    if (!instruction.operands.some((x) => images.has(x))) continue;
    const results = widen(instruction, instruction.operands.map(imageOf), n, walks);
    instruction.results.forEach((old, i) => {
      const y = results[i]!;
      images.set(old, { y, mapped: y.rank > old.shape.length });
      if (old.label && !y.label) y.label = old.label;
    });
  }
  return outputs.map(imageOf);
}

/** Batches one instruction by its rule. An op with regions may leave results that do not depend on the batch. */
function widen(instruction: Instruction, operands: readonly Image[], n: number, walks: Walks): Tensor[] {
  const op = instruction.op;
  const x = operands.map(({ y }) => y);
  const mapped = operands.map((image) => image.mapped);
  if (!mapped.includes(true)) return rebind(instruction, x);
  const site = { params: instruction.params, regions: instruction.regions, types: instruction.results, walks };
  const results = op.batch(x, mapped, site, n);
  results.forEach((y, i) => {
    const { shape } = instruction.results[i]!;
    const fits = String(y.shape) === String([n, ...shape]) || (instruction.regions.length > 0 && String(y.shape) === String(shape));
    if (!fits) throw new Error(`internal: batching ${op.name} gave [${y.shape}], expected [${[n, ...shape]}]`);
  });
  return results;
}
