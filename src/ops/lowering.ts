/**
 * @file Queries of lowering rules: the axes that an instruction sums over, its work, and the elements of its operands that it reads.
 */
import { computeDtype } from "../base/dtype.ts";
import { type Shape, sizeOf } from "../base/shape.ts";
import * as k from "../kernel/build.ts";
import { Index } from "../kernel/index-algebra.ts";
import type { Expr } from "../kernel/kernel.ts";
import type { Instruction, Lowering, Operand, Reach } from "./op.ts";

/** The lowering rule of a reduction. */
export type Reduce = Extract<Lowering<unknown>, { kind: "reduce" }>;

/** The lowering rule of a reduction. @throws {Error} for other instructions. */
export function reduceRule({ op: { name, lower } }: Instruction): Reduce {
  if (lower.kind === "reduce") return lower;
  throw new Error(`internal: ${name} is no reduction`);
}

/** Extents of the axes that a reduction sums over; empty for other ops. */
export function extentsOf(instruction: Instruction): number[] {
  const lower = instruction.op.lower;
  if (lower.kind !== "reduce") return [];
  return lower.extents(
    instruction.operands.map((x) => x.shape),
    instruction.params,
  );
}

/** For each axis of the sum, the range of terms that may differ from 0; undefined for all. */
export function reachOf(instruction: Instruction): readonly (Reach | undefined)[] {
  const lower = instruction.op.lower;
  if (lower.kind !== "reduce" || !lower.reach) return [];
  return lower.reach(
    instruction.operands.map((x) => x.shape),
    instruction.params,
  );
}

/** Returns true for contractions: reductions whose cost is arithmetic and not memory traffic. */
export function contracts(instruction: Instruction): boolean {
  return instruction.op.cost === "compute" && instruction.op.lower.kind === "reduce";
}

/** A fresh counter along every axis. */
export function counters(shape: Shape): Index[] {
  return shape.map((d) => Index.of(k.variable("i32"), 0, Math.max(0, d - 1)));
}

/** The result of probing a rule: variables that stand for the operands' elements, and the first result's element as an expression of them. */
export interface Probed {
  readonly elements: readonly Expr[];
  readonly result: Expr;
}

/**
 * Runs the lowering rule of an elementwise op or a reduction for the element at index `at`. `see` is called for every element of operand `i` that it reads, with the
 * index and the condition of the read. Returns undefined for other instructions.
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

/** Multiply-adds of one instruction: of contractions; 0 for instructions that only go over memory. */
export function multiplyAddsOf(instruction: Instruction): number {
  return contracts(instruction) ? sizeOf(instruction.results[0]!.shape) * sizeOf(extentsOf(instruction)) : 0;
}

/** How often the regions of an instruction run. */
export const repetitionsOf = ({ op, params }: Instruction): number => op.traits?.repetitions?.(params) ?? 1;
