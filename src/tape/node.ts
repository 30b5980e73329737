/**
 * @file Values and instructions: the words of the Wengert list (Griewank & Walther 2008, §2.2).
 *
 *     instruction  serial · op · operands ──► results
 *                              ▲                │
 *                              └── value ◄──────┘     a value knows the instruction that makes it
 *
 * Both are immutable, with one exception: a value that has been computed forgets its instruction for a `data` leaf, so that the collector
 * can free the graph behind it. No list is kept anywhere; `tape.ts` derives it from the outputs.
 */

import type { TypedArray } from "../base/dtype.ts";
import type { Type } from "../base/shape.ts";

/** The little that the list itself must know of an operation; `ops/op.ts` adds the rules. */
export interface OpFace {
  readonly name: string;
  /** Types of the results; throws on operands that do not fit. */
  type(operands: readonly Type[], params: unknown, regions: readonly Region[]): Type[];
  /** False for placeholders, barriers and the like: two equal instructions are still two. */
  readonly mergeable: boolean;
}

/** Where an instruction comes from; every pass copies it. */
export interface Origin {
  /** The user's stack when the instruction was recorded; only its first foreign line is shown. */
  readonly line?: string;
  /** Module path such as `features.0`. */
  readonly path?: string;
}

export interface Value extends Type {
  /** The instruction that makes this value. */
  readonly source: Instruction;
  /** Which of the instruction's results this is. */
  readonly index: number;
  /** What a reader calls it: `W1`, `dz2`. */
  readonly label: string | undefined;
}

/** A closed sub-list: nothing in it refers outside, but through `inputs`, which are placeholders of its own. */
export interface Region {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

export interface Instruction {
  /** Creation order. Operands precede results, so sorting by it gives a topological order. */
  readonly serial: number;
  readonly op: OpFace;
  readonly operands: readonly Value[];
  readonly params: unknown;
  readonly regions: readonly Region[];
  readonly results: readonly Value[];
  readonly origin: Origin | undefined;
}

/** Elements of a computed value, wherever they lie. */
export interface Storage {
  /** A typed array of the elements, for the library: nobody writes to it. */
  read(): TypedArray;
  /** A typed array of the elements that is the caller's own. */
  copy(): TypedArray;
}

/** Elements in a typed array, which belongs to the storage from now on. */
export class HostStorage implements Storage {
  readonly #elements: TypedArray;

  constructor(elements: TypedArray) {
    this.#elements = elements;
  }

  read(): TypedArray {
    return this.#elements;
  }

  copy(): TypedArray {
    return this.#elements.slice();
  }
}

let serial = 0;

export function nextSerial(): number {
  return serial++;
}
