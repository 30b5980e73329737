/**
 * @file Checks a region: it is closed, operands come before their use, and every recorded type is the one its op computes.
 */
import { formatType, sameType } from "../base/shape.ts";
import type { InstructionOf, RegionOf, Value } from "./node.ts";
import { printRegion } from "./print.ts";
import { tapeOfRegion } from "./tape.ts";

/** Verifies a region. @throws {Error} `internal:`, with the problem and the printed region. */
export function verifyRegion(region: RegionOf): void {
  const known = new Set<Value>(region.inputs);
  const fail = (message: string): never => {
    throw new Error(`internal: ${message}\n${printRegion(region)}`);
  };
  for (const instruction of tapeOfRegion(region)) {
    for (const x of instruction.operands) if (!known.has(x)) fail(`${instruction.op.name} uses a value before it is made`);
    if (instruction.op.traits?.leaf) fail(`a ${instruction.op.name} value is not among the inputs of its region`);
    checkTypes(instruction, fail);
    for (const y of instruction.results) known.add(y);
    for (const inner of instruction.regions) verifyRegion(inner);
  }
  for (const y of region.outputs) if (!known.has(y)) fail("an output is not made in the region");
}

/** Checks that the recorded types of results are those that the op computes. */
function checkTypes(instruction: InstructionOf, fail: (message: string) => never): void {
  const types = instruction.op.type(instruction.operands, instruction.params, instruction.regions);
  if (types.length !== instruction.results.length)
    fail(`${instruction.op.name} has ${instruction.results.length} results, its rule ${types.length}`);
  types.forEach((type, i) => {
    const y = instruction.results[i]!;
    if (!sameType(type, y)) fail(`${instruction.op.name} is recorded as ${formatType(y)}, its rule says ${formatType(type)}`);
  });
}
