/** @file Functions of one number: exponentials, logarithms, trigonometry, activations, rounding. */
import * as k from "../kernel/build.ts";
import type { Op } from "./op.ts";
import { elementwise } from "./pointwise.ts";

export const abs: Op<1, undefined> = elementwise("abs", {
  doc: "absolute value; its derivative at 0 is 0",
  arity: 1,
  scalar: ([x]) => k.abs(x),
  partials: [(_, x) => x.sign()],
  accepts: "number",
});

export const sign: Op<1, undefined> = elementwise("sign", {
  doc: "-1, 0 or 1; of NaN 0, as in PyTorch",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x], _, { dtype }) => {
    const zero = k.constant(0, dtype);
    return k.select(k.lt(zero, x), k.constant(1, dtype), k.select(k.lt(x, zero), k.constant(-1, dtype), zero));
  },
  partials: [0],
  accepts: "number",
});

export const exp: Op<1, undefined> = elementwise("exp", {
  doc: "eˣ",
  steep: true,
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.exp(x),
  partials: [(y) => y],
  domain: [-1, 1],
});

/** eˣ for x ≤ 0, which takes fewer steps. Used for x minus a maximum. */
export const decay: Op<1, undefined> = elementwise("decay", {
  doc: "eˣ for x ≤ 0, in fewer steps; 1 above",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x], _, { dtype }) => k.exp(k.min(x, k.constant(0, dtype))),
  partials: [(y) => y],
  domain: [-2, -0.1],
});

export const expm1: Op<1, undefined> = elementwise("expm1", {
  doc: "eˣ - 1, accurate near 0",
  steep: true,
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.expm1(x),
  // Not y + 1, which would lose all digits of a small eˣ.
  partials: [(_, x) => x.exp()],
  domain: [-1, 1],
});

export const log: Op<1, undefined> = elementwise("log", {
  doc: "natural logarithm",
  steep: true,
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.log(x),
  partials: [(_, x) => x.recip()],
  domain: [0.5, 2],
});

export const log1p: Op<1, undefined> = elementwise("log1p", {
  doc: "log(1 + x), accurate near 0",
  steep: true,
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.log1p(x),
  partials: [(_, x) => x.add(1).recip()],
  domain: [-0.5, 2],
});

export const sin: Op<1, undefined> = elementwise("sin", {
  doc: "sine, radians",
  steep: true,
  arity: 1,
  scalar: ([x]) => k.sin(x),
  partials: [(_, x) => x.cos()],
  domain: [-3, 3],
});

export const cos: Op<1, undefined> = elementwise("cos", {
  doc: "cosine, radians",
  steep: true,
  arity: 1,
  scalar: ([x]) => k.cos(x),
  partials: [(_, x) => x.sin().neg()],
  domain: [-3, 3],
});

export const tanh: Op<1, undefined> = elementwise("tanh", {
  doc: "hyperbolic tangent; tanh x = 2σ(2x) - 1 (ACT-2)",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.tanh(x),
  partials: [(y) => y.like(1).sub(y.mul(y))],
});

export const sigmoid: Op<1, undefined> = elementwise("sigmoid", {
  doc: "logistic function σ(x) = 1 / (1 + e⁻ˣ); σ′ = σ(1 - σ) (ACT-2)",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.sigmoid(x),
  partials: [(y) => y.mul(y.like(1).sub(y))],
});

export const relu: Op<1, undefined> = elementwise("relu", {
  doc: "max(0, x); relu′(0) = 0, as in PyTorch; NaN stays",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x], _, { dtype }) => k.max(x, k.constant(0, dtype)),
  // y > 0 exactly where x > 0, so x need not be kept.
  shares: [(dx, y) => y.gt(0).where(dx, dx.like(0))],
});

export const erf: Op<1, undefined> = elementwise("erf", {
  doc: "error function",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.erf(x),
  partials: [
    (_, x) =>
      x
        .mul(x)
        .neg()
        .exp()
        .mul(2 / Math.sqrt(Math.PI)),
  ],
});

export const sqrt: Op<1, undefined> = elementwise("sqrt", {
  doc: "square root",
  steep: true,
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.sqrt(x),
  partials: [(y) => y.recip().mul(0.5)],
  domain: [0.5, 2],
});

export const floor: Op<1, undefined> = elementwise("floor", {
  doc: "largest integer not above x",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.floor(x),
  partials: [0],
});
export const ceil: Op<1, undefined> = elementwise("ceil", {
  doc: "smallest integer not below x",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.ceil(x),
  partials: [0],
});
export const trunc: Op<1, undefined> = elementwise("trunc", {
  doc: "x without its fraction",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.trunc(x),
  partials: [0],
});
export const round: Op<1, undefined> = elementwise("round", {
  doc: "nearest integer, halves to even",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.round(x),
  partials: [0],
});
