/** @file The three directions in which points spread most (Pearson 1901), for a look at more than three coordinates. */
import { decomposeSymmetric } from "../../base/eigen.ts";
import { matrix } from "../../base/linalg.ts";

/**
 * Mean and up to three unit axes of `n` points of `d` coordinates. An axis may point either way; it is turned to the side on which it, or the one that was
 * drawn before, had its larger coordinates, so that a picture does not flip from frame to frame.
 */
export function principalAxes(
  values: Float32Array,
  n: number,
  d: number,
  before?: readonly number[][],
): { mean: Float64Array; axes: number[][] } {
  const mean = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean[j]! += values[i * d + j]! / n;
  const covariance = new Float64Array(d * d);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) {
      const a = (values[i * d + j]! - mean[j]!) / n;
      for (let k = j; k < d; k++) covariance[j * d + k]! += a * (values[i * d + k]! - mean[k]!);
    }
  }
  for (let j = 0; j < d; j++) for (let k = 0; k < j; k++) covariance[j * d + k] = covariance[k * d + j]!;
  const { vectors } = decomposeSymmetric(matrix(d, d, covariance));
  const axes = Array.from({ length: Math.min(3, d) }, (_, a) => {
    const axis = Array.from({ length: d }, (_unused, j) => vectors.data[j * d + (d - 1 - a)]!);
    const old = before?.[a];
    const side = old
      ? axis.reduce((sum, x, j) => sum + x * old[j]!, 0)
      : axis.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0);
    return side < 0 ? axis.map((x) => -x) : axis;
  });
  return { mean, axes };
}
