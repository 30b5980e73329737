/**
 * @file Hash-consing (Ershov 1958): structurally equal expressions of a kernel are one object, so that common subexpressions are found by comparing references.
 * Each kernel is built with its own table. Losing sharing costs time but is never wrong.
 */
import type { Dtype } from "../base/dtype.ts";
import type { Expr } from "./kernel.ts";

type Fold = NonNullable<Expr["fold"]>;

const words: Map<string, number> = new Map();

/** A small number for a word (an op, a dtype), in order of first use; constant for the life of the process. */
export function numberOf(word: string): number {
  const known = words.get(word);
  if (known !== undefined) return known;
  words.set(word, words.size);
  return words.size - 1;
}

function hashOf(op: Expr["op"], dtype: Dtype, lanes: number, args: readonly Expr[], value: number): number {
  let hash = (numberOf(op) << 5) ^ (numberOf(dtype) << 1) ^ lanes;
  // Fractions that agree in their first bits share a slot, which is rare; -0 and 0 do too.
  hash = Math.imul(hash ^ (value | 0) ^ Math.imul((value - Math.trunc(value)) * 2 ** 30, 31), 0x9e3779b1);
  for (let i = 0; i < args.length; i++) hash = Math.imul((hash ^ (hash >>> 15)) + args[i]!.id, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

/** Returns true if an expression has exactly these parts. */
function isMadeOf(
  x: Expr,
  op: Expr["op"],
  dtype: Dtype,
  lanes: number,
  args: readonly Expr[],
  value: number,
  fold: Fold | undefined,
): boolean {
  if (x.op !== op || x.dtype !== dtype || x.lanes !== lanes || x.fold !== fold || x.args.length !== args.length) return false;
  for (let i = 0; i < args.length; i++) if (x.args[i] !== args[i]) return false;
  return Object.is(x.value, value);
}

const SMALLEST_TABLE = 1024;

/** The expressions of one kernel. Open addressing: an expression stands at its hash or in the next free slot. */
class Table {
  /** The number of slots is a power of two and at least twice the number of expressions. */
  #slots: (Expr | undefined)[] = new Array<Expr | undefined>(SMALLEST_TABLE).fill(undefined);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The expression with these parts, made if it is not in the table. */
  make(op: Expr["op"], dtype: Dtype, lanes: number, args: readonly Expr[], value: number, fold: Fold | undefined): Expr {
    const slots = this.#slots;
    let at = hashOf(op, dtype, lanes, args, value) & (slots.length - 1);
    for (let x = slots[at]; x; x = slots[at]) {
      if (isMadeOf(x, op, dtype, lanes, args, value, fold)) return x;
      at = (at + 1) & (slots.length - 1);
    }
    // Callers give the operands that the operation has; `verify.ts` counts them.
    const made = { op, dtype, lanes, args, value, fold, id: nextId() } as Expr;
    slots[at] = made;
    if (2 * ++this.#count > slots.length) this.#grow();
    return made;
  }

  /** Doubles the number of slots and inserts all expressions again. */
  #grow(): void {
    const before = this.#slots;
    const slots = new Array<Expr | undefined>(2 * before.length).fill(undefined);
    for (const x of before) {
      if (!x) continue;
      let at = hashOf(x.op, x.dtype, x.lanes, x.args, x.value) & (slots.length - 1);
      while (slots[at]) at = (at + 1) & (slots.length - 1);
      slots[at] = x;
    }
    this.#slots = slots;
  }
}

let ids = 0;
/** Creation numbers go up for the whole process: operands precede results. */
const nextId = (): number => ids++;

/** Expressions that are made outside of kernels share one table, which is emptied at this many. */
const MOST_OUTSIDE = 1 << 14;
let outside = new Table();
let current: Table | undefined;

/** Builds a kernel: expressions that `body` makes are shared with each other, and with none that are made before or after. */
export function inKernel<T>(body: () => T): T {
  const before = current;
  current = new Table();
  try {
    return body();
  } finally {
    current = before;
  }
}

/** The shared expression with exactly these parts: no checks, no simplification. For passes that rebuild. */
export function make(op: Expr["op"], dtype: Dtype, lanes: number, args: readonly Expr[], value = 0, fold?: Fold): Expr {
  if (!current && outside.count > MOST_OUTSIDE) outside = new Table();
  return (current ?? outside).make(op, dtype, lanes, args, value, fold);
}

const NO_ARGS: readonly Expr[] = [];
let variables = 0;

/** A new variable, different from every other. */
export function variable(dtype: Dtype, lanes = 1): Expr {
  return { op: "variable", dtype, lanes, args: NO_ARGS, value: variables++, fold: undefined, id: nextId() };
}
