/** @file Affine maps. */
import type { Tensor, TensorLike } from "../ops/tensor.ts";

/** x·Wᵀ + b: x [..., in], weight [out, in], bias [out]. */
export function linear(x: Tensor, weight: TensorLike, bias?: TensorLike): Tensor {
  const batch = "abcdefgh".slice(0, x.rank - 1);
  const y = x.dot(x.operand(weight), `${batch}i,oi->${batch}o`);
  return bias === undefined ? y : y.add(bias);
}
