/** @file How `nabla inspect` writes numbers and units, in the terminal and on its page. */
import type { Units } from "../inspect/units.ts";

/** Three digits, however large or small. */
export const short = (x: number): string =>
  x === 0 ? "0" : Math.abs(x) >= 1e-3 && Math.abs(x) < 1e5 ? String(Number(x.toPrecision(3))) : x.toExponential(1);

/** A share of the whole; one that is not 0 does not look like 0. */
export const shareText = (share: number): string => (share === 0 ? "0 %" : share < 0.001 ? "<0.1 %" : `${(100 * share).toFixed(1)} %`);

/** Heads of {@link unitColumns}. */
export const UNIT_HEADS: readonly string[] = ["flat", "|z| > 5", "zeros", "one sign", "κ E[hhᵀ]", "copies"];

/** What is told of the units of an activation beside their name and range. */
export function unitColumns({ flat, far, sparsity, signCoherence, condition, duplicates }: Units["activations"][number]): string[] {
  return [
    ...[flat, far, sparsity, signCoherence].map(shareText),
    condition ? short(condition.secondMoment) : "-",
    String(duplicates.reduce((sum, group) => sum + group.length - 1, 0)),
  ];
}

/** How many of the values, sorted from the largest, lie in each of some equal parts of their range. */
export function binned(values: ArrayLike<number>, bins: number): number[] {
  const [high, low] = [values[0]!, values[values.length - 1]!];
  const counts = new Array<number>(bins).fill(0);
  for (const value of Array.from(values)) counts[Math.min(bins - 1, Math.floor((bins * (value - low)) / (high - low || 1)))]!++;
  return counts;
}
