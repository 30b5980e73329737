/**
 * @file Proofs that loads and stores stay inside their buffers. An index and the conditions around it (masks, branches, loops that leave iterations out) are
 * linear forms of loop counters and of terms with a known range. "The index is not negative" and "the index is below the length" are inequalities g >= 0,
 * which follow from the conditions (`linear.ts`).
 *
 *     b0[i·8 + j - 1 if 0 <= j - 1]      i·8 + j - 1 - (j - 1) = i·8 >= 0
 *
 * Accesses without a proof, mostly those with an index from memory, get a check at run time on machines that have none themselves (`guardAccesses`).
 */
import type { Dtype } from "../base/dtype.ts";
import type { Range } from "./affine.ts";
import * as k from "./build.ts";
import type { Buffer, Expr, Kernel, Stmt } from "./kernel.ts";
import { combined, constantForm, type Form, Terms } from "./linear.ts";
import { assigned, mapBlocks, mapOperands, operandsOf, rewrite } from "./walk.ts";

const UNKNOWN: Range = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
const RANGES: Readonly<Partial<Record<Dtype, Range>>> = {
  u8: [0, 255],
  bool: [0, 1],
  u32: [0, 2 ** 32 - 1],
  i32: [-(2 ** 31), 2 ** 31 - 1],
};

type Store = Extract<Stmt, { kind: "store" }>;

/** Elements of a buffer that a load or a store touches. */
interface Access {
  readonly buffer: number;
  readonly index: Expr;
  readonly lanes: number;
  readonly mask: Expr | undefined;
}

/** An access for which no proof was found. */
export interface Unproved {
  /** The load, or the statement that stores. */
  readonly access: Expr | Store;
  readonly buffer: number;
  /** True if the index is loaded from memory, so that no proof from shapes can exist. */
  readonly lookedUp: boolean;
}

/** How many terms are eliminated one after another: the four axes of an image and one more. */
const DEPTH = 5;
/** The list of an expression in a map; an empty one at first. */
function entryOf<T>(map: Map<Expr, T[]>, x: Expr): T[] {
  let known = map.get(x);
  if (!known) {
    known = [];
    map.set(x, known);
  }
  return known;
}

/** Walks over a kernel with the facts that hold at each statement, and collects the accesses that it cannot prove. */
class Prover {
  readonly unproved: Unproved[] = [];
  accesses = 0;
  readonly #kernel: Kernel;
  readonly #trusting: boolean;
  readonly #assigned: ReadonlySet<Expr>;
  /** What a variable was bound to. */
  readonly #values: Map<Expr, Expr> = new Map();
  readonly #counters: Map<Expr, Range> = new Map();
  readonly #terms: Terms = new Terms();
  /** Forms of the lanes of integers, and facts that follow from the lanes of masks. */
  readonly #forms: Map<Expr, (Form | undefined)[]> = new Map();
  readonly #masks: Map<Expr, (readonly Form[] | undefined)[]> = new Map();
  /** The last access by an index that was proved. */
  readonly #proved: Map<Expr, Omit<Access, "buffer"> & { readonly length: number; readonly facts: readonly Form[] }> = new Map();

  /** With `trusting` false nothing counts as proved. */
  constructor(kernel: Kernel, trusting: boolean) {
    this.#kernel = kernel;
    this.#trusting = trusting;
    this.#assigned = assigned(kernel.body);
  }

  /** Checks the accesses of statements. `facts` are forms that are >= 0 wherever the statements run. */
  block(stmts: readonly Stmt[], facts: readonly Form[]): void {
    for (const s of stmts) this.#statement(s, facts);
  }

  /** Checks a statement and those inside, with the facts that its condition or its loop adds. */
  #statement(s: Stmt, facts: readonly Form[]): void {
    const seen = new Set<Expr>();
    for (const x of operandsOf(s)) this.#loads(x, facts, seen);
    switch (s.kind) {
      case "let":
        if (!this.#assigned.has(s.variable)) this.#values.set(s.variable, s.value);
        return;
      case "store":
        this.#check(s, { buffer: s.buffer, index: s.index, lanes: s.value.lanes, mask: s.mask }, facts);
        return;
      case "if":
        this.block(s.then, [...facts, ...this.#facts(s.condition, 0, true)]);
        this.block(s.otherwise, [...facts, ...this.#facts(s.condition, 0, false)]);
        return;
      case "for":
        this.#loop(s, facts);
    }
  }

  #loop(s: Stmt & { kind: "for" }, facts: readonly Form[]): void {
    if (s.to <= s.from) return;
    this.#counters.set(s.variable, [s.from, s.to - 1 - ((s.to - 1 - s.from) % s.step)]);
    const counter = this.#form(s.variable, 0);
    // A vector bounds nothing: `verify.ts` refuses it, but not every kernel is verified.
    const [low, high] = (s.within ?? []).filter((x) => x.lanes === 1).map((x) => this.#form(x, 0));
    const within = low && high ? [combined(counter, low, -1), combined(combined(high, counter, -1), constantForm(1), -1)] : [];
    this.block(s.body, [...facts, ...within]);
  }

  /** The loads below an expression. */
  #loads(x: Expr, facts: readonly Form[], seen: Set<Expr>): void {
    if (x.args.length === 0 || seen.has(x)) return;
    seen.add(x);
    for (const arg of x.args) this.#loads(arg, facts, seen);
    if (x.op === "load") this.#check(x, { buffer: x.value, index: x.args[0]!, lanes: x.lanes, mask: x.args[1] }, facts);
  }

  #check(statement: Unproved["access"], access: Access, facts: readonly Form[]): void {
    this.accesses++;
    if (this.#trusting && this.#isInside(access, facts)) return;
    const { buffer, index } = access;
    this.unproved.push({ access: statement, buffer, lookedUp: this.#trusting && this.#looksUp(index, new Set()) });
  }

  /** Tries to prove that every lane of an access is inside its buffer wherever its mask holds. */
  #isInside({ buffer, index, lanes, mask }: Access, facts: readonly Form[]): boolean {
    const { length } = this.#kernel.buffers[buffer]!;
    const known = this.#proved.get(index);
    if (known && known.facts === facts && known.lanes === lanes && known.mask === mask && known.length <= length) return true;
    const consecutive = index.lanes === 1;
    const uniform = !mask || mask.lanes === 1 || mask.op === "splat";
    const proved =
      consecutive && uniform
        ? this.#areInside(this.#form(index, 0), lanes, length, mask, 0, facts)
        : Array.from({ length: lanes }, (_, lane) => lane).every((lane) => {
            const at = consecutive ? combined(this.#form(index, 0), constantForm(lane), 1) : this.#form(index, lane);
            return this.#areInside(at, 1, length, mask, uniform ? 0 : lane, facts);
          });
    if (proved) this.#proved.set(index, { index, lanes, mask, length, facts });
    return proved;
  }

  /** The same of `count` elements from a form on, where a lane of the mask holds. */
  #areInside(at: Form, count: number, length: number, mask: Expr | undefined, lane: number, facts: readonly Form[]): boolean {
    const terms = this.#terms;
    const begins = terms.least(at) >= 0;
    const ends = terms.greatest(at) <= length - count;
    if (begins && ends) return true;
    const given = mask ? [...facts, ...this.#factsOfMask(mask, lane)] : facts;
    if ((begins || terms.proves(at, given, DEPTH)) && (ends || terms.proves(combined(constantForm(length - count), at, -1), given, DEPTH)))
      return true;
    // The mask never holds here, so nothing is touched.
    return mask !== undefined && terms.proves(constantForm(-1), given, 2);
  }

  #factsOfMask(mask: Expr, lane: number): readonly Form[] {
    const known = entryOf(this.#masks, mask);
    known[lane] ??= this.#facts(mask, lane, true);
    return known[lane];
  }

  /** Returns true if an expression contains a load. */
  #looksUp(x: Expr, seen: Set<Expr>): boolean {
    if (seen.has(x)) return false;
    seen.add(x);
    const value = this.#values.get(x);
    return (
      x.op === "load" ||
      this.#assigned.has(x) ||
      x.args.some((y) => this.#looksUp(y, seen)) ||
      (value !== undefined && this.#looksUp(value, seen))
    );
  }

  /** The facts that follow from one lane of a condition that holds (or, with `holds` false, that does not). */
  #facts(x: Expr, lane: number, holds: boolean): Form[] {
    switch (x.op) {
      case "const":
        return (x.value !== 0) === holds ? [] : [constantForm(-1)];
      case "variable": {
        const value = this.#values.get(x);
        return value ? this.#facts(value, lane, holds) : [];
      }
      case "splat":
        return this.#facts(x.args[0], 0, holds);
      case "lane":
        return this.#facts(x.args[0], x.value, holds);
      case "not":
        return this.#facts(x.args[0], lane, !holds);
      case "and":
        return holds ? x.args.flatMap((arg) => this.#facts(arg, lane, true)) : [];
      case "or":
        return holds ? [] : x.args.flatMap((arg) => this.#facts(arg, lane, false));
      default:
        return this.#comparison(x, lane, holds);
    }
  }

  /** The facts that follow from one lane of a comparison. */
  #comparison(x: Expr, lane: number, holds: boolean): Form[] {
    if (x.op !== "lt" && x.op !== "le" && x.op !== "eq") return [];
    const [a, b] = x.args;
    if (a.dtype !== "i32") return [];
    const difference = combined(this.#form(b, lane), this.#form(a, lane), -1);
    if (x.op === "eq") return holds ? [difference, combined(constantForm(0), difference, -1)].flatMap((f) => this.#terms.implied(f)) : [];
    // a < b is b - a - 1 >= 0, a <= b is b - a >= 0; where they do not hold, b <= a and b < a do.
    if (holds) return this.#terms.implied(x.op === "lt" ? combined(difference, constantForm(1), -1) : difference);
    const turned = combined(constantForm(0), difference, -1);
    return this.#terms.implied(x.op === "le" ? combined(turned, constantForm(1), -1) : turned);
  }

  /** The form of a lane of an integer. */
  #form(x: Expr, lane: number): Form {
    const known = entryOf(this.#forms, x);
    const at = x.lanes > 1 ? lane : 0;
    known[at] ??= this.#formOf(x, lane) ?? this.#terms.add(this.#range(x, lane));
    return known[at];
  }

  /** The affine form of one lane; undefined if the operation is not affine. */
  #formOf(x: Expr, lane: number): Form | undefined {
    if (x.dtype !== "i32" && x.dtype !== "u32" && x.dtype !== "bool") return undefined;
    switch (x.op) {
      case "const":
        return constantForm(x.value);
      case "ramp":
        return constantForm(lane);
      case "splat":
        return this.#form(x.args[0], 0);
      case "lane":
        return this.#form(x.args[0], x.value);
      case "variable": {
        const value = this.#values.get(x);
        return value && this.#form(value, lane);
      }
      case "cast":
        return this.#castForm(x, x.args[0], lane);
      default:
        return x.dtype === "i32" ? this.#arithmeticForm(x, lane) : undefined;
    }
  }

  /** The affine form of one lane of a sum, a difference, or a product with a constant. */
  #arithmeticForm(x: Expr, lane: number): Form | undefined {
    const zero = constantForm(0);
    if (x.op === "neg") return combined(zero, this.#form(x.args[0], lane), -1);
    if (x.op !== "add" && x.op !== "sub" && x.op !== "mul" && x.op !== "shl") return undefined;
    const [a, b] = [this.#form(x.args[0], lane), this.#form(x.args[1], lane)];
    if (x.op === "add") return combined(a, b, 1);
    if (x.op === "sub") return combined(a, b, -1);
    if (b.terms.length > 0) return undefined;
    return combined(zero, a, x.op === "mul" ? b.constant : 2 ** (b.constant & 31));
  }

  #castForm(x: Expr, a: Expr, lane: number): Form | undefined {
    if (a.dtype !== "i32" && a.dtype !== "u32" && a.dtype !== "bool") return undefined;
    const form = this.#form(a, lane);
    const [low, high] = this.#terms.range(form);
    const [least, most] = RANGES[x.dtype]!;
    return low >= least && high <= most ? form : undefined;
  }

  /** Bounds of one lane of an integer that is not an affine form of other terms. */
  #range(x: Expr, lane: number): Range {
    const own = (y: Expr): Range => this.#terms.range(this.#form(y, lane));
    const type = RANGES[x.dtype] ?? UNKNOWN;
    switch (x.op) {
      case "variable":
        return this.#counters.get(x) ?? type;
      case "load":
        return RANGES[this.#kernel.buffers[x.value]!.dtype] ?? UNKNOWN;
      case "div":
      case "rem":
        return quotientRange(x.op, own(x.args[0]), own(x.args[1]), type);
      case "min":
      case "max":
        return eitherRange(own(x.args[0]), own(x.args[1]), x.op);
      case "select":
        return eitherRange(own(x.args[1]), own(x.args[2]), "select");
      case "and":
      case "shr":
        return bitsRange(x.op, own(x.args[0]), own(x.args[1]), type);
      default:
        return type;
    }
  }
}

/** Bounds of some of the bits of a number. */
function bitsRange(op: "and" | "shr", a: Range, b: Range, type: Range): Range {
  if (op === "shr") return b[0] === b[1] && a[0] >= 0 ? [a[0] >>> b[0], Math.floor(a[1] / 2 ** b[0])] : type;
  if (b[0] < 0) return type;
  return [0, a[0] >= 0 ? Math.min(a[1], b[1]) : b[1]];
}

/** Bounds of a choice between two integers. */
function eitherRange(a: Range, b: Range, by: "min" | "max" | "select"): Range {
  const low = by === "max" ? Math.max(a[0], b[0]) : Math.min(a[0], b[0]);
  const high = by === "min" ? Math.min(a[1], b[1]) : Math.max(a[1], b[1]);
  return [low, high];
}

/** Bounds of a quotient or remainder by a positive number; both round toward zero. */
function quotientRange(op: "div" | "rem", [low, high]: Range, [least, most]: Range, type: Range): Range {
  if (least <= 0) return type;
  if (op === "rem") return [low < 0 ? Math.max(low, 1 - most) : 0, high > 0 ? Math.min(high, most - 1) : 0];
  const corners = [low / least, low / most, high / least, high / most].map(Math.trunc);
  return [Math.min(...corners), Math.max(...corners)];
}

/** Counts the accesses of a kernel and lists those that are not proved to stay inside their buffers. */
export function checkBounds(kernel: Kernel): { readonly accesses: number; readonly unproved: readonly Unproved[] } {
  const prover = new Prover(kernel, true);
  prover.block(kernel.body, []);
  return { accesses: prover.accesses, unproved: prover.unproved };
}

/** How accesses are guarded. */
export interface Guards {
  /** True if every access is checked, proved or not. */
  readonly all?: boolean;
  /** The number by which an access reports that it was outside; there are no reports without it. */
  readonly report?: (access: Unproved) => number;
}

/**
 * Adds a check to every access that is not proved. Outside the buffer a load then gives 0 and a store does nothing. With reports the kernel gets one more buffer, its
 * last, and an access outside leaves its number in the elements of that buffer.
 */
export function guardAccesses(kernel: Kernel, { all = false, report }: Guards = {}): Kernel {
  const prover = new Prover(kernel, !all);
  prover.block(kernel.body, []);
  if (prover.unproved.length === 0) return kernel;
  const guard = new Guard(kernel, prover.unproved, report);
  const body = kernel.body.flatMap((s) => guard.statement(s));
  return { ...kernel, buffers: report ? [...kernel.buffers, guard.reports] : kernel.buffers, body };
}

/** Rewrites a kernel with a check at each access in a list. */
class Guard {
  readonly #kernel: Kernel;
  readonly #guarded: ReadonlyMap<unknown, Unproved>;
  readonly #report: Guards["report"];
  #longest = 1;

  constructor(kernel: Kernel, unproved: readonly Unproved[], report: Guards["report"]) {
    this.#kernel = kernel;
    this.#guarded = new Map(unproved.map((x) => [x.access, x]));
    this.#report = report;
  }

  /** The buffer of reports: as long as the longest vector. */
  get reports(): Buffer {
    return { dtype: "i32", length: this.#longest, written: true };
  }

  /** The statement with checks. */
  statement(s: Stmt): Stmt[] {
    const reports: Stmt[] = [];
    const memo = new Map<Expr, Expr>();
    const loads = mapBlocks(
      mapOperands(s, (x) => rewrite(x, (y, original) => this.#load(y, original, reports), memo)),
      (block) => block.flatMap((inner) => this.statement(inner)),
    );
    if (loads.kind !== "store" || !this.#guarded.has(s)) return [...reports, loads];
    const { buffer, index, value } = loads;
    const mask = this.#checked(s, buffer, index, value.lanes, loads.mask, reports);
    return [...reports, { ...loads, mask }];
  }

  #load(x: Expr, original: Expr, reports: Stmt[]): Expr {
    if (x.op !== "load" || !this.#guarded.has(original)) return x;
    const [index, mask] = x.args;
    return k.make("load", x.dtype, x.lanes, [index, this.#checked(original, x.value, index, x.lanes, mask, reports)], x.value);
  }

  /** The mask of an access with its check. */
  #checked(access: unknown, buffer: number, index: Expr, lanes: number, mask: Expr | undefined, reports: Stmt[]): Expr {
    const at = index.lanes < lanes ? k.add(index, k.ramp(lanes)) : index;
    const inside = k.and(k.le(k.int(0), at), k.lt(at, k.int(this.#kernel.buffers[buffer]!.length)));
    if (this.#report) {
      const number = k.int(this.#report(this.#guarded.get(access)!));
      const outside = mask ? k.and(mask, k.not(inside)) : k.not(inside);
      reports.push(k.store(this.#kernel.buffers.length, k.int(0), lanes > 1 ? k.splat(number, lanes) : number, outside));
      this.#longest = Math.max(this.#longest, lanes);
    }
    return mask ? k.and(mask, inside) : inside;
  }
}
