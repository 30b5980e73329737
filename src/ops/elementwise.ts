/** @file Ops on each element: all families, and identities with a purpose. How such an op is made is in `pointwise.ts`. */
import type { Op } from "./op.ts";
import { elementwise, linear } from "./pointwise.ts";

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

/** The same elements in a buffer of their own: other ops that only move elements are computed where their result is read. */
export const copy: Op<1, undefined> = linear(
  "copy",
  "jointly",
  {
    doc: "x itself, in a buffer of its own",
    arity: 1,
    traits: { copies: true, moves: "all", monotone: "rising" },
    scalar: ([x]) => x,
    accepts: "any",
  },
  (ct) => [ct],
);

export const stopGradient: Op<1, undefined> = elementwise("stopGradient", {
  doc: "x, as a constant to every derivative",
  arity: 1,
  traits: { alias: true, moves: "all", monotone: "rising" },
  scalar: ([x]) => x,
  accepts: "any",
});
