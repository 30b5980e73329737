/**
 * @file Quantized numbers (Jacob et al. 2018): value = scale · (whole number - zero point), per tensor, per slice of an axis, or per block of it. Products of whole numbers
 * are made in f64, which is exact.
 */
import type { OnnxDtype } from "../../formats/onnx.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { Call, Op } from "../call.ts";
import { axisOf, type Given, isFloatType, Live } from "../value.ts";
import { converted, rangeOf, wide, wrapped } from "./types.ts";
import { geometry } from "./windows.ts";

/** A scale or zero point in the shape of what it scales. */
function spread(s: Tensor, x: Tensor, axis: number, block: number): Tensor {
  if (s.size === 1) return s.reshape([]);
  if (block > 0) {
    const at = Array.from({ length: x.shape[axis] }, (_, i) => Math.floor(i / block));
    return s.take(
      x
        .constantOf({ shape: [at.length], dtype: "i32" }, 0)
        .iotaLike(0)
        .div(block),
      axis,
    );
  }
  return s.reshape(x.shape.map((_, i) => (i === axis ? -1 : 1)));
}

const axisFor = (c: Call, s: Tensor, x: Tensor): number => (s.size === 1 || x.rank === 0 ? 0 : axisOf(c.int("axis", 1), x.rank));

/** The nearest whole number, ties to even, within the range of its type. */
export function quantizedTo(x: Tensor, scale: Tensor, zero: Tensor | undefined, dtype: OnnxDtype): Live {
  const level = x.div(scale).round();
  if (isFloatType(dtype)) return converted(zero ? x.div(scale).add(zero.cast(x.dtype)) : x.div(scale), "float", dtype);
  const [low, high] = rangeOf(dtype);
  const moved = zero ? level.add(wide(zero).cast(x.dtype)) : level;
  return wrapped(moved.clamp(low, high).cast("i32"), dtype);
}

function quantize(c: Call): Given {
  const x = c.tensor(0);
  const axis = axisFor(c, c.tensor(1), x);
  const block = c.int("block_size", 0);
  const dtype = c.has(2) ? c.dtype(2) : (c.type("output_dtype") ?? "uint8");
  const scale = spread(c.tensor(1), x, axis, block).cast("f32");
  const zero = c.has(2) ? spread(wide(c.tensor(2)), x, axis, block) : undefined;
  return quantizedTo(isFloatType(c.dtype(0)) ? x : x.cast("f32"), scale, zero, dtype);
}

function dequantize(c: Call): Given {
  const x = wide(c.tensor(0));
  const axis = axisFor(c, c.tensor(1), x);
  const block = c.int("block_size", 0);
  const scale = spread(c.tensor(1), x, axis, block);
  const zero = c.maybe(2);
  const level = x.cast(scale.dtype);
  const centred = zero ? level.sub(spread(wide(zero), x, axis, block).cast(scale.dtype)) : level;
  return new Live(centred.mul(scale), c.type("output_dtype") ?? c.dtype(1));
}

/** The range of x as a byte, 0 in it. */
export function dynamic(c: Call): Given[] {
  const x = c.tensor(0);
  const [low, high] = [x.min().minimum(0), x.max().maximum(0)];
  const scale = high.sub(low).div(255);
  const zero = low.neg().div(scale).round().clamp(0, 255);
  return [quantizedTo(x, scale, zero, "uint8"), scale, wrapped(zero.cast("i32"), "uint8")];
}

/** Whole numbers less their zero point, in f64. The zero point may be of each row or column. */
function centred(c: Call, i: number, zeroAt: number, column: boolean): Tensor {
  const x = wide(c.tensor(i)).cast("f64");
  const given = c.maybe(zeroAt);
  if (!given) return x;
  const zero = wide(given).cast("f64");
  if (zero.size === 1) return x.sub(zero.reshape([]));
  if (zero.rank > 1) return x.sub(zero);
  return x.sub(column ? zero : zero.reshape([-1, 1]));
}

const matmulInteger = (c: Call): Given =>
  new Live(
    centred(c, 0, 2, false)
      .matmul(centred(c, 1, 3, true))
      .cast("i32"),
    "int32",
  );

/** A zero point of weights may be of each output channel. */
function centredWeights(c: Call, i: number, zeroAt: number): Tensor {
  const w = wide(c.tensor(i)).cast("f64");
  const zero = c.maybe(zeroAt);
  return zero
    ? w.sub(
        wide(zero)
          .cast("f64")
          .reshape(zero.size === 1 ? [] : [-1, ...w.shape.slice(1).map(() => 1)]),
      )
    : w;
}

function convWhole(c: Call, x: Tensor, w: Tensor): Tensor {
  const { low, high, stride, dilation } = geometry(c, x.shape.slice(2), w.shape.slice(2));
  return x.pad([0, 0, ...low], [0, 0, ...high]).conv(w, { stride, dilation, groups: c.int("group", 1) });
}

const convInteger = (c: Call): Given => new Live(convWhole(c, centred(c, 0, 2, true), centredWeights(c, 1, 3)).cast("i32"), "int32");

/** A scale of each row or column as it multiplies a product. */
const scaleOf = (s: Tensor, column: boolean): Tensor => (s.size === 1 ? s.reshape([]) : s.rank > 1 || column ? s : s.reshape([-1, 1]));

function qlinearMatmul(c: Call): Given {
  const product = centred(c, 0, 2, false).matmul(centred(c, 3, 5, true));
  const scale = scaleOf(c.tensor(1), false)
    .mul(scaleOf(c.tensor(4), true))
    .div(c.tensor(6))
    .cast("f64");
  return quantizedTo(product.mul(scale), scale.like(1), c.tensor(7), c.dtype(7));
}

function qlinearConv(c: Call): Given {
  const sums = convWhole(c, centred(c, 0, 2, true), centredWeights(c, 3, 5));
  const across = (t: Tensor): Tensor => (t.size === 1 ? t.reshape([]) : t.reshape([-1, ...sums.shape.slice(2).map(() => 1)]));
  const bias = c.maybe(8);
  const all = bias ? sums.add(across(bias).cast("f64")) : sums;
  const scale = c
    .tensor(1)
    .reshape([])
    .mul(across(c.tensor(4)))
    .div(c.tensor(6).reshape([]))
    .cast("f64");
  return quantizedTo(all.mul(scale), scale.like(1), c.tensor(7).reshape([]), c.dtype(7));
}

export const quantizeds: Readonly<Record<string, Op>> = {
  QuantizeLinear: { since: 10, fixed: [1, 2], run: quantize },
  DequantizeLinear: { since: 10, fixed: [1, 2], run: dequantize },
  DynamicQuantizeLinear: { since: 11, run: dynamic },
  MatMulInteger: { since: 10, run: matmulInteger },
  ConvInteger: { since: 10, run: convInteger },
  QLinearMatMul: { since: 10, fixed: [1, 2, 4, 5, 6, 7], run: qlinearMatmul },
  QLinearConv: { since: 10, fixed: [1, 2, 4, 5, 6, 7], run: qlinearConv },
};
