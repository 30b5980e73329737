/**
 * @file Prints tensors: the type, and the elements in nested brackets, rounded and aligned as NumPy's array2string does. There are 4 digits after the point, exponents
 * if magnitudes differ by more than 1,000 or are outside 1e-4 to 1e8 (integers below 1e8 need none), and only the edges of more than 1,000 elements.
 */
import { type Dtype, isFloat, type TypedArray } from "../base/dtype.ts";
import { type Shape, sizeOf } from "../base/shape.ts";

/** Makes `console.log` print objects of a class as a text in Node, which calls the method of this registered symbol. */
export function showAs<T extends object>(prototype: T, text: (object: T) => string): void {
  const value = function (this: T): string {
    return text(this);
  };
  Object.defineProperty(prototype, Symbol.for("nodejs.util.inspect.custom"), { value, configurable: true });
}

const DIGITS = 4;
const MOST_ELEMENTS = 1000;
const EDGE = 3;
const WIDTH = 80;

/** Elements as nested lists; a scalar is one number. Bools are true and false. */
export type NestedArray = number | boolean | NestedArray[];

/** Elements in row-major order as nested lists. */
export function nest(elements: TypedArray, shape: Shape, dtype: Dtype): NestedArray {
  const leaf = (i: number): NestedArray => (dtype === "bool" ? elements[i] !== 0 : elements[i]!);
  const build = (axis: number, at: number): NestedArray => {
    if (axis === shape.length) return leaf(at);
    const stride = sizeOf(shape.slice(axis + 1));
    return Array.from({ length: shape[axis]! }, (_, i) => build(axis + 1, at + i * stride));
  };
  return build(0, 0);
}

/** The elements as text, in one or more lines. */
export function formatElements(elements: TypedArray, shape: Shape, dtype: Dtype): string {
  const short = elements.length > MOST_ELEMENTS;
  const shown = new Map<number, string>();
  const indices = shownIndices(shape, short);
  const texts = formatNumbers(
    indices.map((i) => elements[i]!),
    dtype,
  );
  for (const [n, i] of indices.entries()) shown.set(i, texts[n]!);
  return brackets(shape, short, (i) => shown.get(i)!);
}

/** Positions along an axis that are printed; -1 stands for those left out. */
function edges(n: number, short: boolean): number[] {
  const all = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
  return short && n > 2 * EDGE ? [...all(0, EDGE), -1, ...all(n - EDGE, n)] : all(0, n);
}

/** Flat positions of the elements that are printed. */
function shownIndices(shape: Shape, short: boolean): number[] {
  return shape.reduce<number[]>(
    (outer, n) =>
      outer.flatMap((i) =>
        edges(n, short)
          .filter((j) => j >= 0)
          .map((j) => i * n + j),
      ),
    [0],
  );
}

/** Prints each row of the last axis on a line, broken if it is too long; outer axes are separated by empty lines. */
function brackets(shape: Shape, short: boolean, text: (i: number) => string): string {
  const build = (axis: number, at: number): string => {
    if (axis === shape.length) return text(at);
    const n = shape[axis]!;
    const parts = edges(n, short).map((i) => (i < 0 ? "..." : build(axis + 1, at * n + i)));
    const indent = " ".repeat(axis + 1);
    if (axis < shape.length - 1) return `[${parts.join(`\n${"\n".repeat(shape.length - axis - 2)}${indent}`)}]`;
    return `[${wrap(parts, WIDTH - axis - 2).join(`\n${indent}`)}]`;
  };
  return build(0, 0);
}

/** Joins texts to lines of at most `width` characters. */
function wrap(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const part of parts) {
    if (line && line.length + 1 + part.length > width) {
      lines.push(line);
      line = "";
    }
    line = line ? `${line} ${part}` : part;
  }
  return lines.length > 0 || line ? [...lines, line] : [""];
}

function formatNumbers(values: readonly number[], dtype: Dtype): string[] {
  const texts = dtype === "bool" ? values.map((v) => (v ? "true" : "false")) : isFloat(dtype) ? formatFloats(values) : values.map(String);
  const width = Math.max(0, ...texts.map((t) => t.length));
  return texts.map((t) => t.padStart(width));
}

/** Formats all values alike, fixed or with exponents, with as many digits as any of them needs. */
function formatFloats(values: readonly number[]): string[] {
  const sizes = values.map(Math.abs).filter((v) => Number.isFinite(v) && v > 0);
  const [least, most] = [sizes.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY), sizes.reduce((a, b) => Math.max(a, b), 0)];
  const whole = sizes.every(Number.isInteger) && most < 1e8;
  const exponents = !whole && (most >= 1e8 || least < 1e-4 || most / least > 1000);
  const write = (v: number, digits: number): string => (exponents ? v.toExponential(digits) : v.toFixed(digits));
  const needed = (v: number): number => /^\d*\.?(\d*?)0*(e|$)/.exec(write(v, DIGITS))![1]!.length;
  const digits = sizes.reduce((n, v) => Math.max(n, needed(v)), exponents ? 1 : 0);
  return values.map((v) => {
    if (!Number.isFinite(v)) return Number.isNaN(v) ? "nan" : v > 0 ? "inf" : "-inf";
    const text = (Object.is(v, -0) ? "-" : "") + write(v, digits);
    if (exponents) return text;
    return digits === 0 ? `${text}.` : text.replace(/0+$/, (zeros) => " ".repeat(zeros.length));
  });
}
