/**
 * @file Softmax and its logarithm, stable at any magnitude: the maximum is taken out first. It cancels in the derivative.
 */

import { check, checkOptions, type Expectation, integer } from "../base/check.ts";
import { checkTensors } from "../ops/check.ts";
import { floating } from "../ops/create.ts";
import { decay, ratio } from "../ops/elementwise.ts";
import { ownLog } from "../ops/special.ts";
import type { Tensor } from "../ops/tensor.ts";
import { SOFTMAX_OPTIONS } from "./options.ts";

export interface SoftmaxOptions {
  /** T: the argument is divided by it. Small T sharpens towards the largest element, large T flattens (ACT-4). Default 1. */
  readonly temperature?: number;
}

const anAxis: Expectation = { ...integer, remedy: () => "; the axis comes before the options: softmax(x, 1)" };

/** x / T. */
function cooled(x: Tensor, { temperature = 1 }: SoftmaxOptions): Tensor {
  return temperature === 1 ? x : floating(x).div(temperature);
}

/**
 * exp x / Σ exp x along an axis; -∞ marks entries that take no part. Here the maximum is no constant: its derivative is 0 but for rounding, and
 * takes away what rounding leaves of y(ct - Σ y·ct) where y is almost 1.
 */
export function softmax(x: Tensor, axis = -1, options: SoftmaxOptions = {}): Tensor {
  checkTensors("softmax", { x });
  checkOptions("softmax", options, SOFTMAX_OPTIONS);
  check("softmax: axis", axis, anAxis);
  if (x.size === 0) return x;
  const z = cooled(x, options);
  const e = z.sub(z.max(axis, { keepDims: true })).unary(decay);
  return e.binary(ratio, e.sum(axis, { keepDims: true }));
}

/** log softmax x = x - log Σ exp x along an axis. */
export function logSoftmax(x: Tensor, axis = -1, options: SoftmaxOptions = {}): Tensor {
  checkTensors("logSoftmax", { x });
  checkOptions("logSoftmax", options, SOFTMAX_OPTIONS);
  check("logSoftmax: axis", axis, anAxis);
  if (x.size === 0) return x;
  const z = cooled(x, options);
  const shifted = z.sub(z.max(axis, { keepDims: true }).stopGradient());
  return shifted.sub(shifted.unary(decay).sum(axis, { keepDims: true }).log());
}

/** softmax(-x): the smallest element gets the largest share. */
export function softmin(x: Tensor, axis = -1, options: SoftmaxOptions = {}): Tensor {
  checkTensors("softmin", { x });
  checkOptions("softmin", options, SOFTMAX_OPTIONS);
  return softmax(x.neg(), axis, options);
}

/** Entropy -Σ p log p along an axis of probabilities, in nats; 0·log 0 counts as 0. */
export function entropy(p: Tensor, axis = -1): Tensor {
  checkTensors("entropy", { p });
  return p.unary(ownLog).sum(axis).neg();
}
