/**
 * @file Splits concatenations of many values, so that no kernel reads more buffers than the target allows, and the code does not grow with the square of their
 * number.
 */
import { type Target, WASM } from "../kernel/target.ts";
import { concat } from "../ops/movement.ts";
import type { Region } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

export function splitConcats(region: Region, { fusing }: Target = WASM): Region {
  const rule = splitConcat(fusing.concatenated);
  return rewriteRegion(region, () => rule);
}

/** Replaces a concatenation of more than `most` values by a tree of concatenations. */
const splitConcat =
  (most: number): Rule =>
  ({ op, params }, operands) => {
    if (op !== concat || operands.length <= most) return undefined;
    const join = (parts: readonly Tensor[]): Tensor => (parts.length === 1 ? parts[0]! : parts[0]!.bindAll(concat, parts, params)[0]!);
    let parts = operands;
    while (parts.length > 1) {
      const longer: Tensor[] = [];
      for (let i = 0; i < parts.length; i += most) longer.push(join(parts.slice(i, i + most)));
      parts = longer;
    }
    return parts;
  };
