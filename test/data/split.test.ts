/** @file Parts of a split: nothing lost, nothing twice, classes in their shares, and the same for the same seed. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bootstrapIndices, kFold, splitIndices, subset, trainTestSplit } from "../../src/data/split.ts";

const labels = (...counts: number[]) => Int32Array.from(counts.flatMap((n, label) => new Array<number>(n).fill(label)));
const classes = (...counts: number[]) => ({ targets: labels(...counts), count: labels(...counts).length });
const sorted = (...parts: Int32Array[]) => parts.flatMap((part) => [...part]).sort((a, b) => a - b);
const countsOf = (targets: Int32Array, indices: Int32Array) =>
  [...indices].reduce((counts, i) => counts.with(targets[i], counts[targets[i]] + 1), new Array<number>(3).fill(0));

describe("splitIndices", () => {
  test("two parts that are the whole, with each class's share", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 2, max: 30 }), { minLength: 1, maxLength: 3 }),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.nat(),
        (counts, share, seed) => {
          const data = classes(...counts);
          const [first, second] = splitIndices(data, share, { seed });
          expect(sorted(first, second)).toEqual([...data.targets.keys()]);
          const got = countsOf(data.targets, second);
          counts.forEach((n, label) => {
            expect(got[label]).toBe(Math.min(n - 1, Math.max(1, Math.round(n * share))));
          });
        },
      ),
    );
  });

  test("a function of the seed, in no order of class", () => {
    const data = classes(50, 50);
    expect(splitIndices(data, 0.2, { seed: 3 })).toEqual(splitIndices(data, 0.2, { seed: 3 }));
    expect(splitIndices(data, 0.2, { seed: 3 })).not.toEqual(splitIndices(data, 0.2, { seed: 4 }));
    const [first] = splitIndices(data, 0.2);
    expect([...first]).not.toEqual(sorted(first));
  });

  test("not stratified, and regression", () => {
    expect(splitIndices(classes(9, 1), 0.5, { stratified: false }).map((part) => part.length)).toEqual([5, 5]);
    const values = { targets: Float32Array.from({ length: 10 }), count: 10 };
    expect(splitIndices(values, 0.3).map((part) => part.length)).toEqual([7, 3]);
  });
});

describe("kFold", () => {
  test("each example is tested on once; folds and classes differ by one at most", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.tuple(fc.integer({ min: 5, max: 20 }), fc.integer({ min: 5, max: 20 })),
        fc.nat(),
        (k, counts, seed) => {
          const data = classes(...counts);
          const folds = kFold(data, k, { seed });
          expect(sorted(...folds.map(({ test: part }) => part))).toEqual([...data.targets.keys()]);
          for (const { train, test: part } of folds) expect(sorted(train, part)).toEqual([...data.targets.keys()]);
          const spread = (numbers: number[]) => Math.max(...numbers) - Math.min(...numbers);
          expect(spread(folds.map(({ test: part }) => part.length))).toBeLessThanOrEqual(1);
          for (const label of [0, 1])
            expect(spread(folds.map(({ test: part }) => countsOf(data.targets, part)[label]))).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

test("a bootstrap resample holds 1 - 1/e of the examples", () => {
  const shares = Array.from({ length: 20 }, (_, seed) => new Set(bootstrapIndices(5000, seed)).size / 5000);
  expect(shares.reduce((a, b) => a + b) / 20).toBeCloseTo(1 - 1 / Math.E, 2);
  expect(Math.max(...bootstrapIndices(10, 1))).toBeLessThan(10);
});

test("subset copies rows in the order asked for, some twice", () => {
  const split = { inputs: Float32Array.of(0, 1, 2, 3, 4, 5), targets: Int32Array.of(7, 8, 9), count: 3 };
  expect(subset(split, [2, 0, 2])).toEqual({ inputs: Float32Array.of(4, 5, 0, 1, 4, 5), targets: Int32Array.of(9, 7, 9), count: 3 });
  const [train, rest] = trainTestSplit(split, 0.34, { stratified: false });
  expect([train.count, rest.count]).toEqual([2, 1]);
});
