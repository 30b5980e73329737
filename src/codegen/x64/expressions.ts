/**
 * @file Expressions to instructions. A float or a vector of numbers is in a vector register, an integer or bool in a general one, a vector of bools in a mask.
 * An expression that its statement uses twice is computed once.
 */
import { byteSize, type Dtype, isFloat } from "../../base/dtype.ts";
import { constantOf } from "../../kernel/build.ts";
import type { Expr } from "../../kernel/kernel.ts";
import type { Decoration, Memory, Operand } from "./assembler.ts";
import { type Builder, type Constants, ROOM, RSP } from "./code.ts";
import { Conversions } from "./conversions.ts";
import { type Emitter, type Machine, PREDICATES, type Source, type VectorExtension } from "./extension.ts";
import type { Kind } from "./instructions.ts";
import { Integers } from "./integers.ts";
import { isFunction } from "./routines.ts";
import { kindOf, laneBytes, lengthOf, nameOf, suffixOf } from "./values.ts";

/** What expressions need from their surroundings: statements own variables, `memory.ts` owns loads. */
export interface Surroundings {
  readonly code: Builder;
  readonly machine: Machine;
  readonly constants: Constants;
  /** Whether code emitted now repeats. */
  readonly inLoop: () => boolean;
  readonly variable: (x: Expr) => number;
  readonly load: (x: Expr) => number;
  /** The place of a load that an instruction can make itself. */
  readonly placeOfLoad: (x: Expr) => Memory | undefined;
}

const ARITHMETIC: Readonly<Record<string, string>> = { add: "vadd", sub: "vsub", mul: "vmul", div: "vdiv", scale: "vscalef" };
const ROUNDING: Readonly<Record<string, number>> = { round: 8, floor: 9, ceil: 10, trunc: 11 };
const COMPARE: Readonly<Record<string, number>> = { eq: 0, ne: 4, lt: 17, le: 18 };

const VIEW: DataView = new DataView(new ArrayBuffer(8));

/** The bytes of a number. */
function bitsOf(n: number, dtype: Dtype): number[] {
  if (dtype === "f64") VIEW.setFloat64(0, n, true);
  else if (dtype === "f32") VIEW.setFloat32(0, n, true);
  else VIEW.setInt32(0, n | 0, true);
  const bytes: number[] = [];
  for (let i = 0; i < (dtype === "f64" ? 8 : 4); i++) bytes.push(VIEW.getUint8(i));
  return bytes;
}

export class Expressions implements Emitter {
  readonly code: Builder;
  readonly extension: VectorExtension;
  /** Bytes of a vector register. */
  readonly bytes: number;
  readonly #around: Surroundings;
  readonly #integers: Integers;
  readonly #conversions: Conversions;
  loaded: ReadonlyMap<Expr, number> = new Map(); // what `squares.ts` loaded for the statements at hand
  #uses: Map<Expr, number> = new Map();
  #kept: Map<Expr, number> = new Map();
  /** Constants of the outermost loop at hand, which are fetched before it. */
  #fetched: Map<string, number> = new Map();
  #fetches: (() => void)[] = [];

  constructor(around: Surroundings) {
    this.code = around.code;
    this.extension = around.machine.extension(this);
    this.bytes = around.machine.registers.bytes;
    this.#around = around;
    this.#integers = new Integers(this);
    this.#conversions = new Conversions(this);
  }

  /** Runs `body`, inside which `roots` are evaluated, each node once. Statements nest: an `if` contains others. */
  statement(roots: readonly Expr[], body: () => void): void {
    const uses = this.#uses;
    const kept = this.#kept;
    this.#uses = new Map();
    this.#kept = new Map();
    for (const x of roots) this.#count(x);
    body();
    this.#uses = uses;
    this.#kept = kept;
  }

  /** Counts a use of an expression; its operands are used once, where it is computed. */
  #count(x: Expr): void {
    const uses = this.#uses.get(x);
    this.#uses.set(x, uses === undefined ? 1 : uses + 1);
    if (uses !== undefined) return;
    for (let i = 0; i < x.args.length; i++) this.#count(x.args[i]!);
  }

  /** The code that fetches what the outermost loop at hand needs; the next loop begins anew. */
  fetch(): void {
    for (const fetch of this.#fetches) fetch();
    this.#fetches = [];
    this.#fetched = new Map();
  }

  isShared(x: Expr): boolean {
    return (this.#uses.get(x) ?? 0) > 1 || this.#kept.has(x);
  }

  /** The value of `x`. */
  emit(x: Expr): number {
    const kept = this.#kept.get(x) ?? this.loaded.get(x);
    if (kept !== undefined) return kept;
    const value = this.#compute(x, undefined);
    if (this.isShared(x)) this.#kept.set(x, value);
    return value;
  }

  /** Computes `x` into a value that exists, which `x` may read. */
  emitInto(target: number, x: Expr): void {
    const value = this.#kept.has(x) || !mayOverwrite(x) ? this.emit(x) : this.#compute(x, target);
    if (value !== target) this.copy(target, value, this.kindOf(x));
  }

  kindOf(x: Expr): Kind {
    return kindOf(x, this.extension.maskKind);
  }

  copy(target: number, value: number, kind: Kind): void {
    this.code.emit({ g: "mov.q", k: "kmovw", v: "vmovaps" }[kind], [target, value], { length: kind === "v" ? this.bytes : 16 });
  }

  fresh(kind: Kind): number {
    return this.code.value(kind);
  }

  /** Emits an instruction with a fresh result. */
  make(kind: Kind, name: string, operands: readonly Operand[], decoration: Decoration = {}): number {
    const result = this.fresh(kind);
    this.code.emit(name, [result, ...operands], decoration);
    return result;
  }

  /** `x` as the last operand of an instruction: a load that nothing else needs is made by the instruction. */
  source(x: Expr): Source {
    if (!this.isShared(x)) {
      const place = x.op === "load" && (x.lanes > 1 ? lengthOf(x) >= 16 : true) ? this.#around.placeOfLoad(x) : undefined;
      if (place && byteSize(x.dtype) >= 4) return { operand: place, broadcast: false };
      const [a] = x.args;
      if (this.extension.broadcasts && x.op === "splat" && a!.op === "load" && !this.isShared(a!)) {
        const element = this.#around.placeOfLoad(a!);
        if (element && byteSize(a!.dtype) >= 4) return { operand: element, broadcast: true };
      }
    }
    return { operand: this.emit(x), broadcast: false };
  }

  // Constants

  /** A number in all lanes of a vector. */
  number(n: number, dtype: Dtype): number {
    return this.#repeated(bitsOf(n, dtype));
  }

  /** One element for all lanes; all of them lie in memory if instructions cannot repeat one. */
  #repeated(bytes: readonly number[]): number {
    if (this.extension.broadcasts) return this.#constant(bytes, bytes.length as 4 | 8);
    return this.#constant(
      Array.from({ length: this.bytes }, (_, i) => bytes[i % bytes.length]!),
      0,
    );
  }

  /** A vector of numbers that differ. */
  vector(numbers: readonly number[], dtype: Dtype): number {
    const bytes = numbers.flatMap((n) => bitsOf(n, dtype));
    while (bytes.length < this.bytes) bytes.push(0);
    return this.#constant(bytes, 0);
  }

  #constant(bytes: readonly number[], broadcast: 0 | 4 | 8): number {
    const key = `${broadcast} ${bytes.join()}`;
    const known = this.#around.inLoop() ? this.#fetched.get(key) : undefined;
    if (known !== undefined) return known;
    const memory: Memory = { constant: this.#around.constants.offset(bytes), displacement: 0 };
    const value = this.code.known("v", { memory, broadcast });
    const fetch = (): void =>
      this.code.emit(broadcast === 0 ? "vmovups" : broadcast === 4 ? "vbroadcastss" : "vbroadcastsd", [value, memory], {
        length: this.bytes,
      });
    if (this.#around.inLoop()) {
      this.#fetched.set(key, value);
      this.#fetches.push(fetch);
    } else fetch();
    return value;
  }

  // Operations

  #compute(x: Expr, target: number | undefined): number {
    const [a, b, c] = x.args as readonly [Expr, Expr, Expr];
    switch (x.op) {
      case "const":
        return this.#constantOf(x);
      case "ramp":
        return this.vector(
          Array.from({ length: x.lanes }, (_, i) => i),
          "i32",
        );
      case "variable":
        return this.#around.variable(x);
      case "load":
        return this.#around.load(x);
      case "splat":
        return this.#splat(x, a);
      case "lane":
        return this.lane(this.emit(a), a, x.value);
      case "fold":
        return this.#fold(x, a);
      case "select":
        return this.#select(x, a, b, c, target);
      case "fma":
        return this.#fma(x, [a, b, c], target);
      case "cast":
        return this.#conversions.cast(x, a);
      case "bitcast":
        return this.#conversions.bitcast(x, a);
      default:
        return this.#operation(x, target);
    }
  }

  #constantOf(x: Expr): number {
    if (isFloat(x.dtype)) return this.number(x.value, x.dtype);
    return this.make("g", "mov.imm", [], { immediate: x.value | 0 });
  }

  #splat(x: Expr, a: Expr): number {
    const constant = constantOf(x);
    if (x.dtype === "bool") return this.#mask(a, x.lanes);
    if (constant !== undefined) return this.number(constant, x.dtype);
    const length = lengthOf(x);
    const float = x.dtype === "f64" ? "vbroadcastsd" : "vbroadcastss";
    const source = this.source(a);
    if (typeof source.operand !== "number" || isFloat(x.dtype)) return this.make("v", float, [source.operand], { length });
    return this.extension.splat(source.operand, length);
  }

  /** A scalar bool as a mask of all lanes. */
  #mask(a: Expr, lanes: number): number {
    const constant = constantOf(a);
    return constant === undefined ? this.extension.maskOf(this.emit(a), lanes) : this.extension.constantMask(constant !== 0, lanes);
  }

  /** A copy of a general register that may be changed. */
  copied(value: number): number {
    return this.make("g", "mov", [value]);
  }

  /** One lane of a vector. */
  lane(value: number, of: Expr, i: number): number {
    if (of.dtype === "bool") return this.bit(value, of.lanes, i);
    const moved = this.extension.lane(value, of, i);
    return isFloat(of.dtype) ? moved : this.make("g", "vmovd.to", [moved]);
  }

  /** One lane of a mask in a general register. */
  bit(mask: number, lanes: number, i: number): number {
    const bits = this.extension.bits(mask, lanes);
    if (i > 0) this.code.emit("shr", [bits], { immediate: i });
    this.code.emit("and.imm", [bits], { immediate: 1 });
    return bits;
  }

  /** Neighbours by pairs, then the results by pairs: halves that lie ever further apart change places. */
  #fold(x: Expr, a: Expr): number {
    const wide = x.dtype === "f64";
    const vector: Expr = { ...a };
    let value = this.emit(a);
    for (let apart = 1; apart < a.lanes; apart *= 2) {
      const length = lengthOf(a);
      const bytes = apart * laneBytes(a);
      let other: number;
      if (bytes >= 16)
        other = this.make("v", "vshuff64x2", [value, value], { length, immediate: length === 32 ? 1 : bytes === 16 ? 0xb1 : 0x4e });
      else if (wide) other = this.make("v", "vpermilpd", [value], { length, immediate: 0x55 });
      else other = this.make("v", "vpermilps", [value], { length, immediate: apart === 1 ? 0xb1 : 0x4e });
      value = this.#combine(x.fold!, vector, value, { operand: other, broadcast: false });
    }
    return isFloat(x.dtype) ? value : this.make("g", "vmovd.to", [value]);
  }

  /** An operation on two values that are vectors, or scalar floats. */
  #combine(op: string, like: Expr, a: number, b: Source, target?: number): number {
    if (!isFloat(like.dtype)) return this.#integers.vector(op, like, a, b);
    const name = ARITHMETIC[op];
    if (name) return this.#float(like, name, a, b, target);
    return this.extension.limit(op, like, a, b.operand as number);
  }

  suffix(x: Expr): string {
    return suffixOf(x);
  }

  #float(x: Expr, name: string, first: number | undefined, last: Source, target?: number, immediate?: number): number {
    const { operand, broadcast } = last;
    const result = target ?? this.fresh("v");
    const operands = first === undefined ? [result, operand] : [result, first, operand];
    this.code.emit(nameOf(name, x), operands, { length: lengthOf(x), broadcast, immediate });
    return result;
  }

  /** min or max with a constant that is no NaN: the instruction gives its second operand where the first is no smaller, or NaN. */
  #limitByConstant(x: Expr, a: Expr, b: Expr): number | undefined {
    const c = constantOf(b);
    if (c === undefined || Number.isNaN(c) || Object.is(c, -0)) return undefined;
    const bound = this.number(c, x.dtype);
    const result = this.#float(x, x.op === "min" ? "vmin" : "vmax", bound, this.source(a));
    // Of two zeros it gives -0 where there is one: adding 0 makes it 0.
    return x.op === "max" && c === 0 ? this.#float(x, "vadd", result, { operand: bound, broadcast: false }) : result;
  }

  #operation(x: Expr, target: number | undefined): number {
    const [a, b] = x.args as readonly [Expr, Expr | undefined];
    const operand = a.dtype;
    if (isFunction(x)) return this.#call(x);
    if (a.dtype === "bool" && x.lanes > 1) return this.#comparedUnder(x, a, b, target) ?? this.#integers.masks(x);
    if (x.op in COMPARE && (isFloat(operand) || x.lanes > 1)) return this.#compare(x, a, b!);
    if (isFloat(operand)) return b ? this.#floatBinary(x, a, b, target) : this.#floatUnary(x, a);
    return x.lanes > 1 ? this.#integers.lanes(x) : this.#integers.scalar(x);
  }

  #floatBinary(x: Expr, a: Expr, b: Expr, target: number | undefined): number {
    if (x.op === "min" || x.op === "max") {
      const limited = this.#limitByConstant(x, a, b);
      return limited ?? this.extension.limit(x.op, x, this.emit(a), this.emit(b));
    }
    // The last operand may be in memory: of a sum or product either.
    const swap = (x.op === "add" || x.op === "mul") && this.#mayBeInMemory(a) && !this.#mayBeInMemory(b);
    const [first, last] = swap ? [b, a] : [a, b];
    const value = this.emit(first);
    return this.#combine(x.op, x, value, this.source(last), target);
  }

  #floatUnary(x: Expr, a: Expr): number {
    const length = lengthOf(x);
    const wide = x.dtype === "f64";
    if (x.op === "neg" || x.op === "abs") {
      const name = `${x.op === "neg" ? "vpxor" : "vpand"}${wide ? "q" : "d"}`;
      const sign =
        x.op === "neg" ? this.number(-0, x.dtype) : wide ? this.#repeated([...Array(7).fill(255), 127]) : this.number(0x7fffffff, "i32");
      return this.make("v", name, [this.emit(a), sign], { length });
    }
    const first = x.lanes > 1 ? undefined : this.emit(a);
    if (x.op === "sqrt") return this.#float(x, "vsqrt", first, this.source(a));
    const immediate = ROUNDING[x.op];
    if (immediate === undefined) throw new Error(`internal: x64 has no ${x.op} of ${x.dtype}`);
    return this.#float(x, "vrndscale", first, this.source(a), undefined, immediate);
  }

  /** A function of the library, by a routine. */
  #call(x: Expr): number {
    const length = lengthOf(x);
    const values = x.args.map((arg) => this.emit(arg));
    for (const [i, value] of values.entries()) this.code.emit("vmovups.store", [{ base: RSP, displacement: ROOM * i }, value], { length });
    this.code.call({ op: x.op, wide: x.dtype === "f64", lanes: x.lanes });
    return this.make("v", "vmovups", [{ base: RSP, displacement: 0 }], { length });
  }

  #compare(x: Expr, a: Expr, b: Expr): number {
    const value = this.emit(a);
    const source = this.source(b);
    if (!isFloat(a.dtype)) return this.extension.compareIntegers(x.op as "eq", a, value, source);
    const predicate = COMPARE[x.op]!;
    return x.lanes > 1 ? this.extension.compareFloats(a, value, source, predicate) : this.extension.holds(a, value, source, predicate);
  }

  /** A mask and a comparison that nothing else needs, as one comparison under the mask. */
  #comparedUnder(x: Expr, a: Expr, b: Expr | undefined, target: number | undefined): number | undefined {
    const { extension } = this;
    if (x.op !== "and" || !b || !extension.compareUnder || this.isShared(b)) return undefined;
    const [p, q] = b.args;
    if (!p || !q || !(b.op in COMPARE) || !isFloat(p.dtype)) return undefined;
    const mask = this.emit(a);
    const value = this.emit(p);
    return extension.compareUnder(mask, p, value, this.source(q), COMPARE[b.op]!, target);
  }

  /** The lanes of floats that are not 0, or whether a scalar is not. */
  nonZero(a: Expr, value: number): number {
    const zero: Source = { operand: this.number(0, a.dtype), broadcast: false };
    if (a.lanes === 1) return this.extension.holds(a, value, zero, PREDICATES.notEqual);
    return isFloat(a.dtype) ? this.extension.compareFloats(a, value, zero, PREDICATES.notEqual) : this.extension.nonZero(a.lanes, value);
  }

  /** Adds to `target` where the sum is kept there; else to what nobody needs any more. */
  #fma(x: Expr, [a, b, c]: readonly [Expr, Expr, Expr], target: number | undefined): number {
    const accumulates = c.op === "variable" && target !== undefined && this.#around.variable(c) === target;
    if (accumulates) {
      const [first, last] = this.#mayBeInMemory(a) && !this.#mayBeInMemory(b) ? [b, a] : [a, b];
      const value = this.emit(first);
      return this.#float(x, "vfmadd231", value, this.source(last), target);
    }
    // A polynomial: the product is made in place of the first factor, the next coefficient added.
    const [factor, other] = isPlain(a) && !isPlain(b) ? [b, a] : [a, b];
    const first = this.emit(factor);
    const second = this.emit(other);
    const last = this.source(c);
    const result = this.fresh("v");
    this.copy(result, first, "v");
    return this.#float(x, "vfmadd213", second, last, result);
  }

  // Choice

  #select(x: Expr, condition: Expr, a: Expr, b: Expr, target: number | undefined): number {
    if (x.lanes === 1 && !isFloat(x.dtype)) return this.#integers.select(condition, a, b);
    if (x.dtype === "bool") return this.#selectMask(x.lanes, this.emit(condition), this.emit(a), this.emit(b));
    const limited = isFloat(x.dtype) ? this.#selectLimit(x, condition, a, b, target) : undefined;
    if (limited !== undefined) return limited;
    const held = this.emit(condition);
    const mask = x.lanes > 1 ? held : this.extension.maskOf(held, 1);
    if (Object.is(constantOf(b), 0)) return this.extension.zeroed(x, mask, this.emit(a));
    const otherwise = this.emit(b);
    if (Object.is(constantOf(a), 0)) return this.extension.cleared(x, mask, otherwise);
    return this.extension.select(x, mask, this.emit(a), otherwise);
  }

  #selectMask(lanes: number, condition: number, a: number, b: number): number {
    const yes = this.extension.logic("and", condition, a, lanes);
    return this.extension.logic("or", yes, this.extension.logic("andnot", condition, b, lanes), lanes);
  }

  #mayBeInMemory(x: Expr): boolean {
    return x.op === "load" || (this.extension.broadcasts && x.op === "splat" && (x.args[0]!.op === "load" || x.args[0]!.op === "const"));
  }

  /** p < q ? p : q is the instruction's minimum, p < q ? q : p its maximum of q and p. */
  #selectLimit(x: Expr, condition: Expr, a: Expr, b: Expr, target: number | undefined): number | undefined {
    if (condition.op !== "lt") return undefined;
    const [p, q] = condition.args as readonly [Expr, Expr];
    const minimum = a === p && b === q;
    if (!minimum && !(a === q && b === p)) return undefined;
    const first = this.emit(a);
    return this.#float(x, minimum ? "vmin" : "vmax", first, { operand: this.emit(b), broadcast: false }, target);
  }
}

/** Operations that may be computed into a value that they read: their last instruction alone writes it. */
const OVERWRITES: ReadonlySet<string> = new Set(["add", "sub", "mul", "div", "fma", "select"]);

const mayOverwrite = (x: Expr): boolean => (isFloat(x.dtype) ? OVERWRITES.has(x.op) : x.dtype === "bool" && x.lanes > 1 && x.op === "and");

const isPlain = (x: Expr): boolean => x.op === "variable" || x.op === "splat" || x.op === "const";
