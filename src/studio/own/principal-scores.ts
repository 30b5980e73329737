/** @file Where rows lie along the two directions in which they spread most (Pearson 1901), for rows of any width. */
import { decomposeSymmetric } from "../../base/eigen.ts";
import { matrix } from "../../base/linalg.ts";

/** So many rows, evenly drawn, decide the directions; an eigenvalue problem of more takes seconds. */
const MOST_ROWS = 250;

/**
 * The two principal coordinates of all rows. The directions come from the products of the rows with each other, so that a thousand columns are as cheap as ten.
 * A row with a missing number has NaN. @param columns Each of `rows` numbers.
 */
export function principalScores(columns: readonly Float64Array[], rows: number): [Float64Array, Float64Array] {
  const d = columns.length;
  const isWhole = (i: number): boolean => columns.every((column) => Number.isFinite(column[i]));
  const whole = Array.from({ length: rows }, (_, i) => i).filter(isWhole);
  const scores: [Float64Array, Float64Array] = [new Float64Array(rows).fill(Number.NaN), new Float64Array(rows).fill(Number.NaN)];
  if (whole.length === 0) return scores;
  const each = Math.ceil(whole.length / MOST_ROWS);
  const drawn = whole.filter((_, i) => i % each === 0);
  const mean = columns.map((column) => drawn.reduce((sum, i) => sum + column[i]!, 0) / drawn.length);
  const n = drawn.length;
  const products = new Float64Array(n * n);
  for (const [j, column] of columns.entries()) {
    for (let a = 0; a < n; a++) {
      const x = column[drawn[a]!]! - mean[j]!;
      for (let b = 0; b < n; b++) products[a * n + b]! += x * (column[drawn[b]!]! - mean[j]!);
    }
  }
  const { values, vectors } = decomposeSymmetric(matrix(n, n, products));
  for (const [k, score] of scores.entries()) {
    if (!(values[n - 1 - k]! > 1e-12 * values[n - 1]!)) {
      // The rows do not spread further: what is left is rounding.
      for (const i of whole) score[i] = 0;
      continue;
    }
    // A direction is the sum of the rows, weighted by the eigenvector; the largest eigenvalue is the last.
    const axis = new Float64Array(d);
    for (const [j, column] of columns.entries())
      for (let a = 0; a < n; a++) axis[j]! += (column[drawn[a]!]! - mean[j]!) * (vectors.data[a * n + n - 1 - k] ?? 0);
    const largest = axis.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0);
    const length = (Math.hypot(...axis) || 1) * (largest < 0 ? -1 : 1);
    for (const i of whole) score[i] = axis.reduce((sum, x, j) => sum + (x / length) * (columns[j]![i]! - mean[j]!), 0);
  }
  return scores;
}
