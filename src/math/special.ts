/**
 * @file The namespace `special`: functions beyond those of `Tensor`, computed in double precision and element by element, as in SciPy and PyTorch. Integers are
 * taken as f32.
 */
import { shown } from "../base/check.ts";
import { floating } from "../ops/create.ts";
import * as host from "../ops/host-special.ts";
import type { Op } from "../ops/op.ts";
import { Tensor, type TensorLike } from "../ops/tensor.ts";
import { lgamma } from "./pointwise.ts";

export { xlog1py, xlogy } from "./arithmetic.ts";
export { digamma, erfc, erfinv, lgamma, logAddExp, logit, polygamma, sinc } from "./pointwise.ts";
export { logSumExp } from "./statistics.ts";

function one(name: string, x: Tensor): Tensor {
  if (!(x instanceof Tensor)) throw new TypeError(`${name}: want a tensor, got ${shown(x)}; tensor(values) makes one`);
  return floating(x);
}

/** An op of one operand, which is looked at first. */
function apply<P>(name: string, x: Tensor, op: Op<number, P>, params?: P): Tensor {
  const own = one(name, x);
  return own.bind(op, [own], params);
}

/** I₀(x), the modified Bessel function of the first kind of order 0; infinite beyond 713. */
export function i0(x: Tensor): Tensor {
  return apply("i0", x, host.besselIOp, { order: 0, scaled: false });
}

/** I₀(x)·e^(-|x|), which does not overflow. Its derivative at 0 is 0. */
export function i0e(x: Tensor): Tensor {
  return apply("i0e", x, host.besselIOp, { order: 0, scaled: true });
}

/** I₁(x), of order 1. */
export function i1(x: Tensor): Tensor {
  return apply("i1", x, host.besselIOp, { order: 1, scaled: false });
}

/** I₁(x)·e^(-|x|). */
export function i1e(x: Tensor): Tensor {
  return apply("i1e", x, host.besselIOp, { order: 1, scaled: true });
}

/** J₀(x), the Bessel function of the first kind of order 0. Errors are relative to its envelope √(2/πx). */
export function besselJ0(x: Tensor): Tensor {
  return apply("besselJ0", x, host.besselJOp, { order: 0 });
}

/** J₁(x), of order 1. */
export function besselJ1(x: Tensor): Tensor {
  return apply("besselJ1", x, host.besselJOp, { order: 1 });
}

/** Y₀(x), the Bessel function of the second kind of order 0; -∞ at 0, NaN below. */
export function besselY0(x: Tensor): Tensor {
  return apply("besselY0", x, host.besselYOp, { order: 0 });
}

/** Y₁(x), of order 1. */
export function besselY1(x: Tensor): Tensor {
  return apply("besselY1", x, host.besselYOp, { order: 1 });
}

/** e^(x²)·erfc x, which neither vanishes for large x nor loses digits. */
export function erfcx(x: Tensor): Tensor {
  return apply("erfcx", x, host.erfcx);
}

/** Share of the normal distribution below x, with all digits in the lower tail. */
export function ndtr(x: Tensor): Tensor {
  return apply("ndtr", x, host.ndtr);
}

/** log of {@link ndtr}, also where that is 0 or 1 to rounding. */
export function logNdtr(x: Tensor): Tensor {
  return apply("logNdtr", x, host.logNdtr);
}

/** The x with ndtr x = p: ±∞ at 1 and 0, NaN outside. */
export function ndtri(p: Tensor): Tensor {
  return apply("ndtri", p, host.ndtri);
}

/** Operands that broadcast, as floats of one dtype. */
function two(name: string, a: Tensor, b: TensorLike): [Tensor, Tensor] {
  const [x, y] = [one(name, a), floating(one(name, a).operand(b))];
  const sum = x.mul(0).add(y.mul(0));
  return [x, y].map((t) => t.cast(sum.dtype).broadcastTo(sum.shape)) as [Tensor, Tensor];
}

/**
 * P(a, x) = γ(a, x)/Γ(a), the regularized lower incomplete gamma function, for a >= 0 and x >= 0; NaN elsewhere. It has a derivative by both; the second
 * one by a is NaN.
 */
export function igamma(a: Tensor, x: TensorLike): Tensor {
  const [p, y] = two("igamma", a, x);
  return p.bind(host.igamma, [p, y], { upper: false });
}

/** Q(a, x) = 1 - P(a, x), without cancellation. */
export function igammac(a: Tensor, x: TensorLike): Tensor {
  const [p, y] = two("igammac", a, x);
  return p.bind(host.igamma, [p, y], { upper: true });
}

/** log Γ_p(a) = p(p - 1)/4·log π + Σ lgamma(a + (1 - j)/2), j = 1..p. @throws {RangeError} unless p is a positive integer. */
export function multigammaln(a: Tensor, p: number): Tensor {
  if (!Number.isInteger(p) || p < 1) throw new RangeError(`multigammaln: p must be a positive integer, got ${shown(p)}`);
  const x = one("multigammaln", a);
  const terms = Array.from({ length: p }, (_, j) => lgamma(x.sub(j / 2)));
  return terms.reduce((sum, term) => sum.add(term)).add(((p * (p - 1)) / 4) * Math.log(Math.PI));
}
