/** @file Constructors of leaves (constants, loads) and of conversions between scalars and vectors (splat, lane, fold). */
import { aDtype, anyNumber, check, shown } from "../base/check.ts";
import type { Dtype } from "../base/dtype.ts";
import { make } from "./intern.ts";
import type { Expr } from "./kernel.ts";
import { WRAP } from "./scalar.ts";

type Fold = NonNullable<Expr["fold"]>;

/** @throws {Error} `internal:`, for an expression that the language does not have. */
export function fail(op: string, message: string, ...args: readonly Expr[]): never {
  const given = args.map((x) => `${x.op}: ${x.dtype}${x.lanes > 1 ? `x${x.lanes}` : ""}`).join(", ");
  throw new Error(`internal: kernel op ${op}: ${message}${given ? ` (given ${given})` : ""}`);
}

/** @throws {TypeError} for operands that are no expressions: a user's own op may have taken a number for one. */
export function requireExprs(op: string, ...args: readonly Expr[]): void {
  for (const x of args)
    if (typeof x?.op !== "string") {
      const remedy = typeof x === "number" ? `; kernel.constantLike(x, ${x}) makes one of the type of x` : "";
      throw new TypeError(`kernel.${op}: want expressions of the kernel language, got ${shown(x)}${remedy}`);
    }
}

const NO_ARGS: readonly Expr[] = [];

/** A constant of a dtype. */
export function constant(value: number, dtype: Dtype): Expr {
  if (typeof value !== "number" || !Object.hasOwn(WRAP, dtype)) {
    check("kernel.constant: value", value, anyNumber);
    check("kernel.constant: dtype", dtype, aDtype);
  }
  return make("const", dtype, 1, NO_ARGS, WRAP[dtype](value));
}

/** An i32 constant. */
export function int(n: number): Expr {
  return constant(n, "i32");
}

/** An f32 constant. */
export function float(x: number): Expr {
  return constant(x, "f32");
}

/** The vector 0, 1, 2, ... */
export function ramp(lanes: number): Expr {
  return make("ramp", "i32", lanes, NO_ARGS);
}

/**
 * Reads `buffer`, whose dtype is `dtype`; u8 loads as u32. With a scalar index, `lanes` consecutive elements are read; a vector index
 * gathers. Where `mask` is false the result is 0 and nothing is read.
 */
export function load(
  buffer: number,
  dtype: Dtype,
  index: Expr,
  options: { readonly mask?: Expr | undefined; readonly lanes?: number | undefined } = {},
): Expr {
  const lanes = options.lanes ?? index.lanes;
  if (index.dtype !== "i32" && index.dtype !== "u32") fail("load", "the index must be an integer", index);
  if (index.lanes > 1 && index.lanes !== lanes) fail("load", "a vector index loads as many elements", index);
  const loaded = dtype === "u8" ? "u32" : dtype;
  if (options.mask === undefined) return make("load", loaded, lanes, [index], buffer);
  if (options.mask.dtype !== "bool") fail("load", "the mask must be bool", options.mask);
  const known = constantOf(options.mask);
  if (known !== undefined) return known ? make("load", loaded, lanes, [index], buffer) : splat(constant(0, loaded), lanes);
  return make("load", loaded, lanes, [index, splat(options.mask, lanes)], buffer);
}

/** `x` as a vector of `lanes` equal elements; `x` itself if lanes is 1. */
export function splat(x: Expr, lanes: number): Expr {
  if (x.lanes === lanes) return x;
  if (x.lanes > 1) fail("splat", `is no vector of ${lanes}`, x);
  return make("splat", x.dtype, lanes, [x]);
}

/** Element `i` of a vector. */
export function lane(x: Expr, i: number): Expr {
  if (x.lanes === 1 || i < 0 || i >= x.lanes) fail("lane", `no lane ${i}`, x);
  if (x.op === "splat") return x.args[0]!;
  if (x.op === "ramp") return int(i);
  return make("lane", x.dtype, 1, [x], i);
}

/** The lanes combined by pairs of neighbours, as (l0 ∘ l1) ∘ (l2 ∘ l3). */
export function fold(op: Fold, x: Expr): Expr {
  if (x.lanes === 1) fail("fold", "needs a vector", x);
  return make("fold", x.dtype, 1, [x], 0, op);
}

/** The value of a constant or a splat of one. */
export function constantOf(x: Expr): number | undefined {
  if (x.op === "const") return x.value;
  return x.op === "splat" && x.args[0]!.op === "const" ? x.args[0]!.value : undefined;
}

/** A constant of the type and the lanes of `x`. */
export function constantLike(x: Expr, value: number): Expr {
  requireExprs("constantLike", x);
  return splat(constant(value, x.dtype), x.lanes);
}

/** The length of the vectors among some expressions; 1 if there are none. */
export function lanesOf(args: readonly Expr[]): number {
  let lanes = 1;
  for (const x of args) if (x.lanes > lanes) lanes = x.lanes;
  return lanes;
}
