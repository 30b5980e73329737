/**
 * @file The work of a list: multiply-adds of its products (convolutions included), and elements of all its results. A loop counts as often as it runs; a loop whose
 * end depends on values counts once.
 */
import { sizeOf } from "../base/shape.ts";
import { multiplyAddsOf, repetitionsOf } from "../ops/lowering.ts";
import type { Instruction, Region } from "../ops/op.ts";
import { tapeOfRegion } from "../tape/tape.ts";

/** Multiply-adds of one run of a region. Instructions that only go over memory do not count. */
export function multiplyAdds(region: Region): number {
  return total(region, multiplyAddsOf);
}

/** Elements of all results, as if each had a buffer: a measure of the work besides the products. */
export function elementsMade(region: Region): number {
  return total(region, ({ results }) => results.reduce((n, { shape }) => n + sizeOf(shape), 0));
}

/** Sums a count over all instructions of a region, those of inner regions times their repetitions. */
function total(region: Region, count: (instruction: Instruction) => number): number {
  return tapeOfRegion(region).reduce((sum, instruction) => {
    const { regions } = instruction;
    if (regions.length === 0) return sum + count(instruction);
    const times = repetitionsOf(instruction);
    return sum + times * regions.reduce((n, inner) => n + total(inner, count), 0);
  }, 0);
}
