/**
 * @file Integer index expressions with known ranges. Movement (reshape, transpose, slice, pad, windows) is arithmetic on indices; this
 * algebra keeps it in the form Σ coefficient·atom + offset and removes every division and remainder that the ranges allow, so that most
 * folded movement costs nothing. An atom is a loop counter, the lane of a vector, a quotient or remainder, or a loaded integer.
 */
import type { Dtype } from "../base/dtype.ts";
import * as k from "./build.ts";
import type { Expr } from "./kernel.ts";

/** A term of an index that is not taken apart further: a counter, a lane, a quotient, a remainder or a loaded integer. */
export interface Atom {
  readonly key: string;
  readonly min: number;
  readonly max: number;
  /** The length of the vector if the value differs between its lanes; 1 if it does not. */
  readonly lanes: number;
  readonly kind: "expr" | "lane" | "div" | "mod";
  readonly expr?: Expr;
  readonly of?: Index;
  readonly by?: number;
}

/** A multiple of an atom in an index. */
export interface Term {
  readonly atom: Atom;
  readonly coefficient: number;
}

/** An immutable integer expression. Division and remainder are by positive constants and round down, as for a quotient of whole steps. */
export class Index {
  /** Sorted by the keys of the atoms. */
  readonly terms: readonly Term[];
  readonly offset: number;
  readonly min: number;
  readonly max: number;
  #key: string | undefined;

  private constructor(terms: readonly Term[], offset: number) {
    this.terms = terms;
    this.offset = offset;
    let min = offset;
    let max = offset;
    for (const { atom, coefficient } of terms) {
      min += coefficient * (coefficient > 0 ? atom.min : atom.max);
      max += coefficient * (coefficient > 0 ? atom.max : atom.min);
    }
    this.min = min;
    this.max = max;
  }

  /** For this file: a sum of terms, sorted by the keys of their atoms, and a constant. */
  static sum(terms: readonly Term[], offset = 0): Index {
    return new Index(terms, offset);
  }

  static constant(n: number): Index {
    return new Index([], n);
  }

  /** A scalar i32 expression known to lie in min..max, such as a loop counter. */
  static of(expr: Expr, min: number, max: number): Index {
    if (min === max) return Index.constant(min);
    // With the number of digits in front, keys sort like the numbers, so the order of terms is the order of creation.
    const digits = String(expr.id);
    const key = `e${digits.length}${digits}`;
    return new Index([{ atom: { key, min, max, lanes: expr.lanes, kind: "expr", expr }, coefficient: 1 }], 0);
  }

  /** 0, 1, 2, ... across the lanes of a vector, of which the first `live` count: what holds for them decides conditions and quotients. */
  static lane(lanes: number, live: number = lanes): Index {
    const key = live === lanes ? `lane${lanes}` : `lane${lanes}<${live}`;
    return new Index([{ atom: { key, min: 0, max: live - 1, lanes, kind: "lane" }, coefficient: 1 }], 0);
  }

  /** The length of the vector that the index is; 1 for a scalar. */
  get lanes(): number {
    return this.terms.reduce((n, t) => Math.max(n, t.atom.lanes), 1);
  }

  get isConstant(): boolean {
    return this.terms.length === 0;
  }

  /** Its terms with coefficient 1, each as an index: those that step from one element to the next. */
  units(): Index[] {
    return this.terms.filter((t) => t.coefficient === 1).map((t) => new Index([t], 0));
  }

  /** Text that equal expressions share. */
  get key(): string {
    this.#key ??= `${this.terms.map((t) => `${t.coefficient}*${t.atom.key}`).join("+")}+${this.offset}`;
    return this.#key;
  }

  plus(other: Index | number): Index {
    if (typeof other === "number") return other === 0 ? this : new Index(this.terms, this.offset + other);
    return recombined(merge(this.terms, other.terms), this.offset + other.offset);
  }

  times(n: number): Index {
    if (n === 1) return this;
    if (n === 0) return Index.constant(0);
    return new Index(
      this.terms.map((t) => ({ atom: t.atom, coefficient: t.coefficient * n })),
      this.offset * n,
    );
  }

  minus(other: Index | number): Index {
    return typeof other === "number" ? this.plus(-other) : this.plus(other.times(-1));
  }

  /** ⌊this / n⌋ */
  div(n: number): Index {
    if (n === 1) return this;
    const { whole, rest } = this.#split(n);
    if (rest.max < n) return whole;
    return whole.plus(quotient("div", rest, n));
  }

  /** this mod n */
  mod(n: number): Index {
    if (n === 1) return Index.constant(0);
    const { rest } = this.#split(n);
    if (rest.max < n) return rest;
    return quotient("mod", rest, n);
  }

  /** this = n·whole + rest, with everything divisible in `whole` and a rest that is not negative. */
  #split(n: number): { whole: Index; rest: Index } {
    const whole: Term[] = [];
    const rest: Term[] = [];
    for (const t of this.terms) {
      if (t.coefficient % n === 0) whole.push({ atom: t.atom, coefficient: t.coefficient / n });
      else rest.push(t);
    }
    const low = ((this.offset % n) + n) % n;
    const least = new Index(rest, low).min;
    const lifted = least < 0 ? low + n * Math.ceil(-least / n) : low;
    return { whole: new Index(whole, (this.offset - lifted) / n), rest: new Index(rest, lifted) };
  }

  /** The expression in the kernel language: i32, a vector if the index differs between lanes. */
  toExpr(): Expr {
    let scalar: Expr = k.int(0);
    let vector: Expr | undefined;
    for (const { atom, coefficient } of this.terms) {
      const part = k.mul(atomExpr(atom), k.int(coefficient));
      if (atom.lanes > 1) vector = vector ? k.add(vector, part) : part;
      else scalar = k.add(scalar, part);
    }
    scalar = k.add(scalar, k.int(this.offset));
    return vector ? k.add(vector, scalar) : scalar;
  }

  /** The index of lane 0 if the lanes are consecutive integers, else null. */
  consecutive(): Index | null {
    const laned = this.terms.filter((t) => t.atom.lanes > 1);
    if (laned.length !== 1 || laned[0]!.atom.kind !== "lane" || laned[0]!.coefficient !== 1) return null;
    return new Index(
      this.terms.filter((t) => t.atom.lanes === 1),
      this.offset,
    );
  }

  /** The coefficient of a loop counter, or null if the index does not depend on it linearly. */
  coefficientOf(counter: Expr): number | null {
    let coefficient = 0;
    for (const t of this.terms) {
      if (t.atom.expr === counter) coefficient = t.coefficient;
      else if (atomUses(t.atom, counter)) return null;
    }
    return coefficient;
  }

  /** The condition 0 <= this < size: null where the range shows that it always holds, a constant where it never does. */
  inside(size: number): Expr | null {
    if (this.max < 0 || this.min >= size) return k.constant(0, "bool");
    const low = this.min < 0 ? k.le(k.int(0), this.toExpr()) : null;
    const high = this.max >= size ? k.lt(this.toExpr(), k.int(size)) : null;
    return both(low, high);
  }
}

/** Text that equal indices along several axes share. */
export function keyOf(at: readonly Index[]): string {
  return at.map((i) => i.key).join();
}

/** The conjunction of two conditions; null stands for "always". */
export function both(a: Expr | null | undefined, b: Expr | null | undefined): Expr | null {
  return a && b ? k.and(a, b) : (a ?? b ?? null);
}

/** A load at an index: a scalar, consecutive elements or a gather, depending on the index. Lanes of a vector outside the mask `live` are not read. */
export function loadAt(buffer: number, dtype: Dtype, index: Index, where?: Expr | null, live?: Expr | null): Expr {
  const { lanes } = index;
  // One element for all lanes may be read if any lane is live, and in a tail the first lane always is.
  const mask = lanes > 1 ? both(where, live) : where;
  const options = mask ? { mask } : {};
  if (lanes === 1) {
    // One address under a mask that differs between lanes: gather, since the address may be valid for some lanes only.
    if (mask && mask.lanes > 1) return k.load(buffer, dtype, k.splat(index.toExpr(), mask.lanes), { mask });
    return k.load(buffer, dtype, index.toExpr(), options);
  }
  const start = index.consecutive();
  return k.load(buffer, dtype, start ? start.toExpr() : index.toExpr(), { ...options, lanes });
}

function atomUses(atom: Atom, counter: Expr): boolean {
  if (atom.of) return atom.of.terms.some((t) => atomUses(t.atom, counter));
  return atom.expr !== undefined && uses(atom.expr, counter);
}

/** True if `variable` occurs in `x`. */
export function uses(x: Expr, variable: Expr): boolean {
  return x === variable || x.args.some((arg) => uses(arg, variable));
}

function atomExpr(atom: Atom): Expr {
  if (atom.kind === "lane") return k.ramp(atom.lanes);
  if (atom.kind === "expr") return atom.expr!;
  const of = atom.of!.toExpr();
  return atom.kind === "div" ? k.div(of, k.int(atom.by!)) : k.rem(of, k.int(atom.by!));
}

function quotient(kind: "div" | "mod", of: Index, by: number): Index {
  const min = kind === "div" ? Math.floor(of.min / by) : 0;
  const max = kind === "div" ? Math.floor(of.max / by) : by - 1;
  const atom: Atom = { key: `(${of.key} ${kind} ${by})`, min, max, lanes: of.lanes, kind, of, by };
  return Index.sum([{ atom, coefficient: 1 }]);
}

/** The sum of two lists of terms, each sorted by the keys of its atoms. */
function merge(a: readonly Term[], b: readonly Term[]): readonly Term[] {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const merged: Term[] = [];
  let j = 0;
  for (const t of a) {
    while (j < b.length && b[j]!.atom.key < t.atom.key) merged.push(b[j++]!);
    const other = b[j];
    if (other?.atom.key !== t.atom.key) {
      merged.push(t);
      continue;
    }
    j++;
    const coefficient = t.coefficient + other.coefficient;
    if (coefficient !== 0) merged.push({ atom: t.atom, coefficient });
  }
  while (j < b.length) merged.push(b[j++]!);
  return merged;
}

/** c·n·(x div n) + c·(x mod n) = c·x, where x may itself be a quotient y div m + o: then (y + m·o) div (m·n) stands for its quotient. */
function recombined(terms: readonly Term[], offset: number): Index {
  for (const rem of terms) {
    if (rem.atom.kind !== "mod") continue;
    const of = rem.atom.of!;
    const by = rem.atom.by!;
    const inner = of.terms.length === 1 && of.terms[0]!.coefficient === 1 ? of.terms[0]!.atom : undefined;
    const isWhole = ({ atom }: Term): boolean =>
      (atom.by === by && atom.of!.key === of.key) ||
      (inner?.kind === "div" && atom.by === inner.by! * by && atom.of!.key === inner.of!.plus(of.offset * inner.by!).key);
    const div = terms.find((t) => t.atom.kind === "div" && t.coefficient === rem.coefficient * by && isWhole(t));
    if (!div) continue;
    const others = terms.filter((t) => t !== rem && t !== div);
    const whole = of.terms.map((t) => ({ atom: t.atom, coefficient: t.coefficient * rem.coefficient }));
    return recombined(merge(others, whole), offset + of.offset * rem.coefficient);
  }
  return Index.sum(terms, offset);
}
