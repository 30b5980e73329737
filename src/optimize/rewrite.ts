/**
 * @file The walk that all optimizations share: each instruction of a region, operands first, is replaced by what a rule makes of it. Regions inside are
 * rewritten too. Dead instructions disappear by themselves, since the tape is derived from the outputs.
 */
import type { Instruction, Region } from "../ops/op.ts";
import { rebind } from "../ops/region.ts";
import { type Tensor, withOrigin } from "../ops/tensor.ts";
import { tapeOfRegion } from "../tape/tape.ts";

/** Returns the values that replace the results of an instruction, or undefined to keep it. Its operands have been replaced already; `original` has the old ones. */
export type Rule = (instruction: Instruction, operands: readonly Tensor[], original: Instruction) => readonly Tensor[] | undefined;

/** Rewrites a region. `makeRule` is called for it and for every region inside. */
export function rewriteRegion(region: Region, makeRule: (region: Region) => Rule): Region {
  const rule = makeRule(region);
  const image = new Map<Tensor, Tensor>();
  const now = (x: Tensor): Tensor => image.get(x) ?? x;
  for (const instruction of tapeOfRegion(region)) {
    const operands = instruction.operands.map(now);
    const regions = instruction.regions.map((inner) => rewriteRegion(inner, makeRule));
    const changed = operands.some((x, i) => x !== instruction.operands[i]) || regions.some((r, i) => r !== instruction.regions[i]);
    const current: Instruction = changed ? rebind(instruction, operands, regions)[0]!.source : instruction;
    const results = withOrigin(instruction.origin, () => rule(current, operands, instruction)) ?? current.results;
    instruction.results.forEach((y, i) => {
      const result = results[i]!;
      if (result === y) return;
      image.set(y, result);
      if (y.label && !result.label && result.source.operands.length > 0) result.label = y.label;
    });
  }
  return image.size === 0 ? region : { inputs: region.inputs, outputs: region.outputs.map(now) };
}
