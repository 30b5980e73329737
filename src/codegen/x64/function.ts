/** @file Where the code of a function goes once it has registers: to the assembler, and as text where that is wanted. */
import type { Assembler, Decoration, Operand } from "./assembler.ts";
import type { Instruction } from "./instructions.ts";
import { printInstruction } from "./print.ts";

/** Vectors are done, so that code of other lengths is not slowed down; and back to the caller. */
export const RETURN: readonly number[] = [0xc5, 0xf8, 0x77, 0xc3];

export class FunctionWriter {
  readonly #assembler: Assembler;
  /** The assembler's labels for those of the function. */
  readonly #labels: number[] = [];
  readonly #lines: string[] | undefined;

  /** With `listing` the text is kept. */
  constructor(assembler: Assembler, listing: boolean) {
    this.#assembler = assembler;
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

  end(): void {
    this.#assembler.bytes(RETURN);
  }

  #label(label: number): number {
    for (let next = this.#labels.length; next <= label; next++) this.#labels.push(this.#assembler.newLabel());
    return this.#labels[label]!;
  }
}
