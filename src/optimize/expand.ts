/**
 * @file Instructions that are defined in terms of others (checkpoints, custom rules, max with index, transposed convolution) are replaced by
 * their definition.
 */
import type { Instruction, Region, Walks } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { rewriteRegion } from "./rewrite.ts";

// Derivatives and batching happen before expansion, so definitions need no transforms.
const NO_WALKS: Walks = {
  jvp: () => refuse(),
  transpose: () => refuse(),
  batch: () => refuse(),
};

function refuse(): never {
  throw new Error("internal: an expansion asks for a transform");
}

function expandOne(instruction: Instruction, operands: readonly Tensor[]): readonly Tensor[] | undefined {
  const { lower } = instruction.op;
  if (lower.kind !== "expand") return undefined;
  return lower.expand(operands, { params: instruction.params, regions: instruction.regions, types: instruction.results, walks: NO_WALKS });
}

/** Expands until only primitives with kernels or steps of their own are left. */
export function expand(region: Region): Region {
  let current = region;
  while (hasExpansions(current)) current = rewriteRegion(current, () => expandOne);
  return current;
}

function hasExpansions(region: Region): boolean {
  return tapeOfRegion(region).some((i) => i.op.lower.kind === "expand" || i.regions.some(hasExpansions));
}
