/**
 * @file The namespace `special`: functions beyond those of `Tensor`, computed in double precision and element by element, as in SciPy and PyTorch. Integers are
 * taken as f32.
 */
import { floating } from "../ops/create.ts";
import * as host from "../ops/host-special.ts";
import { Tensor, type TensorLike } from "../ops/tensor.ts";
import { lgamma } from "./pointwise.ts";

export { xlog1py, xlogy } from "./arithmetic.ts";
export { digamma, erfc, erfinv, lgamma, logAddExp, logit, polygamma, sinc } from "./pointwise.ts";
export { logSumExp } from "./statistics.ts";

function one(name: string, x: Tensor): Tensor {
  if (!(x instanceof Tensor)) throw new TypeError(`${name}: want a tensor, got ${String(x)}; tensor(values) makes one`);
  return floating(x);
}

/** I₀(x), the modified Bessel function of the first kind of order 0; infinite beyond 713. */
export function i0(x: Tensor): Tensor {
  return x.bind(host.besselIOp, [one("i0", x)], { order: 0, scaled: false });
}

/** I₀(x)·e^(-|x|), which does not overflow. Its derivative at 0 is 0. */
export function i0e(x: Tensor): Tensor {
  return x.bind(host.besselIOp, [one("i0e", x)], { order: 0, scaled: true });
}

/** I₁(x), of order 1. */
export function i1(x: Tensor): Tensor {
  return x.bind(host.besselIOp, [one("i1", x)], { order: 1, scaled: false });
}

/** I₁(x)·e^(-|x|). */
export function i1e(x: Tensor): Tensor {
  return x.bind(host.besselIOp, [one("i1e", x)], { order: 1, scaled: true });
}

/** J₀(x), the Bessel function of the first kind of order 0. Errors are relative to its envelope √(2/πx). */
export function besselJ0(x: Tensor): Tensor {
  return x.bind(host.besselJOp, [one("besselJ0", x)], { order: 0 });
}

/** J₁(x), of order 1. */
export function besselJ1(x: Tensor): Tensor {
  return x.bind(host.besselJOp, [one("besselJ1", x)], { order: 1 });
}

/** Y₀(x), the Bessel function of the second kind of order 0; -∞ at 0, NaN below. */
export function besselY0(x: Tensor): Tensor {
  return x.bind(host.besselYOp, [one("besselY0", x)], { order: 0 });
}

/** Y₁(x), of order 1. */
export function besselY1(x: Tensor): Tensor {
  return x.bind(host.besselYOp, [one("besselY1", x)], { order: 1 });
}

/** e^(x²)·erfc x, which neither vanishes for large x nor loses digits. */
export function erfcx(x: Tensor): Tensor {
  return x.bind(host.erfcx, [one("erfcx", x)]);
}

/** Share of the normal distribution below x, with all digits in the lower tail. */
export function ndtr(x: Tensor): Tensor {
  return x.bind(host.ndtr, [one("ndtr", x)]);
}

/** log of {@link ndtr}, also where that is 0 or 1 to rounding. */
export function logNdtr(x: Tensor): Tensor {
  return x.bind(host.logNdtr, [one("logNdtr", x)]);
}

/** The x with ndtr x = p: ±∞ at 1 and 0, NaN outside. */
export function ndtri(p: Tensor): Tensor {
  return p.bind(host.ndtri, [one("ndtri", p)]);
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
  if (!Number.isInteger(p) || p < 1) throw new RangeError(`multigammaln: p must be a positive integer, got ${String(p)}`);
  const x = one("multigammaln", a);
  const terms = Array.from({ length: p }, (_, j) => lgamma(x.sub(j / 2)));
  return terms.reduce((sum, term) => sum.add(term)).add(((p * (p - 1)) / 4) * Math.log(Math.PI));
}
