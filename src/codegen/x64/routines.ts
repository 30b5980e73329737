/**
 * @file Functions that only a library has, for all lanes of a vector. A kernel leaves the operands at the bottom of its frame and calls a routine, which keeps all registers, calls the
 * library's function in double precision for one lane after another, and leaves the results in place of the first operand. So nothing else of the code generator knows of calls, and
 * the functions mean what they mean on the host (`kernel/scalar.ts`).
 */
import { isFloat } from "../../base/dtype.ts";
import type { Expr } from "../../kernel/kernel.ts";
import { HOST, hostArity } from "../../kernel/scalar.ts";
import type { RegisterFile } from "./allocate.ts";
import type { Assembler, Decoration, Operand } from "./assembler.ts";
import { ROOM, type Routine } from "./code.ts";
import { instruction } from "./instructions.ts";
import { addressInto } from "./team.ts";

/** Addresses of functions on doubles, by the names that they have in the kernel language. */
export type Functions = ReadonlyMap<string, bigint>;

/** The same functions in C's library of mathematics, by the names that they have here. */
export const LIBRARY: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    "exp expm1 log log1p sin cos tanh erf exp2 log2 log10 tan asin acos atan sinh cosh asinh acosh atanh erfc pow atan2 hypot"
      .split(" ")
      .map((name) => [name, name]),
  ),
  rem: "fmod",
};

/** Whether an expression is a function that the machine has no instruction for. */
export const isFunction = ({ op, args: [a] }: Expr): boolean => a !== undefined && isFloat(a.dtype) && Object.hasOwn(HOST, op);

const [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R12] = [0, 1, 2, 3, 4, 5, 6, 7, 12] as const;
/** What the library may change, and what the routine uses. */
const SAVED: readonly number[] = [RBP, RAX, RCX, RDX, RSI, RDI, 8, 9, 10, 11, RBX, R12];
const ZERO_UPPER = [0xc5, 0xf8, 0x77];
const RETURN = 0xc3;
const CALL_RAX = [0xff, 0xd0];

/** Writes a routine at the end of the code; `address` is that of the function. */
export function writeRoutine(assembler: Assembler, routine: Routine, address: bigint, { vectors, masks, bytes }: RegisterFile): void {
  const { op, wide, lanes } = routine;
  const emit = (name: string, operands: readonly Operand[], decoration: Decoration = {}): void =>
    assembler.emit(instruction(name), operands, decoration);
  const registers = (vector: string, mask: string, place: (register: number, at: number) => readonly Operand[]): void => {
    for (let i = 0; i < vectors; i++) emit(vector, place(i, bytes * i), { length: bytes });
    for (let i = 1; i <= masks; i++) emit(mask, place(i, bytes * vectors + 8 * i));
  };
  for (const r of SAVED) emit("push", [r]);
  emit("mov.q", [RBP, RSP]);
  // Behind the registers and the address to return to.
  emit("lea.q", [RBX, { base: RSP, displacement: 8 * (SAVED.length + 1) }]);
  emit("sub.q.imm", [RSP], { immediate: bytes * vectors + 64 });
  emit("and.q.imm", [RSP], { immediate: -64 });
  registers("vmovups.store", "kmovw.store", (register, displacement) => [{ base: RSP, displacement }, register]);
  assembler.bytes(ZERO_UPPER);
  emit("mov.imm", [R12], { immediate: lanes });
  const top = assembler.newLabel();
  assembler.place(top);
  for (let i = 0; i < hostArity(op); i++) {
    const operand = { base: RBX, displacement: ROOM * i };
    emit(wide ? "vmovsd.load" : "vmovss.load", [i, operand]);
    if (!wide) emit("vcvtss2sd", [i, i, i]);
  }
  assembler.bytes(addressInto(RAX, address));
  assembler.bytes(CALL_RAX);
  if (!wide) emit("vcvtsd2ss", [0, 0, 0]);
  emit(wide ? "vmovsd.store" : "vmovss.store", [{ base: RBX, displacement: 0 }, 0]);
  emit("add.q.imm", [RBX], { immediate: wide ? 8 : 4 });
  emit("add.imm", [R12], { immediate: -1 });
  assembler.jumpIf("ne", top);
  registers("vmovups", "kmovw", (register, displacement) => [register, { base: RSP, displacement }]);
  emit("mov.q", [RSP, RBP]);
  for (const r of [...SAVED].reverse()) emit("pop", [r]);
  assembler.bytes([RETURN]);
}
