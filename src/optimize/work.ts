/**
 * @file The work of a list: the multiply-adds of its products, convolutions included, loops counted as often as they run. What only passes over
 * memory is not counted, nor a loop whose end depends on values.
 */
import { sizeOf } from "../base/shape.ts";
import { type Scan, scan } from "../ops/scan.ts";
import type { Instruction, Region } from "../tape/node.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { opOf } from "./rewrite.ts";

export function multiplyAdds(region: Region): number {
  return tapeOfRegion(region).reduce((sum, instruction) => sum + workOf(instruction), 0);
}

function workOf(instruction: Instruction): number {
  const { op, operands, results, params, regions } = instruction;
  if (regions.length > 0) {
    const times = op.name === scan.name ? (params as Scan).length : 1;
    return times * regions.reduce((sum, inner) => sum + multiplyAdds(inner), 0);
  }
  const { cost, lower } = opOf(instruction);
  if (cost !== "compute" || lower.kind !== "reduce") return 0;
  const extents = lower.extents(
    operands.map((x) => x.shape),
    params as never,
  );
  return sizeOf(results[0]!.shape) * sizeOf(extents);
}
