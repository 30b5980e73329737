/** @file Confusion tables. */
import { expect, test } from "vitest";
import { confusionTable, worstConfusions } from "../../src/train/index.ts";

test("counts what was taken for what", () => {
  expect(confusionTable([0, 1, 1, 2, 1], [0, 0, 1, 2, 0], 3)).toEqual([
    [1, 2, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]);
  expect(() => confusionTable([0], [0, 1], 2)).toThrow("1 predictions for 2 examples");
});

test("the worst mistakes come first, and hits are none", () => {
  const table = [
    [9, 1, 3],
    [3, 9, 0],
    [0, 7, 9],
  ];
  expect(worstConfusions(table, 3)).toEqual([
    { actual: 2, predicted: 1, count: 7 },
    { actual: 0, predicted: 2, count: 3 },
    { actual: 1, predicted: 0, count: 3 },
  ]);
  expect(
    worstConfusions(
      [
        [5, 0],
        [0, 5],
      ],
      3,
    ),
  ).toEqual([]);
});
