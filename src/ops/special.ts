/**
 * @file Elementwise functions that the host computes, in double precision: exponentials and logarithms to other bases, trigonometric and
 * hyperbolic functions and their inverses, the error and gamma functions.
 */
import * as k from "../kernel/build.ts";
import type { HostUnary } from "../kernel/kernel.ts";
import type { Traits } from "../tape/node.ts";
import { elementwise, scale } from "./elementwise.ts";
import type { Op } from "./op.ts";
import type { Tensor } from "./tensor.ts";

const RISING: Traits = { monotone: "rising" };
const FALLING: Traits = { monotone: "falling" };

/** Defines a function that the host computes, with its derivative in terms of y and x, and the range from which tests draw. */
/* @__NO_SIDE_EFFECTS__ */
function far(
  name: HostUnary,
  doc: string,
  slope: (y: Tensor, x: Tensor) => Tensor,
  domain: readonly [number, number] = [-2, 2],
  traits: Traits = {},
): Op<1, undefined> {
  return elementwise<1>(name, { doc, traits, arity: 1, scalar: ([x]) => k.host(name, x), partials: [slope], steep: true, domain });
}

/** 1 - x², without cancellation near ±1. */
const oneMinusSquare = (x: Tensor): Tensor => x.like(1).sub(x).mul(x.add(1));

export const exp2: Op<1, undefined> = far("exp2", "2ˣ", (y) => y.mul(Math.LN2), [-1, 1], RISING);
export const log2: Op<1, undefined> = far("log2", "logarithm to base 2", (_, x) => x.mul(Math.LN2).recip(), [0.5, 2], RISING);
export const log10: Op<1, undefined> = far("log10", "logarithm to base 10", (_, x) => x.mul(Math.LN10).recip(), [0.5, 2], RISING);

export const tan: Op<1, undefined> = far("tan", "tangent, radians", (y) => y.mul(y).add(1), [-1, 1]);
export const asin: Op<1, undefined> = far("asin", "arc sine", (_, x) => oneMinusSquare(x).sqrt().recip(), [-0.8, 0.8], RISING);
export const acos: Op<1, undefined> = far("acos", "arc cosine", (_, x) => oneMinusSquare(x).sqrt().recip().neg(), [-0.8, 0.8], FALLING);
export const atan: Op<1, undefined> = far("atan", "arc tangent", (_, x) => x.mul(x).add(1).recip(), [-2, 2], RISING);

export const sinh: Op<1, undefined> = far("sinh", "hyperbolic sine", (_, x) => x.cosh(), [-2, 2], RISING);
export const cosh: Op<1, undefined> = far("cosh", "hyperbolic cosine", (_, x) => x.sinh());
export const asinh: Op<1, undefined> = far("asinh", "inverse hyperbolic sine", (_, x) => x.mul(x).add(1).sqrt().recip(), [-2, 2], RISING);
export const acosh: Op<1, undefined> = far(
  "acosh",
  "inverse hyperbolic cosine",
  (_, x) => x.sub(1).sqrt().mul(x.add(1).sqrt()).recip(),
  [1.5, 3],
  RISING,
);
export const atanh: Op<1, undefined> = far("atanh", "inverse hyperbolic tangent", (_, x) => oneMinusSquare(x).recip(), [-0.8, 0.8], RISING);

/** e^(-x²) */
const bell = (x: Tensor): Tensor => x.mul(x).neg().exp();

export const erfc: Op<1, undefined> = far(
  "erfc",
  "1 - erf x, accurate for large x",
  (_, x) => bell(x).mul(-2 / Math.sqrt(Math.PI)),
  [-2, 2],
  FALLING,
);
export const erfinv: Op<1, undefined> = far(
  "erfinv",
  "inverse of the error function",
  (y) =>
    y
      .mul(y)
      .exp()
      .mul(Math.sqrt(Math.PI) / 2),
  [-0.9, 0.9],
  RISING,
);

export const lgamma: Op<1, undefined> = far("lgamma", "log |Γ(x)|", (_, x) => x.bind(polygamma, [x], { n: 0 }), [0.5, 3]);

/** The derivatives of lgamma. */
export const polygamma: Op<1, { n: number }> = elementwise<1, { n: number }>(
  "polygamma",
  {
    doc: "ψ⁽ⁿ⁾, the (n+1)-th derivative of lgamma: digamma for n = 0, else (-1)ⁿ⁺¹ n! ζ(n+1, x)",
    arity: 1,
    scalar([x], { n }, { dtype }) {
      if (n === 0) return k.host("digamma", x);
      const factorial = Array.from({ length: n }, (_, i) => i + 1).reduce((a, b) => a * b, 1);
      return k.mul(k.constant(n % 2 === 0 ? -factorial : factorial, dtype), k.zeta(k.constant(n + 1, dtype), x));
    },
    samples: [0, 2].map((n) => ({ operands: [{ shape: [3, 2], dtype: "f64" as const, domain: [0.5, 3] as const }], params: { n } })),
  },
  {
    kind: "jvp",
    jvp: ([dx], [x], y, { params: { n } }) => ({ y, dy: [dx?.bind(scale, [dx, x!.bind(polygamma, [x!], { n: n + 1 })])] }),
  },
);

const perSquare = (x: Tensor, distance: Tensor): Tensor => x.div(distance).div(distance);

export const atan2: Op<2, undefined> = elementwise<2>("atan2", {
  doc: "the angle of the point (x, y), from y and x, in (-π, π]",
  arity: 2,
  scalar: ([y, x]) => k.atan2(y, x),
  steep: true,
  // Divided by the distance twice, since its square would underflow near the origin.
  partials: [(_, y, x) => perSquare(x, x.binary(hypot, y)), (_, y, x) => perSquare(y, x.binary(hypot, y)).neg()],
  domain: [0.5, 2],
});

export const hypot: Op<2, undefined> = elementwise<2>("hypot", {
  doc: "√(x² + y²) without overflow; its derivative at the origin is 0",
  arity: 2,
  scalar: ([x, y]) => k.hypot(x, y),
  partials: [(h, x) => h.eq(0).where(h.like(0), x.div(h)), (h, _, y) => h.eq(0).where(h.like(0), y.div(h))],
  domain: [0.5, 2],
});

/** Its derivative is finite wherever p > 0, even if 1/p is not. At p = 0 it would be -∞, and the gradient of a softmax before it would be NaN. */
export const ownLog: Op<1, undefined> = elementwise<1>("ownLog", {
  doc: "p · log p, and 0 at 0, where its derivative is taken to be 0",
  arity: 1,
  steep: true,
  scalar: ([p], _, { dtype }) => {
    const zero = k.constant(0, dtype);
    return k.select(k.eq(p, zero), zero, k.mul(p, k.log(p)));
  },
  partials: [(_, p) => p.eq(0).where(p.like(0), p.log().add(1))],
  domain: [0.1, 2],
});
