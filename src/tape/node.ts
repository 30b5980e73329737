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
  type(operands: readonly Type[], params: unknown, regions: readonly RegionOf[]): Type[];
  /** False for placeholders, barriers and the like: two equal instructions are still two. */
  readonly mergeable: boolean;
  readonly traits?: Traits;
}

/** What passes may use of an op besides its rules. What is not stated is not so. */
export interface Traits {
  /** The value is bound from outside or lies in memory: a region takes it as an input. */
  readonly leaf?: true;
  /** Result i is operand i, perhaps in another shape: both are one buffer. */
  readonly alias?: true;
  /** It keeps its place in the order of the list, before all that reads its results. */
  readonly ordered?: true;
  /** Every result has a buffer of its own, even if it only moves elements. */
  readonly copies?: true;
  /** Operands may change places without changing a bit of the result. */
  readonly commutative?: true;
  /**
   * Nothing is computed: results are elements of the operands and zeros. `all`: of one operand every element, at one place or more, and no
   * zeros; so of a constant it makes the same constant.
   */
  readonly moves?: "all" | "some";
  /** The result never falls (never rises) when an operand rises. */
  readonly monotone?: "rising" | "falling";
  /** The result is the sum of the operands with these signs. */
  readonly signs?: readonly (1 | -1)[];
  /** One operation per element: not worth keeping its result. */
  readonly cheap?: true;
  /** What an element costs depends on shapes and parameters, not on types alone. */
  readonly varies?: true;
  /** Operands that are read row by row, whatever order the plan could give them; with all operands, results are written so too. */
  readonly rows?: readonly number[] | "all";
  /** How often its regions run, of its parameters. Default once. */
  readonly repetitions?: (params: unknown) => number;
  /** Its last region is the body of a loop: so many operands are constants, so many after them are carried, the others are stacked slices. */
  readonly loop?: (params: unknown, operands: number) => { readonly consts: number; readonly carry: number };
  /** Operand 0 chooses one of its regions, which take the others. */
  readonly branches?: true;
}

/** Where an instruction comes from; every pass copies it. */
export interface Origin {
  /** The user's stack when the instruction was recorded; only its first foreign line is shown. */
  readonly line?: string;
  /** Module path such as `features.0`. */
  readonly path?: string;
  /** The shard of a batch that it computes on: kernels do not mix shards, so that their bits do not depend on how many are computed here. */
  readonly shard?: number;
}

export interface Value extends Type {
  /** The instruction that makes this value. */
  readonly source: InstructionOf;
  /** Which of the instruction's results this is. */
  readonly index: number;
  /** What a reader calls it: `W1`, `dz2`. */
  readonly label: string | undefined;
}

/** A closed sub-list: nothing in it refers outside, but through `inputs`, which are placeholders of its own. */
export interface RegionOf<V extends Value = Value> {
  readonly inputs: readonly V[];
  readonly outputs: readonly V[];
}

/**
 * One operation of a recorded list: its operands and its results, and how it was called. `ops/op.ts` states what the values `V` and the op `O` are
 * above this folder.
 */
export interface InstructionOf<V extends Value = Value, O extends OpFace = OpFace> {
  /** Creation order. Operands precede results, so sorting by it gives a topological order. */
  readonly serial: number;
  readonly op: O;
  readonly operands: readonly V[];
  readonly params: unknown;
  /**
   * The axis that the plan is asked to put in the lanes of vectors (of the results, and of the operands that the op then reads in vectors);
   * undefined for no wish. Passes set it (`optimize/layout.ts`); it changes where elements lie, never what they are.
   */
  readonly lanes: number | undefined;
  readonly regions: readonly RegionOf<V>[];
  readonly results: readonly V[];
  readonly origin: Origin | undefined;
}

/** A value whose list holds values of its own type. */
export type Listed<V extends Value> = Value & { readonly source: InstructionOf<V> };

/** Elements of a computed value, wherever they lie. */
export interface Storage {
  /** The backend in whose memory the elements lie, for messages; undefined if the host has them. */
  readonly backend?: string;
  /** The elements at the time of the call, in an array of the caller's own. */
  read(): Promise<TypedArray>;
  /**
   * The elements at once, in an array that nobody writes to, or in one of the caller's own if it is to be `owned`. Absent where the host must wait
   * for them.
   */
  readSync?(owned?: boolean): TypedArray;
}

/** Elements in a typed array, which belongs to the storage from now on. */
export class HostStorage implements Storage {
  readonly #elements: TypedArray;

  constructor(elements: TypedArray) {
    this.#elements = elements;
  }

  async read(): Promise<TypedArray> {
    return this.#elements.slice();
  }

  readSync(owned = false): TypedArray {
    return owned ? this.#elements.slice() : this.#elements;
  }
}

/** The elements of a storage at once. @throws {Error} naming the backend, where the host must wait for them. `what` is what reads them. */
export function readNow(storage: Storage, what: string, owned = false): TypedArray {
  if (storage.readSync) return storage.readSync(owned);
  throw new Error(
    `${what}: the elements lie in the memory of the backend "${storage.backend}", which cannot be read at once; use await x.data() or await x.item(), or choose another backend: what depends on values (shapes, optimizers on the host) needs them at once`,
  );
}

let serial = 0;

export function nextSerial(): number {
  return serial++;
}
