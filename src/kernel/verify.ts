/**
 * @file Checks that a kernel obeys the language: dtypes and lanes of every node, variables bound before use, buffers that exist, stores only
 * into buffers that are written. Passes are tested by verifying what they make.
 */
import type { Dtype } from "../base/dtype.ts";
import type { Expr, Kernel, Stmt } from "./kernel.ts";
import { printKernel } from "./print.ts";
import { isBinary, isCompare, isUnary, meaningOf } from "./scalar.ts";
import type { Target } from "./target.ts";
import { assigned, bound, operandsOf } from "./walk.ts";

/**
 * Verifies a kernel; with a target, also that its vectors have lengths of the target.
 * @throws {Error} `internal:`, with the problem and the printed kernel.
 */
export function verifyKernel(kernel: Kernel, target?: Target): void {
  const problem = new Verifier(kernel, target).problem();
  if (problem) throw new Error(`internal: kernel ${kernel.name}: ${problem}\n${printKernel(kernel)}`);
}

/** The dtype that a load from a buffer of `dtype` has: u8 loads as u32. */
function loaded(dtype: Dtype): Dtype {
  return dtype === "u8" ? "u32" : dtype;
}

const WORDS: ReadonlySet<Dtype> = new Set(["f32", "i32", "u32"]);

/** Checks one kernel. Methods return a problem as a text, or undefined. */
class Verifier {
  private readonly kernel: Kernel;
  private readonly scope: Set<Expr> = new Set();
  private readonly numbers: Set<number> = new Set();
  private readonly counters: Set<Expr> = new Set();

  private readonly target: Target | undefined;

  constructor(kernel: Kernel, target: Target | undefined) {
    this.kernel = kernel;
    this.target = target;
  }

  problem(): string | undefined {
    for (const [i, b] of this.kernel.buffers.entries()) {
      if (!(Number.isInteger(b.length) && b.length > 0)) return `buffer b${i} has length ${b.length}`;
    }
    return this.block(this.kernel.body);
  }

  /** Checks a block. Its variables are out of scope at its end. */
  private block(stmts: readonly Stmt[]): string | undefined {
    const opened: Expr[] = [];
    let found: string | undefined;
    for (const s of stmts) {
      found ??= this.statement(s);
      if (s.kind === "let") {
        found ??= this.open(s.variable);
        opened.push(s.variable);
      }
    }
    for (const v of opened) this.scope.delete(v);
    return found;
  }

  private open(v: Expr): string | undefined {
    if (v.op !== "variable") return `${v.op} is bound as if it were a variable`;
    if (this.numbers.has(v.value)) return `variable ${v.value} is bound twice`;
    this.numbers.add(v.value);
    this.scope.add(v);
    return undefined;
  }

  /** Checks a statement and the statements inside. */
  private statement(s: Stmt): string | undefined {
    this.seen.clear();
    switch (s.kind) {
      case "for":
        return this.loop(s);
      case "let":
        return this.expr(s.value) ?? this.sameType("let", s.variable, s.value);
      case "set":
        if (this.counters.has(s.variable)) return "a loop counter is set";
        return this.expr(s.value) ?? this.expr(s.variable) ?? this.sameType("set", s.variable, s.value);
      case "store":
        return operandsOf(s).reduce<string | undefined>((found, x) => found ?? this.expr(x), undefined) ?? this.store(s);
      case "if":
        if (s.condition.dtype !== "bool" || s.condition.lanes !== 1) return "the condition of an if is not a scalar bool";
        return this.expr(s.condition) ?? this.block(s.then) ?? this.block(s.otherwise);
    }
  }

  private loop(s: Stmt & { kind: "for" }): string | undefined {
    const header = loopProblem(s);
    if (header) return header;
    for (const x of s.within ?? []) {
      const found = x.dtype === "i32" && x.lanes === 1 ? this.expr(x) : `a loop is within ${typeOf(x)}`;
      if (found) return found;
    }
    this.counters.add(s.variable);
    const found = this.open(s.variable) ?? this.block(s.body);
    this.scope.delete(s.variable);
    return found;
  }

  private sameType(what: string, a: Expr, b: Expr): string | undefined {
    return a.dtype === b.dtype && a.lanes === b.lanes ? undefined : `${what}: ${typeOf(a)} is given ${typeOf(b)}`;
  }

  private store(s: Stmt & { kind: "store" }): string | undefined {
    const buffer = this.kernel.buffers[s.buffer];
    if (!buffer) return `store to buffer b${s.buffer}, which does not exist`;
    if (!buffer.written) return `store to b${s.buffer}, which is only read`;
    if (s.value.dtype !== buffer.dtype && s.value.dtype !== loaded(buffer.dtype))
      return `store of ${s.value.dtype} to ${buffer.dtype} b${s.buffer}`;
    if (!isIndex(s.index) || s.index.lanes > s.value.lanes) return `store index is ${typeOf(s.index)} for a value ${typeOf(s.value)}`;
    if (s.mask && (s.mask.dtype !== "bool" || s.mask.lanes !== s.value.lanes))
      return `store: mask ${typeOf(s.mask)} for ${typeOf(s.value)}`;
    return undefined;
  }

  private readonly checked: Map<Expr, string | undefined> = new Map();

  /** Expressions of the current statement that were checked already: a walk along all paths of the DAG would take exponential time. */
  private readonly seen: Set<Expr> = new Set();

  /** Checks an expression and everything below it. */
  private expr(x: Expr): string | undefined {
    if (this.seen.has(x)) return undefined;
    this.seen.add(x);
    // Whether a variable is in scope depends on where it is used.
    if (x.op === "variable") return this.scope.has(x) ? undefined : `variable ${x.value} is used where it is not bound`;
    for (const arg of x.args) {
      const found = this.expr(arg);
      if (found) return found;
    }
    if (!this.checked.has(x)) this.checked.set(x, this.node(x));
    return this.checked.get(x);
  }

  private node(x: Expr): string | undefined {
    const length = x.lanes > 1 ? this.vector(x) : undefined;
    if (length) return length;
    if (x.op === "load") return this.load(x);
    return signatureHolds(x) ? undefined : `${x.op}: ${x.args.map(typeOf).join(", ")} cannot give ${typeOf(x)}`;
  }

  private vector(x: Expr): string | undefined {
    if (this.target && x.lanes > this.target.lanes[x.dtype]) return `${x.op}: ${this.target.name} has no ${typeOf(x)}`;
    return Number.isInteger(Math.log2(x.lanes)) ? undefined : `${x.op}: a vector of ${x.lanes}`;
  }

  private load(x: Expr): string | undefined {
    const buffer = this.kernel.buffers[x.value];
    const [index, mask] = x.args;
    if (!buffer) return `load from buffer b${x.value}, which does not exist`;
    if (x.dtype !== loaded(buffer.dtype)) return `load of ${x.dtype} from ${buffer.dtype} b${x.value}`;
    if (!index || !isIndex(index) || index.lanes > x.lanes) return `load: ${x.args.map(typeOf).join(", ")} cannot index ${typeOf(x)}`;
    if (mask && (mask.dtype !== "bool" || mask.lanes !== x.lanes)) return `load: mask ${typeOf(mask)} for ${typeOf(x)}`;
    return undefined;
  }
}

/** Returns what is wrong with the bounds and the counter of a loop, if anything. */
function loopProblem(s: Stmt & { kind: "for" }): string | undefined {
  if (!(Number.isInteger(s.from) && Number.isInteger(s.to) && Number.isInteger(s.step) && s.step > 0)) {
    return `loop bounds ${s.from}, ${s.to}, step ${s.step} are not integers with a positive step`;
  }
  if (s.variable.dtype !== "i32" || s.variable.lanes !== 1) return "a loop counter is not a scalar i32";
  if (s.parallel && carries(s)) return "a parallel loop sets a variable from outside";
  if (s.within && (s.parallel || s.from !== 0 || s.step !== 1)) return "a loop that leaves iterations out is parallel, or not 0, 1, 2, ...";
  return undefined;
}

function carries({ body }: Stmt & { kind: "for" }): boolean {
  const own = bound(body);
  return [...assigned(body)].some((v) => !own.has(v));
}

function isIndex(x: Expr): boolean {
  return x.dtype === "i32" || x.dtype === "u32";
}

function typeOf(x: Expr): string {
  return x.lanes > 1 ? `${x.dtype}x${x.lanes}` : x.dtype;
}

/** Returns true if the types of the operands fit the operator and give the type of the node. */
function signatureHolds(x: Expr): boolean {
  const like: Like = (y) => y !== undefined && y.dtype === x.dtype && y.lanes === x.lanes;
  const holds = SIGNATURES[x.op];
  return holds ? holds(x, like) : operatorHolds(x, like);
}

/** Returns true if an operand has the type of the node. */
type Like = (y: Expr | undefined) => boolean;

/** Returns true if a node is a scalar made from the lanes of its operand. */
const isPart = (x: Expr): boolean => x.lanes === 1 && x.args[0]!.lanes > 1 && x.args[0]!.dtype === x.dtype;

/** For each operator, the condition on a node and its operands. */
const SIGNATURES: Readonly<Partial<Record<Expr["op"], (x: Expr, like: Like) => boolean>>> = {
  const: (x) => x.lanes === 1 && x.args.length === 0,
  ramp: (x) => x.lanes > 1 && x.dtype === "i32",
  splat: ({ lanes, dtype, args: [a] }) => lanes > 1 && a!.lanes === 1 && a!.dtype === dtype,
  lane: (x) => isPart(x) && x.value >= 0 && x.value < x.args[0]!.lanes,
  fold: (x) => isPart(x) && x.fold !== undefined && (WORDS.has(x.dtype) || x.dtype === "f64"),
  select: ({ lanes, args: [a, b, c] }, like) => a!.dtype === "bool" && a!.lanes === lanes && like(b) && like(c),
  fma: ({ dtype, args }, like) => (dtype === "f32" || dtype === "f64") && args.length === 3 && args.every(like),
  cast: ({ lanes, dtype, args: [a] }) => a!.lanes === lanes && dtype !== "bool",
  bitcast: ({ lanes, dtype, args: [a] }) => a!.lanes === lanes && WORDS.has(a!.dtype) && WORDS.has(dtype),
};

/** Checks the types of an operator that has no row in SIGNATURES. */
function operatorHolds(x: Expr, like: Like): boolean {
  const [a, b] = x.args;
  if (!a || meaningOf(x.op, a.dtype) === undefined || a.dtype === "u8") return false;
  if (isUnary(x.op)) return like(a);
  if (!b) return false;
  if (isCompare(x.op)) return x.dtype === "bool" && a.dtype !== "bool" && a.dtype === b.dtype && a.lanes === x.lanes && b.lanes === x.lanes;
  return isBinary(x.op) && like(a) && like(b);
}
