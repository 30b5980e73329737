/**
 * @file Elementwise functions beyond the methods of Tensor: mixtures, remainders, sums of exponentials, special functions.
 */

import * as special from "../ops/special.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";

/** x without its whole part; of the sign of x. */
export function frac(x: Tensor): Tensor {
  return x.sub(x.trunc());
}

/** Remainder of x / y with the sign of y (Python's %); `x.rem(y)` has the sign of x. */
export function mod(x: Tensor, y: TensorLike): Tensor {
  const r = x.rem(y);
  const opposite = r.lt(0).xor(x.operand(y).lt(0));
  return r.ne(0).and(opposite).where(r.add(y), r);
}

/** log(eᵃ + eᵇ) without overflow: max + log(1 + e^-|a-b|). */
export function logAddExp(a: Tensor, b: TensorLike): Tensor {
  // Equal infinities have no difference.
  const gap = a.eq(b).where(0, a.sub(b));
  return a.maximum(b).add(gap.abs().neg().exp().log1p());
}

/** a + w·(b - a) */
export function lerp(a: Tensor, b: TensorLike, w: TensorLike): Tensor {
  return a.add(a.operand(b).sub(a).mul(w));
}

/** The angle of the point (x, y). */
export function atan2(y: Tensor, x: TensorLike): Tensor {
  return y.binary(special.atan2, x);
}

/** √(x² + y²) without overflow; its derivative at the origin is 0. */
export function hypot(x: Tensor, y: TensorLike): Tensor {
  return x.binary(special.hypot, y);
}

/** 1 - erf x, accurate for large x. */
export function erfc(x: Tensor): Tensor {
  return x.unary(special.erfc);
}

/** The x with erf x = y. */
export function erfinv(y: Tensor): Tensor {
  return y.unary(special.erfinv);
}

/** log |Γ(x)| */
export function lgamma(x: Tensor): Tensor {
  return x.unary(special.lgamma);
}

/** ψ⁽ⁿ⁾: the (n+1)-th derivative of log |Γ|. */
export function polygamma(n: number, x: Tensor): Tensor {
  if (!Number.isInteger(n) || n < 0) throw new RangeError(`polygamma: want an order n >= 0, got ${n}`);
  return x.bind(special.polygamma, [x], { n });
}

/** ψ, the derivative of log |Γ|. */
export function digamma(x: Tensor): Tensor {
  return polygamma(0, x);
}

/** log(p / (1 - p)) */
export function logit(p: Tensor): Tensor {
  return p.log().sub(p.neg().log1p());
}

/** sin πx / πx, 1 at 0. */
export function sinc(x: Tensor): Tensor {
  const zero = x.eq(0);
  const angle = zero.where(x.like(1), x.mul(Math.PI));
  return zero.where(x.like(1), angle.sin().div(angle));
}

/** The largest f32. */
const LARGEST = 3.4028234663852886e38;

/** x with NaN and infinities replaced; infinities by the largest numbers of f32 unless said otherwise. */
export function nanToNum(x: Tensor, options: { readonly nan?: number; readonly posinf?: number; readonly neginf?: number } = {}): Tensor {
  const { nan = 0, posinf = LARGEST, neginf = -LARGEST } = options;
  const bounded = x.eq(Number.POSITIVE_INFINITY).where(posinf, x.eq(Number.NEGATIVE_INFINITY).where(neginf, x));
  return x.isNaN().where(nan, bounded);
}
