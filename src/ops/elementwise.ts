/** @file All elementwise ops (re-exported), and the identity ops. `pointwise.ts` has the constructors of elementwise ops. */
import type { Op } from "./op.ts";
import { elementwise, linear } from "./pointwise.ts";

export * from "./arithmetic.ts";
export * from "./comparisons.ts";
export * from "./functions.ts";
export * from "./pointwise.ts";

/** The same value under a fresh name. */
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

/** The same elements in a separate buffer. Other ops that only move elements have no buffer; their readers compute them. */
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
