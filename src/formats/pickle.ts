/**
 * @file The part of Python's pickle that data need (PEP 307, PEP 3154): a machine with a stack and a memo that makes numbers, texts, lists and
 * dictionaries. A pickle may name functions and have them called; here only names of a given list exist, and what they do is ours, so reading
 * a file runs none of its code.
 */

import type { Budget } from "./budget.ts";
import { brief } from "./clean.ts";

/** Something that a pickle may name, and what calling it with arguments gives; without `call` it is only a name. */
export interface PickleGlobal {
  readonly name: string;
  readonly call?: (args: readonly unknown[]) => unknown;
}

export interface PickleOptions {
  /** What `module.name` stands for; undefined refuses the file. */
  readonly global: (name: string) => PickleGlobal | undefined;
  /** What a persistent id, such as the name of a storage, stands for. */
  readonly persistent: (id: unknown) => unknown;
  /** Names the file in errors. */
  readonly what: string;
  readonly budget: Budget;
}

/** A dictionary: keys are texts and numbers. */
export type PickleDict = Map<unknown, unknown>;

/** An object that is no data: its name is known, what it holds is passed over, and none of its code is run. */
export class Skipped {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

const MARK = Symbol("mark");

/** What an instruction's result takes of memory at most, beside texts and bytes, which are as long as their instructions. */
const BYTES_PER_STEP = 64;

/** The value of the pickle that begins at `start`, and where it ends. @throws {Error} for what is not data. */
export function unpickle(bytes: Uint8Array, options: PickleOptions, start = 0): { value: unknown; end: number } {
  try {
    return new Machine(bytes, options, start).run();
  } catch (error) {
    if (error instanceof RangeError) throw new Error(`${options.what}: truncated or damaged pickle`);
    throw error;
  }
}

class Machine {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #options: PickleOptions;
  readonly #stack: unknown[] = [];
  readonly #memo: Map<number, unknown> = new Map();
  #at: number;

  constructor(bytes: Uint8Array, options: PickleOptions, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
    this.#at = start;
  }

  run(): { value: unknown; end: number } {
    for (;;) {
      const code = this.#view.getUint8(this.#at++);
      this.#options.budget.claim(BYTES_PER_STEP, "its pickle");
      if (code === 0x2e) return { value: this.pop(), end: this.#at }; // STOP
      const step = STEPS.get(code);
      if (!step) throw this.fault(`its pickle uses instruction 0x${code.toString(16)}, which no file of plain tensors needs; refused`);
      step(this);
    }
  }

  fault(text: string): Error {
    return new Error(`${this.#options.what}: ${text}`);
  }

  // ---- reading ----

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }
  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }
  u64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }
  f64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }
  text(length: number): string {
    return new TextDecoder().decode(this.take(length));
  }
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    if (at + length > this.#bytes.length) throw new RangeError("beyond the end");
    return new Uint8Array(this.#bytes.subarray(at, at + length));
  }
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new RangeError("beyond the end");
    const text = this.text(end - this.#at);
    this.#at++;
    return text;
  }
  /** Two's complement, little-endian, of any length. */
  long(length: number): number {
    if (length > 255) throw this.fault(`its pickle has a number of ${length} bytes`);
    const bytes = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
    return Number(BigInt.asIntN(8 * length, value));
  }
  #advance(length: number): number {
    this.#at += length;
    return this.#at - length;
  }

  // ---- the stack ----

  push(value: unknown): void {
    this.#stack.push(value);
  }
  pop(): unknown {
    if (this.#stack.length === 0) throw new RangeError("empty stack");
    return this.#stack.pop();
  }
  peek(): unknown {
    if (this.#stack.length === 0) throw new RangeError("empty stack");
    return this.#stack[this.#stack.length - 1];
  }
  mark(): void {
    this.#stack.push(MARK);
  }
  toMark(): unknown[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw new RangeError("no mark");
    return this.#stack.splice(at).slice(1);
  }
  memoize(index = this.#memo.size): void {
    this.#memo.set(index, this.peek());
  }
  recall(index: number): void {
    if (!this.#memo.has(index)) throw new RangeError("nothing remembered");
    this.push(this.#memo.get(index));
  }

  // ---- what can be built ----

  extend(items: readonly unknown[]): void {
    const list = this.peek();
    if (list instanceof Skipped) return;
    if (!Array.isArray(list)) throw this.fault("its pickle appends to something that is no list; refused");
    for (const item of items) list.push(item);
  }
  assign(items: readonly unknown[]): void {
    const dict = this.peek();
    if (dict instanceof Skipped) return;
    if (!(dict instanceof Map)) throw this.fault("its pickle assigns to something that is no dictionary; refused");
    for (let i = 0; i + 1 < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }
  name(module: unknown, name: unknown): void {
    // Nothing but texts is made a text: nested lists that share parts can be longer than any memory.
    if (typeof module !== "string" || typeof name !== "string")
      throw this.fault("its pickle names a function by something that is no text");
    const full = brief(`${module}.${name}`);
    const found = this.#options.global(full);
    if (!found)
      throw this.fault(`it holds ${full}, which is no tensor; only state dicts are read: save with torch.save(model.state_dict(), path)`);
    this.push(found);
  }
  call(): void {
    const args = this.pop();
    const made = this.pop() as PickleGlobal;
    if (!made?.call || !Array.isArray(args)) throw this.fault("its pickle calls something that is no function; refused");
    this.push(made.call(args));
  }
  /** Attributes of an object: dictionaries carry some (`_metadata`) that matter to nobody here. */
  build(): void {
    this.pop();
    if (!(this.peek() instanceof Map || this.peek() instanceof Skipped))
      throw this.fault("its pickle sets the state of an object; only state dicts are read");
  }
  persist(): void {
    this.push(this.#options.persistent(this.pop()));
  }
}

/** Instructions by their codes (Python's pickletools). */
const STEPS: ReadonlyMap<number, (m: Machine) => void> = new Map<number, (m: Machine) => void>([
  [0x80, (m) => void m.u8()], // PROTO
  [0x95, (m) => void m.u64()], // FRAME
  [0x28, (m) => m.mark()], // MARK
  [0x32, (m) => m.push(m.peek())], // DUP
  [0x30, (m) => void m.pop()], // POP
  [0x31, (m) => void m.toMark()], // POP_MARK
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4a, (m) => m.push(m.i32())], // BININT
  [0x4b, (m) => m.push(m.u8())], // BININT1
  [0x4d, (m) => m.push(m.u16())], // BININT2
  [0x8a, (m) => m.push(m.long(m.u8()))], // LONG1
  [0x8b, (m) => m.push(m.long(m.u32()))], // LONG4
  [0x47, (m) => m.push(m.f64())], // BINFLOAT
  [0x58, (m) => m.push(m.text(m.u32()))], // BINUNICODE
  [0x8c, (m) => m.push(m.text(m.u8()))], // SHORT_BINUNICODE
  [0x8d, (m) => m.push(m.text(m.u64()))], // BINUNICODE8
  [0x55, (m) => m.push(m.text(m.u8()))], // SHORT_BINSTRING
  [0x54, (m) => m.push(m.text(m.u32()))], // BINSTRING
  [0x42, (m) => m.push(m.take(m.u32()))], // BINBYTES
  [0x43, (m) => m.push(m.take(m.u8()))], // SHORT_BINBYTES
  [0x8e, (m) => m.push(m.take(m.u64()))], // BINBYTES8
  [0x29, (m) => m.push([])], // EMPTY_TUPLE
  [0x5d, (m) => m.push([])], // EMPTY_LIST
  [0x7d, (m) => m.push(new Map())], // EMPTY_DICT
  [0x74, (m) => m.push(m.toMark())], // TUPLE
  [0x6c, (m) => m.push(m.toMark())], // LIST
  [0x85, (m) => m.push([m.pop()])], // TUPLE1
  [0x86, (m) => m.push([m.pop(), m.pop()].reverse())], // TUPLE2
  [0x87, (m) => m.push([m.pop(), m.pop(), m.pop()].reverse())], // TUPLE3
  [0x61, (m) => m.extend([m.pop()])], // APPEND
  [0x65, (m) => m.extend(m.toMark())], // APPENDS
  [0x73, (m) => m.assign([m.pop(), m.pop()].reverse())], // SETITEM
  [0x75, (m) => m.assign(m.toMark())], // SETITEMS
  [0x71, (m) => m.memoize(m.u8())], // BINPUT
  [0x72, (m) => m.memoize(m.u32())], // LONG_BINPUT
  [0x94, (m) => m.memoize()], // MEMOIZE
  [0x68, (m) => m.recall(m.u8())], // BINGET
  [0x6a, (m) => m.recall(m.u32())], // LONG_BINGET
  [0x63, (m) => m.name(m.line(), m.line())], // GLOBAL
  [0x93, (m) => m.name(...([m.pop(), m.pop()].reverse() as [unknown, unknown]))], // STACK_GLOBAL
  [0x52, (m) => m.call()], // REDUCE
  [0x81, (m) => m.call()], // NEWOBJ
  [0x8f, (m) => m.push(new Skipped("set"))], // EMPTY_SET
  [0x90, (m) => m.extend(m.toMark())], // ADDITEMS
  [0x91, (m) => m.push(new Skipped(`frozenset of ${m.toMark().length}`))], // FROZENSET
  [0x62, (m) => m.build()], // BUILD
  [0x51, (m) => m.persist()], // BINPERSID
]);
