/**
 * @file Elementwise functions beyond the methods of Tensor: mixtures, remainders, sums of exponentials, special functions.
 */

import { checkOptions } from "../base/check.ts";
import { checkTensors } from "../ops/check.ts";
import { floating } from "../ops/create.ts";
import * as special from "../ops/special.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { NAN_TO_NUM } from "./options.ts";

/** x without its whole part; of the sign of x. */
export function frac(x: Tensor): Tensor {
  checkTensors("frac", { x });
  return x.sub(x.trunc());
}

/** Remainder of x / y with the sign of y (Python's %); `x.rem(y)` has the sign of x. */
export function mod(x: Tensor, y: TensorLike): Tensor {
  checkTensors("mod", { x });
  const r = x.rem(y);
  const opposite = r.lt(0).xor(x.operand(y).lt(0));
  return r.ne(0).and(opposite).where(r.add(y), r);
}

/** log(eᵃ + eᵇ) without overflow: the larger + log(1 + e^(smaller - larger)), which is one smooth function, also where both are equal. */
export function logAddExp(a: Tensor, b: TensorLike): Tensor {
  checkTensors("logAddExp", { a });
  const other = a.operand(b);
  const [x, y] = [floating(a), floating(other)];
  const first = x.ge(y);
  const [large, small] = [first.where(x, y), first.where(y, x)];
  // Equal infinities have no difference.
  const same = x.eq(y).and(x.isInf());
  const sum = large.add(same.where(0, small.sub(large)).exp().log1p());
  return same.where(x.maximum(y), sum);
}

/** a + w·(b - a) */
export function lerp(a: Tensor, b: TensorLike, w: TensorLike): Tensor {
  checkTensors("lerp", { a });
  const start = floating(a);
  return start.add(start.operand(b).sub(start).mul(w));
}

/** The angle of the point (x, y). */
export function atan2(y: Tensor, x: TensorLike): Tensor {
  checkTensors("atan2", { y });
  return floating(y).binary(special.atan2, x);
}

/** √(x² + y²) without overflow; its derivative at the origin is 0. */
export function hypot(x: Tensor, y: TensorLike): Tensor {
  checkTensors("hypot", { x });
  return floating(x).binary(special.hypot, y);
}

/** 1 - erf x, accurate for large x. */
export function erfc(x: Tensor): Tensor {
  checkTensors("erfc", { x });
  return x.unary(special.erfc);
}

/** The x with erf x = y. */
export function erfinv(y: Tensor): Tensor {
  checkTensors("erfinv", { y });
  return y.unary(special.erfinv);
}

/** log |Γ(x)| */
export function lgamma(x: Tensor): Tensor {
  checkTensors("lgamma", { x });
  return x.unary(special.lgamma);
}

/** ψ⁽ⁿ⁾: the (n+1)-th derivative of log |Γ|. */
export function polygamma(n: number, x: Tensor): Tensor {
  checkTensors("polygamma", { x });
  if (!Number.isInteger(n) || n < 0) throw new RangeError(`polygamma: want an order n >= 0, got ${n}`);
  return x.bind(special.polygamma, [floating(x)], { n });
}

/** ψ, the derivative of log |Γ|. */
export function digamma(x: Tensor): Tensor {
  checkTensors("digamma", { x });
  return polygamma(0, x);
}

/** log(p / (1 - p)); near ½, where the logarithms cancel, 2 artanh(2p - 1). */
export function logit(p: Tensor): Tensor {
  checkTensors("logit", { p });
  const x = floating(p);
  const near = x.sub(0.5).abs().lt(0.25);
  const apart = near.where(0.25, x);
  const middle = near.where(x, 0.5).mul(2).sub(1).atanh().mul(2);
  return near.where(middle, apart.log().sub(apart.neg().log1p()));
}

/** c₀ + c₁x + c₂x² + ... */
export function polynomial(x: Tensor, coefficients: readonly number[]): Tensor {
  return coefficients.toReversed().reduce((y, c) => y.mul(x).add(c), x.like(0));
}

/** Of sin a / a in a². */
const SINC = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800, 1 / 6227020800];

/** sin πx / πx, 1 at 0; near 0 by its series, which has the derivatives of the function. */
export function sinc(x: Tensor): Tensor {
  checkTensors("sinc", { x });
  const angle = floating(x).mul(Math.PI);
  const near = angle.abs().lt(0.5);
  const endless = angle.isInf();
  const far = near.or(endless).where(1, angle);
  return endless.where(0, near.where(polynomial(near.where(angle, 0).square(), SINC), far.sin().div(far)));
}

/** The largest f32. */
const LARGEST = 3.4028234663852886e38;

/** x with NaN and infinities replaced; infinities by the largest numbers of f32 unless said otherwise. */
export function nanToNum(x: Tensor, options: { readonly nan?: number; readonly posinf?: number; readonly neginf?: number } = {}): Tensor {
  checkTensors("nanToNum", { x });
  checkOptions("nanToNum", options, NAN_TO_NUM);
  const { nan = 0, posinf = LARGEST, neginf = -LARGEST } = options;
  const bounded = x.eq(Number.POSITIVE_INFINITY).where(posinf, x.eq(Number.NEGATIVE_INFINITY).where(neginf, x));
  return x.isNaN().where(nan, bounded);
}
