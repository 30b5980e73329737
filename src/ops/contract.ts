/** @file Products of matrices and tensors: `dot` is an Einstein sum of two operands. Convolutions are in `convolution.ts`. */

import { formatShape, type Shape, type Type } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import * as k from "../kernel/build.ts";
import type { Index } from "../kernel/index-algebra.ts";
import { defineOp, type Op } from "./op.ts";
import type { Tensor } from "./tensor.ts";

// ---- dot ----------------------------------------------------------------------------------------------------------------------------

/** The letters of an Einstein sum: `ij,jk->ik`. Every letter is in at least two of the three words, at most once in each. */
export interface Dot {
  readonly spec: string;
}

/** Splits a spec into the words of the operands and of the result. */
export function words(spec: string): [x: string, y: string, out: string] {
  return tuple(spec.split(/,|->/), 3);
}

/** The size of every letter. Throws if the words do not fit the shapes or a letter has two sizes. */
function letterSizes(x: Shape, y: Shape, spec: string): Map<string, number> {
  const [xs, ys] = words(spec);
  const sizes = new Map<string, number>();
  const note = (letters: string, shape: Shape): void => {
    if (letters.length !== shape.length) throw new RangeError(`internal: dot ${spec} does not fit ${formatShape(x)} and ${formatShape(y)}`);
    [...letters].forEach((c, i) => {
      const known = sizes.get(c);
      if (known !== undefined && known !== shape[i]) {
        throw new RangeError(
          `dot: inner sizes differ: x is ${formatShape(x)}, y is ${formatShape(y)}, and "${c}" of "${spec}" is ${known} in one and ${shape[i]} in the other`,
        );
      }
      sizes.set(c, shape[i]!);
    });
  };
  note(xs, x);
  note(ys, y);
  return sizes;
}

/** A letter that is in no word of the spec. */
function freshLetter(spec: string): string {
  for (const c of "bnzyxwvutsrqponmlkjihgfedcaABCDEFGHIJKLMNOPQRSTUVWXYZ") if (!spec.includes(c)) return c;
  throw new Error(`internal: no letter is left in ${spec}`);
}

export const dot: Op<2, Dot> = defineOp<2, Dot>("dot", {
  doc: "Einstein sum of two tensors, such as ij,jk->ik",
  arity: 2,
  traits: { rows: "all" },
  derivative: "separately",
  type([x, y], { spec }) {
    if (x.dtype !== y.dtype) throw new TypeError(`internal: dot of ${x.dtype} and ${y.dtype}`);
    const sizes = letterSizes(x.shape, y.shape, spec);
    return { shape: [...words(spec)[2]].map((c) => sizes.get(c)!), dtype: x.dtype };
  },
  transpose(ct, [x, y], { spec }, on) {
    const [xs, ys, out] = words(spec);
    return on[0]
      ? [ct.bind(dot, [ct, y], { spec: `${out},${ys}->${xs}` }), undefined]
      : [undefined, ct.bind(dot, [x, ct], { spec: `${xs},${out}->${ys}` })];
  },
  batch(operands, mapped, { spec }) {
    const [xs, ys, out] = words(spec);
    const n = freshLetter(spec);
    const batched = `${mapped[0] ? n : ""}${xs},${mapped[1] ? n : ""}${ys}->${n}${out}`;
    return operands[0].bind(dot, operands, { spec: batched });
  },
  lower: {
    kind: "reduce",
    combine: "add",
    extents([x, y], { spec }) {
      const sizes = letterSizes(x!, y!, spec);
      return summed(spec).map((c) => sizes.get(c)!);
    },
    element(at, r, [x, y], { spec }) {
      const [xs, ys, out] = words(spec);
      const inner = summed(spec);
      const of = (c: string): Index => (out.includes(c) ? at[out.indexOf(c)]! : r[inner.indexOf(c)]!);
      return k.mul(x!.at([...xs].map(of)), y!.at([...ys].map(of)));
    },
  },
  cost: "compute",
  samples: [
    {
      operands: [
        { shape: [3, 4], dtype: "f64" },
        { shape: [4, 5], dtype: "f64" },
      ],
      params: { spec: "ij,jk->ik" },
    },
    {
      operands: [
        { shape: [2, 3, 4], dtype: "f64" },
        { shape: [2, 5, 4], dtype: "f64" },
      ],
      params: { spec: "bij,bkj->bik" },
    },
    {
      operands: [
        { shape: [4], dtype: "f64" },
        { shape: [4], dtype: "f64" },
      ],
      params: { spec: "i,i->" },
    },
    {
      operands: [
        { shape: [3], dtype: "f64" },
        { shape: [2], dtype: "f64" },
      ],
      params: { spec: "i,j->ij" },
    },
  ],
});

/** The sum over axis 0 of the products of slices of x and y, as one product that also sums over that axis. */
export function dotOver(x: Tensor, y: Tensor, { spec }: Dot): Tensor {
  const [xs, ys, out] = words(spec);
  const n = freshLetter(spec);
  return x.bind(dot, [x, y], { spec: `${n}${xs},${n}${ys}->${out}` });
}

/** The number of results of a product that use one element of operand `i`. */
export function reuse({ spec }: Dot, [x, y]: readonly Type[], i: number): number {
  const sizes = letterSizes(x!.shape, y!.shape, spec);
  return [...words(spec)[2]].reduce((n, c) => (words(spec)[i]!.includes(c) ? n : n * sizes.get(c)!), 1);
}

/** Letters that are summed over, in the order of the first operand. */
function summed(spec: string): string[] {
  const [xs, , out] = words(spec);
  return [...xs].filter((c) => !out.includes(c));
}
