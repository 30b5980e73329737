/**
 * @file What AVX-512 and AVX2 do in ways of their own: masks, choices, elements that lie apart, conversions of unsigned integers. All other code is the same for both; where an
 * instruction only has another name, the machine says so.
 */
import type { Dtype } from "../../base/dtype.ts";
import type { Expr } from "../../kernel/kernel.ts";
import type { Target } from "../../kernel/target.ts";
import type { RegisterFile } from "./allocate.ts";
import type { Decoration, Memory, Operand } from "./assembler.ts";
import type { Builder } from "./code.ts";
import type { InstructionSet, Kind } from "./instructions.ts";

/** What machine code is generated for. */
export interface Machine {
  readonly target: Target;
  readonly registers: RegisterFile;
  readonly instructions: InstructionSet;
  readonly extension: (on: Emitter) => VectorExtension;
}

/** An operand in memory or a register; `broadcast` if it is one element for all lanes. */
export interface Source {
  readonly operand: Operand;
  readonly broadcast: boolean;
}

/** The emitter of expressions, as its parts see it. Values are numbers of virtual registers. */
export interface Emitter {
  readonly code: Builder;
  readonly extension: VectorExtension;
  /** Bytes of a vector register. */
  readonly bytes: number;
  /** Emits an expression and returns its value. */
  emit(x: Expr): number;
  /** The kind of register that holds the value of an expression. */
  kindOf(x: Expr): Kind;
  /** A register without a value. */
  fresh(kind: Kind): number;
  /** Emits an instruction with a fresh result. */
  make(kind: Kind, name: string, operands: readonly Operand[], decoration?: Decoration): number;
  copy(target: number, value: number, kind: Kind): void;
  /** A copy of a general register that may be changed. */
  copied(value: number): number;
  /** An expression as the last operand of an instruction; a load that nothing else needs is done by the instruction. */
  source(x: Expr): Source;
  /** A number in all lanes of a vector. */
  number(n: number, dtype: Dtype): number;
  /** A vector of numbers. */
  vector(numbers: readonly number[], dtype: Dtype): number;
  /** The lanes of floats that are not 0, or, for a scalar, whether it is not 0. */
  nonZero(a: Expr, value: number): number;
  /** The letters at the end of an instruction's name that state the type of its elements. */
  suffix(x: Expr): string;
}

export type MaskOp = "and" | "or" | "xor" | "andnot";

/**
 * A mask is a vector of bools. `x` and `of` are the expressions whose dtype and lanes count, other operands are values; lengths are bytes. A mask that is given
 * to a load, store, gather or scatter is not changed.
 */
export interface VectorExtension {
  /** What kind of register holds a mask. */
  readonly maskKind: Kind;
  /** Whether an instruction can take one element in memory for all lanes of an operand. */
  readonly broadcasts: boolean;
  /** Whether elements that lie apart can be stored by one instruction. */
  readonly scatters: boolean;

  compareFloats(of: Expr, a: number, b: Source, predicate: number): number;
  /** Those of a mask's lanes in which a comparison of vectors holds, in one instruction; absent if it takes two. `target` may be the mask. */
  compareUnder?(mask: number, of: Expr, a: number, b: Source, predicate: number, target: number | undefined): number;
  compareIntegers(op: "eq" | "ne" | "lt" | "le", of: Expr, a: number, b: Source): number;
  /** A comparison of two scalar floats as a general register. */
  holds(of: Expr, a: number, b: Source, predicate: number): number;
  /** The lanes of integers that are not 0. */
  nonZero(lanes: number, value: number): number;

  constantMask(all: boolean, lanes: number): number;
  /** A bool in a general register for all lanes, or for the one of a scalar. */
  maskOf(condition: number, lanes: number): number;
  /** A general register with a bit for each lane. */
  bits(mask: number, lanes: number): number;
  /** `andnot` is b without a. */
  logic(op: MaskOp, a: number, b: number, lanes: number): number;
  not(mask: number, lanes: number): number;

  select(x: Expr, mask: number, a: number, b: number): number;
  /** `a` where the mask holds, else 0. */
  zeroed(x: Expr, mask: number, a: number): number;
  /** 0 where the mask holds, else `a`. */
  cleared(x: Expr, mask: number, a: number): number;
  /** Minimum and maximum that order zeros, and are NaN where an operand is. */
  limit(op: string, x: Expr, a: number, b: number): number;

  /** A general register in all lanes. */
  splat(value: number, length: number): number;
  /** A vector or scalar float whose lowest lane is lane i. */
  lane(value: number, of: Expr, i: number): number;
  setLane(target: number, i: number, general: number, length: number): void;
  /** Lanes of a vector in a register and of one in memory: those of the second are counted on from the first. */
  permuted(x: Expr, first: number, second: Memory, picks: readonly number[]): number;
  /**
   * Of as many vectors as each has blocks of 128 bits, the vectors of their first blocks, of their second blocks, ...; of these the first `wanted`.
   */
  transposed(rows: readonly number[], length: number, wanted: number): number[];

  load(wide: boolean, place: Memory, length: number, mask: number): number;
  store(wide: boolean, place: Memory, value: number, length: number, mask: number): void;
  /** Bytes as words. Undefined if they must be loaded one after another. */
  loadBytes(place: Memory, length: number, mask: number | undefined): number | undefined;
  /** The low bytes of words. False if they must be stored one after another. */
  storeBytes(place: Memory, value: number, length: number, mask: number | undefined): boolean;
  gather(wide: boolean, memory: Memory, length: number, mask: number | undefined): number;
  scatter(wide: boolean, memory: Memory, value: number, length: number, mask: number | undefined): void;

  /** Lanes of u32 as floats; `length` is that of the result. */
  fromUnsigned(to: Dtype, value: number, length: number): number;
  /** Floats as integers, truncated, saturated, NaN as 0; `length` is that of the longer vector. */
  toInteger(value: number, from: Dtype, to: Dtype, length: number): number;
}

/** Predicates of comparisons of floats: ordered and quiet where it matters. */
export const PREDICATES = { unordered: 3, notEqual: 4, ordered: 7, atLeast: 29, above: 30 } as const;
