/**
 * @file Shapes: tuples of axis sizes, row-major. Everything about sizes, axes and strides that needs no tensor.
 */
import { check, type Expectation, eachAxis, expectation, numbers, shown } from "./check.ts";
import type { Dtype } from "./dtype.ts";

/** Sizes of the axes, first axis first; [] for a scalar. */
export type Shape = readonly number[];

/** What is known of a value before it is computed. */
export interface Type {
  readonly shape: Shape;
  readonly dtype: Dtype;
}

/** Number of elements; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

export function sameType(a: Type, b: Type): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

const integers: Expectation = expectation(
  "a list of integers",
  (value) => Array.isArray(value) && value.every(Number.isSafeInteger),
  (value) => (typeof value === "number" ? "; numbers come in one list: [2, 3]" : ""),
);

/** @throws {TypeError | RangeError} unless it is a list of integers: `x.reshape([2, 3])`, not `x.reshape(2, 3)`. */
export function checkIntegers(what: string, value: unknown): void {
  if (!integers.holds(value)) check(what, value, integers);
}

/** `[32, 10]` */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** `f32[32,10]` */
export function formatType(type: Type): string {
  return `${type.dtype}[${type.shape.join(",")}]`;
}

/** Elements between neighbours along each axis of a dense row-major array. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let n = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = n;
    n *= shape[i]!;
  }
  return strides;
}

/** Axis in 0..rank-1 for an axis that may count from the end. */
export function normalizeAxis(axis: number, rank: number, what: string): number {
  if (typeof axis !== "number") throw new TypeError(`${what}: axis must be an integer, got ${shown(axis)}`);
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    const range = rank === 0 ? "a scalar has no axes" : `use ${-rank} to ${rank - 1}`;
    throw new RangeError(`${what}: axis ${shown(axis)} is out of range for a tensor of rank ${rank}; ${range}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Whether `axis` names the axis that a scalar does not have: 0 or -1. */
export function isAxisOfScalar(axis: number, rank: number): boolean {
  return rank === 0 && (axis === 0 || axis === -1);
}

/** Axes come as they are, before the options. */
const someAxes: Expectation = { ...eachAxis, remedy: () => "; axes come before the options: x.sum(0, { keepDims: true })" };

/** Sorted distinct axes; all of them when `axes` is undefined. */
export function normalizeAxes(axes: number | readonly number[] | undefined, rank: number, what: string): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  if (typeof axes !== "number" && !Array.isArray(axes)) check(`${what}: axes`, axes, someAxes);
  const given = typeof axes === "number" ? [axes] : axes;
  // A scalar has no axis; 0 and -1 name it all the same, as in NumPy.
  const list = rank === 0 ? given.filter((a) => a !== 0 && a !== -1) : given;
  const plain = list.map((a) => normalizeAxis(a, rank, what));
  if (new Set(plain).size !== plain.length) throw new RangeError(`${what}: axes ${formatShape(plain)} name one axis twice`);
  return plain.sort((a, b) => a - b);
}

/** The shape two shapes broadcast to (NumPy's rule: align at the end, 1 stretches), or null. */
export function broadcastShapes(a: Shape, b: Shape): number[] | null {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return null;
    out[i] = x === 1 ? y : x;
  }
  return out;
}

/** `shape` without the given axes. */
export function dropAxes(shape: Shape, axes: readonly number[]): number[] {
  return shape.filter((_, i) => !axes.includes(i));
}

const aShape: Expectation = {
  ...numbers,
  remedy: (value) => (typeof value === "number" ? `; the shape is one argument, as in [${value}, 2]` : ""),
};

/** Throws unless every size is a non-negative integer. */
export function checkShape(shape: Shape, what: string): void {
  if (!Array.isArray(shape)) check(`${what}: the shape`, shape, aShape);
  for (const d of shape) {
    if (!Number.isInteger(d) || d < 0) {
      throw new RangeError(`${what}: [${shape.map((each) => shown(each)).join(",")}] is not a shape; sizes are non-negative integers`);
    }
  }
}

/** The axes from `start` on: with 1 all of an example, with 2 those beyond the channels. */
export function axesFrom(shape: Shape, start: number): number[] {
  return shape.map((_, i) => i).slice(start);
}

/** The largest divisor for which `fits` holds; 0 if none. */
export function divisor(n: number, fits: (divisor: number) => boolean): number {
  for (let d = n; d >= 1; d--) if (n % d === 0 && fits(d)) return d;
  return 0;
}

/** The least divisor for which `fits` holds; `n` if none. */
export function leastDivisor(n: number, fits: (divisor: number) => boolean): number {
  for (let d = 1; d < n; d++) if (n % d === 0 && fits(d)) return d;
  return n;
}
