/**
 * @file Values and instructions, the elements of the Wengert list (Griewank & Walther 2008, §2.2).
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

/** What the list itself needs to know of an operation; `ops/op.ts` adds the rules. */
export interface OpFace {
  readonly name: string;
  /** Types of the results; throws on operands that do not fit. */
  type(operands: readonly Type[], params: unknown, regions: readonly RegionOf[]): Type[];
  /** False for placeholders, barriers and the like: two equal instructions are not merged. */
  readonly mergeable: boolean;
  readonly traits?: Traits;
}

/** Properties of an op that passes may use besides its rules. A trait that is absent does not hold. */
export interface Traits {
  /** The value is bound from outside or is in memory already: a region takes it as an input. */
  readonly leaf?: true;
  /** Result i is operand i, perhaps in another shape: both are one buffer. */
  readonly alias?: true;
  /** The instruction keeps its position in the order of the list, before everything that reads its results. */
  readonly ordered?: true;
  /** Begins to send something, as soon as its operands are made. The function moves on what is on its way; it is called between kernels. */
  readonly begins?: () => void;
  /** Ends what another instruction began. */
  readonly ends?: true;
  /** Every result has a buffer of its own, even if it only moves elements. */
  readonly copies?: true;
  /** Operands may change places without changing a bit of the result. */
  readonly commutative?: true;
  /**
   * Nothing is computed: every element of the result is an element of an operand, or 0. `all`: the result has all elements of one operand, each at least once,
   * and no zeros, so that a constant stays the same constant.
   */
  readonly moves?: "all" | "some";
  /** `rising`: the result never falls when an operand rises; `falling`: it never rises. */
  readonly monotone?: "rising" | "falling";
  /** The result is the sum of the operands with these signs. */
  readonly signs?: readonly (1 | -1)[];
  /** One operation per element: computing the result again is cheaper than keeping it. */
  readonly cheap?: true;
  /** The cost of an element depends on shapes and parameters, not on dtypes alone. */
  readonly varies?: true;
  /** Positions of operands that must be stored row by row. `all`: all operands and results. */
  readonly rows?: readonly number[] | "all";
  /** How often its regions run, from its parameters. Default once. */
  readonly repetitions?: (params: unknown) => number;
  /** Its last region is the body of a loop: the first `consts` operands are constants, the next `carry` are carried, the others are read in slices. */
  readonly loop?: (params: unknown, operands: number) => { readonly consts: number; readonly carry: number };
  /** Operand 0 chooses one of its regions; the other operands are the inputs of each. */
  readonly branches?: true;
}

/** Where an instruction comes from. Passes copy it to the instructions that they make from it. */
export interface Origin {
  /** The user's stack when the instruction was recorded; only its first foreign line is shown. */
  readonly line?: string;
  /** Module path such as `features.0`. */
  readonly path?: string;
  /** The shard of the batch that it computes on. Kernels do not mix shards, so that results do not depend on how many shards a rank has. */
  readonly shard?: number;
}

/** A value of the list: one result of an instruction. */
export interface Value extends Type {
  /** The instruction that makes this value. */
  readonly source: InstructionOf;
  /** Which of the instruction's results this is. */
  readonly index: number;
  /** Its name in printed lists, such as `W1` or `dz2`. */
  readonly label: string | undefined;
}

/** A closed sub-list: it refers to the outside only through `inputs`, which are its own placeholders. */
export interface RegionOf<V extends Value = Value> {
  readonly inputs: readonly V[];
  readonly outputs: readonly V[];
}

/**
 * One operation of a recorded list, with its operands, parameters and results. `ops/op.ts` states what the values `V` and the op `O` are above this folder.
 */
export interface InstructionOf<V extends Value = Value, O extends OpFace = OpFace> {
  /** Creation order. Operands precede results, so sorting by it gives a topological order. */
  readonly serial: number;
  readonly op: O;
  readonly operands: readonly V[];
  readonly params: unknown;
  /**
   * The axis that the scheduler is asked to put in the lanes of vectors, for the results and for the operands that are read in vectors; undefined for no
   * request. `optimize/layout.ts` sets it. It changes where elements are stored and never their values.
   */
  readonly lanes: number | undefined;
  readonly regions: readonly RegionOf<V>[];
  readonly results: readonly V[];
  readonly origin: Origin | undefined;
}

/** A value whose list holds values of its own type. */
export type Listed<V extends Value> = Value & { readonly source: InstructionOf<V> };

/** Elements of a computed value, on the host or in the memory of a backend. */
export interface Storage {
  /** The backend in whose memory the elements are, for messages; undefined if they are on the host. */
  readonly backend?: string;
  /** The elements at the time of the call, in a new array. */
  read(): Promise<TypedArray>;
  /**
   * The elements at once: in an array that the caller must not write to, or, with `owned`, in a new array. Absent if the host must wait for the elements.
   */
  readSync?(owned?: boolean): TypedArray;
}

/** Elements in a typed array on the host. The array belongs to the storage from now on. */
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

/** The elements of a storage at once; `what` names the reader in the error. @throws {Error} that names the backend, if the host must wait for the elements. */
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
