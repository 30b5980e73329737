/** @file What a classifier mistakes for what. */
import { check, expectation, nonNegative, numbers, positiveInteger } from "../base/check.ts";
import { withoutEmptyNone } from "./metrics.ts";
import { NO_CLASS } from "./ranking.ts";

/**
 * table[i][j] = number of examples of class i that were taken for class j. Predictions of no class (-1) stand in a last column, which is there
 * only if there are any.
 * @throws {RangeError} for a class that is none of `classes`.
 */
export function confusionTable(predicted: ArrayLike<number>, actual: ArrayLike<number>, classes: number): number[][] {
  for (const [name, given] of Object.entries({ predicted, actual })) check(`confusionTable: ${name}`, given, numbers);
  check("confusionTable: classes", classes, positiveInteger);
  if (predicted.length !== actual.length) {
    throw new RangeError(`confusionTable: ${predicted.length} predictions for ${actual.length} examples; want one for each`);
  }
  const table = Array.from({ length: classes }, () => new Array<number>(classes + 1).fill(0));
  const isClass = (c: number, least: number): boolean => Number.isInteger(c) && c >= least && c < classes;
  for (let i = 0; i < actual.length; i++) {
    if (!isClass(actual[i], 0) || !isClass(predicted[i], NO_CLASS))
      throw new RangeError(
        `confusionTable: example ${i} of class ${actual[i]} was taken for ${predicted[i]}; classes are 0 to ${classes - 1}`,
      );
    table[actual[i]][predicted[i] === NO_CLASS ? classes : predicted[i]]++;
  }
  return withoutEmptyNone(table);
}

const TABLE = expectation(
  "a list of rows, one for each class, each with a count for each class",
  (value) => Array.isArray(value) && value.every((row) => numbers.holds(row) && row.length >= value.length),
);

/** How often each class was taken for each. */
export interface Confusion {
  readonly actual: number;
  readonly predicted: number;
  readonly count: number;
}

/** The `n` most frequent mistakes of one class for another, the worst first; ties by class. */
export function worstConfusions(table: readonly (readonly number[])[], n: number): Confusion[] {
  check("worstConfusions: the table", table, TABLE);
  check("worstConfusions: n", n, nonNegative);
  const mistakes = table.flatMap((row, actual) => row.map((count, predicted) => ({ actual, predicted, count })));
  return mistakes
    .filter(({ actual, predicted, count }) => actual !== predicted && predicted < table.length && count > 0)
    .sort((a, b) => b.count - a.count || a.actual - b.actual || a.predicted - b.predicted)
    .slice(0, n);
}

/** What a table says of one class, or of all. */
export interface Score {
  /** Of those taken for the class, the share that is of it; 0 if there are none. */
  readonly precision: number;
  /** Of those of the class, the share that was found; 0 if there are none. */
  readonly recall: number;
  /** Their harmonic mean, 2TP/(2TP + FP + FN). */
  readonly f1: number;
}

/** Precision, recall and F1 of a classifier, per class and in all. */
export interface Scores {
  readonly accuracy: number;
  /** By class; `support` is the number of its examples. */
  readonly perClass: readonly (Score & { readonly support: number })[];
  /** The mean over the classes, each counting alike. */
  readonly macro: Score;
  /** From all decisions together; with one class per example all three are the accuracy. */
  readonly micro: Score;
  /** The mean over the classes, each counting by its support. */
  readonly weighted: Score;
}

/** Precision, recall and F1 (van Rijsbergen 1979) of a confusion table. */
export function scores(table: readonly (readonly number[])[]): Scores {
  check("scores: the table", table, TABLE);
  const total = table.flat().reduce((a, b) => a + b, 0);
  const perClass = table.map((row, i) => {
    const support = row.reduce((a, b) => a + b, 0);
    const taken = table.reduce((sum, other) => sum + other[i], 0);
    return { ...score(row[i], taken, support), support };
  });
  const mean = (weight: (c: { support: number }) => number): Score => {
    const all = perClass.reduce((sum, c) => sum + weight(c), 0);
    const of = (key: keyof Score): number =>
      ratio(
        perClass.reduce((sum, c) => sum + weight(c) * c[key], 0),
        all,
      );
    return { precision: of("precision"), recall: of("recall"), f1: of("f1") };
  };
  const hits = table.reduce((sum, row, i) => sum + row[i], 0);
  return {
    accuracy: ratio(hits, total),
    perClass,
    macro: mean(() => 1),
    micro: score(hits, total, total),
    weighted: mean((c) => c.support),
  };
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

function score(hits: number, taken: number, support: number): Score {
  return { precision: ratio(hits, taken), recall: ratio(hits, support), f1: ratio(2 * hits, taken + support) };
}
