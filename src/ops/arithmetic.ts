/** @file Arithmetic of two numbers, and the rules of quotients and powers. */
import { isFloat } from "../base/dtype.ts";
import * as k from "../kernel/build.ts";
import type { Derivative, Op } from "./op.ts";
import { elementwise, linear, scale, sumOf } from "./pointwise.ts";
import type { Tensor } from "./tensor.ts";

export const neg: Op<1, undefined> = linear(
  "neg",
  "jointly",
  { doc: "-x", arity: 1, traits: { cheap: true, monotone: "falling" }, scalar: ([x]) => k.neg(x), accepts: "number" },
  (ct) => [ct.neg()],
);

export const add: Op<2, undefined> = linear(
  "add",
  "jointly",
  {
    doc: "x + y",
    arity: 2,
    traits: { cheap: true, commutative: true, monotone: "rising", signs: [1, 1] },
    scalar: ([x, y]) => k.add(x, y),
    accepts: "number",
  },
  (ct, _, on) => [on[0] ? ct : undefined, on[1] ? ct : undefined],
);

export const sub: Op<2, undefined> = linear(
  "sub",
  "jointly",
  { doc: "x - y", arity: 2, traits: { cheap: true, signs: [1, -1] }, scalar: ([x, y]) => k.sub(x, y), accepts: "number" },
  (ct, _, on) => [on[0] ? ct : undefined, on[1] ? ct.neg() : undefined],
);

export const mul: Op<2, undefined> = linear(
  "mul",
  "separately",
  { doc: "x · y", arity: 2, traits: { cheap: true, commutative: true }, scalar: ([x, y]) => k.mul(x, y), accepts: "number" },
  (ct, [x, y], on) => (on[0] ? [ct.mul(y), undefined] : [undefined, x.mul(ct)]),
);

/** Returns true if x is a repeated constant whose reciprocal is finite. */
function isTame(x: Tensor): boolean {
  const { op, operands, params } = x.source;
  if (op.name === "broadcast" || op.name === "reshape" || op.name === "cast") return isTame(operands[0] as Tensor);
  return op.name === "full" && Math.abs((params as { value: number }).value) > 1e-30;
}

/** d(a/b) = (da - y·db) / b. Both terms use the same reciprocal, so that equal parts cancel exactly (softmax). */
const quotientRule: Derivative<undefined> = {
  kind: "jvp",
  jvp([da, db], [, b], [y]) {
    if (!isFloat(y!.dtype)) return { y: [y!], dy: [undefined] };
    const over = sumOf(da, db?.bind(scale, [db, y!]).neg());
    const inverse = b!.recip();
    return { y: [y!], dy: [over && (isTame(b!) ? over.mul(inverse) : over.bind(scale, [over, inverse]))] };
  },
};

/** The same for divisors that are known to be neither 0 nor infinite. */
const tameQuotientRule: Derivative<undefined> = {
  kind: "jvp",
  jvp([da, db], [, b], [y]) {
    return { y: [y!], dy: [sumOf(da, db?.mul(y!).neg())?.mul(b!.recip())] };
  },
};

/** Quotient. Integers truncate toward zero; an integer divided by zero is zero. */
export const div: Op<2, undefined> = elementwise(
  "div",
  {
    doc: "x / y; integers truncate toward zero, and x / 0 is 0 for them",
    arity: 2,
    scalar: ([x, y]) => k.div(x, y),
    accepts: "number",
    domain: [0.5, 2],
  },
  quotientRule,
);

/** Quotient as a product with the reciprocal of the divisor, which loops compute once for all elements that share it; 1.5 ULP. */
export const ratio: Op<2, undefined> = elementwise(
  "ratio",
  {
    doc: "x · (1 / y): x / y to 1.5 ULP, with one division for all x of the same y",
    arity: 2,
    scalar: ([x, y], _, { dtype }) => k.mul(x, k.div(k.constant(1, dtype), y)),
    domain: [0.5, 2],
  },
  tameQuotientRule,
);

export const rem: Op<2, undefined> = elementwise("rem", {
  doc: "remainder of x / y with the sign of x",
  steep: true,
  arity: 2,
  scalar: ([x, y]) => k.rem(x, y),
  partials: [1, (_y, a, b) => a.div(b).trunc().neg()],
  accepts: "number",
  domain: [0.6, 0.9],
});

export const recip: Op<1, undefined> = elementwise("recip", {
  doc: "1 / x",
  steep: true,
  arity: 1,
  scalar: ([x], _, { dtype }) => k.div(k.constant(1, dtype), x),
  partials: [(y) => y.mul(y).neg()],
  domain: [0.5, 2],
});

/**
 * The partial derivatives p·xᵖ⁻¹ and xᵖ·log x, with 0 where the power is constant: in x at p = 0, and in p at x = 0 < p. There the singular factor is evaluated at
 * another point before the product. A selection after the product would give 0 · ∞ in the transpose.
 */
const slopes = {
  inBase(x: Tensor, p: Tensor): Tensor {
    const constant = p.eq(0).and(x.recip().isFinite().not());
    return p.mul(constant.where(x.like(1), x).pow(p.sub(1)));
  },
  inExponent(y: Tensor, x: Tensor, p: Tensor): Tensor {
    const constant = x.eq(0).and(p.ge(0));
    return y.mul(constant.where(x.like(1), x).log());
  },
};

export const pow: Op<2, undefined> = elementwise("pow", {
  doc: "x to the power y, as C's pow",
  arity: 2,
  scalar: ([x, y]) => k.pow(x, y),
  steep: true,
  partials: [(_y, x, p) => slopes.inBase(x, p), (y, x, p) => slopes.inExponent(y, x, p)],
  domain: [0.5, 2],
});
