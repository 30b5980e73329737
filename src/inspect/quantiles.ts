/** @file Quantiles of a few numbers. */

/** A value below which a share of the others lies. */
export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return Number.NaN;
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low]! + (at - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!);
}

/** Half of the values lie below it. */
export const median = (values: ArrayLike<number>): number => quantile(values, 0.5);
