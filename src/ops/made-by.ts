/**
 * @file Typed access to instructions of a known op. The list itself holds instructions of all ops, so their operands and parameters have no specific types there.
 */
import type { Instruction, Op, Tuple } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** An instruction of an op with `N` operands and parameters `P`. */
export interface Known<N extends number, P> extends Instruction {
  readonly operands: Tuple<Tensor, N>;
  readonly params: P;
}

/** Returns true if the instruction is one of `op`. */
export function isOf<N extends number, P>(instruction: Instruction, op: Op<N, P>): instruction is Known<N, P> {
  return instruction.op === op;
}

/** The instruction if it is one of `op`, otherwise undefined. */
export function instructionOf<N extends number, P>(instruction: Instruction, op: Op<N, P>): Known<N, P> | undefined {
  return isOf(instruction, op) ? instruction : undefined;
}

/** The instruction that makes `x` if it is one of `op`, otherwise undefined. */
export function madeBy<N extends number, P>(x: Tensor | undefined, op: Op<N, P>): Known<N, P> | undefined {
  return x && instructionOf(x.source, op);
}
