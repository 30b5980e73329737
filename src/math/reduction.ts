/** @file What all losses share: how their terms become one number. */
import { formatShape, sameShape } from "../base/shape.ts";
import type { Tensor } from "../ops/tensor.ts";

/** The mean of all terms, their sum, or the terms as they are. */
export type Reduction = "mean" | "sum" | "none";

export interface LossOptions {
  /** The mean over all terms (the default), their sum, or the terms. */
  readonly reduction?: Reduction;
}

export function reduceTerms(terms: Tensor, { reduction = "mean" }: LossOptions): Tensor {
  if (reduction === "none") return terms;
  return reduction === "sum" ? terms.sum() : terms.mean();
}

/** Broadcasting [N, 1] against [N] would give N² terms without a word; so shapes must be equal. */
export function checkSameShape(loss: string, x: Tensor, target: Tensor): void {
  if (!sameShape(x.shape, target.shape)) {
    throw new RangeError(
      `${loss}: predictions ${formatShape(x.shape)} and targets ${formatShape(target.shape)} must have the same shape; use reshape`,
    );
  }
}
