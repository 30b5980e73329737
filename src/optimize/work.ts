/**
 * @file The work of a list: the multiply-adds of its products, convolutions included, and the elements of all it makes; loops counted as often as
 * they run, but for those whose end depends on values.
 */
import { sizeOf } from "../base/shape.ts";
import { multiplyAddsOf, repetitionsOf } from "../ops/lowering.ts";
import type { Instruction, Region } from "../ops/op.ts";
import { tapeOfRegion } from "../tape/tape.ts";

/** What only passes over memory is not counted. */
export function multiplyAdds(region: Region): number {
  return total(region, multiplyAddsOf);
}

/** Elements of all results, as if each had a place in memory: a measure of the work besides the products. */
export function elementsMade(region: Region): number {
  return total(region, ({ results }) => results.reduce((n, { shape }) => n + sizeOf(shape), 0));
}

function total(region: Region, count: (instruction: Instruction) => number): number {
  return tapeOfRegion(region).reduce((sum, instruction) => {
    const { regions } = instruction;
    if (regions.length === 0) return sum + count(instruction);
    const times = repetitionsOf(instruction);
    return sum + times * regions.reduce((n, inner) => n + total(inner, count), 0);
  }, 0);
}
