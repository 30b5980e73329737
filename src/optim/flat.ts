/** @file All parameters as one vector of f64 on the host, or as arguments of a function: for methods that look at more than a gradient. */
import type { Shape } from "../base/shape.ts";
import { tensor } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";

const count = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** Elements of all of them. */
export function sizeOf(list: readonly { readonly shape: Shape }[]): number {
  return list.reduce((n, { shape }) => n + count(shape), 0);
}

/** Tensors end to end. */
export function flat(tensors: readonly Tensor[]): Float64Array {
  const all = new Float64Array(sizeOf(tensors));
  let at = 0;
  for (const x of tensors) {
    const elements = elementsOf(x);
    all.set(elements, at);
    at += elements.length;
  }
  return all;
}

/** Tensors of the cells' types from a vector. */
export function unflat(all: Float64Array, cells: readonly Cell[]): Tensor[] {
  let at = 0;
  return cells.map(({ shape, dtype }) => {
    const elements = all.slice(at, at + count(shape));
    at += elements.length;
    return tensor(elements, { shape, dtype });
  });
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** a ← a + factor·b */
export function addScaled(a: Float64Array, factor: number, b: Float64Array): void {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
}

/** Runs `fn` with cells at other values, and puts them back. */
export function withValues(cells: readonly Cell[], values: readonly Tensor[], fn: () => Tensor): Tensor {
  const before = cells.map(({ value }) => value);
  const set = (list: readonly Tensor[]): void =>
    cells.forEach((cell, i) => {
      cell.set(list[i]);
    });
  set(values);
  const y = fn();
  set(before);
  return y;
}
