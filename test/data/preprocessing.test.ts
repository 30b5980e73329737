/** @file Standardization: fitted on the training part, carried by JSON, undone exactly enough. */
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/dataset.ts";
import { fitStandardization, standardize, standardizeValues, unstandardize } from "../../src/data/preprocessing.ts";

const data: Dataset = {
  name: "made-up",
  train: { inputs: Float32Array.of(1, 5, 3, 5), targets: Float32Array.of(10, 30), count: 2 },
  test: { inputs: Float32Array.of(100, 6), targets: Float32Array.of(50), count: 1 },
  classes: [],
  inputShape: [2],
  task: "regression",
};

describe("standardize", () => {
  test("the training part gets mean 0 and deviation 1; the test part follows its numbers", () => {
    const { train, test: rest, preprocessing } = standardize(data, { targets: true });
    expect([...train.inputs]).toEqual([-1, 0, 1, 0]);
    expect([...rest.inputs]).toEqual([98, 1]);
    expect([...train.targets, ...rest.targets]).toEqual([-1, 1, 3]);
    expect(preprocessing).toEqual({ inputs: { mean: [2, 5], std: [1, 1] }, targets: { mean: [20], std: [10] } });
    expect(JSON.parse(JSON.stringify(preprocessing))).toEqual(preprocessing);
    expect([...data.train.inputs]).toEqual([1, 5, 3, 5]);
  });

  test("twice is an error", () => {
    expect(() => standardize(standardize(data))).toThrow("standardize: made-up is standardized already");
  });
});

test("by channel: pixels of one channel share a mean", () => {
  expect(fitStandardization([0, 2, 10, 10, 4, 6, 10, 10], 2, 2)).toEqual({ mean: [3, 10], std: [Math.sqrt(5), 1] });
});

test("there and back", () => {
  const x = Float32Array.from({ length: 60 }, (_, i) => Math.sin(i) * 100 + i);
  const s = fitStandardization(x, 20, 3);
  const back = unstandardize(standardizeValues(x, s, 20), s, 20);
  x.forEach((value, i) => {
    expect(back[i]).toBeCloseTo(value, 3);
  });
});
