/**
 * @file Quantized operators of onnxruntime's own set, which its quantizer writes (QOperator format and dynamic quantization): the plain operator on the numbers for
 * which whole numbers stand, and the result as whole numbers again.
 */
import type { OnnxDtype } from "../../formats/onnx.ts";
import { concatenate } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Call, type Op, unsupported } from "../call.ts";
import { axisOf, type Given, Live, type Value } from "../value.ts";
import { elementwise } from "./elementwise.ts";
import { dynamic, quantizeds, quantizedTo } from "./quantized.ts";
import { reductions } from "./reduce.ts";
import { wide } from "./types.ts";
import { windowed } from "./windows.ts";

const DOMAIN = "com.microsoft";
/** Inputs behind the first are scales and zero points, or numbers of an op that are no weights while they are whole. */
const own = (run: Op["run"], rest: Partial<Op> = {}): Op => ({ since: 1, domain: DOMAIN, run, ...rest });

/** A scale or zero point of a whole tensor, or of each column (the last axis). */
const fitting = (x: Tensor): Tensor => (x.size === 1 ? x.reshape([]) : x);

/** The numbers for which input `i` stands, by its scale and zero point (none: 0). */
function meaning(c: Call, i: number, scaleAt: number, zeroAt: number): Tensor {
  const scale = fitting(c.tensor(scaleAt));
  const level = wide(c.tensor(i)).cast(scale.dtype);
  return (c.has(zeroAt) ? level.sub(fitting(wide(c.tensor(zeroAt))).cast(scale.dtype)) : level).mul(scale);
}

/** A result by the scale and zero point of inputs `at` and `at + 1`. */
function quantizedBy(c: Call, y: Tensor, at: number): Given {
  const zero = c.has(at + 1) ? fitting(c.tensor(at + 1)) : undefined;
  return quantizedTo(y, fitting(c.tensor(at)), zero, c.has(at + 1) ? c.dtype(at + 1) : c.dtype(0));
}

/** An op of the standard set on other inputs, with the node's attributes. */
function plain(op: Op, c: Call, inputs: readonly (Tensor | undefined)[], opset: number = c.int("opset", 20)): Tensor {
  const values = inputs.map((x): Value | undefined => x && new Live(x, "float"));
  const given = op.run(new Call({ ...c.step, domain: "", opset, outputs: c.step.outputs.slice(0, 1) }, values, c.scope));
  const first = Array.isArray(given) ? given[0] : given;
  return first instanceof Live ? first.tensor : (first as Tensor);
}

/** Of one quantized input, with the result's scale at 3. */
const one = (op: Op): Op =>
  own((c) => {
    if (c.flag("channels_last")) throw unsupported("channels behind the axes of the image");
    return quantizedBy(c, plain(op, c, [meaning(c, 0, 1, 2)]), 3);
  });

/** Of two, with the result's scale at 6. */
const two = (f: (x: Tensor, y: Tensor) => Tensor): Op => own((c) => quantizedBy(c, f(meaning(c, 0, 1, 2), meaning(c, 3, 4, 5)), 6));

function joined(c: Call): Given {
  const parts = Array.from({ length: (c.inputs.length - 2) / 3 }, (_, i) => meaning(c, 2 + 3 * i, 3 + 3 * i, 4 + 3 * i));
  return quantizedOf(concatenate(parts, axisOf(c.int("axis", 0), parts[0].rank)), c, c.dtype(2));
}

const quantizedOf = (y: Tensor, c: Call, dtype: OnnxDtype): Given =>
  quantizedTo(y, fitting(c.tensor(0)), c.has(1) ? fitting(c.tensor(1)) : undefined, c.has(1) ? c.dtype(1) : dtype);

/** Whole sums with a bias of the scale of both; without a scale of its own the result is floats. */
function gemm(c: Call): Given {
  const turned = (x: Tensor, on: boolean): Tensor => (on ? x.transpose() : x);
  const b = c.flag("transB") ? columnsOf(c) : meaning(c, 3, 4, 5);
  const product = turned(meaning(c, 0, 1, 2), c.flag("transA"))
    .matmul(b)
    .mul(c.float("alpha", 1));
  const unit = fitting(c.tensor(1)).mul(fitting(c.tensor(4)));
  const y = c.has(6) ? product.add(c.tensor(6).cast("f32").mul(unit)) : product;
  return c.has(7) ? quantizedBy(c, y, 7) : y;
}

/** A transposed matrix: its scales belong to its rows, the columns of what multiplies. */
function columnsOf(c: Call): Tensor {
  const at = (i: number): Tensor => fitting(wide(c.tensor(i))).cast("f32");
  const level = wide(c.tensor(3)).cast("f32").transpose();
  return (c.has(5) ? level.sub(at(5)) : level).mul(at(4));
}

const biased = (c: Call, y: Tensor, at: number): Tensor => (c.has(at) ? y.add(c.tensor(at)) : y);

function integerToFloat(c: Call): Given {
  return biased(c, meaning(c, 0, 2, 4).matmul(meaning(c, 1, 3, 5)), 6);
}

function dynamicMatmul(c: Call): Given {
  const [levels, scale, zero] = dynamic(c) as [Live, Tensor, Live];
  const x = levels.tensor.cast("f32").sub(zero.tensor.cast("f32")).mul(scale);
  return biased(c, x.matmul(meaning(c, 1, 2, 3)), 4);
}

const named = (ops: Readonly<Record<string, Op>>): Readonly<Record<string, Op>> =>
  Object.fromEntries(Object.entries(ops).map(([name, op]) => [`${DOMAIN}.${name}`, op]));

export const quantizedMicrosoft: Readonly<Record<string, Op>> = named({
  QuantizeLinear: own(quantizeds.QuantizeLinear.run, { fixed: [1, 2] }),
  DequantizeLinear: own(quantizeds.DequantizeLinear.run, { fixed: [1, 2] }),
  QLinearAdd: two((x, y) => x.add(y)),
  QLinearMul: two((x, y) => x.mul(y)),
  QLinearSigmoid: one(elementwise.Sigmoid),
  QLinearLeakyRelu: one(elementwise.LeakyRelu),
  QLinearSoftmax: one(elementwise.Softmax),
  QLinearAveragePool: one(windowed.AveragePool),
  QLinearGlobalAveragePool: one(windowed.GlobalAveragePool),
  QLinearReduceMean: own((c) => quantizedBy(c, plain(reductions.ReduceMean, c, [meaning(c, 0, 1, 2)], 13), 3)),
  QLinearConcat: own(joined),
  QLinearWhere: own((c) =>
    quantizedBy(
      c,
      c
        .tensor(0)
        .cast("bool")
        .where(meaning(c, 1, 2, 3), meaning(c, 4, 5, 6)),
      7,
    ),
  ),
  QGemm: own(gemm),
  MatMulIntegerToFloat: own(integerToFloat, { fixed: [2, 3] }),
  DynamicQuantizeMatMul: own(dynamicMatmul, { fixed: [2], weights: [4] }),
});
