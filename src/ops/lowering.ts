/**
 * @file Lowering rules, asked instead of run: what an instruction becomes, over how much it sums, and which elements of its operands it reads.
 */
import { computeDtype } from "../base/dtype.ts";
import { type Shape, sizeOf } from "../base/shape.ts";
import * as k from "../kernel/build.ts";
import { Index } from "../kernel/index-algebra.ts";
import type { Expr } from "../kernel/kernel.ts";
import type { Instruction, Lowering, Operand, Reach } from "./op.ts";

/** How an op sums over elements. */
export type Reduce = Extract<Lowering<unknown>, { kind: "reduce" }>;

/** The rule of an instruction that reduces. @throws {Error} for another. */
export function reduceRule({ op: { name, lower } }: Instruction): Reduce {
  if (lower.kind === "reduce") return lower;
  throw new Error(`internal: ${name} is no reduction`);
}

/** Extents of the axes that a reduction sums over; none for other ops. */
export function extentsOf(instruction: Instruction): number[] {
  const lower = instruction.op.lower;
  if (lower.kind !== "reduce") return [];
  return lower.extents(
    instruction.operands.map((x) => x.shape),
    instruction.params,
  );
}

/** Which terms of the sum along each axis may differ from 0, where they are not all. */
export function reachOf(instruction: Instruction): readonly (Reach | undefined)[] {
  const lower = instruction.op.lower;
  if (lower.kind !== "reduce" || !lower.reach) return [];
  return lower.reach(
    instruction.operands.map((x) => x.shape),
    instruction.params,
  );
}

/** True for products: reductions that do work, not only pass over memory. */
export function contracts(instruction: Instruction): boolean {
  return instruction.op.cost === "compute" && instruction.op.lower.kind === "reduce";
}

/** A fresh counter along every axis. */
export function counters(shape: Shape): Index[] {
  return shape.map((d) => Index.of(k.variable("i32"), 0, Math.max(0, d - 1)));
}

/** What a rule made: an expression in place of each operand's elements, and the first result's element in terms of them. */
export interface Probed {
  readonly elements: readonly Expr[];
  readonly result: Expr;
}

/**
 * Makes the element at index `at` of an instruction that computes elements or reduces them; `see` is told of every element of operand `i` that it reads, and
 * the condition under which. Nothing for other instructions.
 */
export function probe(
  instruction: Instruction,
  at: readonly Index[],
  see: (i: number, index: readonly Index[], mask: Expr | null) => void,
): Probed | undefined {
  const lower = instruction.op.lower;
  const { params, results } = instruction;
  const elements = instruction.operands.map((x) => k.variable(computeDtype(x.dtype)));
  const operands = instruction.operands.map((x, i): Operand => {
    const read = (index: readonly Index[], mask?: Expr | null): Expr => {
      see(i, index, mask ?? null);
      return elements[i]!;
    };
    return { shape: x.shape, dtype: x.dtype, at: read };
  });
  if (lower.kind === "pointwise") return { elements, result: lower.element(at, operands, params, results[0]!)[0]! };
  if (lower.kind === "reduce") return { elements, result: lower.element(at, counters(extentsOf(instruction)), operands, params) };
  return undefined;
}

/** Multiply-adds of one instruction: of a product, convolutions included; what only passes over memory has none. */
export function multiplyAddsOf(instruction: Instruction): number {
  return contracts(instruction) ? sizeOf(instruction.results[0]!.shape) * sizeOf(extentsOf(instruction)) : 0;
}

/** How often the regions of an instruction run. */
export const repetitionsOf = ({ op, params }: Instruction): number => op.traits?.repetitions?.(params) ?? 1;
