/**
 * @file Instructions to bytes: legacy, VEX and EVEX encodings (Intel SDM, volume 2, chapter 2). Of the two vector encodings the shorter one that can say what is wanted is
 * taken: EVEX only for 512 bits, registers above 15, masks, broadcasts, and what VEX has not.
 */
import type { Instruction } from "./instructions.ts";

/** A place in memory: base + index·scale + displacement, or a distance from a place in the code. */
export interface Memory {
  /** A general register; none for an address relative to the code. */
  readonly base?: number | undefined;
  /** A general register, or a vector of indices. */
  readonly index?: number | undefined;
  readonly scale?: number | undefined;
  readonly displacement: number;
  /** An offset in the constants behind the code. */
  readonly constant?: number | undefined;
}

/** What an instruction works on: numbers of registers, and at most one place in memory. */
export type Operand = number | Memory;

export interface Decoration {
  /** Bytes of a vector: 16, 32 or 64. */
  readonly length?: number;
  /** The mask register; 0 for none. */
  readonly mask?: number;
  /** What the mask switches off becomes 0; else it stays. */
  readonly zeroing?: boolean;
  /** The memory operand is one element, for all lanes. */
  readonly broadcast?: boolean;
  readonly immediate?: number | undefined;
}

const FRACTIONS = { full: 1, half: 2, vector: 1, halfVector: 2, quarterVector: 4, element: 0 } as const;

/** Bytes that an 8-bit displacement of an EVEX instruction counts, and that a memory operand has. */
export function memoryBytes({ memory }: Instruction, length: number, broadcast: boolean): number {
  if (!memory) return 0;
  if (broadcast) return memory.bytes;
  const parts = FRACTIONS[memory.kind];
  return parts === 0 ? memory.bytes : length / parts;
}

/** The instruction that fills a gap of so many bytes. */
const PADDING: readonly (readonly number[])[] = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

const RSP = 4;
const RBP = 5;

/** Conditions of jumps, by the names of the manual. */
export const CONDITIONS: Readonly<Record<string, number>> = { b: 2, ae: 3, e: 4, ne: 5, be: 6, a: 7, l: 12, ge: 13, le: 14, g: 15 };

const fits8 = (n: number): boolean => n >= -128 && n <= 127;

export class Assembler {
  readonly #hasEvex: boolean;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(4096);
  #length = 0;
  /** Where labels are; -1 until they are placed. */
  readonly #labels: number[] = [];
  /** Four bytes that hold a distance to a label. */
  readonly #jumps: { readonly at: number; readonly label: number }[] = [];
  /** Four bytes that hold a distance to a constant; it counts from the end of the instruction. */
  readonly #references: { readonly at: number; readonly end: number; readonly offset: number }[] = [];
  #reference: { readonly at: number; readonly offset: number } | undefined;

  /** @param hasEvex Whether the machine has AVX-512. */
  constructor(hasEvex: boolean) {
    this.#hasEvex = hasEvex;
  }

  get length(): number {
    return this.#length;
  }

  newLabel(): number {
    return this.#labels.push(-1) - 1;
  }

  place(label: number): void {
    this.#labels[label] = this.#length;
  }

  align(to: number): void {
    let gap = (to - (this.#length % to)) % to;
    while (gap > 0) {
      const step = Math.min(gap, PADDING.length - 1);
      this.bytes(PADDING[step]!);
      gap -= step;
    }
  }

  bytes(bytes: readonly number[]): void {
    for (let i = 0; i < bytes.length; i++) this.#byte(bytes[i]!);
  }

  jump(label: number): void {
    this.#byte(0xe9);
    this.#distance(label);
  }

  call(label: number): void {
    this.#byte(0xe8);
    this.#distance(label);
  }

  /** The address of a label into a general register. */
  address(register: number, label: number): void {
    this.bytes([0x48 | ((register >> 3) << 2), 0x8d, ((register & 7) << 3) | 5]);
    this.#distance(label);
  }

  jumpIf(condition: string, label: number): void {
    this.#byte(0x0f);
    this.#byte(0x80 | CONDITIONS[condition]!);
    this.#distance(label);
  }

  /** Emits one instruction; `operands` stand in the order of its fields. */
  emit(x: Instruction, operands: readonly Operand[], decoration: Decoration = {}): void {
    if (x.encoding === "legacy") this.#legacy(x, operands, decoration.immediate);
    else this.#vector(x, operands, decoration);
    if (this.#reference) this.#references.push({ ...this.#reference, end: this.#length });
    this.#reference = undefined;
  }

  /** The code, with jumps resolved, and the constants behind it at a multiple of 64. */
  finish(constants: Uint8Array): Uint8Array<ArrayBuffer> {
    while (this.#length % 64 !== 0) this.#byte(0xcc);
    const start = this.#length;
    const whole = new Uint8Array(start + constants.length);
    whole.set(this.#bytes.subarray(0, start));
    whole.set(constants, start);
    const view = new DataView(whole.buffer);
    for (const { at, label } of this.#jumps) {
      const target = this.#labels[label]!;
      if (target < 0) throw new Error("internal: a jump leads nowhere");
      view.setInt32(at, target - (at + 4), true);
    }
    for (const { at, end, offset } of this.#references) view.setInt32(at, start + offset - end, true);
    return whole;
  }

  /** Where a label was placed. */
  position(label: number): number {
    return this.#labels[label]!;
  }

  #byte(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#length);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#length++] = byte;
  }

  #word(n: number): void {
    this.#byte(n & 255);
    this.#byte((n >> 8) & 255);
    this.#byte((n >> 16) & 255);
    this.#byte((n >> 24) & 255);
  }

  #distance(label: number): void {
    this.#jumps.push({ at: this.#length, label });
    this.#word(0);
  }

  #legacy(x: Instruction, operands: readonly Operand[], immediate: number | undefined): void {
    const reg = x.extension ?? registerAt(operands, x.at.r);
    const rm = operands[x.at.m]!;
    const short = x.opcode === 0x81 && immediate !== undefined && fits8(immediate);
    const index = indexOf(rm);
    const base = baseOf(rm);
    const rex = (x.wide ? 8 : 0) | ((reg >> 3) << 2) | ((index >> 3) << 1) | (base >> 3);
    // Without it, 4 to 7 would be the second bytes of the first four registers.
    const byteRegister = (x.classes[0] === "b" && isHigh(operands[0])) || (x.classes[1] === "b" && isHigh(operands[1]));
    if (rex !== 0 || byteRegister) this.#byte(0x40 | rex);
    if (x.map === 1) this.#byte(0x0f);
    this.#byte(short ? 0x83 : x.opcode);
    this.#modrm(reg, rm, 1);
    if (immediate === undefined) return;
    if (short || IMMEDIATE_BYTES.has(x.opcode)) this.#byte(immediate & 255);
    else this.#word(immediate);
  }

  #vector(x: Instruction, operands: readonly Operand[], decoration: Decoration): void {
    const { at } = x;
    const reg = x.extension ?? registerAt(operands, at.r);
    const vvvv = registerAt(operands, at.v);
    const rm = operands[at.m]!;
    if (x.hasVex && !(x.hasEvex && needsEvex(x, operands, decoration))) this.#vex(x, reg, vvvv, rm, decoration.length ?? 16);
    else if (this.#hasEvex) this.#evex(x, reg, vvvv, rm, decoration);
    else throw new Error(`internal: AVX2 has no such ${x.name}`);
    if (at.s >= 0) this.#byte(registerAt(operands, at.s) << 4);
    if (decoration.immediate !== undefined) this.#byte(decoration.immediate & 255);
  }

  #vex(x: Instruction, reg: number, vvvv: number, rm: Operand, length: number): void {
    const index = indexOf(rm);
    const base = baseOf(rm);
    const wide = x.wide && !x.vexNarrow ? 0x80 : 0;
    const scalar = x.memory?.kind === "element" && x.classes[0] !== "v";
    const l = x.vexLength ?? (scalar || length <= 16 ? 0 : 1);
    const last = ((~vvvv & 15) << 3) | (l << 2) | x.prefix;
    if (index < 8 && base < 8 && x.map === 1 && wide === 0) {
      this.#byte(0xc5);
      this.#byte((((reg >> 3) ^ 1) << 7) | last);
    } else {
      this.#byte(0xc4);
      this.#byte((((reg >> 3) ^ 1) << 7) | (((index >> 3) ^ 1) << 6) | (((base >> 3) ^ 1) << 5) | x.map);
      this.#byte(wide | last);
    }
    this.#byte(x.opcode);
    this.#modrm(reg, rm, 1);
  }

  #evex(x: Instruction, reg: number, vvvv: number, rm: Operand, decoration: Decoration): void {
    const { length = 16, mask = 0, zeroing = false, broadcast = false } = decoration;
    const memory = typeof rm !== "number";
    const index = indexOf(rm);
    const base = baseOf(rm);
    // A vector of indices has its fifth bit where vvvv has its own; a register operand has it in X.
    const extra = memory ? (index >> 3) & 1 : base >> 4;
    const fifth = memory && x.vectorIndex ? index >> 4 : vvvv >> 4;
    const scalar = x.memory?.kind === "element" && x.classes[0] !== "v" && x.classes[1] !== "v";
    // 0, 1 and 2 for 16, 32 and 64 bytes.
    const l = scalar ? 0 : length >> 5;
    this.#byte(0x62);
    this.#byte(((((reg >> 3) & 1) ^ 1) << 7) | ((extra ^ 1) << 6) | ((((base >> 3) & 1) ^ 1) << 5) | ((((reg >> 4) & 1) ^ 1) << 4) | x.map);
    this.#byte((x.wide ? 0x80 : 0) | ((~vvvv & 15) << 3) | 4 | x.prefix);
    this.#byte((zeroing ? 0x80 : 0) | (l << 5) | (broadcast ? 0x10 : 0) | ((fifth ^ 1) << 3) | mask);
    this.#byte(x.opcode);
    this.#modrm(reg, rm, memory ? memoryBytes(x, length, broadcast) : 1);
  }

  /** ModRM, SIB and displacement; an 8-bit one counts `scale` bytes. */
  #modrm(reg: number, rm: Operand, scale: number): void {
    const field = (reg & 7) << 3;
    if (typeof rm === "number") {
      this.#byte(0xc0 | field | (rm & 7));
      return;
    }
    const { base, index, displacement, constant } = rm;
    if (base === undefined) {
      this.#byte(field | 5);
      this.#reference = { at: this.#length, offset: constant! + displacement };
      this.#word(0);
      return;
    }
    const short = displacement % scale === 0 && fits8(displacement / scale);
    const mode = displacement === 0 && (base & 7) !== RBP ? 0 : short ? 0x40 : 0x80;
    if (index === undefined && (base & 7) !== RSP) this.#byte(mode | field | (base & 7));
    else {
      this.#byte(mode | field | 4);
      const step = [1, 2, 4, 8].indexOf(rm.scale ?? 1) << 6;
      this.#byte(step | (((index ?? RSP) & 7) << 3) | (base & 7));
    }
    if (mode === 0x40) this.#byte((displacement / scale) & 255);
    if (mode === 0x80) this.#word(displacement);
  }
}

/** The registers of an operand: of an address its index and base, of a register itself as the base; 0 for what is absent. */
const indexOf = (rm: Operand): number => (typeof rm === "number" ? 0 : (rm.index ?? 0));
const baseOf = (rm: Operand): number => (typeof rm === "number" ? rm : (rm.base ?? 0));

/** The register at a position; 0 where there is none. */
function registerAt(operands: readonly Operand[], i: number): number {
  const operand = operands[i];
  return typeof operand === "number" ? operand : 0;
}

const isHigh = (operand: Operand | undefined): boolean => typeof operand === "number" && operand >= 4;

/** Opcodes of legacy instructions whose immediate is a byte. */
const IMMEDIATE_BYTES: ReadonlySet<number> = new Set([0xc1, 0x80]);

function needsEvex(x: Instruction, operands: readonly Operand[], { length, mask, broadcast }: Decoration): boolean {
  if (length === 64 || mask || broadcast) return true;
  for (let i = 0; i < operands.length; i++) {
    const operand = operands[i]!;
    if (typeof operand === "number") {
      if (operand > 15 && "vhqx".includes(x.classes[i]!)) return true;
      // Shifts by a constant have no memory operand in VEX.
    } else if (x.vectorIndex || x.extension !== undefined) return true;
  }
  return false;
}
