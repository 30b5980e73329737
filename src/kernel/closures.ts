/**
 * @file The interpreter without generated code, for hosts that refuse to compile text (a page whose Content-Security-Policy lacks 'unsafe-eval'). Each operation
 * becomes a closure where `interpret.ts` writes source text. It is about ten times slower and gives the same bits.
 */
import type { TypedArray } from "../base/dtype.ts";
import type { Expr, Kernel, Stmt } from "./kernel.ts";
import { bitcastMeaning, castMeaning, type Meaning, meaningOf } from "./scalar.ts";

type Action = () => void;
/** The lanes of a value, overwritten at every evaluation. */
type Lanes = number[];

/** A kernel's statements as a function of its buffers. `at` checks an index. */
export function closuresOf(
  kernel: Kernel,
  body: readonly Stmt[],
  at: (index: number, length: number, buffer: number) => number,
): (buffers: readonly TypedArray[]) => void {
  const maker = new Maker(kernel, at);
  const run = maker.block(body);
  return (buffers) => {
    maker.buffers = buffers;
    run();
  };
}

/** Makes closures of statements and expressions. */
class Maker {
  buffers: readonly TypedArray[] = [];
  readonly #kernel: Kernel;
  readonly #at: (index: number, length: number, buffer: number) => number;
  readonly #variables: Map<number, Lanes> = new Map();

  constructor(kernel: Kernel, at: (index: number, length: number, buffer: number) => number) {
    this.#kernel = kernel;
    this.#at = at;
  }

  block(stmts: readonly Stmt[]): Action {
    const actions = stmts.map((s) => this.#statement(s));
    return () => {
      for (const action of actions) action();
    };
  }

  /** The closure of a statement. */
  #statement(s: Stmt): Action {
    // The operations of the statement, operands first; a value that is used twice is computed once.
    const plan: Action[] = [];
    const known = new Map<Expr, Lanes>();
    const value = (x: Expr): Lanes => this.#value(x, plan, known);
    const compute = (): void => {
      for (const action of plan) action();
    };
    switch (s.kind) {
      case "for":
        return this.#loop(s, s.within?.map(value), compute);
      case "let":
      case "set": {
        const [from, to] = [value(s.value), this.#variable(s.variable)];
        return () => {
          compute();
          for (let i = 0; i < to.length; i++) to[i] = from[i]!;
        };
      }
      case "store":
        return this.#store(s, value(s.value), value(s.index), s.mask && value(s.mask), compute);
      case "if": {
        const condition = value(s.condition);
        const [then, otherwise] = [this.block(s.then), this.block(s.otherwise)];
        return () => {
          compute();
          if (condition[0]) then();
          else otherwise();
        };
      }
    }
  }

  /** The closure of a loop; `bounds` are the lanes in which `compute` puts the bounds of a loop that leaves iterations out. */
  #loop(s: Stmt & { kind: "for" }, bounds: readonly Lanes[] | undefined, compute: Action): Action {
    const counter = this.#variable(s.variable);
    const body = this.block(s.body);
    return () => {
      // Bounds are computed once: the body may write what they read.
      if (bounds) compute();
      const [low, high] = bounds ? bounds.map(([bound]) => bound!) : [];
      for (let n = s.from; n < s.to; n += s.step) {
        counter[0] = n;
        if (n < low! || n >= high!) continue;
        body();
      }
    };
  }

  #store(s: Stmt & { kind: "store" }, value: Lanes, index: Lanes, mask: Lanes | undefined, compute: Action): Action {
    return () => {
      compute();
      const buffer = this.buffers[s.buffer]!;
      for (let i = 0; i < value.length; i++) if (!mask || mask[i]) buffer[this.#place(s.buffer, index, i)] = value[i]!;
    };
  }

  /** With a scalar index the lanes are consecutive. */
  #place(buffer: number, index: Lanes, i: number): number {
    return this.#at(index.length > 1 ? index[i]! : index[0]! + i, this.#kernel.buffers[buffer]!.length, buffer);
  }

  #variable(x: Expr): Lanes {
    let lanes = this.#variables.get(x.value);
    if (!lanes) {
      lanes = new Array<number>(x.lanes).fill(0);
      this.#variables.set(x.value, lanes);
    }
    return lanes;
  }

  #value(x: Expr, plan: Action[], known: Map<Expr, Lanes>): Lanes {
    const before = known.get(x);
    if (before) return before;
    const args = x.args.map((arg) => this.#value(arg, plan, known));
    const lanes = this.#compute(x, args, plan);
    known.set(x, lanes);
    return lanes;
  }

  /** The lanes of an expression. Adds to `plan` what computes them. */
  #compute(x: Expr, args: readonly Lanes[], plan: Action[]): Lanes {
    if (x.op === "const") return [x.value];
    if (x.op === "ramp") return Array.from({ length: x.lanes }, (_, i) => i);
    if (x.op === "variable") return this.#variable(x);
    const [a, b = NO_LANES, c = NO_LANES] = args;
    if (!a) throw new Error(`internal: ${x.op} has no operand`);
    const to = new Array<number>(x.lanes).fill(0);
    const each = (f: (i: number) => number): Lanes => {
      plan.push(() => {
        for (let i = 0; i < to.length; i++) to[i] = f(i);
      });
      return to;
    };
    switch (x.op) {
      case "splat":
        return each(() => a[0]!);
      case "lane":
        return each(() => a[x.value]!);
      case "fold": {
        const f = found(x.fold!, meaningOf(x.fold!, x.dtype));
        return each(() => pairwise(f, a));
      }
      case "load":
        return each((i) => (args.length === 1 || b[i] ? this.buffers[x.value]![this.#place(x.value, a, i)]! : 0));
      case "select":
        return each((i) => (a[i] ? b[i]! : c[i]!));
      default: {
        const f = meaningOfExpr(x);
        if (args.length === 1) return each((i) => f(a[i]!));
        return args.length === 2 ? each((i) => f(a[i]!, b[i]!)) : each((i) => f(a[i]!, b[i]!, c[i]!));
      }
    }
  }
}

/** Stands for the lanes of an absent operand. */
const NO_LANES: Lanes = [];

function meaningOfExpr(x: Expr): Meaning {
  const from = x.args[0]!.dtype;
  if (x.op === "cast") return castMeaning(from, x.dtype);
  if (x.op === "bitcast") return bitcastMeaning(from, x.dtype);
  return found(`${x.op} ${from}`, meaningOf(x.op, from));
}

function found(what: string, meaning: Meaning | undefined): Meaning {
  if (!meaning) throw new Error(`internal: the kernel language has no ${what}`);
  return meaning;
}

/** (l0 ∘ l1) ∘ (l2 ∘ l3). */
function pairwise(f: Meaning, lanes: Lanes): number {
  let rest: readonly number[] = lanes;
  while (rest.length > 1) rest = rest.flatMap((a, i) => (i % 2 === 0 ? [f(a, rest[i + 1]!)] : []));
  return rest[0]!;
}
