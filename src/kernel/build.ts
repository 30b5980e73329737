/**
 * @file Constructors of the kernel language, to be imported as a whole: `import * as k from "../kernel/build.ts"`.
 *
 * They check dtypes, splat the scalar side of a mixed operation, fold constants, and share: structurally equal expressions of a kernel are one
 * object (`intern.ts`). Float results never change: only identities that hold for NaN, ±0 and ±∞ are applied.
 */
import { aDtype, check } from "../base/check.ts";
import type { Dtype } from "../base/dtype.ts";
import { isFloat } from "../base/dtype.ts";
import { make, variable } from "./intern.ts";
import type { BinaryOp, CompareOp, Expr, HostUnary, MathOp, Stmt, UnaryOp } from "./kernel.ts";
import { constant, constantLike, constantOf, fail, lanesOf, requireExprs, splat } from "./leaves.ts";
import { bitcastMeaning, castMeaning, isCompare, meaningOf } from "./scalar.ts";

export { inKernel, make, numberOf, variable } from "./intern.ts";
export { constant, constantOf, float, fold, int, lane, load, ramp, splat } from "./leaves.ts";

/** `x` with other operands. */
export function rebuild(x: Expr, args: readonly Expr[]): Expr {
  if (args.every((arg, i) => arg === x.args[i])) return x;
  return make(x.op, x.dtype, x.lanes, args, x.value, x.fold);
}

// Unary operations

function unary(op: UnaryOp, x: Expr): Expr {
  requireExprs(op, x);
  if (x.dtype === "u8") return cast(unary(op, cast(x, "u32")), "u8");
  const f = meaningOf(op, x.dtype) ?? fail(op, "undefined for this dtype", x);
  // expandMath later turns f32 transcendentals into arithmetic; folding them here could differ in the last bit.
  const exact = !(MATH.has(op) && x.dtype === "f32");
  if (x.op === "const" && exact) return constant(f(x.value), x.dtype);
  if (x.op === "splat") return splat(unary(op, x.args[0]!), x.lanes);
  return simplifyUnary(op, x) ?? make(op, x.dtype, x.lanes, [x]);
}

const MATH: ReadonlySet<string> = new Set<MathOp>(["exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "sigmoid", "erf"]);
const INTEGER_IDENTITIES: ReadonlySet<string> = new Set(["floor", "ceil", "trunc", "round"]);

/** Identities of unary operations; undefined if none applies. */
function simplifyUnary(op: UnaryOp, x: Expr): Expr | undefined {
  if ((op === "neg" || op === "not") && x.op === op) return x.args[0]!;
  if (!isFloat(x.dtype) && INTEGER_IDENTITIES.has(op)) return x;
  if (op === "abs" && (x.op === "abs" || x.dtype === "u32")) return x;
  if (op === "not" && x.op === "eq") return ne(x.args[0]!, x.args[1]!);
  if (op === "not" && x.op === "ne") return eq(x.args[0]!, x.args[1]!);
  return undefined;
}

/** -x. */
export function neg(x: Expr): Expr {
  return unary("neg", x);
}
/** |x|. */
export function abs(x: Expr): Expr {
  return unary("abs", x);
}
/** √x. */
export function sqrt(x: Expr): Expr {
  return unary("sqrt", x);
}
/** The greatest whole number not above x. */
export function floor(x: Expr): Expr {
  return unary("floor", x);
}
/** The least whole number not below x. */
export function ceil(x: Expr): Expr {
  return unary("ceil", x);
}
/** The whole part. */
export function trunc(x: Expr): Expr {
  return unary("trunc", x);
}
/** To the nearest whole number, halves to the even one. */
export function round(x: Expr): Expr {
  return unary("round", x);
}
/** Bitwise, or logical, negation of integers or bools. */
export function not(x: Expr): Expr {
  return unary("not", x);
}
/** eˣ. */
export function exp(x: Expr): Expr {
  return unary("exp", x);
}
/** eˣ - 1, exact near 0. */
export function expm1(x: Expr): Expr {
  return unary("expm1", x);
}
/** The natural logarithm. */
export function log(x: Expr): Expr {
  return unary("log", x);
}
/** log(1 + x), exact near 0. */
export function log1p(x: Expr): Expr {
  return unary("log1p", x);
}
/** Sine, radians. */
export function sin(x: Expr): Expr {
  return unary("sin", x);
}
/** Cosine, radians. */
export function cos(x: Expr): Expr {
  return unary("cos", x);
}
/** Hyperbolic tangent. */
export function tanh(x: Expr): Expr {
  return unary("tanh", x);
}
/** 1/(1 + e⁻ˣ). */
export function sigmoid(x: Expr): Expr {
  return unary("sigmoid", x);
}
/** The error function. */
export function erf(x: Expr): Expr {
  return unary("erf", x);
}
/** A function of floats that the host computes. */
export function host(op: HostUnary, x: Expr): Expr {
  return unary(op, x);
}

// Binary operations

const COMMUTATIVE: ReadonlySet<string> = new Set(["add", "mul", "min", "max", "and", "or", "xor", "eq", "ne"]);
/** The logical operation that stands for each arithmetic operation on bools. */
const BOOLEAN: Readonly<Partial<Record<BinaryOp, BinaryOp>>> = {
  add: "or",
  max: "or",
  mul: "and",
  min: "and",
  and: "and",
  or: "or",
  xor: "xor",
};

function binary(op: BinaryOp, a: Expr, b: Expr): Expr {
  requireExprs(op, a, b);
  if (a.dtype !== b.dtype) fail(op, "operands of different dtypes", a, b);
  if (a.dtype === "u8") return cast(binary(op, cast(a, "u32"), cast(b, "u32")), "u8");
  if (a.dtype !== "bool") return combine(op, a, b);
  return combine(BOOLEAN[op] ?? fail(op, "undefined for bool", a, b), a, b);
}

/** Makes a binary operation or comparison: folds constants, splats a scalar operand, and orders the operands of commutative operations. */
function combine(op: BinaryOp | CompareOp, a: Expr, b: Expr): Expr {
  const f = meaningOf(op, a.dtype) ?? fail(op, "undefined for this dtype", a, b);
  const dtype = isCompare(op) ? "bool" : a.dtype;
  if (a.op === "const" && b.op === "const") return constant(f(a.value, b.value), dtype);
  const lanes = lanesOf([a, b]);
  if (isSplat(a) && isSplat(b) && lanes > 1) return splat(combine(op, scalarOf(a), scalarOf(b)), lanes);
  if (COMMUTATIVE.has(op) && constantOf(a) !== undefined) return combine(op, b, a);
  const x = splat(a, lanes);
  const y = splat(b, lanes);
  return (isCompare(op) ? undefined : simplifyBinary(op, x, y)) ?? make(op, dtype, lanes, [x, y]);
}

function isSplat(x: Expr): boolean {
  return x.lanes === 1 || x.op === "splat";
}

function scalarOf(x: Expr): Expr {
  return x.op === "splat" ? x.args[0]! : x;
}

function simplifyBinary(op: BinaryOp, x: Expr, y: Expr): Expr | undefined {
  const c = constantOf(y);
  if (x.dtype === "bool") return simplifyBool(op, x, y, c);
  if (c === undefined) return undefined;
  if (isFloat(x.dtype)) return simplifyFloat(op, x, c);
  return simplifyInteger(op, x, c);
}

function simplifyBool(op: BinaryOp, x: Expr, y: Expr, c: number | undefined): Expr | undefined {
  if (x === y) return op === "xor" ? constantLike(x, 0) : x;
  if (c === undefined) return undefined;
  if (op === "xor") return c ? not(x) : x;
  const absorbing = op === "and" ? 0 : 1;
  return c === absorbing ? constantLike(x, c) : x;
}

/**
 * Identities with a constant c. Only identities that also hold for NaN, -0 and ∞ are used (x + 0 would turn -0 into 0). x·x equals a correctly rounded
 * pow(x, 2), and x·(1/c) equals x/c if c is a power of two.
 */
function simplifyFloat(op: BinaryOp, x: Expr, c: number): Expr | undefined {
  if (c === 1 && (op === "mul" || op === "div" || op === "pow")) return x;
  if (op === "div" && isPowerOfTwo(Math.abs(c))) return mul(x, constantLike(x, 1 / c));
  if (op === "pow" && c === 2) return mul(x, x);
  if (op === "pow" && c === 0) return constantLike(x, 1);
  if ((op === "sub" && Object.is(c, 0)) || (op === "add" && Object.is(c, -0))) return x;
  return undefined;
}

/** Returns true if a number is a power of two and both it and its reciprocal are normal in f32. */
function isPowerOfTwo(c: number): boolean {
  const exponent = Math.round(Math.log2(c));
  return 2 ** exponent === c && Math.abs(exponent) <= 126;
}

/** Identities of an integer operation with a constant c on the right; undefined if none applies. */
function simplifyInteger(op: BinaryOp, x: Expr, c: number): Expr | undefined {
  if (op === "sub") return add(x, constantLike(x, -c));
  if (c === 0 && ZERO_IS_NEUTRAL.has(op)) return x;
  if (c === 1 && ONE_IS_NEUTRAL.has(op)) return x;
  if (c === 0 ? ZERO_GIVES_ZERO.has(op) : c === 1 && op === "rem") return constantLike(x, 0);
  // (x ∘ c₁) ∘ c₂ = x ∘ (c₁ ∘ c₂), also when it wraps.
  const inner = x.op === op && (op === "add" || op === "mul") ? x.args[1]! : undefined;
  if (inner && constantOf(inner) !== undefined) return binary(op, x.args[0]!, binary(op, inner, constantLike(x, c)));
  return undefined;
}

const ONE_IS_NEUTRAL: ReadonlySet<string> = new Set(["mul", "div"]);
const ZERO_GIVES_ZERO: ReadonlySet<string> = new Set(["mul", "and"]);
const ZERO_IS_NEUTRAL: ReadonlySet<string> = new Set(["add", "or", "xor", "shl", "shr"]);

/** a + b. */
export function add(a: Expr, b: Expr): Expr {
  return binary("add", a, b);
}
/** a - b. */
export function sub(a: Expr, b: Expr): Expr {
  return binary("sub", a, b);
}
/** a·b. */
export function mul(a: Expr, b: Expr): Expr {
  return binary("mul", a, b);
}
/** Integer division truncates toward zero; by zero it gives 0. */
export function div(a: Expr, b: Expr): Expr {
  return binary("div", a, b);
}
/** The remainder of a / b with the sign of `a`; for floats as C's fmod; an integer modulo zero gives 0. */
export function rem(a: Expr, b: Expr): Expr {
  return binary("rem", a, b);
}
/** The smaller; NaN if either is NaN. */
export function min(a: Expr, b: Expr): Expr {
  return binary("min", a, b);
}
/** The larger; NaN if either is NaN. */
export function max(a: Expr, b: Expr): Expr {
  return binary("max", a, b);
}
/** a·2^⌊b⌋, rounded once. */
export function scale(a: Expr, b: Expr): Expr {
  return binary("scale", a, b);
}
/** aᵇ. */
export function pow(a: Expr, b: Expr): Expr {
  return binary("pow", a, b);
}
/** The angle of the point (x, y). */
export function atan2(y: Expr, x: Expr): Expr {
  return binary("atan2", y, x);
}
/** √(a² + b²) without overflow. */
export function hypot(a: Expr, b: Expr): Expr {
  return binary("hypot", a, b);
}
/** Hurwitz's ζ(s, q). */
export function zeta(s: Expr, q: Expr): Expr {
  return binary("zeta", s, q);
}
/** Bitwise, or logical, and of integers or bools. */
export function and(a: Expr, b: Expr): Expr {
  return binary("and", a, b);
}
/** Bitwise, or logical, or of integers or bools. */
export function or(a: Expr, b: Expr): Expr {
  return binary("or", a, b);
}
/** Bitwise, or logical, exclusive or of integers or bools. */
export function xor(a: Expr, b: Expr): Expr {
  return binary("xor", a, b);
}
export function shl(a: Expr, b: Expr): Expr {
  return binary("shl", a, b);
}
export function shr(a: Expr, b: Expr): Expr {
  return binary("shr", a, b);
}

// Comparisons

function compare(op: CompareOp, a: Expr, b: Expr): Expr {
  requireExprs(op, a, b);
  if (a.dtype !== b.dtype) fail(op, "operands of different dtypes", a, b);
  if (a.dtype === "u8") return compare(op, cast(a, "u32"), cast(b, "u32"));
  return a.dtype === "bool" ? compareBools(op, a, b) : combine(op, a, b);
}

function compareBools(op: CompareOp, a: Expr, b: Expr): Expr {
  if (op === "eq") return not(xor(a, b));
  if (op === "ne") return xor(a, b);
  return op === "lt" ? and(not(a), b) : or(not(a), b);
}

/** a = b, as a bool. */
export function eq(a: Expr, b: Expr): Expr {
  return compare("eq", a, b);
}
/** a ≠ b, as a bool. */
export function ne(a: Expr, b: Expr): Expr {
  return compare("ne", a, b);
}
/** a < b, as a bool. */
export function lt(a: Expr, b: Expr): Expr {
  return compare("lt", a, b);
}
/** a ≤ b, as a bool. */
export function le(a: Expr, b: Expr): Expr {
  return compare("le", a, b);
}
/** a > b, as a bool. */
export function gt(a: Expr, b: Expr): Expr {
  return compare("lt", b, a);
}
/** a ≥ b, as a bool. */
export function ge(a: Expr, b: Expr): Expr {
  return compare("le", b, a);
}

// The rest

/** `a` where `condition`, else `b`; both are evaluated. */
export function select(condition: Expr, a: Expr, b: Expr): Expr {
  requireExprs("select", condition, a, b);
  if (condition.dtype !== "bool" || a.dtype !== b.dtype) fail("select", "needs a bool and two of one dtype", condition, a, b);
  const lanes = lanesOf([condition, a, b]);
  const known = constantOf(condition);
  if (known !== undefined) return splat(known ? a : b, lanes);
  if (a === b) return splat(a, lanes);
  return make("select", a.dtype, lanes, [splat(condition, lanes), splat(a, lanes), splat(b, lanes)]);
}

/** a·b + c, fused where the machine can. */
export function fma(a: Expr, b: Expr, c: Expr): Expr {
  requireExprs("fma", a, b, c);
  if (a.dtype !== b.dtype || b.dtype !== c.dtype) fail("fma", "operands of different dtypes", a, b, c);
  if (!isFloat(a.dtype)) return add(mul(a, b), c);
  const f = meaningOf("fma", a.dtype)!;
  const values = [a, b, c].map(constantOf).filter((value) => value !== undefined);
  const lanes = lanesOf([a, b, c]);
  if (values.length === 3) return splat(constant(f(...values), a.dtype), lanes);
  return make(
    "fma",
    a.dtype,
    lanes,
    [a, b, c].map((x) => splat(x, lanes)),
  );
}

/** Conversion of values: float to integer truncates and saturates, to bool is ≠ 0, to u8 wraps (floats by way of i32). */
export function cast(x: Expr, dtype: Dtype): Expr {
  requireExprs("cast", x);
  if (x.dtype === dtype) return x;
  check("kernel.cast: dtype", dtype, aDtype);
  if (dtype === "bool") return ne(x, constantLike(x, 0));
  if (dtype === "u8" && isFloat(x.dtype)) return cast(cast(x, "i32"), "u8");
  if (x.op === "const") return constant(castMeaning(x.dtype, dtype)(x.value), dtype);
  if (x.op === "splat") return splat(cast(x.args[0]!, dtype), x.lanes);
  return make("cast", dtype, x.lanes, [x]);
}

/** The same 32 bits as another of f32, i32, u32. */
export function bitcast(x: Expr, dtype: Dtype): Expr {
  if (x.dtype === dtype) return x;
  const f = bitcastMeaning(x.dtype, dtype);
  // A NaN made here might lose its payload on the way through a JavaScript number.
  if (x.op === "const" && !Number.isNaN(x.value) && !Number.isNaN(f(x.value))) return constant(f(x.value), dtype);
  if (x.op === "splat") return splat(bitcast(x.args[0]!, dtype), x.lanes);
  return make("bitcast", dtype, x.lanes, [x]);
}

// Statements

/** `for i from .. to step`; `body` makes the statements from the counter. */
export function forLoop(
  to: number,
  body: (i: Expr) => readonly Stmt[],
  { from = 0, step = 1, parallel, within }: Partial<Pick<Stmt & { kind: "for" }, "from" | "step" | "parallel" | "within">> = {},
): Stmt {
  const counter = variable("i32");
  return { kind: "for", variable: counter, from, to, step, parallel, within, body: body(counter) };
}

/** A new variable and the statement that binds it to `value` for the rest of the block. */
export function bind(value: Expr): { readonly variable: Expr; readonly statement: Stmt } {
  const bound = variable(value.dtype, value.lanes);
  return { variable: bound, statement: { kind: "let", variable: bound, value } };
}

/** `bind` with the rest of the block as a function. */
export function letIn(value: Expr, body: (variable: Expr) => readonly Stmt[]): Stmt[] {
  const bound = bind(value);
  return [bound.statement, ...body(bound.variable)];
}

export function set(target: Expr, value: Expr): Stmt {
  if (target.op !== "variable" || target.dtype !== value.dtype || target.lanes !== value.lanes)
    fail("set", "the variable has another type", target, value);
  return { kind: "set", variable: target, value };
}

export function store(buffer: number, index: Expr, value: Expr, mask?: Expr): Stmt {
  const lanes = lanesOf(mask ? [index, value, mask] : [index, value]);
  const wide = splat(value, lanes);
  return mask ? { kind: "store", buffer, index, value: wide, mask: splat(mask, lanes) } : { kind: "store", buffer, index, value: wide };
}

export function ifThen(condition: Expr, then: readonly Stmt[], otherwise: readonly Stmt[] = []): Stmt {
  return { kind: "if", condition, then, otherwise };
}
