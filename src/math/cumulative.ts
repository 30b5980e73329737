/**
 * @file Running products, logarithms of sums, maxima and minima. Each takes ⌈log₂ n⌉ passes that combine every element with what stands 1, 2, 4, ...
 * before it (Hillis & Steele 1986); their derivatives are those of the passes, right at zeros and at -∞.
 */

import { isAxisOfScalar, normalizeAxis } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { logAddExp } from "./pointwise.ts";

/** y[i] = x[0] ∘ ... ∘ x[i] for an associative ∘. */
function running<T>(
  n: number,
  x: T,
  combine: (earlier: T, later: T) => T,
  narrow: (x: T, start: number, length: number) => T,
  join: (a: T, b: T) => T,
): T {
  let y = x;
  for (let step = 1; step < n; step *= 2) {
    const done = narrow(y, 0, step);
    y = join(done, combine(narrow(y, 0, n - step), narrow(y, step, n - step)));
  }
  return y;
}

function runningTensor(name: string, x: Tensor, axis: number, combine: (earlier: Tensor, later: Tensor) => Tensor): Tensor {
  if (isAxisOfScalar(axis, x.rank)) return x;
  const at = normalizeAxis(axis, x.rank, name);
  return running(
    x.shape[at]!,
    x,
    combine,
    (t, start, length) => t.narrow(at, start, length),
    (a, b) => a.concat([b], at),
  );
}

/** Running products along an axis; the derivative is right at zeros. */
export function cumprod(x: Tensor, axis: number): Tensor {
  checkTensors("cumprod", { x });
  return runningTensor("cumprod", x, axis, (a, b) => a.mul(b));
}

/** log of the running sums of exponentials along an axis. */
export function logCumSumExp(x: Tensor, axis: number): Tensor {
  checkTensors("logCumSumExp", { x });
  return runningTensor("logCumSumExp", x, axis, (a, b) => logAddExp(a, b));
}

/** Running extremes and where they stand: of equal elements the last (PyTorch's cummax); NaN stays. */
function cumulativeExtreme(name: string, x: Tensor, axis: number, wins: (later: Tensor, earlier: Tensor) => Tensor): Extreme {
  if (isAxisOfScalar(axis, x.rank)) return { values: x, indices: x.like(0).cast("i32") };
  const at = normalizeAxis(axis, x.rank, name);
  const start = { values: x.stopGradient(), indices: x.iotaLike(at) };
  const part = (t: Extreme, from: number, n: number): Extreme => ({
    values: t.values.narrow(at, from, n),
    indices: t.indices.narrow(at, from, n),
  });
  const { indices } = running(
    x.shape[at]!,
    start,
    (earlier, later) => {
      const taken = wins(later.values, earlier.values);
      return { values: taken.where(later.values, earlier.values), indices: taken.where(later.indices, earlier.indices) };
    },
    part,
    (a, b) => ({ values: a.values.concat([b.values], at), indices: a.indices.concat([b.indices], at) }),
  );
  return { values: x.takeAlongInside(indices, at), indices };
}

/** Running extremes, and where each of them stands. */
export interface Extreme {
  readonly values: Tensor;
  readonly indices: Tensor;
}

/** Running maximum along an axis, and its position. */
export function cummax(x: Tensor, axis: number): Extreme {
  checkTensors("cummax", { x });
  return cumulativeExtreme("cummax", x, axis, (later, earlier) => later.ge(earlier).or(later.ne(later)));
}

/** Running minimum along an axis, and its position. */
export function cummin(x: Tensor, axis: number): Extreme {
  checkTensors("cummin", { x });
  return cumulativeExtreme("cummin", x, axis, (later, earlier) => later.le(earlier).or(later.ne(later)));
}

/** Differences of neighbours along an axis. */
export function diff(x: Tensor, axis = -1): Tensor {
  checkTensors("diff", { x });
  const at = normalizeAxis(axis, x.rank, "diff");
  const n = Math.max(0, x.shape[at]! - 1);
  const later = x.slice(
    x.shape.map((_, i) => (i === at ? Math.min(1, x.shape[at]!) : 0)),
    x.shape,
  );
  return later.sub(x.narrow(at, 0, n));
}
