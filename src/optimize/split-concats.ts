/**
 * @file A concatenation of many values is made in parts, so that no kernel reads more buffers than it can hold and none grows with the square of
 * their number.
 */
import { concat } from "../ops/movement.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Region } from "../tape/node.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

/** Values that are put together at a time. */
const MOST_PARTS = 32;

export function splitConcats(region: Region): Region {
  return rewriteRegion(region, () => splitConcat);
}

const splitConcat: Rule = ({ op, params }, operands) => {
  if (op !== concat || operands.length <= MOST_PARTS) return undefined;
  const join = (parts: readonly Tensor[]): Tensor => (parts.length === 1 ? parts[0]! : parts[0]!.bindAll(concat, parts, params)[0]!);
  let parts = operands;
  while (parts.length > 1) {
    const longer: Tensor[] = [];
    for (let i = 0; i < parts.length; i += MOST_PARTS) longer.push(join(parts.slice(i, i + MOST_PARTS)));
    parts = longer;
  }
  return parts;
};
