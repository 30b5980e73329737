/**
 * @file What every operator means on plain numbers. `build.ts` folds constants with it, `interpret.ts` runs it, and the functions a
 * machine lacks (`HOST`) are imported from here by the code generators; so a meaning is written once.
 *
 * f32 results are the double result rounded once: for + - × ÷ √ that is the correctly rounded f32 result (Figueroa 1995).
 */
import type { Dtype } from "../base/dtype.ts";
import type { BinaryOp, CompareOp, HostBinary, HostUnary, UnaryOp } from "./kernel.ts";
import { digamma, erf, erfc, erfinv, lgamma, zeta } from "./special.ts";

/** A function on numbers that stands for an operator. */
export type Meaning = (...x: number[]) => number;

/** Brings a number into the range of `dtype`: rounding for f32, wrapping for integers. */
export const WRAP: Readonly<Record<Dtype, (x: number) => number>> = {
  f32: Math.fround,
  f64: (x) => x,
  i32: (x) => x | 0,
  u32: (x) => x >>> 0,
  u8: (x) => x & 255,
  bool: (x) => x & 1,
};

/** To the nearest integer, ties to even: what adding and subtracting 2⁵² does to a double. Keeps -0. */
function roundEven(x: number): number {
  const magic = 2 ** 52;
  if (!(Math.abs(x) < magic)) return x;
  const size = Math.abs(x) + magic - magic;
  return x < 0 || Object.is(x, -0) ? -size : size;
}

/** C's pow, which is 1 where ECMAScript's is NaN: 1^NaN, (±1)^±∞. */
function pow(x: number, y: number): number {
  return x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY) ? 1 : x ** y;
}

const HOST_UNARY: Readonly<Record<HostUnary, Meaning>> = {
  exp2: (x: number) => 2 ** x,
  log2: Math.log2,
  log10: Math.log10,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erfc: erfc,
  erfinv: erfinv,
  lgamma: lgamma,
  digamma: digamma,
};

const HOST_BINARY: Readonly<Record<HostBinary, Meaning>> = {
  pow: pow,
  rem: (x: number, y: number) => x % y,
  atan2: Math.atan2,
  hypot: Math.hypot,
  zeta: zeta,
};

/** Functions in double precision that no machine we generate for has as an instruction. */
export const HOST: Readonly<Record<string, Meaning>> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid: (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))),
  erf: erf,
  ...HOST_UNARY,
  ...HOST_BINARY,
};

/** The number of arguments of a function of {@link HOST}. */
export function hostArity(name: string): 1 | 2 {
  return name in HOST_BINARY ? 2 : 1;
}

const FLOAT: Readonly<Record<string, Meaning>> = {
  ...HOST,
  neg: (x: number) => -x,
  abs: Math.abs,
  sqrt: Math.sqrt,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundEven,
  add: (x: number, y: number) => x + y,
  sub: (x: number, y: number) => x - y,
  mul: (x: number, y: number) => x * y,
  div: (x: number, y: number) => x / y,
  min: Math.min,
  max: Math.max,
  // Exact in double precision, for f32.
  scale: (x: number, y: number) => x * 2 ** Math.floor(y),
  fma: (x: number, y: number, z: number) => x * y + z,
};

const same: Meaning = (x: number) => x;

const INTEGER: Readonly<Record<string, Meaning>> = {
  neg: (x: number) => -x,
  abs: Math.abs,
  floor: same,
  ceil: same,
  trunc: same,
  round: same,
  not: (x: number) => ~x,
  add: (x: number, y: number) => x + y,
  sub: (x: number, y: number) => x - y,
  mul: Math.imul,
  div: (x: number, y: number) => (y === 0 ? 0 : Math.trunc(x / y)),
  rem: (x: number, y: number) => (y === 0 ? 0 : x % y),
  min: Math.min,
  max: Math.max,
  and: (x: number, y: number) => x & y,
  or: (x: number, y: number) => x | y,
  xor: (x: number, y: number) => x ^ y,
  shl: (x: number, y: number) => x << y,
};

const COMPARE: Readonly<Record<CompareOp, Meaning>> = {
  eq: (x: number, y: number) => (x === y ? 1 : 0),
  ne: (x: number, y: number) => (x !== y ? 1 : 0),
  lt: (x: number, y: number) => (x < y ? 1 : 0),
  le: (x: number, y: number) => (x <= y ? 1 : 0),
};

export function isCompare(op: string): op is CompareOp {
  return op in COMPARE;
}

function integerMeaning(op: string, dtype: Dtype): Meaning | undefined {
  if (op === "shr") return dtype === "u32" ? (x: number, y: number) => x >>> y : (x: number, y: number) => x >> y;
  if (op === "not" && dtype === "bool") return (x: number) => 1 - x;
  return INTEGER[op];
}

function round1(f: Meaning, wrap: (x: number) => number): Meaning {
  return (x: number) => wrap(f(x));
}

function round2(f: Meaning, wrap: (x: number) => number): Meaning {
  return (x: number, y: number) => wrap(f(x, y));
}

const UNARY: ReadonlySet<string> = new Set([
  ..."neg abs sqrt floor ceil trunc round not exp expm1 log log1p sin cos tanh sigmoid erf".split(" "),
  ...Object.keys(HOST_UNARY),
]);

export function isUnary(op: string): op is UnaryOp {
  return UNARY.has(op);
}

const BINARY: ReadonlySet<string> = new Set([..."add sub mul div min max and or xor shl shr".split(" "), ...Object.keys(HOST_BINARY)]);

export function isBinary(op: string): op is BinaryOp {
  return BINARY.has(op);
}

const meanings: Map<Dtype, Map<string, Meaning | undefined>> = new Map();

/** The function that `op` is on operands of `dtype`, or undefined if it has no meaning there. */
export function meaningOf(op: string, dtype: Dtype): Meaning | undefined {
  const known = meanings.get(dtype) ?? new Map<string, Meaning | undefined>();
  meanings.set(dtype, known);
  if (!known.has(op)) known.set(op, makeMeaning(op, dtype));
  return known.get(op);
}

/** Finds the function of an operator, wrapped to the range of its dtype. */
function makeMeaning(op: string, dtype: Dtype): Meaning | undefined {
  if (isCompare(op)) return COMPARE[op];
  const float = dtype === "f32" || dtype === "f64";
  const f = float ? FLOAT[op] : integerMeaning(op, dtype);
  if (f === undefined || dtype === "f64") return f;
  const wrap = WRAP[dtype];
  if (op === "fma") return (x: number, y: number, z: number) => wrap(f(x, y, z));
  return isUnary(op) ? round1(f, wrap) : round2(f, wrap);
}

const LIMITS: Readonly<Partial<Record<Dtype, readonly [number, number]>>> = { i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1] };

/** Conversion between dtypes: float to integer truncates and saturates, integer to integer keeps the low bits. */
export function castMeaning(from: Dtype, to: Dtype): Meaning {
  if (to === "bool") return (x: number) => (x !== 0 ? 1 : 0);
  const limits = LIMITS[to];
  if ((from === "f32" || from === "f64") && limits) {
    const [low, high] = limits;
    // `+ 0` makes -0 into 0.
    return (x: number) => (Number.isNaN(x) ? 0 : Math.min(high, Math.max(low, Math.trunc(x))) + 0);
  }
  return WRAP[to];
}

const F32: Float32Array<ArrayBuffer> = new Float32Array(1);
const I32: Int32Array<ArrayBuffer> = new Int32Array(F32.buffer);
const U32: Uint32Array<ArrayBuffer> = new Uint32Array(F32.buffer);
const CELLS: Readonly<Partial<Record<Dtype, { [index: number]: number }>>> = { f32: F32, i32: I32, u32: U32 };

/** The same 32 bits read as another dtype. */
export function bitcastMeaning(from: Dtype, to: Dtype): Meaning {
  const source = CELLS[from];
  const target = CELLS[to];
  if (!source || !target) throw new Error(`internal: no bitcast from ${from} to ${to}`);
  return (x: number) => {
    source[0] = x;
    return target[0]!;
  };
}
