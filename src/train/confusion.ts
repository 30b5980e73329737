/** @file What a classifier mistakes for what. */

/** table[i][j] = number of examples of class i that were taken for class j. */
export function confusionTable(predicted: ArrayLike<number>, actual: ArrayLike<number>, classes: number): number[][] {
  if (predicted.length !== actual.length) {
    throw new RangeError(`confusionTable: ${predicted.length} predictions for ${actual.length} examples; want one for each`);
  }
  const table = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < actual.length; i++) table[actual[i]][predicted[i]]++;
  return table;
}

/** How often each class was taken for each. */
export interface Confusion {
  readonly actual: number;
  readonly predicted: number;
  readonly count: number;
}

/** The `n` most frequent mistakes, the worst first; ties by class. */
export function worstConfusions(table: readonly (readonly number[])[], n: number): Confusion[] {
  const mistakes = table.flatMap((row, actual) => row.map((count, predicted) => ({ actual, predicted, count })));
  return mistakes
    .filter(({ actual, predicted, count }) => actual !== predicted && count > 0)
    .sort((a, b) => b.count - a.count || a.actual - b.actual || a.predicted - b.predicted)
    .slice(0, n);
}
