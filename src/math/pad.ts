/** @file Padding with more than zeros: by a constant, by mirror images, by the edge, or round in a circle. */
import { formatShape } from "../base/shape.ts";
import type { Tensor } from "../ops/tensor.ts";

export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** `n` elements of an axis in front of the first one (`side` low) or behind the last. */
function border(x: Tensor, axis: number, n: number, side: "low" | "high", mode: Exclude<PadMode, "constant">): Tensor {
  const size = x.shape[axis];
  const isLow = side === "low";
  if (mode === "replicate") {
    const edge = x.narrow(axis, isLow ? 0 : size - 1, 1);
    return edge.broadcastTo(x.shape.with(axis, n));
  }
  const least = mode === "reflect" ? n + 1 : n;
  if (size < least)
    throw new RangeError(`pad: ${mode} by ${n} needs at least ${least} elements along axis ${axis}, got ${formatShape(x.shape)}`);
  // Reflection leaves out the edge itself.
  if (mode === "reflect") return x.narrow(axis, isLow ? 1 : size - 1 - n, n).flip(axis);
  return x.narrow(axis, isLow ? size - n : 0, n);
}

/** `x` with `low[i]` elements before and `high[i]` after axis i, in one of PyTorch's modes; `value` is that of "constant". */
export function padBy(x: Tensor, low: readonly number[], high: readonly number[], mode: PadMode = "constant", value = 0): Tensor {
  if (mode === "constant") return padConstant(x, low, high, value);
  let y = x;
  for (let axis = 0; axis < x.rank; axis++) {
    const before = low[axis] > 0 ? border(y, axis, low[axis], "low", mode) : undefined;
    const after = high[axis] > 0 ? [border(y, axis, high[axis], "high", mode)] : [];
    if (before) y = before.concat([y, ...after], axis);
    else if (after.length) y = y.concat(after, axis);
  }
  return y;
}

function padConstant(x: Tensor, low: readonly number[], high: readonly number[], value: number): Tensor {
  const padded = x.pad(low, high);
  if (value === 0 || padded === x) return padded;
  const inside = x.shape.flatMap((size, axis) => {
    if (low[axis] === 0 && high[axis] === 0) return [];
    const at = padded.iotaLike(axis);
    return [at.ge(low[axis]).and(at.lt(low[axis] + size))];
  });
  return inside.reduce((a, b) => a.and(b)).where(padded, value);
}
