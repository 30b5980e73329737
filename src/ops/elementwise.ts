/** @file Ops on each element: all families, and identities with a purpose. How such an op is made is in `pointwise.ts`. */
import type { Op } from "./op.ts";
import { elementwise, linear } from "./pointwise.ts";
import type { Tensor } from "./tensor.ts";

export * from "./arithmetic.ts";
export * from "./comparisons.ts";
export * from "./functions.ts";
export * from "./pointwise.ts";

/** A fresh name for a value: what transforms bind their seeds to. */
export const identity: Op<1, undefined> = linear(
  "identity",
  "jointly",
  {
    doc: "x itself, under a fresh name",
    arity: 1,
    traits: { alias: true, moves: "all", monotone: "rising" },
    scalar: ([x]) => x,
    accepts: "any",
  },
  (ct) => [ct],
);

/** The same elements in a buffer of their own, the axis `lanes` in the lanes of vectors (undefined: row by row); see `schedule/lanes.ts`. */
export const relayout: Op<1, { lanes?: number }> = elementwise<1, { lanes?: number }>(
  "relayout",
  {
    doc: "x itself, in a buffer of its own whose order the scheduler is told",
    arity: 1,
    traits: { copies: true, moves: "all", monotone: "rising" },
    scalar: ([x]) => x,
    accepts: "any",
    samples: [{ operands: [{ shape: [4, 3], dtype: "f64" }], params: { lanes: 0 } }],
  },
  { kind: "linear", in: "all", how: "jointly", transpose: ([ct]) => [ct] },
);

/** A copy of a value in a buffer of its own; mere movement would be folded into whoever reads it. */
export const inBuffer = (x: Tensor, params: { readonly lanes?: number } = {}): Tensor => x.bind(relayout, [x], params);

export const stopGradient: Op<1, undefined> = elementwise("stopGradient", {
  doc: "x, as a constant to every derivative",
  arity: 1,
  traits: { alias: true, moves: "all", monotone: "rising" },
  scalar: ([x]) => x,
  accepts: "any",
});
