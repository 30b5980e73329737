/** @file Elementwise arithmetic beyond the methods of Tensor: quotients, signs, bits, products that vanish, comparisons with a tolerance. */

import { checkOptions, shown } from "../base/check.ts";
import { isFloat, promote } from "../base/dtype.ts";
import { broadcastShapes, formatShape, sameShape } from "../base/shape.ts";
import * as bits from "../ops/bits.ts";
import { checkTensors } from "../ops/check.ts";
import { floating } from "../ops/create.ts";
import { elementsOf, Tensor, type TensorLike } from "../ops/tensor.ts";
import { CLOSE_OPTIONS } from "./options.ts";

/** A pair of one dtype and shape. */
function together(what: string, a: Tensor, b: TensorLike): [Tensor, Tensor] {
  const other = a.operand(b);
  const shape = broadcastShapes(a.shape, other.shape);
  if (!shape) throw new RangeError(`${what}: shapes ${formatShape(a.shape)} and ${formatShape(other.shape)} do not broadcast`);
  const dtype = promote(a.dtype, other.dtype);
  return [a.cast(dtype).broadcastTo(shape), other.cast(dtype).broadcastTo(shape)];
}

// ---- products that vanish -----------------------------------------------------------------------------------------------------------

/** x·f(y) that is 0 where x is, even if f(y) is infinite; NaN if y is. */
function vanishing(x: Tensor, y: TensorLike, low: number, f: (y: Tensor) => Tensor): Tensor {
  const [a, b] = together("xlogy", floating(x), y);
  const idle = a.eq(0).and(b.le(low).or(b.eq(Number.POSITIVE_INFINITY)));
  return a.mul(f(idle.where(1, b)));
}

/** x·log y, and 0 where x is 0 (unless y is NaN). */
export function xlogy(x: Tensor, y: TensorLike): Tensor {
  checkTensors("xlogy", { x });
  return vanishing(x, y, 0, (b) => b.log());
}

/** x·log(1 + y), and 0 where x is 0 (unless y is NaN). */
export function xlog1py(x: Tensor, y: TensorLike): Tensor {
  checkTensors("xlog1py", { x });
  return vanishing(x, y, -1, (b) => b.log1p());
}

/** log₂(2ᵃ + 2ᵇ) without overflow. */
export function logAddExp2(a: Tensor, b: TensorLike): Tensor {
  checkTensors("logAddExp2", { a });
  const [x, y] = together("logAddExp2", floating(a), b);
  const first = x.ge(y);
  const [large, small] = [first.where(x, y), first.where(y, x)];
  const same = x.eq(y).and(x.isInf());
  const sum = large.add(same.where(0, small.sub(large)).exp2().log1p().mul(Math.LOG2E));
  return same.where(x.maximum(y), sum);
}

// ---- signs and bits -----------------------------------------------------------------------------------------------------------------

/** Whether the sign is negative, also that of -0. NaN counts as positive. */
export function signbit(x: Tensor): Tensor {
  checkTensors("signbit", { x });
  if (!isFloat(x.dtype)) return x.lt(x.like(0));
  return x.lt(0).or(x.eq(0).and(x.recip().lt(0)));
}

/** The magnitude of x with the sign of y. */
export function copysign(x: Tensor, y: TensorLike): Tensor {
  checkTensors("copysign", { x });
  const [a, b] = together("copysign", floating(x), y);
  const size = a.abs();
  return signbit(b).where(size.neg(), size);
}

/** The next number of the dtype from x towards y. It has no derivative. */
export function nextafter(x: Tensor, y: TensorLike): Tensor {
  checkTensors("nextafter", { x });
  const [a, b] = together("nextafter", floating(x), y);
  return a.bind(bits.nextAfter, [a, b]);
}

/** x = mantissa·2^exponent with ½ <= |mantissa| < 1 (an exponent of 0 for 0, infinities and NaN). */
export function frexp(x: Tensor): { mantissa: Tensor; exponent: Tensor } {
  checkTensors("frexp", { x });
  const y = floating(x);
  const exponent = y.bind(bits.exponent, [y]);
  return { mantissa: ldexp(y, exponent.neg()), exponent };
}

/** x·2ⁿ */
export function ldexp(x: Tensor, n: TensorLike): Tensor {
  checkTensors("ldexp", { x });
  const y = floating(x);
  const power = y.operand(n).cast(y.dtype);
  // In two steps, since 2ⁿ alone may overflow or vanish.
  const half = power.mul(0.5).floor();
  return y.mul(half.exp2()).mul(power.sub(half).exp2());
}

/** 0 below 0, 1 above, and `value` at 0. */
export function heaviside(x: Tensor, value: TensorLike): Tensor {
  checkTensors("heaviside", { x });
  const [a, v] = together("heaviside", x, value);
  const step = a.gt(a.like(0)).cast(a.dtype);
  return a.isNaN().where(a, a.eq(a.like(0)).where(v, step));
}

// ---- quotients and whole numbers ----------------------------------------------------------------------------------------------------

/** x/y rounded down. Of integers an integer, 0 for y = 0. */
export function floorDivide(x: Tensor, y: TensorLike): Tensor {
  checkTensors("floorDivide", { x });
  const [a, b] = together("floorDivide", x, y);
  if (isFloat(a.dtype)) return a.div(b).floor();
  const q = a.div(b);
  const cut = a.sub(q.mul(b));
  return cut
    .ne(0)
    .and(cut.lt(0).xor(b.lt(b.like(0))))
    .where(q.sub(1), q);
}

/** x/y as floats, also of integers. */
export function trueDivide(x: Tensor, y: TensorLike): Tensor {
  checkTensors("trueDivide", { x });
  return floating(x).div(y);
}

/** xʸ in f64. */
export function floatPower(x: Tensor, y: TensorLike): Tensor {
  checkTensors("floatPower", { x });
  return x.cast("f64").pow(typeof y === "number" ? y : x.operand(y).cast("f64"));
}

function integers(what: string, x: Tensor, y: TensorLike): [Tensor, Tensor] {
  const [a, b] = together(what, x, y);
  if (isFloat(a.dtype) || a.dtype === "bool") throw new TypeError(`${what}: want integers, got ${a.dtype}; convert with .cast("i32")`);
  return [a, b];
}

/** Greatest common divisor of integers, not negative; of 0 and 0 it is 0. */
export function gcd(x: Tensor, y: TensorLike): Tensor {
  checkTensors("gcd", { x });
  const [a, b] = integers("gcd", x, y);
  return a.bind(bits.gcd, [a, b]);
}

/** Least common multiple of integers, not negative; 0 if one of them is. */
export function lcm(x: Tensor, y: TensorLike): Tensor {
  checkTensors("lcm", { x });
  const [a, b] = integers("lcm", x, y);
  return a
    .div(a.bind(bits.gcd, [a, b]).maximum(1))
    .mul(b)
    .abs();
}

// ---- comparisons --------------------------------------------------------------------------------------------------------------------

export interface CloseOptions {
  /** Relative tolerance. Default 1e-5. */
  readonly rtol?: number;
  /** Absolute tolerance. Default 1e-8. */
  readonly atol?: number;
  /** Whether NaN is close to NaN. Default false. */
  readonly equalNaN?: boolean;
}

/** Where |x - y| <= atol + rtol·|y|; infinities are close if they are equal. */
export function isclose(x: Tensor, y: TensorLike, options: CloseOptions = {}): Tensor {
  checkTensors("isclose", { x });
  checkOptions("isclose", options, CLOSE_OPTIONS);
  const { rtol = 1e-5, atol = 1e-8, equalNaN = false } = options;
  const [a, b] = together("isclose", x, y);
  if (!isFloat(a.dtype)) return isclose(a.cast("f64"), b.cast("f64"), options);
  const near = a.sub(b).abs().le(b.abs().mul(rtol).add(atol)).and(a.isFinite()).and(b.isFinite());
  const same = a.eq(b).or(near);
  return equalNaN ? same.or(a.isNaN().and(b.isNaN())) : same;
}

/** Whether all elements are close ({@link isclose}): read at once, so not within a program. */
export function allclose(x: Tensor, y: TensorLike, options: CloseOptions = {}): boolean {
  checkTensors("allclose", { x });
  checkOptions("allclose", options, CLOSE_OPTIONS);
  return elementsOf(isclose(x, y, options).all())[0] === 1;
}

/** Whether two tensors have one shape and equal elements: read at once, so not within a program. */
export function equal(x: Tensor, y: Tensor): boolean {
  if (!(x instanceof Tensor && y instanceof Tensor)) throw new TypeError(`equal: want two tensors, got ${shown(x)} and ${shown(y)}`);
  return sameShape(x.shape, y.shape) && elementsOf(x.eq(y).all())[0] === 1;
}
