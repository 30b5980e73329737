/** @file Affine maps. */
import type { Tensor, TensorLike } from "../ops/tensor.ts";

/** x·Wᵀ + b: x [..., in], weight [out, in], bias [out]. */
export function linear(x: Tensor, weight: TensorLike, bias?: TensorLike): Tensor {
  const y = x.matmul(x.operand(weight).transpose());
  return bias === undefined ? y : y.add(bias);
}
