/**
 * @file Common subexpressions: of equal instructions on equal operands one is kept. Instructions that are not mergeable (barriers, and all
 * that depends on one, hence a checkpoint's recomputation) stay apart by themselves, since their operands differ.
 */
import type { Instruction, Region } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { hashRegion, lanesKey, paramsKey } from "../tape/hash.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

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
