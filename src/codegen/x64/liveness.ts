/**
 * @file From where to where values live: on structured code from the first to the last mention, and to the end of every loop that mentions a value and that it was made before. Positions
 * are even numbers, one for each item of the code; what an instruction writes is mentioned one later than what it reads.
 */
import type { Memory, Operand } from "./assembler.ts";
import { type Builder, FIRST_VALUE, type Item, type Origin } from "./code.ts";
import type { Kind } from "./instructions.ts";

export type InstructionItem = Item & { kind: "instruction" };

/** How much more a mention in an inner loop costs: so much that a mask with some twenty mentions outside of a loop leaves its register to a sum that is mentioned once inside. */
const PER_LOOP = 64;
/** A value that can be read again as an operand in memory costs little. */
const FROM_ORIGIN = 0.1;

export const isMemory = (operand: Operand): operand is Memory => typeof operand !== "number";

/** Whether an instruction reads the register that is its first operand. */
export function readsFirst({ x, decoration }: InstructionItem): boolean {
  return x.reads || (Boolean(decoration.mask) && !decoration.zeroing && x.classes[0] !== "k");
}

/** Whether a place in memory can stand for the operand at a position. */
export function mayFold({ x, operands, decoration }: InstructionItem, i: number, origin: Origin | undefined): boolean {
  if (x.foldable !== i || decoration.broadcast || operands.some(isMemory)) return false;
  const memory = x.memory!;
  if (!origin || origin.broadcast === 0) return memory.kind !== "element" || x.classes[i] !== "b";
  return memory.bytes === origin.broadcast && (memory.kind === "element" || memory.broadcast);
}

/** Lives of the values of a function. A value is its number less {@link FIRST_VALUE} here. */
export class Liveness {
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly weight: Float64Array;
  /** Whether there are mentions that a place in memory cannot stand for. */
  readonly stubborn: Uint8Array;
  /** The value, or register, that it is a copy of, or that is a copy of it; -1 for none. */
  readonly hint: Int32Array;
  readonly kinds: readonly Kind[];
  readonly #builder: Builder;
  /** By kind, with where they begin. */
  readonly #met: Readonly<Record<Kind, number[]>> = { g: [], v: [], k: [] };
  /** The loops around the item at hand. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #cost = 1;

  constructor(builder: Builder, items: readonly Item[]) {
    const count = builder.kinds.length;
    this.#builder = builder;
    this.kinds = builder.kinds;
    this.start = new Int32Array(count).fill(-1);
    this.end = new Int32Array(count);
    this.weight = new Float64Array(count);
    this.stubborn = new Uint8Array(count);
    this.hint = new Int32Array(count).fill(-1);
    const ends = endsOfLoops(items);
    for (let i = 0, loops = 0; i < items.length; i++) {
      const item = items[i]!;
      if (item.kind === "instruction") this.#instruction(item, 2 * i);
      else if (item.kind === "enter") this.#enter(2 * i, ends[loops++]!);
      else if (item.kind === "leave") this.#leave();
    }
  }

  /** The values of a kind by where they begin, those that begin at one place by their numbers. */
  ordered(kind: Kind): Float64Array {
    const order = Float64Array.from(this.#met[kind]).sort();
    for (let i = 0; i < order.length; i++) order[i]! %= MOST_VALUES;
    return order;
  }

  #enter(start: number, end: number): void {
    this.#starts.push(start);
    this.#ends.push(end);
    this.#cost *= PER_LOOP;
  }

  #leave(): void {
    this.#starts.pop();
    this.#ends.pop();
    this.#cost /= PER_LOOP;
  }

  #instruction(item: InstructionItem, at: number): void {
    const { x, operands, decoration } = item;
    if (decoration.mask) this.#mention(decoration.mask, at, true);
    let registers = true;
    for (let i = operands.length - 1; i >= 0; i--) {
      const operand = operands[i]!;
      if (isMemory(operand)) {
        registers = false;
        if (operand.base !== undefined) this.#mention(operand.base, at, true);
        if (operand.index !== undefined) this.#mention(operand.index, at, true);
      } else if (operand >= FIRST_VALUE) this.#register(item, i, operand, at);
    }
    if (x.copies && registers) this.#hint(operands[0] as number, operands[1] as number);
  }

  #register(item: InstructionItem, i: number, value: number, at: number): void {
    const { x } = item;
    if (i > 0 || readsFirst(item)) this.#mention(value, at, x.foldable !== i || !mayFold(item, i, this.#builder.originOf(value)));
    if (i === 0 && x.writes) this.#mention(value, at + 1, !this.#builder.originOf(value));
  }

  /** The two values of a copy would best share a register. */
  #hint(to: number, from: number): void {
    if (to >= FIRST_VALUE && this.hint[to - FIRST_VALUE] === -1) this.hint[to - FIRST_VALUE] = from;
    if (from >= FIRST_VALUE && this.hint[from - FIRST_VALUE] === -1) this.hint[from - FIRST_VALUE] = to;
  }

  #mention(value: number, at: number, stubborn: boolean): void {
    const v = value - FIRST_VALUE;
    if (v < 0) return;
    if (this.start[v] === -1) {
      this.start[v] = at;
      this.#met[this.kinds[v]!].push(at * MOST_VALUES + v);
    }
    const start = this.start[v]!;
    let end = at;
    // The outermost loop that it was made before.
    for (let i = 0; i < this.#starts.length; i++) {
      if (this.#starts[i]! <= start) continue;
      end = this.#ends[i]!;
      break;
    }
    if (end > this.end[v]!) this.end[v] = end;
    this.weight[v]! += stubborn || !this.#builder.originOf(value) ? this.#cost : this.#cost * FROM_ORIGIN;
    if (stubborn) this.stubborn[v] = 1;
  }
}

/** More than a function has. */
const MOST_VALUES = 2 ** 24;

/** The position of each loop's end, in the order in which loops begin. */
function endsOfLoops(items: readonly Item[]): number[] {
  const ends: number[] = [];
  const open: number[] = [];
  for (let i = 0; i < items.length; i++) {
    const { kind } = items[i]!;
    if (kind === "enter") open.push(ends.push(0) - 1);
    else if (kind === "leave") ends[open.pop()!] = 2 * i;
  }
  return ends;
}
