/** @file Where the code of a function goes once it has registers: to the assembler, and as text where that is wanted. */
import type { Assembler, Decoration, Operand } from "./assembler.ts";
import { type Routine, routineKey } from "./code.ts";
import type { Instruction } from "./instructions.ts";
import { printInstruction } from "./print.ts";

/** Vectors are done, so that code of other lengths is not slowed down; and back to the caller. */
export const RETURN: readonly number[] = [0xc5, 0xf8, 0x77, 0xc3];

export class FunctionWriter {
  readonly #assembler: Assembler;
  /** The assembler's labels for those of the function. */
  readonly #labels: number[] = [];
  readonly #lines: string[] | undefined;
  readonly #labelOf: (routine: Routine) => number;

  /** With `listing` the text is kept. `labelOf` gives the assembler's label of a routine. */
  constructor(assembler: Assembler, listing: boolean, labelOf: (routine: Routine) => number) {
    this.#assembler = assembler;
    this.#labelOf = labelOf;
    this.#lines = listing ? [] : undefined;
  }

  /** The function as text. */
  get text(): string | undefined {
    return this.#lines?.join("\n");
  }

  /** One instruction. Nothing keeps the list of operands. */
  emit(x: Instruction, operands: readonly Operand[], decoration: Decoration): void {
    this.#assembler.emit(x, operands, decoration);
    this.#lines?.push(`  ${printInstruction(x, operands, decoration)}`);
  }

  place(label: number, align: boolean): void {
    if (align) this.#assembler.align(32);
    this.#assembler.place(this.#label(label));
    this.#lines?.push(`.${label}:`);
  }

  jump(label: number, condition: string | undefined): void {
    if (condition === undefined) this.#assembler.jump(this.#label(label));
    else this.#assembler.jumpIf(condition, this.#label(label));
    this.#lines?.push(`  j${condition ?? "mp"} .${label}`);
  }

  call(routine: Routine): void {
    this.#assembler.call(this.#labelOf(routine));
    this.#lines?.push(`  call ${routineKey(routine)}`);
  }

  end(): void {
    this.#assembler.bytes(RETURN);
  }

  #label(label: number): number {
    for (let next = this.#labels.length; next <= label; next++) this.#labels.push(this.#assembler.newLabel());
    return this.#labels[label]!;
  }
}
