/** @file Products of matrices. */
import { einsum } from "../../math/einsum.ts";
import { det } from "../../math/linalg.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { Call, Op } from "../call.ts";
import { type Given, isFloatType } from "../value.ts";
import { wrapped } from "./types.ts";

function gemm(c: Call): Given {
  const [a, b] = [c.tensor(0), c.tensor(1)];
  const alpha = c.float("alpha", 1);
  const beta = c.float("beta", 1);
  const product = (c.flag("transA") ? a.transpose() : a).matmul(c.flag("transB") ? b.transpose() : b);
  const scaled = alpha === 1 ? product : product.mul(alpha);
  if (!c.has(2) || beta === 0) return scaled;
  const bias = c.tensor(2);
  return scaled.add(beta === 1 ? bias : bias.mul(beta));
}

/** Products of whole numbers are exact in f64 up to 2⁵³. */
function matmul(c: Call): Given {
  const [a, b] = [c.tensor(0), c.tensor(1)];
  if (isFloatType(c.dtype(0))) return a.matmul(b);
  const product: Tensor = a.cast("f64").matmul(b.cast("f64"));
  return wrapped(product.cast("i32"), c.dtype(0));
}

export const products: Readonly<Record<string, Op>> = {
  MatMul: { since: 1, weights: [0, 1], run: matmul },
  Gemm: { since: 1, weights: [0, 1, 2], run: gemm },
  Einsum: { since: 12, weights: [0, 1, 2, 3], run: (c) => einsum(c.text("equation", ""), ...c.tensors) },
  Det: { since: 11, run: (c) => det(c.tensor(0)) },
};
