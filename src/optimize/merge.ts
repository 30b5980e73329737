/**
 * @file Common subexpression elimination: of equal instructions on equal operands one is kept. Barriers are not mergeable, and instructions that depend on
 * different barriers have different operands; so the recomputation of a checkpoint is not merged with the first computation.
 */
import type { Instruction, Region } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { hashRegion, lanesKey, paramsKey } from "../tape/hash.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

/** The rule, with the instructions that it has kept so far. */
function makeMerger(): Rule {
  const kept = new Map<string, readonly Tensor[]>();
  const numbers = new Map<Tensor, number>();
  const number = (x: Tensor): number => {
    let n = numbers.get(x);
    if (n === undefined) {
      n = numbers.size;
      numbers.set(x, n);
    }
    return n;
  };
  return (instruction: Instruction, operands) => {
    if (!instruction.op.mergeable) return undefined;
    const order = operands.map(number);
    if (instruction.op.traits?.commutative) order.sort((a, b) => a - b);
    const { op, params, lanes, regions } = instruction;
    const key = `${op.name} ${order.join(" ")} ${paramsKey(params)}${lanesKey(lanes)} ${regions.map(hashRegion).join("|")}`;
    const known = kept.get(key);
    if (known) return known;
    kept.set(key, instruction.results);
    return undefined;
  };
}

export function merge(region: Region): Region {
  return rewriteRegion(region, makeMerger);
}
