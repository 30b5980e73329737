/**
 * @file Tensor, the class that users work with. A method checks its operands at once, on the user's own line, records an instruction and returns its result; nothing is
 * computed until a value is read. Broadcasting, dtype promotion and negative axes are resolved here: primitives see equal shapes and plain axes.
 */
import { aNumber, type Checks, check, checkOptions, eachAxis, flag, list, shown } from "../base/check.ts";
import { checkDtype, type Dtype, isFloat, promote, type TypedArray, wide } from "../base/dtype.ts";
import { checkFits, fits } from "../base/elements.ts";
import {
  broadcastShapes,
  checkIntegers,
  checkShape,
  formatShape,
  formatType,
  isAxisOfScalar,
  normalizeAxes,
  normalizeAxis,
  type Shape,
  sameShape,
  sizeOf,
  type Type,
} from "../base/shape.ts";
import { nextSerial, type Origin, readNow, type Storage, type Value } from "../tape/node.ts";
import * as contract from "./contract.ts";
import * as convolution from "./convolution.ts";
import { formatElements, type NestedArray, nest, showAs } from "./display.ts";
import * as e from "./elementwise.ts";
import { evaluate } from "./evaluator.ts";
import * as indexing from "./indexing.ts";
import * as leaves from "./leaves.ts";
import * as m from "./movement.ts";
import type { Instruction, Op, Region } from "./op.ts";
import * as r from "./reduce.ts";
import * as order from "./sort.ts";
import * as special from "./special.ts";

/** An operand of a method: a tensor, a number (which takes the dtype of the other operand), or a cell such as a parameter. */
export type TensorLike = Tensor | number | { readonly value: Tensor };

/** Axes: one or several; negative ones count from the end. Where the argument is optional, leaving it out means all axes. */
export type AxesLike = number | readonly number[];

/** Options of reductions. */
export interface ReduceAxesOptions {
  /** Keep reduced axes with size 1. Default false. */
  readonly keepDims?: boolean;
}

const REDUCED: Checks<ReduceAxesOptions> = { keepDims: flag };
const VARIANCE = { ...REDUCED, correction: aNumber };
const SORT = { descending: flag };

/** Options of {@link Tensor.conv}. One number applies to all spatial axes. */
export interface ConvOptions {
  /** Step between neighbouring results, one number or one per axis. Default 1. */
  readonly stride?: number | readonly number[];
  /** Zeros added on both sides. Default 0. */
  readonly padding?: number | readonly number[];
  /** Step between neighbouring taps of the kernel. Default 1. */
  readonly dilation?: number | readonly number[];
  /** Number of independent groups of channels. Default 1. */
  readonly groups?: number;
}

const CONV: Checks<ConvOptions> = { stride: eachAxis, padding: eachAxis, dilation: eachAxis, groups: aNumber };

let origin: Origin | undefined;
let traceLines = false;

/**
 * Turns recording of the user's stack at every instruction on or off, for error reports. It costs some microseconds per instruction.
 * @throws {TypeError} unless `on` is true or false.
 */
export function traceOrigins(on: boolean): void {
  check("traceOrigins: on", on, flag);
  traceLines = on;
}

/** Runs `fn`; instructions that it records have the module path `path`, appended to that of the caller. */
export function withPath<T>(path: string, fn: () => T): T {
  const outer = origin;
  origin = { path: outer?.path ? `${outer.path}.${path}` : path };
  try {
    return fn();
  } finally {
    origin = outer;
  }
}

let inherited: Origin | undefined;

/** Runs `fn`, a rule of an instruction; what it records has the origin of that instruction, so that errors in a derivative name the user's line too. */
export function withOrigin<T>(of: Origin | undefined, fn: () => T): T {
  const outer = inherited;
  inherited = of ?? outer;
  try {
    return fn();
  } finally {
    inherited = outer;
  }
}

let observed = true;

/**
 * Runs `fn`, a pass over a list. What it records has no effect on the user's graph: it does not count as a reader of existing values, and it never starts a computation.
 */
export function unobserved<T>(fn: () => T): T {
  const before = observed;
  observed = false;
  try {
    return fn();
  } finally {
    observed = before;
  }
}

/** Operations whose results may not fit in a byte. */
const ARITHMETIC: ReadonlySet<unknown> = new Set([e.add, e.sub, e.mul, e.div, e.rem, e.maximum, e.minimum]);

// A pending graph that gets deeper than this is computed, so that a loop that never reads a value cannot grow it without bound.
const FLUSH_DEPTH = 1000;

/** Records an instruction and returns its results. It takes its lanes and origin from `from`; the default origin is that of `withOrigin` or `withPath` around the call. */
export function record(
  op: Op,
  operands: readonly Tensor[],
  params: unknown,
  regions: readonly Region[],
  from: Partial<Pick<Instruction, "origin" | "lanes">> = {},
): Tensor[] {
  const types = op.type(operands, params, regions);
  const results: Tensor[] = [];
  const line = traceLines && !inherited?.line ? new Error().stack : undefined;
  const at = from.origin ?? inherited ?? (line ? { ...origin, line } : origin);
  const instruction: Instruction = { serial: nextSerial(), op, operands, params, lanes: from.lanes, regions, results, origin: at };
  let depth = 0;
  let isFixed = op !== leaves.placeholder && op !== leaves.data;
  for (const x of operands) {
    if (observed) x.readers++;
    depth = Math.max(depth, x.depth);
    isFixed &&= x.isFixed;
  }
  types.forEach((type, i) => {
    results.push(new Tensor(instruction, i, type, depth + 1, isFixed));
  });
  if (observed && depth > 0 && depth % FLUSH_DEPTH === 0) evaluate(results, true);
  // A copy, since callers may modify it.
  return [...results];
}

/** The storage of a tensor, which is computed first if it is pending. */
export function storageOf(x: Tensor): Storage {
  if (!x.isComputed) evaluate([x]);
  return (x.source.params as { storage: Storage }).storage;
}

/** The elements for use inside the library: computed first if pending, not copied, and not to be written to. Users get copies from `dataSync`. */
export function elementsOf(x: Tensor): TypedArray {
  return readNow(storageOf(x), String(x));
}

/** An immutable array of numbers, possibly not computed yet: methods record instructions, and reading (`data`, `item`) runs them. */
export class Tensor implements Value {
  /** The instruction that makes this value; a leaf once it has been computed. */
  source: Instruction;
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: Dtype;
  /** The name in printed lists. */
  label: string | undefined;
  /** The results of the same call, which are computed together when one of them is read. */
  cohort: readonly Tensor[] | undefined;
  /** Length of the longest chain of pending instructions behind this value. */
  depth: number;
  /** For the evaluator: how often this value is an operand of recorded instructions. */
  readers = 0;
  /** For the evaluator: how many programs have computed this value without keeping it. */
  runs = 0;
  /** True if it is made of constants alone. Such a value may be used inside and outside of regions. */
  isFixed: boolean;

  /** For the library: users make tensors with `tensor`, `zeros` and the like. */
  constructor(source: Instruction, index: number, type: Type, depth: number, isFixed: boolean) {
    this.source = source;
    this.index = index;
    this.shape = type.shape;
    this.dtype = type.dtype;
    this.label = undefined;
    this.cohort = undefined;
    this.depth = depth;
    this.isFixed = isFixed;
  }

  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Gives this value a name for printed lists, and returns it. */
  named(label: string): this {
    this.label = label;
    return this;
  }

  /** The type and the rounded elements. A pending tensor is not computed; its text says that it is pending. In a template literal a tensor is its type alone. */
  toString(): string {
    if (!this.isComputed) return this.#summary();
    const { readSync, backend } = storageOf(this);
    if (!readSync) return `${this.#summary()} (in the memory of the backend "${backend}")`;
    return `${this.#summary()}\n${formatElements(elementsOf(this), this.shape, this.dtype)}`;
  }

  #summary(): string {
    return `Tensor ${this.label ? `${this.label}: ` : ""}${formatType(this)}${this.isComputed ? "" : " (pending)"}`;
  }

  /**
   * Makes `x * 2` and `x > 0` errors that name the method to call. In a template literal a tensor is its type.
   * @throws {TypeError} where JavaScript expects a number.
   */
  [Symbol.toPrimitive](hint: "number" | "string" | "default"): string {
    if (hint === "string") return this.#summary();
    throw new TypeError(notANumber(this.#summary()));
  }

  /** The elements as nested arrays, so that `JSON.stringify` works; it writes NaN and infinities as null. */
  toJSON(): NestedArray {
    return this.toArray();
  }

  get [Symbol.toStringTag](): string {
    return formatType(this);
  }

  // ---- reading ----------------------------------------------------------------------------------------------------------------------

  get isComputed(): boolean {
    return this.source.op === leaves.data;
  }

  /**
   * A copy of the elements in row-major order, as they are at the time of the call. A pending value is computed first, together with the other results of its call.
   */
  async data(): Promise<TypedArray> {
    return storageOf(this).read();
  }

  /** The only element of a tensor of size 1, as a number. */
  async item(): Promise<number> {
    this.#checkOneElement();
    return (await this.data())[0]!;
  }

  /** Like {@link data}, synchronously. @throws {Error} on a backend whose memory cannot be read synchronously. */
  dataSync(): TypedArray {
    return readNow(storageOf(this), "dataSync", true);
  }

  /** The elements as nested arrays, computed first if pending. A scalar gives one number; bools give true and false. */
  toArray(): NestedArray {
    return nest(elementsOf(this), this.shape, this.dtype);
  }

  /** Like {@link item}, synchronously. @throws {Error} on a backend whose memory cannot be read synchronously. */
  itemSync(): number {
    this.#checkOneElement();
    return readNow(storageOf(this), "itemSync")[0]!;
  }

  #checkOneElement(): void {
    if (this.size !== 1)
      throw new RangeError(`item: ${formatType(this)} has ${this.size} elements, want exactly one; reduce it or use data()`);
  }

  /** Replaces the instruction by its computed elements, so that the graph behind it can be freed. */
  settle(storage: Storage): void {
    const params = { shape: this.shape, dtype: this.dtype, storage };
    const { serial, origin } = this.source;
    this.source = { serial, op: leaves.data, operands: [], params, lanes: undefined, regions: [], results: [this], origin };
    (this as { index: number }).index = 0;
    this.cohort = undefined;
    this.depth = 0;
    this.isFixed = false;
  }

  // ---- instructions -----------------------------------------------------------------------------------------------------------------

  /** Records an op with one result. */
  bind<P>(op: Op<number, P>, operands: readonly Tensor[], params?: P): Tensor {
    return record(op, operands, params, [])[0]!;
  }

  /** Records an op with any number of results. */
  bindAll<P>(op: Op<number, P>, operands: readonly Tensor[], params: P, regions: readonly Region[] = []): Tensor[] {
    return record(op, operands, params, regions);
  }

  /** A constant of the shape and dtype of `type` whose elements all equal `value`. */
  constantOf(type: Type, value: number): Tensor {
    return record(indexing.full, [], { shape: type.shape, dtype: type.dtype, value }, [])[0]!;
  }

  /** A constant of this tensor's shape and dtype whose elements all equal `value`. */
  like(value: number): Tensor {
    return this.constantOf(this, value);
  }

  /** A tensor (i32) of this tensor's shape whose elements are their index along an axis. */
  iotaLike(axis: number): Tensor {
    return this.bind(indexing.iota, [], { shape: this.shape, dtype: "i32", axis: normalizeAxis(axis, this.rank, "iotaLike") });
  }

  identity(): Tensor {
    return this.bind(e.identity, [this]);
  }

  /** This value as a constant to every derivative. */
  stopGradient(): Tensor {
    return this.bind(e.stopGradient, [this]);
  }

  /** Converts an operand to a tensor. Numbers take this tensor's dtype; a fraction or infinity beside integers becomes f32. */
  operand(y: TensorLike, what = "operand"): Tensor {
    if (y instanceof Tensor) return y;
    if (typeof y === "number") {
      const dtype = isFloat(this.dtype) || (Number.isInteger(y) && this.dtype !== "bool") ? this.dtype : "f32";
      if (!fits(y, dtype)) checkFits(y, dtype, `a number beside ${formatType(this)}`);
      return this.constantOf({ shape: [], dtype }, y);
    }
    if (typeof y === "object" && y !== null && y.value instanceof Tensor) return y.value;
    throw new TypeError(`${what}: expected a tensor, a number or a parameter, got ${shown(y)}; make one with tensor(...)`);
  }

  /** For the library: records a binary op after promotion and broadcasting. */
  binary(op: Op<2, undefined>, other: TensorLike): Tensor {
    const y = this.operand(other);
    const shape = broadcastShapes(this.shape, y.shape);
    if (!shape) throw new RangeError(mismatch(op.name, this, y));
    const dtype = promote(this.dtype, y.dtype);
    const inner = ARITHMETIC.has(op) ? wide(dtype) : dtype;
    return this.bind(op, [this.cast(inner).broadcastTo(shape), y.cast(inner).broadcastTo(shape)]);
  }

  /** For the library: records a function of floats; integers become f32 first. */
  unary(op: Op<1, undefined>): Tensor {
    return this.bind(op, [isFloat(this.dtype) ? this : this.cast("f32")]);
  }

  // ---- arithmetic -------------------------------------------------------------------------------------------------------------------

  /** x + y. Operands broadcast and are promoted to a common dtype, as in all methods of two operands. */
  add(y: TensorLike): Tensor {
    return this.binary(e.add, y);
  }
  /** x - y. */
  sub(y: TensorLike): Tensor {
    return this.binary(e.sub, y);
  }
  /** x · y, element by element. */
  mul(y: TensorLike): Tensor {
    return this.binary(e.mul, y);
  }
  /** Quotient; integers truncate toward zero. */
  div(y: TensorLike): Tensor {
    return this.binary(e.div, y);
  }
  /** Remainder with the sign of this tensor. */
  rem(y: TensorLike): Tensor {
    return this.binary(e.rem, y);
  }
  /** xʸ, as C's pow; integers become f32. `pow(2)` is x · x. */
  pow(y: TensorLike): Tensor {
    if (y === 2) return this.mul(this);
    return isFloat(this.dtype) ? this.binary(e.pow, y) : this.cast("f32").pow(y);
  }
  /** The larger of x and y; NaN if either is NaN. Where they are equal, each gets half of the derivative. */
  maximum(y: TensorLike): Tensor {
    const z = this.binary(e.maximum, y);
    return z.cast(promote(this.dtype, this.operand(y).dtype));
  }
  /** The smaller of x and y; NaN if either is NaN. Where they are equal, each gets half of the derivative. */
  minimum(y: TensorLike): Tensor {
    const z = this.binary(e.minimum, y);
    return z.cast(promote(this.dtype, this.operand(y).dtype));
  }
  /**
   * This value limited to low..high, numbers or tensors that broadcast. At the bounds the derivative is 1. Where `low` is above `high` the result is `high`. A bound that
   * is NaN gives NaN.
   */
  clamp(low: TensorLike, high: TensorLike): Tensor {
    if (typeof low !== "number" || typeof high !== "number") {
      const [floor, roof] = [this.operand(low), this.operand(high)];
      const raised = this.lt(floor).or(floor.isNaN()).where(floor, this);
      return raised.gt(roof).or(roof.isNaN()).where(roof, raised);
    }
    const floor = Math.min(low, high);
    return this.lt(floor).where(floor, this.gt(high).where(high, this));
  }
  /** -x. Bools and u8 become i32. */
  neg(): Tensor {
    return this.bind(e.neg, [this.#wide()]);
  }
  /** 1 / x; integers become f32. */
  recip(): Tensor {
    return this.unary(e.recip);
  }
  /** |x|. */
  abs(): Tensor {
    return this.bind(e.abs, [this.#wide()]).cast(this.dtype);
  }
  /** -1, 0 or 1; its derivative is 0. */
  sign(): Tensor {
    return this.bind(e.sign, [this.#wide()]).cast(this.dtype);
  }
  /** eˣ. Integers become f32, as in all functions of one number below. */
  exp(): Tensor {
    return this.unary(e.exp);
  }
  /** eˣ - 1, exact near 0. */
  expm1(): Tensor {
    return this.unary(e.expm1);
  }
  /** The natural logarithm; NaN below 0. */
  log(): Tensor {
    return this.unary(e.log);
  }
  /** log(1 + x), exact near 0. */
  log1p(): Tensor {
    return this.unary(e.log1p);
  }
  /** Sine; x in radians. */
  sin(): Tensor {
    return this.unary(e.sin);
  }
  /** Cosine; x in radians. */
  cos(): Tensor {
    return this.unary(e.cos);
  }
  /** Hyperbolic tangent. */
  tanh(): Tensor {
    return this.unary(e.tanh);
  }
  /** 1 / (1 + e⁻ˣ). */
  sigmoid(): Tensor {
    return this.unary(e.sigmoid);
  }
  /** max(0, x), with derivative 0 at 0. */
  relu(): Tensor {
    return this.unary(e.relu);
  }
  /** The error function. */
  erf(): Tensor {
    return this.unary(e.erf);
  }
  /** √x; NaN below 0. Its derivative at 0 is infinite; see {@link sqrtOrFlat}. */
  sqrt(): Tensor {
    return this.unary(e.sqrt);
  }
  /** 1/√x */
  rsqrt(): Tensor {
    return this.sqrt().recip();
  }
  /** 2ˣ. */
  exp2(): Tensor {
    return this.unary(special.exp2);
  }
  /** The logarithm to base 2. */
  log2(): Tensor {
    return this.unary(special.log2);
  }
  /** The logarithm to base 10. */
  log10(): Tensor {
    return this.unary(special.log10);
  }
  /** Tangent; x in radians. */
  tan(): Tensor {
    return this.unary(special.tan);
  }
  /** Arc sine in radians; NaN outside -1..1. */
  asin(): Tensor {
    return this.unary(special.asin);
  }
  /** Arc cosine in radians; NaN outside -1..1. */
  acos(): Tensor {
    return this.unary(special.acos);
  }
  /** Arc tangent in radians. */
  atan(): Tensor {
    return this.unary(special.atan);
  }
  /** Hyperbolic sine. */
  sinh(): Tensor {
    return this.unary(special.sinh);
  }
  /** Hyperbolic cosine. */
  cosh(): Tensor {
    return this.unary(special.cosh);
  }
  /** Inverse hyperbolic sine. */
  asinh(): Tensor {
    return this.unary(special.asinh);
  }
  /** Inverse hyperbolic cosine; NaN below 1. */
  acosh(): Tensor {
    return this.unary(special.acosh);
  }
  /** Inverse hyperbolic tangent; NaN outside -1..1. */
  atanh(): Tensor {
    return this.unary(special.atanh);
  }
  /** x². */
  square(): Tensor {
    return this.mul(this);
  }
  /** The greatest integer not above x, as a float. */
  floor(): Tensor {
    return this.unary(e.floor);
  }
  /** The least integer not below x, as a float. */
  ceil(): Tensor {
    return this.unary(e.ceil);
  }
  /** x without its fraction; integers stay as they are. */
  trunc(): Tensor {
    return isFloat(this.dtype) ? this.bind(e.trunc, [this]) : this;
  }
  /** The nearest integer, halves to the even one, as a float. */
  round(): Tensor {
    return this.unary(e.round);
  }

  // ---- comparison, logic, choice ----------------------------------------------------------------------------------------------------

  /** x = y, as a bool. Operands broadcast, as in all comparisons. */
  eq(y: TensorLike): Tensor {
    return this.binary(e.eq, y);
  }
  /** x ≠ y, as a bool. */
  ne(y: TensorLike): Tensor {
    return this.binary(e.ne, y);
  }
  /** x < y, as a bool. */
  lt(y: TensorLike): Tensor {
    return this.binary(e.lt, y);
  }
  /** x ≤ y, as a bool. */
  le(y: TensorLike): Tensor {
    return this.binary(e.le, y);
  }
  /** x > y, as a bool. */
  gt(y: TensorLike): Tensor {
    return this.operand(y).lt(this);
  }
  /** x ≥ y, as a bool. */
  ge(y: TensorLike): Tensor {
    return this.operand(y).le(this);
  }
  /** Logical "and" of bools, bitwise "and" of integers. */
  and(y: TensorLike): Tensor {
    return this.binary(e.and, y);
  }
  /** Logical "or" of bools, bitwise "or" of integers. */
  or(y: TensorLike): Tensor {
    return this.binary(e.or, y);
  }
  /** Exclusive "or" of bools, bitwise of integers. */
  xor(y: TensorLike): Tensor {
    return this.binary(e.xor, y);
  }
  /** Logical negation of bools, bitwise complement of integers. */
  not(): Tensor {
    return this.bind(e.not, [this]);
  }
  /** True where x is NaN. */
  isNaN(): Tensor {
    return this.ne(this);
  }
  /** True where x is ∞ or -∞. */
  isInf(): Tensor {
    return this.abs().eq(Number.POSITIVE_INFINITY);
  }
  /** True where x is neither infinite nor NaN. */
  isFinite(): Tensor {
    return this.abs().lt(Number.POSITIVE_INFINITY);
  }
  /** x shifted left by y bits; the count is taken modulo 32. */
  shl(y: TensorLike): Tensor {
    return this.binary(e.shl, y);
  }
  /** x shifted right by y bits, with its sign for i32; the count is taken modulo 32. */
  shr(y: TensorLike): Tensor {
    return this.binary(e.shr, y);
  }

  /** `x` where this bool tensor is true, `y` elsewhere. Elements that are not chosen get no derivative. */
  where(x: TensorLike, y: TensorLike): Tensor {
    if (this.dtype !== "bool")
      throw new TypeError(`where: the condition must be bool, got ${formatType(this)}; compare first, as in x.gt(0).where(a, b)`);
    // A number takes the dtype of the tensor beside it.
    const a = typeof x === "number" && typeof y !== "number" ? this.operand(y).operand(x) : this.operand(x);
    const b = typeof y === "number" ? a.operand(y) : this.operand(y);
    const dtype = promote(a.dtype, b.dtype);
    const inner = broadcastShapes(a.shape, b.shape);
    const shape = inner && broadcastShapes(this.shape, inner);
    if (!shape) throw new RangeError(`where: shapes ${[this, a, b].map((t) => formatShape(t.shape)).join(", ")} do not broadcast`);
    return this.bind(e.select, [this.broadcastTo(shape), a.cast(dtype).broadcastTo(shape), b.cast(dtype).broadcastTo(shape)]);
  }

  /** Converts to a dtype. Floats become integers by truncation, saturated, NaN as 0; bools are 1 and 0; to bool is ≠ 0; to u8 wraps. */
  cast(dtype: Dtype): Tensor {
    checkDtype(dtype, "cast");
    return dtype === this.dtype ? this : this.bind(e.cast, [this], { dtype });
  }
  /** The same 32 bits read as another dtype. */
  bitcast(dtype: Dtype): Tensor {
    return dtype === this.dtype ? this : this.bind(e.bitcast, [this], { dtype });
  }

  // ---- reductions -------------------------------------------------------------------------------------------------------------------

  #reduce(op: Op<1, { axes: readonly number[] }>, axes: AxesLike | undefined, options: ReduceAxesOptions): Tensor {
    checkOptions(op.name, options, REDUCED);
    const { keepDims = false } = options;
    const list = normalizeAxes(axes, this.rank, op.name);
    const y = list.length ? this.bind(op, [this], { axes: list }) : this;
    return keepDims ? y.reshape(this.shape.map((d, i) => (list.includes(i) ? 1 : d))) : y;
  }

  /** Sum over axes (default all). Bools and u8 are counted in i32. */
  sum(axes?: AxesLike, options: ReduceAxesOptions = {}): Tensor {
    return this.#wide().#reduce(r.sum, axes, options);
  }
  /** Mean over axes (default all), a float; NaN for no elements. */
  mean(axes?: AxesLike, options: ReduceAxesOptions = {}): Tensor {
    checkOptions("mean", options, REDUCED);
    const x = isFloat(this.dtype) ? this : this.cast("f32");
    return x.#meanOf(axes, options, 0);
  }
  /**
   * The sum divided by (number of elements - `correction`). It is a division, because a product with the rounded reciprocal would make the mean of n ones less than 1 for
   * some n. It comes before the reshape, so that it fuses with the sum.
   */
  #meanOf(axes: AxesLike | undefined, { keepDims = false }: ReduceAxesOptions, correction: number): Tensor {
    const list = normalizeAxes(axes, this.rank, "mean");
    const y = this.sum(list).div(Math.max(0, r.countAlong(this.shape, list) - correction));
    return keepDims ? y.reshape(this.shape.map((d, i) => (list.includes(i) ? 1 : d))) : y;
  }
  /** Largest element over axes (default all). Equal largest elements share the derivative evenly. */
  max(axes?: AxesLike, options: ReduceAxesOptions = {}): Tensor {
    return this.#wide().#reduce(r.max, axes, options).cast(this.dtype);
  }
  min(axes?: AxesLike, options: ReduceAxesOptions = {}): Tensor {
    return this.#wide().#reduce(r.min, axes, options).cast(this.dtype);
  }
  /** Product over axes (default all); 1 for no elements. Bools and u8 are multiplied in i32. */
  prod(axes?: AxesLike, options: ReduceAxesOptions = {}): Tensor {
    return this.#wide().#reduce(r.prod, axes, options);
  }
  /** Converts bools and u8 to i32, in which reductions compute. */
  #wide(): Tensor {
    return this.cast(wide(this.dtype));
  }
  /** Returns true if any element along axes (default all) is nonzero. */
  any(axes?: AxesLike, options: ReduceAxesOptions = {}): Tensor {
    return this.ne(this.like(0)).sum(axes, options).gt(0);
  }
  /** Returns true if all elements along axes (default all) are nonzero. */
  all(axes?: AxesLike, options: ReduceAxesOptions = {}): Tensor {
    return this.eq(this.like(0)).sum(axes, options).eq(0);
  }
  /** Mean squared distance from the mean, in two passes. The divisor is the number of elements minus `correction` (default 1, unbiased). */
  var(axes?: AxesLike, options: ReduceAxesOptions & { readonly correction?: number } = {}): Tensor {
    checkOptions("var", options, VARIANCE);
    const { correction = 1, keepDims = false } = options;
    const apart = this.sub(this.mean(axes, { keepDims: true }));
    return apart.mul(apart).#meanOf(axes, { keepDims }, correction);
  }
  /** The square root of {@link var}. Its derivative is 0 where the variance is 0. */
  std(axes?: AxesLike, options: ReduceAxesOptions & { readonly correction?: number } = {}): Tensor {
    return this.var(axes, options).sqrtOrFlat();
  }
  /** √x with derivative 0 instead of infinity at 0; for norms. */
  sqrtOrFlat(): Tensor {
    const zero = this.eq(0);
    return zero.where(this.like(0), zero.where(this.like(1), this).sqrt());
  }
  /** The largest element along an axis, and its first position (i32). That position gets the whole derivative. */
  maxWithIndex(axis: number): { values: Tensor; indices: Tensor } {
    return this.#withIndex(r.maxWithIndex, axis);
  }
  minWithIndex(axis: number): { values: Tensor; indices: Tensor } {
    return this.#withIndex(r.minWithIndex, axis);
  }
  #withIndex(op: Op<1, { axis: number }>, axis: number): { values: Tensor; indices: Tensor } {
    if (isAxisOfScalar(axis, this.rank)) {
      const { values, indices } = this.unsqueeze(0).#withIndex(op, 0);
      return { values, indices };
    }
    const [values, indices] = this.bindAll(op, [this], { axis: normalizeAxis(axis, this.rank, op.name) }) as [Tensor, Tensor];
    return { values, indices };
  }
  /** Position (i32) of the first largest element along an axis, or among all. NaN counts as largest. */
  argmax(axis?: number, options: ReduceAxesOptions = {}): Tensor {
    return this.#position(r.maxWithIndex, axis, options);
  }
  /** Position (i32) of the first smallest element along an axis, or among all. NaN counts as smallest. */
  argmin(axis?: number, options: ReduceAxesOptions = {}): Tensor {
    return this.#position(r.minWithIndex, axis, options);
  }
  /** Position of an extreme element along an axis, or, without an axis, in the flattened tensor. */
  #position(op: Op<1, { axis: number }>, axis: number | undefined, options: ReduceAxesOptions): Tensor {
    checkOptions(op.name, options, REDUCED);
    const { keepDims = false } = options;
    if (axis === undefined) {
      const flat = this.flatten().#withIndex(op, 0).indices;
      return keepDims ? flat.reshape(this.shape.map(() => 1)) : flat;
    }
    const { indices } = this.#withIndex(op, axis);
    return keepDims && this.rank > 0 ? indices.unsqueeze(normalizeAxis(axis, this.rank, op.name)) : indices;
  }
  /** Running sums along an axis. */
  cumsum(axis: number): Tensor {
    if (isAxisOfScalar(axis, this.rank)) return this;
    return this.bind(r.cumsum, [this.#wide()], { axis: normalizeAxis(axis, this.rank, "cumsum"), reverse: false });
  }
  /** Positions (i32) of the elements along an axis in sorted order. Equal elements keep their order; NaN counts as largest. */
  argsort(axis = -1, options: { readonly descending?: boolean } = {}): Tensor {
    checkOptions("argsort", options, SORT);
    const { descending = false } = options;
    if (isAxisOfScalar(axis, this.rank)) return this.like(0).cast("i32");
    return this.bind(order.argsort, [this], { axis: normalizeAxis(axis, this.rank, "argsort"), descending });
  }
  /** Sorted elements along an axis, and their original positions (i32). */
  sort(axis = -1, options: { readonly descending?: boolean } = {}): { values: Tensor; indices: Tensor } {
    checkOptions("sort", options, SORT);
    if (isAxisOfScalar(axis, this.rank)) return { values: this, indices: this.argsort(axis) };
    const at = normalizeAxis(axis, this.rank, "sort");
    const indices = this.argsort(at, options);
    return { values: this.takeAlong(indices, at), indices };
  }

  // ---- movement ---------------------------------------------------------------------------------------------------------------------

  /** The same elements in row-major order in another shape. One size may be -1; it is computed from the others. */
  reshape(shape: Shape): Tensor {
    checkIntegers("reshape: shape", shape);
    const full = inferSize(this.shape, shape);
    return sameShape(full, this.shape) ? this : this.bind(m.reshape, [this], { shape: full });
  }
  /** Merges the axes from `start` to the last into one. */
  flatten(start = 0): Tensor {
    const s = start === 0 ? 0 : normalizeAxis(start, this.rank, "flatten");
    return this.reshape([...this.shape.slice(0, s), sizeOf(this.shape.slice(s))]);
  }
  /** Reorders axes: axis i of the result is axis axes[i] of this tensor. Default: the reverse order. */
  transpose(axes?: readonly number[]): Tensor {
    if (axes !== undefined) checkIntegers("transpose: axes", axes);
    const order = axes ? axes.map((a) => normalizeAxis(a, this.rank, "transpose")) : this.shape.map((_, i) => this.rank - 1 - i);
    return order.every((a, i) => a === i) && order.length === this.rank ? this : this.bind(m.transpose, [this], { axes: order });
  }
  /** Moves axis `from` to position `to`. */
  moveAxis(from: number, to: number): Tensor {
    const source = normalizeAxis(from, this.rank, "moveAxis");
    const order = this.shape.map((_, i) => i).filter((i) => i !== source);
    order.splice(normalizeAxis(to, this.rank, "moveAxis"), 0, source);
    return this.transpose(order);
  }
  /** Inserts an axis of size 1 at position `axis` of the result. */
  unsqueeze(axis: number): Tensor {
    const at = normalizeAxis(axis, this.rank + 1, "unsqueeze");
    return this.reshape(this.shape.toSpliced(at, 0, 1));
  }
  /** Removes an axis of size 1 (default: all of them). */
  squeeze(axis?: number): Tensor {
    if (axis === undefined) return this.reshape(this.shape.filter((d) => d !== 1));
    const at = normalizeAxis(axis, this.rank, "squeeze");
    if (this.shape[at] !== 1)
      throw new RangeError(`squeeze: axis ${axis} of ${formatShape(this.shape)} has size ${this.shape[at]}, want 1`);
    return this.reshape(this.shape.toSpliced(at, 1));
  }
  /** Repeats along new leading axes and axes of size 1 to a larger shape, by NumPy's rule. */
  broadcastTo(shape: Shape): Tensor {
    checkIntegers("broadcastTo: shape", shape);
    if (sameShape(shape, this.shape)) return this;
    const fits = broadcastShapes(this.shape, shape);
    if (!fits || !sameShape(fits, shape))
      throw new RangeError(`broadcastTo: ${formatShape(this.shape)} does not stretch to ${formatShape(shape)}`);
    const lead = shape.length - this.rank;
    const axes = this.shape.flatMap((d, i) => (d === shape[lead + i] ? [lead + i] : []));
    return this.reshape(axes.map((a) => shape[a]!)).broadcastInDim(shape, axes);
  }
  /** Repeats to a shape in which axis i of this tensor is axis axes[i]; the other axes are new. */
  broadcastInDim(shape: Shape, axes: readonly number[]): Tensor {
    checkIntegers("broadcastInDim: shape", shape);
    checkIntegers("broadcastInDim: axes", axes);
    return sameShape(shape, this.shape) ? this : this.bind(m.broadcast, [this], { shape, axes });
  }
  /** Repeats n times along a new axis 0. */
  expandFront(n: number): Tensor {
    return this.broadcastInDim(
      [n, ...this.shape],
      this.shape.map((_, i) => i + 1),
    );
  }
  /** Repeats along `axes` of `shape`, which this tensor does not have: the transpose of a sum over these axes. */
  expandAlong(axes: readonly number[], shape: Shape): Tensor {
    checkIntegers("expandAlong: axes", axes);
    checkIntegers("expandAlong: shape", shape);
    return this.broadcastInDim(
      shape,
      shape.map((_, i) => i).filter((i) => !axes.includes(i)),
    );
  }
  /** Adds zeros before (`low`), after (`high`) and between (`interior`, default none) the elements along each axis. Negative widths are refused. */
  pad(low: readonly number[], high: readonly number[], interior?: readonly number[]): Tensor {
    checkIntegers("pad: low", low);
    const between = interior ?? low.map(() => 0);
    for (const widths of [low, high, between]) {
      checkIntegers("pad: widths", widths);
      if (widths.length !== this.rank || widths.some((w) => !Number.isInteger(w) || w < 0)) {
        throw new RangeError(
          `pad: want ${this.rank} widths >= 0 for ${formatShape(this.shape)}, got ${formatShape(widths)}; use slice to remove elements`,
        );
      }
    }
    const none = [...low, ...high, ...between].every((w) => w === 0);
    return none ? this : this.bind(m.pad, [this], { low, high, interior: between });
  }
  /** The elements start, start + step, ... below stop along each axis. Negative bounds count from the end; steps default to 1. */
  slice(start: readonly number[], stop: readonly number[] = this.shape, steps?: readonly number[]): Tensor {
    checkIntegers("slice: start", start);
    checkIntegers("slice: stop", stop);
    const step = steps ?? start.map(() => 1);
    checkIntegers("slice: step", step);
    if (start.length !== this.rank || stop.length !== this.rank || step.length !== this.rank) {
      throw new RangeError(
        `slice: want one bound per axis of ${formatShape(this.shape)}, got ${formatShape(start)}, ${formatShape(stop)}, ${formatShape(step)}`,
      );
    }
    const from = start.map((s, i) => (s < 0 ? s + this.shape[i]! : s));
    const to = stop.map((s, i) => (s < 0 ? s + this.shape[i]! : s));
    const all = this.shape.every((d, i) => from[i] === 0 && to[i] === d && step[i] === 1);
    return all ? this : this.bind(m.slice, [this], { start: from, stop: to, step });
  }
  /** `length` elements along an axis from `start` on. A negative start counts from the end. */
  narrow(axis: number, start: number, length: number): Tensor {
    const at = normalizeAxis(axis, this.rank, "narrow");
    const n = this.shape[at]!;
    const first = start < 0 ? start + n : start;
    if (!(Number.isInteger(first) && Number.isInteger(length)) || first < 0 || length < 0 || first + length > n)
      throw new RangeError(
        `narrow: ${length} elements from ${start} on, a range that does not fit axis ${axis} of ${formatShape(this.shape)}`,
      );
    const from = this.shape.map((_, i) => (i === at ? first : 0));
    return this.slice(from, this.shape.with(at, first + length));
  }
  /** Element `i` along an axis; the axis is removed. */
  select(axis: number, i: number): Tensor {
    const at = normalizeAxis(axis, this.rank, "select");
    if (!(Number.isInteger(i) && i >= -this.shape[at]! && i < this.shape[at]!))
      throw new RangeError(`select: there is no element ${i} along axis ${axis} of ${formatShape(this.shape)}`);
    return this.narrow(at, i, 1).squeeze(at);
  }
  /** Reverses the order of elements along some axes (default all). */
  flip(axes?: AxesLike): Tensor {
    const list = normalizeAxes(axes, this.rank, "flip");
    return list.length ? this.bind(m.flip, [this], { axes: list }) : this;
  }
  /** Sliding windows over the last axes: [..., H, W] to [..., OH, OW, KH, KW]. */
  windows(kernel: readonly number[], stride: readonly number[], dilation?: readonly number[]): Tensor {
    checkIntegers("windows: kernel", kernel);
    checkIntegers("windows: stride", stride);
    if (dilation !== undefined) checkIntegers("windows: dilation", dilation);
    return this.bind(m.windows, [this], { kernel, stride, dilation: dilation ?? kernel.map(() => 1) });
  }
  /** Concatenates this tensor with others along an axis (default 0). */
  concat(others: readonly Tensor[], axis = 0): Tensor {
    if (!Array.isArray(others)) check("concat: others", others, list);
    requireEach("concat", others);
    const all = [this, ...others];
    const dtype = all.map((t) => t.dtype).reduce(promote);
    const at = normalizeAxis(axis, this.rank, "concat");
    return all.length === 1
      ? this
      : this.bind(
          m.concat,
          all.map((t) => t.cast(dtype)),
          { axis: at },
        );
  }

  // ---- indexing ---------------------------------------------------------------------------------------------------------------------

  /**
   * Selects slices along an axis by integer indices; the axes of `indices` replace that axis. Negative indices count from the end. An index out of range is an error if its
   * value is known; within a program it gives NaN, or 0 for integers.
   */
  take(indices: Tensor, axis = 0): Tensor {
    requireTensor("take: indices", indices);
    return this.takeInside(fromEnd("take", indices, this.shape[normalizeAxis(axis, this.rank, "take")]!), axis);
  }
  /** For the library: like {@link take}, but negative indices are out of range. */
  takeInside(indices: Tensor, axis = 0): Tensor {
    requireTensor("takeInside: indices", indices);
    const at = normalizeAxis(axis, this.rank, "take");
    const rows = this.moveAxis(at, 0).bind(indexing.gather, [this.moveAxis(at, 0), indices], { batch: 0 });
    const order = rows.shape.map((_, i) => i);
    const moved = order.splice(0, indices.rank);
    order.splice(at, 0, ...moved);
    return rows.transpose(order);
  }
  /** y[..., i, ...] = x[..., indices[..., i, ...], ...] along an axis; the other sizes must agree. Indices as for {@link take}. */
  takeAlong(indices: Tensor, axis: number): Tensor {
    requireTensor("takeAlong: indices", indices);
    return this.takeAlongInside(fromEnd("takeAlong", indices, this.shape[normalizeAxis(axis, this.rank, "takeAlong")]!), axis);
  }
  /** For the library: like {@link takeAlong}, but negative indices are out of range. */
  takeAlongInside(indices: Tensor, axis: number): Tensor {
    requireTensor("takeAlongInside: indices", indices);
    const at = normalizeAxis(axis, this.rank, "takeAlong");
    if (!sameShape(this.shape.toSpliced(at, 1), indices.shape.toSpliced(at, 1))) {
      throw new RangeError(
        `takeAlong: but for axis ${at}, indices ${formatShape(indices.shape)} must have the shape ${formatShape(this.shape)}`,
      );
    }
    const last = this.rank - 1;
    const y = this.bind(indexing.gather, [this.moveAxis(at, last), indices.moveAxis(at, last)], { batch: last });
    return y.moveAxis(last, at);
  }
  /** One-hot vectors of integers in 0..n-1: a new last axis of size n, with 1 at the integer and 0 elsewhere. */
  oneHot(n: number, dtype: Dtype = "f32"): Tensor {
    const shape = [...this.shape, n];
    const position = this.bind(indexing.iota, [], { shape, dtype: this.dtype, axis: this.rank });
    return this.expandAlong([this.rank], shape).eq(position).cast(dtype);
  }

  // ---- contractions -----------------------------------------------------------------------------------------------------------------

  /** An Einstein sum of two operands, such as "ij,jk->ik". Every letter is in at least two of the three words, at most once in each. */
  dot(y: TensorLike, spec: string): Tensor {
    if (typeof spec !== "string") throw new TypeError(noSpec(spec));
    const other = this.operand(y);
    const dtype = wide(promote(this.dtype, other.dtype));
    return this.bind(contract.dot, [this.cast(dtype), other.cast(dtype)], { spec });
  }

  /** Matrix product by NumPy's rule: a vector counts as a row (left) or column (right), and leading axes broadcast. */
  matmul(other: TensorLike): Tensor {
    const y = this.operand(other);
    if (this.rank === 0 || y.rank === 0)
      throw new RangeError(`matmul: want at least vectors, got ${formatShape(this.shape)} and ${formatShape(y.shape)}; scale with mul`);
    const inner = this.shape[this.rank - 1]!;
    const rows = y.shape[Math.max(0, y.rank - 2)]!;
    if (inner !== rows) {
      throw new RangeError(
        `matmul: inner sizes differ: x is ${formatShape(this.shape)}, y is ${formatShape(y.shape)}; ${inner} columns meet ${rows} rows`,
      );
    }
    const outer = this.rank === 2 ? "i" : letters(this.rank - 1);
    if (y.rank === 1) return this.rank === 1 ? this.dot(y, "i,i->") : this.dot(y, `${outer}j,j->${outer}`);
    if (this.rank === 1) return this.unsqueeze(0).matmul(y).squeeze(-2);
    // A matrix on the right multiplies all leading axes at once.
    if (y.rank === 2) return this.dot(y, `${outer}j,jk->${outer}k`);
    const lead = broadcastShapes(this.shape.slice(0, -2), y.shape.slice(0, -2));
    if (!lead) throw new RangeError(mismatch("matmul", this, y));
    const b = letters(lead.length);
    const x = this.broadcastTo([...lead, ...this.shape.slice(-2)]);
    return x.dot(y.broadcastTo([...lead, ...y.shape.slice(-2)]), `${b}ij,${b}jk->${b}ik`);
  }

  /** Convolution (cross-correlation, CNN-1) of x [N, C, ...size] with w [O, C/groups, ...kernel], in any number of dimensions. */
  conv(w: TensorLike, options: ConvOptions = {}): Tensor {
    checkOptions("conv", options, CONV);
    const weight = this.operand(w);
    const spatial = this.rank - 2;
    if (spatial < 1) throw new RangeError(`conv: want an input [batch, channels, ...size], got ${formatShape(this.shape)}`);
    const padding = perAxis(options.padding ?? 0, spatial, "padding");
    const params = {
      stride: perAxis(options.stride ?? 1, spatial, "stride", 1),
      dilation: perAxis(options.dilation ?? 1, spatial, "dilation", 1),
      groups: options.groups ?? 1,
    };
    const dtype = promote(this.dtype, weight.dtype);
    const padded = this.cast(dtype).pad([0, 0, ...padding], [0, 0, ...padding]);
    return this.bind(convolution.conv, [padded, weight.cast(dtype)], params);
  }
}

showAs(Tensor.prototype, (x) => x.toString());
refuseIndexing(Tensor.prototype);

/**
 * Makes `x.length` and `x[0]` errors that name the right call. JavaScript would give undefined, so that a loop over a tensor would do nothing and an assignment would be
 * lost. No type declares these properties, so that TypeScript refuses them too.
 */
export function refuseIndexing(prototype: object): void {
  for (const name of ["length", "-1", "0", "1", "2", "3"]) {
    const said = (): never => {
      const remedy =
        name === "length" ? "its sizes are x.shape and x.size" : `element ${name} along the first axis is x.select(0, ${name})`;
      const what = name === "length" ? "x.length" : `x[${name}]`;
      throw new TypeError(`${what}: a tensor is no array; ${remedy}, and its numbers are await x.data() or x.toArray()`);
    };
    Object.defineProperty(prototype, name, { get: said, set: said, configurable: true });
  }
}

/** An error text that says why a tensor or a cell cannot be used as a number, and what to write instead. */
export function notANumber(what: string): string {
  return [
    `${what} cannot be used as a number: JavaScript's operators know nothing of tensors.`,
    "  arithmetic:  x * 2      is  x.mul(2)             x + y  is  x.add(y)",
    "  comparison:  x > 0      is  x.gt(0), a tensor    if (x > 0) ...  is  (await x.item()) > 0, or where and cond inside compile",
  ].join("\n");
}

/** One number per axis, from one number for all or from a list. */
export function perAxis(value: number | readonly number[], n: number, what: string, least = 0): number[] {
  check(what, value, eachAxis);
  const list = typeof value === "number" ? new Array<number>(n).fill(value) : [...value];
  if (list.length !== n || list.some((v) => !Number.isInteger(v) || v < least)) {
    throw new RangeError(`${what}: want ${n} integers >= ${least} (or one for all), got ${formatShape(list)}`);
  }
  return list;
}

/** Ops whose results are positions, which are never negative. */
const POSITIONS: ReadonlySet<unknown> = new Set([order.argsort, r.maxWithIndex, r.minWithIndex, indexing.iota]);

/** Indices into n elements, with negative ones counted from the start. @throws {RangeError} for a known index that is out of range. */
export function fromEnd(what: string, indices: Tensor, n: number): Tensor {
  if (isFloat(indices.dtype) || indices.dtype === "bool" || POSITIONS.has(indices.source.op)) return indices;
  if (!indices.isComputed) return indices.dtype === "i32" ? indices.lt(0).where(indices.add(n), indices) : indices;
  const values = elementsOf(indices);
  const at = values.findIndex((i) => !(i >= -n && i < n));
  if (at >= 0)
    throw new RangeError(`${what}: index ${values[at]} at position ${at} is out of range; there are ${n}, from ${-n} to ${n - 1}`);
  return values.some((i) => i < 0) ? indices.lt(0).where(indices.add(n), indices) : indices;
}

/** @throws {TypeError} unless `value` is a tensor: `relu: x must be a tensor, got [1, 2]; make one with tensor(...)`. */
export function requireTensor(what: string, value: unknown): asserts value is Tensor {
  if (value instanceof Tensor) return;
  const holder = (value as { readonly value?: unknown } | null | undefined)?.value;
  const isPlain = typeof value === "number" || typeof value === "boolean" || Array.isArray(value) || ArrayBuffer.isView(value);
  const remedy = isPlain
    ? "; make one with tensor(...)"
    : value instanceof Promise
      ? "; await it first"
      : holder instanceof Tensor
        ? "; use its value"
        : "";
  throw new TypeError(`${what} must be a tensor, got ${shown(value)}${remedy}`);
}

function letters(n: number): string {
  return "abcdefgh".slice(0, n);
}

/** {@link requireTensor} for every element of a list. Texts are made only for an error, since lists may have thousands of elements. */
export function requireEach(what: string, values: readonly unknown[]): void {
  for (let i = 0; i < values.length; i++) if (!(values[i] instanceof Tensor)) requireTensor(`${what}: element ${i}`, values[i]);
}

const noSpec = (spec: unknown): string =>
  `dot: spec must be the letters of the axes, such as "ij,jk->ik", got ${shown(spec)}; products of matrices and vectors are x.matmul(y)`;

function mismatch(name: string, x: Tensor, y: Tensor): string {
  const show = (t: Tensor): string => `${t.label ? `${t.label} ` : ""}${formatShape(t.shape)}`;
  return `${name}: shapes ${show(x)} and ${show(y)} do not broadcast: aligned at the end, sizes must be equal or 1; use reshape or unsqueeze`;
}

/** Replaces a size of -1 by the one that keeps the number of elements. Throws if there is none. */
function inferSize(from: Shape, to: Shape): number[] {
  const open = to.indexOf(-1);
  const full = [...to];
  if (open >= 0) {
    const rest = sizeOf(to.toSpliced(open, 1));
    if (to.indexOf(-1, open + 1) >= 0 || rest === 0 || sizeOf(from) % rest !== 0) {
      throw new RangeError(
        `reshape: ${formatShape(from)} has ${sizeOf(from)} elements, which ${formatShape(to)} cannot hold; at most one size may be -1`,
      );
    }
    full[open] = sizeOf(from) / rest;
  }
  checkShape(full, "reshape");
  return full;
}
