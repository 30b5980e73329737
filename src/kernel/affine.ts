/**
 * @file Indices as affine forms, constant + Σ coefficient·term, and the range a form can take. A term is a variable, or an expression that is
 * not affine. Arithmetic is modulo 2³², as the index itself.
 */

import { constantOf } from "./build.ts";
import type { Expr } from "./kernel.ts";

/** Σ coefficient·term + constant, modulo 2³². */
export interface Affine {
  readonly constant: number;
  /** No coefficient is 0. */
  readonly terms: ReadonlyMap<Expr, number>;
}

/** What is known of a variable: the affine form that it was bound to, that of each lane, or the range of its values. */
export interface Known {
  readonly affine?: Affine;
  readonly lanes?: AffineLanes;
  readonly range?: Range;
}

/** Inclusive bounds. */
export type Range = readonly [low: number, high: number];

const UNKNOWN: Range = [-(2 ** 31), 2 ** 32];

export function constantForm(constant: number): Affine {
  return { constant, terms: new Map() };
}

/** a + b. Forms that differ by a constant share their terms. */
export function sum(a: Affine, b: Affine): Affine {
  if (b.terms.size === 0) return { constant: a.constant + b.constant, terms: a.terms };
  if (a.terms.size === 0) return { constant: a.constant + b.constant, terms: b.terms };
  const terms = new Map(a.terms);
  for (const [x, c] of b.terms) {
    const total = (terms.get(x) ?? 0) + c;
    if (total === 0) terms.delete(x);
    else terms.set(x, total);
  }
  return { constant: a.constant + b.constant, terms };
}

export function times(a: Affine, factor: number): Affine {
  if (factor === 0) return constantForm(0);
  return { constant: a.constant * factor, terms: new Map([...a.terms].map(([x, c]) => [x, c * factor])) };
}

/** The affine form of a scalar integer. */
export function affineOf(x: Expr, known: ReadonlyMap<Expr, Known>, memo: Map<Expr, Affine> = new Map()): Affine {
  const seen = memo.get(x);
  if (seen) return seen;
  const form = formOf(x, known, (y) => affineOf(y, known, memo));
  memo.set(x, form);
  return form;
}

/** The affine form of an expression from those of its operands; an operation that is not affine is a term itself. */
function formOf(x: Expr, known: ReadonlyMap<Expr, Known>, recur: (y: Expr) => Affine): Affine {
  switch (x.op) {
    case "const":
      return constantForm(x.value | 0);
    case "variable":
      return known.get(x)?.affine ?? opaque(x);
    case "add":
      return sum(recur(x.args[0]), recur(x.args[1]));
    case "sub":
      return sum(recur(x.args[0]), times(recur(x.args[1]), -1));
    case "neg":
      return times(recur(x.args[0]), -1);
    case "mul": {
      const [a, b] = x.args;
      return b.op === "const" ? times(recur(a), b.value | 0) : opaque(x);
    }
    case "shl": {
      const [a, b] = x.args;
      return b.op === "const" && (b.value & 31) < 31 ? times(recur(a), 2 ** (b.value & 31)) : opaque(x);
    }
    case "cast": {
      const [a] = x.args;
      return a.dtype === "i32" || a.dtype === "u32" ? recur(a) : opaque(x);
    }
    default:
      return opaque(x);
  }
}

function opaque(x: Expr): Affine {
  return { constant: 0, terms: new Map([[x, 1]]) };
}

/** An index vector whose lanes differ by constants: one affine form and an offset for each. */
export interface AffineLanes {
  readonly base: Affine;
  readonly offsets: readonly number[];
}

/** The affine forms of the lanes of an index vector; undefined if they differ by more than constants. */
export function affineLanes(x: Expr, known: ReadonlyMap<Expr, Known>): AffineLanes | undefined {
  if (x.op === "splat") return { base: affineOf(x.args[0], known), offsets: Array<number>(x.lanes).fill(0) };
  if (x.op === "ramp") return { base: constantForm(0), offsets: Array.from({ length: x.lanes }, (_, i) => i) };
  if (x.op === "variable") return known.get(x)?.lanes;
  if (x.op !== "add" && x.op !== "sub" && x.op !== "mul" && x.op !== "div" && x.op !== "rem") return undefined;
  const [a, b] = x.args;
  const left = affineLanes(a, known);
  if (!left) return undefined;
  if (x.op === "div" || x.op === "rem" || x.op === "mul") return scaledLanes(x.op, left, constantOf(b));
  const right = affineLanes(b, known);
  if (!right) return undefined;
  const sign = x.op === "sub" ? -1 : 1;
  return { base: sum(left.base, times(right.base, sign)), offsets: left.offsets.map((o, i) => o + sign * right.offsets[i]!) };
}

/** Lanes multiplied or divided by a constant; undefined if `by` is not a constant. */
function scaledLanes(op: "mul" | "div" | "rem", lanes: AffineLanes, by: number | undefined): AffineLanes | undefined {
  if (by === undefined) return undefined;
  if (op !== "mul") return quotientLanes(op, lanes, by);
  return { base: times(lanes.base, by | 0), offsets: lanes.offsets.map((o) => o * (by | 0)) };
}

/** Quotients or remainders of lanes whose values are known constants >= 0; undefined for others. */
function quotientLanes(op: "div" | "rem", { base, offsets }: AffineLanes, by: number): AffineLanes | undefined {
  const lanes = offsets.map((o) => o + base.constant);
  if (by <= 0 || base.terms.size > 0 || lanes.some((n) => n < 0)) return undefined;
  return { base: constantForm(0), offsets: lanes.map((n) => (op === "div" ? Math.floor(n / by) : n % by)) };
}

/** Inclusive bounds of Σ coefficient·term; undefined if the sum might leave the range of i32. */
export function rangeOfTerms(terms: ReadonlyMap<Expr, number>, known: ReadonlyMap<Expr, Known>): Range | undefined {
  let low = 0;
  let high = 0;
  for (const [x, c] of terms) {
    const [a, b] = rangeOf(x, known);
    low += Math.min(a * c, b * c);
    high += Math.max(a * c, b * c);
  }
  return fits(low, high) ? [low, high] : undefined;
}

function fits(low: number, high: number): boolean {
  return low >= -(2 ** 31) && high < 2 ** 31;
}

/** Inclusive bounds of a scalar integer: those of loop counters, carried through the most common operations. Others have the range of i32. */
export function rangeOf(x: Expr, known: ReadonlyMap<Expr, Known>, memo: Map<Expr, Range> = new Map()): Range {
  const seen = memo.get(x);
  if (seen) return seen;
  const raw = rawRange(x, known, memo);
  const range = fits(raw[0], raw[1]) ? raw : UNKNOWN;
  memo.set(x, range);
  return range;
}

/** The range of an expression before it is limited to that of i32. */
function rawRange(x: Expr, known: ReadonlyMap<Expr, Known>, memo: Map<Expr, Range>): Range {
  if (x.op === "const") return [x.value, x.value];
  if (x.op === "variable") return known.get(x)?.range ?? UNKNOWN;
  if (x.op === "cast" && x.args[0]!.dtype === "bool") return [0, 1];
  if (x.op === "and" && x.lanes === 1 && x.args[1]!.op === "const" && x.args[1]!.value >= 0) return [0, x.args[1]!.value];
  if (!BOUNDED.has(x.op) || x.lanes !== 1) return UNKNOWN;
  const a = rangeOf(x.args[0]!, known, memo);
  const b = rangeOf(x.args[1]!, known, memo);
  if (a === UNKNOWN || b === UNKNOWN) return UNKNOWN;
  return combineRanges(x, a, b);
}

const BOUNDED: ReadonlySet<string> = new Set(["add", "sub", "mul", "min", "max", "div", "rem"]);

/** The range of a binary operation from those of its operands. */
function combineRanges(x: Expr, a: Range, b: Range): Range {
  const corners = (f: (p: number, q: number) => number): Range => {
    const values = a.flatMap((p) => b.map((q) => f(p, q)));
    return [Math.min(...values), Math.max(...values)];
  };
  const positive = b[0] > 0;
  switch (x.op) {
    case "add":
      return [a[0] + b[0], a[1] + b[1]];
    case "sub":
      return [a[0] - b[1], a[1] - b[0]];
    case "mul":
      return corners((p, q) => p * q);
    case "div":
      return positive ? corners((p, q) => Math.trunc(p / q)) : UNKNOWN;
    case "rem":
      return positive ? [a[0] < 0 ? 1 - b[1] : 0, a[1] > 0 ? Math.min(a[1], b[1] - 1) : 0] : UNKNOWN;
    case "min":
      return [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
    default:
      return [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  }
}
