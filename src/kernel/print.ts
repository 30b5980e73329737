/**
 * @file Kernels as text, for people and golden tests. Variables are named by position (loops i, j, k, ..., lets t0, t1, ...),
 * so that the text of a kernel does not depend on how its variables happen to be numbered.
 *
 *     kernel scale(b0: f32[320], b1: mut f32[320])
 *     for i < 320 step 4 {
 *       b1[i:4] = b0[i:4] * 2
 *     }
 */
import { constantOf } from "./build.ts";
import type { Expr, Kernel, Stmt } from "./kernel.ts";
import { eachExpr, operandsOf } from "./walk.ts";

const INFIX: Readonly<Record<string, readonly [symbol: string, strength: number]>> = {
  mul: ["*", 10],
  div: ["/", 10],
  rem: ["%", 10],
  add: ["+", 9],
  sub: ["-", 9],
  shl: ["<<", 8],
  shr: [">>", 8],
  lt: ["<", 7],
  le: ["<=", 7],
  eq: ["==", 6],
  ne: ["!=", 6],
  and: ["&", 5],
  xor: ["^", 4],
  or: ["|", 3],
};
const ATOM = 12;
const LOOP_NAMES = "ijklmnpqrs";

/** Text, and how strongly its outermost operator binds. */
type Piece = readonly [text: string, strength: number];

/** Prints one kernel; it numbers variables by their first use. */
class Printer {
  readonly lines: string[] = [];
  private readonly names: Map<Expr, string> = new Map();
  private loops = 0;
  private lets = 0;

  block(stmts: readonly Stmt[], indent: string): void {
    for (const s of stmts) {
      const shared = this.nameShared(operandsOf(s), indent);
      this.statement(s, indent);
      for (const x of shared) this.names.delete(x);
    }
  }

  /**
   * A statement's expressions are trees in print, unless sharing makes the tree much larger than the DAG (as expanded transcendentals are);
   * then the shared nodes are named first, on lines of their own.
   */
  private nameShared(roots: readonly Expr[], indent: string): readonly Expr[] {
    const uses = new Map<Expr, number>();
    const size = new Map<Expr, number>();
    const order: Expr[] = [];
    eachExpr(roots, (x) => {
      order.push(x);
      let total = 1;
      for (const arg of x.args) {
        total += size.get(arg) ?? 0;
        uses.set(arg, (uses.get(arg) ?? 0) + 1);
      }
      size.set(x, total);
    });
    const tree = roots.reduce((sum, x) => sum + size.get(x)!, 0);
    if (tree <= 2 * order.length + 24) return [];
    const shared = order.filter((x) => (uses.get(x) ?? 0) > 1 && size.get(x)! > 2);
    for (const x of shared) {
      const text = this.expr(x);
      this.names.set(x, `s${this.lets++}`);
      this.lines.push(`${indent}${this.names.get(x)} = ${text}`);
    }
    return shared;
  }

  /** Prints a statement and the statements inside. */
  private statement(s: Stmt, indent: string): void {
    switch (s.kind) {
      case "for":
        this.loop(s, indent);
        return;
      case "let": {
        const value = this.expr(s.value);
        const name = `t${this.lets++}`;
        this.names.set(s.variable, name);
        this.lines.push(`${indent}let ${name} = ${value}`);
        return;
      }
      case "set":
        this.lines.push(`${indent}${this.expr(s.variable)} = ${this.expr(s.value)}`);
        return;
      case "store":
        this.lines.push(
          `${indent}b${s.buffer}[${this.index(s.index, s.value.lanes)}${s.mask ? ` if ${this.expr(s.mask)}` : ""}] = ${this.expr(s.value)}`,
        );
        return;
      case "if":
        this.lines.push(`${indent}if ${this.expr(s.condition)} {`);
        this.block(s.then, `${indent}  `);
        if (s.otherwise.length > 0) this.lines.push(`${indent}} else {`);
        this.block(s.otherwise, `${indent}  `);
        this.lines.push(`${indent}}`);
    }
  }

  private loop(s: Stmt & { kind: "for" }, indent: string): void {
    const depth = this.loops++;
    const name = LOOP_NAMES[depth] ?? `i${depth}`;
    this.names.set(s.variable, name);
    const range = s.from === 0 ? `${name} < ${s.to}` : `${name} = ${s.from} < ${s.to}`;
    const within = s.within ? ` within ${s.within.map((x) => this.expr(x)).join(" .. ")}` : "";
    this.lines.push(`${indent}for ${range}${s.step === 1 ? "" : ` step ${s.step}`}${within} {`);
    this.block(s.body, `${indent}  `);
    this.lines.push(`${indent}}`);
    this.loops--;
  }

  private expr(x: Expr): string {
    return this.piece(x)[0];
  }

  private index(x: Expr, lanes: number): string {
    return this.expr(x) + (lanes > 1 && x.lanes === 1 ? `:${lanes}` : "");
  }

  /** The text of an expression. */
  private piece(x: Expr): Piece {
    const name = this.names.get(x);
    if (name !== undefined) return [name, ATOM];
    const infix = INFIX[x.op];
    if (infix) return this.infix(x, infix[0], infix[1]);
    switch (x.op) {
      case "const":
        return this.constant(x);
      case "variable":
        return ["unbound", ATOM];
      case "ramp":
        return ["ramp", ATOM];
      case "load":
        return [`b${x.value}[${this.index(x.args[0]!, x.lanes)}${x.args[1] ? ` if ${this.expr(x.args[1])}` : ""}]`, ATOM];
      case "splat":
        // A splat prints as its scalar: that it is a vector is clear from its use.
        return this.piece(x.args[0]!);
      case "lane":
        return [`${this.wrap(x.args[0]!, ATOM)}.${x.value}`, ATOM];
      case "neg":
      case "not":
        return [(x.op === "neg" ? "-" : "!") + this.wrap(x.args[0]!, 11), 11];
      default:
        return this.call(x);
    }
  }

  private call(x: Expr): Piece {
    const name = x.op === "cast" ? x.dtype : x.op === "bitcast" ? `bits.${x.dtype}` : x.op === "fold" ? `fold.${x.fold}` : x.op;
    return [`${name}(${x.args.map((arg) => this.expr(arg)).join(", ")})`, ATOM];
  }

  private constant(x: Expr): Piece {
    const text = Object.is(x.value, -0) ? "-0" : x.dtype === "bool" ? String(x.value !== 0) : shortest(x);
    return [text, x.value < 0 ? 11 : ATOM];
  }

  private infix(x: Expr, symbol: string, strength: number): Piece {
    const [a, b] = x.args;
    if (!a || !b) throw new Error(`internal: ${x.op} has ${x.args.length} operands, want 2`);
    const c = constantOf(b);
    if (x.op === "add" && c !== undefined && c < 0) return [`${this.wrap(a, strength)} - ${this.expr(b).slice(1)}`, strength];
    return [`${this.wrap(a, strength)} ${symbol} ${this.wrap(b, strength + 1)}`, strength];
  }

  private wrap(x: Expr, strength: number): string {
    const [text, own] = this.piece(x);
    return own < strength ? `(${text})` : text;
  }
}

/** The shortest decimal that rounds to this f32. */
function shortest(x: Expr): string {
  if (x.dtype !== "f32") return String(x.value);
  for (let digits = 1; digits < 9; digits++) {
    const text = String(Number(x.value.toPrecision(digits)));
    if (Math.fround(Number(text)) === x.value) return text;
  }
  return String(x.value);
}

function signature(kernel: Kernel): string {
  return kernel.buffers.map((b, i) => `b${i}: ${b.written ? "mut " : ""}${b.dtype}[${b.length}]`).join(", ");
}

/** A kernel as readable text. */
export function printKernel(kernel: Kernel): string {
  const printer = new Printer();
  printer.block(kernel.body, "");
  return [`kernel ${kernel.name}(${signature(kernel)})`, ...printer.lines].join("\n");
}
