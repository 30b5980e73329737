/**
 * @file Instructions of a known op, with the types of its operands and parameters: the list itself forgets them, since it holds instructions of
 * every op.
 */
import type { Instruction, Value } from "../tape/node.ts";
import type { Op, Tuple } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** An instruction of an op with `N` operands and parameters `P`. */
export interface Known<N extends number, P> extends Omit<Instruction, "operands" | "params" | "results"> {
  readonly operands: Tuple<Tensor, N>;
  readonly params: P;
  readonly results: readonly Tensor[];
}

/** The instruction, if it is one of `op`. */
export function instructionOf<N extends number, P>(instruction: Instruction, op: Op<N, P>): Known<N, P> | undefined {
  return instruction.op === op ? (instruction as unknown as Known<N, P>) : undefined;
}

/** The instruction that makes `x`, if it is one of `op`. */
export function madeBy<N extends number, P>(x: Value | undefined, op: Op<N, P>): Known<N, P> | undefined {
  return x && instructionOf(x.source, op);
}
