/**
 * @file Softmax and its logarithm, stable at any magnitude: the maximum is taken out first. It cancels in the derivative, so it is a constant there.
 */
import type { Tensor } from "../ops/tensor.ts";

/** exp x / Σ exp x along an axis. */
export function softmax(x: Tensor, axis = -1): Tensor {
  const e = x.sub(x.max(axis, { keepDims: true }).stopGradient()).exp();
  return e.div(e.sum(axis, { keepDims: true }));
}

/** log softmax x = x - log Σ exp x along an axis. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const shifted = x.sub(x.max(axis, { keepDims: true }).stopGradient());
  return shifted.sub(shifted.exp().sum(axis, { keepDims: true }).log());
}
