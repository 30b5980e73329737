/**
 * @file Losses as the entry `nabla/nn` gives them: the functions of `functional`, and the quadratic cost of the lecture notes.
 */
import { checkOptions } from "../base/check.ts";
import { axesFrom } from "../base/shape.ts";
import { LOSS_OPTIONS } from "../math/options.ts";
import { checkSameShape, type LossOptions, reduceTerms } from "../math/reduction.ts";
import type { Tensor } from "../ops/tensor.ts";

export * from "../math/ctc.ts";
export * from "../math/loss.ts";
export * from "../math/margin-loss.ts";
export { type LossOptions, type LossParts, lossParts, type Reduction } from "../math/reduction.ts";

/** ½‖x - target‖² per example, [N, ...] to [N] before the reduction: the quadratic cost of Nielsen (2015), eq. 6, per example. */
export function quadraticLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions("quadraticLoss", options, LOSS_OPTIONS);
  checkSameShape("quadraticLoss", x, target);
  return reduceTerms(x.sub(target).square().sum(axesFrom(x.shape, 1)).mul(0.5), options);
}
