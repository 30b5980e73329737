/** @file Affine maps. */
import { formatShape, type Shape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";

/** x·Wᵀ + b: x [..., in], weight [out, in], bias [out]. */
export function linear(x: Tensor, weight: TensorLike, bias?: TensorLike): Tensor {
  checkTensors("linear", { x });
  const w = x.operand(weight);
  checkProduct(x, w.shape);
  const batch = "abcdefgh".slice(0, x.rank - 1);
  const y = x.dot(w, `${batch}i,oi->${batch}o`);
  return bias === undefined ? y : y.add(bias);
}

/** @throws {RangeError} unless the weight has an input for each of the last axis' elements. */
function checkProduct({ rank, shape }: Tensor, weight: Shape): void {
  if (rank >= 1 && weight.length === 2 && weight[1] === shape.at(-1)) return;
  throw new RangeError(`linear: want x [..., in] and a weight [out, in], got ${formatShape(shape)} and ${formatShape(weight)}`);
}
