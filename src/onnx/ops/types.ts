/**
 * @file Arithmetic on ONNX's narrow whole numbers, which are held in 32 bits (bytes in one): computed wide, then brought back to their range; and conversions between types.
 */
import type { OnnxDtype } from "../../formats/onnx.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { unsupported } from "../call.ts";
import { heldAs, isFloatType, Live } from "../value.ts";

/** Bytes as i32: Nabla does no arithmetic on bytes alone. */
export const wide = (x: Tensor): Tensor => (x.dtype === "u8" || x.dtype === "bool" ? x.cast("i32") : x);

const BITS: Readonly<Partial<Record<OnnxDtype, readonly [bits: number, signed: boolean]>>> = {
  int8: [8, true],
  uint8: [8, false],
  int16: [16, true],
  uint16: [16, false],
  int4: [4, true],
  uint4: [4, false],
  int2: [2, true],
  uint2: [2, false],
};

/** A result in i32 as its type holds it: what is beyond its bits is gone. */
export function wrapped(x: Tensor, dtype: OnnxDtype): Live {
  const bits = BITS[dtype];
  if (!bits || x.dtype !== "i32") return new Live(x, dtype);
  const [count, isSigned] = bits;
  const shift = 32 - count;
  return new Live(isSigned ? x.shl(shift).shr(shift) : x.and(2 ** count - 1), dtype);
}

/** The ends of the range of a type of whole numbers. */
export function rangeOf(dtype: OnnxDtype): readonly [low: number, high: number] {
  const [bits, isSigned] = BITS[dtype] ?? [32, dtype !== "uint32"];
  return isSigned ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
}

/** Rounded to a float16, as an f32. */
function toHalf(x: Tensor): Tensor {
  const bits = x.bitcast("i32");
  const odd = bits.shr(13).and(1);
  const normal = bits.add(0xfff).add(odd).and(~0x1fff).bitcast("f32");
  const small = x
    .mul(2 ** 24)
    .round()
    .mul(2 ** -24);
  const size = x.abs();
  const rounded = size.lt(2 ** -14).where(small, normal);
  const capped = size.ge(65520).where(x.sign().mul(Number.POSITIVE_INFINITY), rounded);
  return x.isNaN().where(x, capped);
}

function toBrain(x: Tensor): Tensor {
  const bits = x.bitcast("i32");
  const rounded = bits.add(0x7fff).add(bits.shr(16).and(1)).and(~0xffff).bitcast("f32");
  return x.isFinite().where(rounded, x);
}

/** Sizes of the fraction, the least exponent and the largest value of the floats of 8 and 4 bits, and what lies beyond the largest. */
const SMALL: Readonly<Partial<Record<OnnxDtype, { fraction: number; least: number; most: number; beyond: number }>>> = {
  float8e4m3fn: { fraction: 3, least: -6, most: 448, beyond: Number.NaN },
  float8e4m3fnuz: { fraction: 3, least: -7, most: 240, beyond: Number.NaN },
  float8e5m2: { fraction: 2, least: -14, most: 57344, beyond: Number.POSITIVE_INFINITY },
  float8e5m2fnuz: { fraction: 2, least: -15, most: 57344, beyond: Number.NaN },
  float4e2m1: { fraction: 1, least: 0, most: 6, beyond: 6 },
};

/** Rounded to a float of 8 or 4 bits, of equally near ones to the even one; with `saturate` what is too large becomes the largest. */
function toSmall(x: Tensor, dtype: OnnxDtype, saturate: boolean): Tensor {
  const format = SMALL[dtype];
  if (!format) throw unsupported(`conversion to ${dtype} is not supported`);
  const { fraction, least, most, beyond } = format;
  // The exponent by its bits; the step between neighbours is 2^(exponent - fraction).
  const exponent = x.abs().bitcast("i32").shr(23).sub(127).maximum(least);
  const step = exponent.sub(fraction).add(127).shl(23).bitcast("f32");
  const rounded = x.div(step).round().mul(step);
  const over = saturate ? most : beyond;
  const capped = rounded.abs().gt(most).where(x.sign().mul(over), rounded);
  return x
    .isNaN()
    .where(
      dtype === "float4e2m1" ? x.like(0) : x,
      saturate && dtype !== "float4e2m1" ? x.isInf().where(x.sign().mul(most), capped) : capped,
    );
}

/** To a float of 16 bits or fewer. */
function rounded(x: Tensor, to: OnnxDtype, saturate: boolean): Tensor {
  return passing(x, to === "float16" ? toHalf(x) : to === "bfloat16" ? toBrain(x) : toSmall(x, to, saturate));
}

/** Rounded elements with the derivative of what was rounded: 1, as of any conversion of floats. */
function passing(x: Tensor, y: Tensor): Tensor {
  // The difference is exact, so the sum is the rounded element; infinities have none.
  const through = x.add(y.sub(x).stopGradient());
  return x.isFinite().and(y.isFinite()).where(through, y.stopGradient());
}

/** A tensor of one ONNX type as another. */
export function converted(x: Tensor, from: OnnxDtype, to: OnnxDtype, saturate = true): Live {
  if (from === to) return new Live(x, to);
  if (to === "float8e8m0") throw unsupported(`conversion to ${to} is not supported`);
  if (to === "bfloat16" || (to.startsWith("float") && to !== "float")) return new Live(rounded(x.cast("f32"), to, saturate), to);
  if (to in BITS && to !== from) return wrapped(isFloatType(from) ? x.cast("i32") : wide(x).cast("i32"), to);
  return new Live(x.cast(heldAs(to)), to);
}
