/**
 * @file Code before it has registers: instructions on numbered values, with labels and loops. Numbers below {@link FIRST_VALUE} are registers of the machine, others are values that
 * `allocate.ts` gives a register or a place on the stack.
 */
import type { Decoration, Memory, Operand } from "./assembler.ts";
import type { Instruction, InstructionSet, Kind } from "./instructions.ts";

export const FIRST_VALUE = 64;
/** The frame of a function: its arguments lie above it, its own memory below. */
export const RSP = 4;
export const RBP = 5;

/** Bytes at the bottom of a frame for each operand of a routine, and the most operands. */
export const ROOM = 64;
export const MOST_OPERANDS = 2;

/** What a routine does. */
export interface Routine {
  readonly op: string;
  readonly wide: boolean;
  readonly lanes: number;
}

export const routineKey = ({ op, wide, lanes }: Routine): string => `${op} ${wide ? "f64" : "f32"}x${lanes}`;

/** Where a value that never changes can be read again. */
export interface Origin {
  readonly memory: Memory;
  /** The memory holds one element of so many bytes, for all lanes; 0: all of the value. */
  readonly broadcast: 0 | 4 | 8;
}

export type Item =
  | { readonly kind: "instruction"; readonly x: Instruction; readonly operands: readonly Operand[]; readonly decoration: Decoration }
  | { readonly kind: "label"; readonly label: number; readonly align: boolean }
  | { readonly kind: "jump"; readonly label: number; readonly condition: string | undefined }
  /** A call of a routine, which changes only the bottom of the frame. */
  | { readonly kind: "call"; readonly routine: Routine }
  /** Ends of a loop: what is read in it and made before it must outlive it. */
  | { readonly kind: "enter" }
  | { readonly kind: "leave" };

/** Items in pieces: code that was captured is a piece of the code around it. */
export type Piece = Item | readonly Piece[];

/** Constants of a program, which lie behind its code. */
export class Constants {
  readonly #offsets: Map<string, number> = new Map();
  #bytes: number[] = [];

  /** The offset of these bytes, at a multiple of their number. */
  offset(bytes: readonly number[]): number {
    const key = bytes.join();
    let at = this.#offsets.get(key);
    if (at === undefined) {
      while (this.#bytes.length % bytes.length !== 0) this.#bytes.push(0);
      at = this.#bytes.length;
      this.#bytes.push(...bytes);
      this.#offsets.set(key, at);
    }
    return at;
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** A function while it is written. */
export class Builder {
  readonly kinds: Kind[] = [];
  readonly #origins: (Origin | undefined)[] = [];
  readonly #instructions: InstructionSet;
  #items: Piece[] = [];
  #labels = 0;
  #calls = false;

  constructor(instructions: InstructionSet) {
    this.#instructions = instructions;
  }

  /** A value of its own. */
  value(kind: Kind, origin?: Origin): number {
    this.#origins.push(origin);
    return FIRST_VALUE + this.kinds.push(kind) - 1;
  }

  /** A value that can be read again from where it came: it costs nothing to be without a register. */
  known(kind: Kind, origin: Origin): number {
    return this.value(kind, origin);
  }

  /** Where a value can be read again. */
  originOf(value: number): Origin | undefined {
    return this.#origins[value - FIRST_VALUE];
  }

  label(): number {
    return this.#labels++;
  }

  emit(name: string, operands: readonly Operand[], decoration: Decoration = {}): void {
    this.#items.push({ kind: "instruction", x: this.#instructions.get(name), operands, decoration });
  }

  place(label: number, align = false): void {
    this.#items.push({ kind: "label", label, align });
  }

  jump(label: number, condition?: string): void {
    this.#items.push({ kind: "jump", label, condition });
  }

  /** Whether routines are called, which find their operands at the bottom of the frame. */
  get calls(): boolean {
    return this.#calls;
  }

  call(routine: Routine): void {
    this.#calls = true;
    this.#items.push({ kind: "call", routine });
  }

  /** The code that `body` emits, taken out: loops learn from their bodies what must come before them. */
  capture(body: () => void): readonly Piece[] {
    const outside = this.#items;
    this.#items = [];
    body();
    const captured = this.#items;
    this.#items = outside;
    return captured;
  }

  append(code: readonly Piece[]): void {
    this.#items.push(code);
  }

  /** A loop around `body`, which ends in a jump to the label that it gets. */
  loop(body: (top: number) => void): void {
    const top = this.label();
    this.#items.push({ kind: "enter" });
    this.place(top, true);
    body(top);
    this.#items.push({ kind: "leave" });
  }

  /** Everything in order. */
  items(): Item[] {
    const flat: Item[] = [];
    const walk = (pieces: readonly Piece[]): void => {
      for (let i = 0; i < pieces.length; i++) {
        const piece = pieces[i]!;
        if (Array.isArray(piece)) walk(piece);
        else flat.push(piece as Item);
      }
    };
    walk(this.#items);
    return flat;
  }
}
