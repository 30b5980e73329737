/**
 * @file What counts as right, for every metric alike. The predicted class is that of the largest output; of equal ones the lowest. An output that
 * is NaN counts as larger than any number and is never right: a row with NaN has no predicted class.
 */
import type { Tensor } from "../ops/tensor.ts";

/** What stands for the class where there is none. */
export const NO_CLASS = -1;

/** Targets that count: class indices below 0 (such as -100, which losses ignore) do not. */
export function countable(targets: Tensor): Tensor {
  return targets.ge(0);
}

/** How many classes are ranked before the target's: 0 if it is predicted. Outputs [N, C, ...] and classes [N, ...] to i32[N, ...]. */
export function rankOf(outputs: Tensor, targets: Tensor): Tensor {
  const at = countable(targets).where(targets, 0).unsqueeze(1);
  const own = outputs.takeAlongInside(at, 1);
  // Whatever is not below it: larger, NaN, or (if it is NaN itself) anything.
  const notBelow = outputs.le(own).not();
  const tiesBefore = outputs.eq(own).and(outputs.iotaLike(1).lt(at.broadcastTo(outputs.shape)));
  return notBelow.cast("i32").add(tiesBefore.cast("i32")).sum(1);
}

/** Predicted classes along axis 1, i32, with `none` where an output is NaN. */
export function predictedClass(outputs: Tensor, none: number = NO_CLASS): Tensor {
  return outputs.isNaN().any(1).where(none, outputs.argmax(1).cast("i32"));
}

/** The predicted class of one example's outputs; {@link NO_CLASS} if one of them is NaN, or there are none. */
export function classOf(row: ArrayLike<number>): number {
  let best = row.length === 0 ? NO_CLASS : 0;
  for (let c = 0; c < row.length; c++) {
    if (Number.isNaN(row[c])) return NO_CLASS;
    if (row[c] > row[best]) best = c;
  }
  return best;
}
