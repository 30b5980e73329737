/** @file Every network of the zoo, recorded only: its options, and the tasks that it takes. The page about them is not stale. */
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { parameterCount, recordOn } from "../../src/inspect/cost.ts";
import { modelTable } from "../../src/inspect/model-table.ts";
import { models, zoo } from "../../src/models/index.ts";
import type { Layer } from "../../src/nn/module.ts";
import { pendingCells } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";

// Nobody reads these weights; left waiting, all of them would be drawn with the first value that a test reads.
afterEach(() => pendingCells.clear());

/** Shape of the result on two square images. */
const shapeOn = (model: Layer, side: number, channels: number) =>
  recordOn((x) => model.eval().forward(x), [[2, channels, side, side]]).outputs[0].shape;

describe("every network", () => {
  test.each(Object.keys(zoo))("%s has the classes it was made for, and its options work", (name) => {
    const { make, classes, input, year, idea, source, leastSmall, least, exact } = zoo[name];
    expect(shapeOn(make({ classes, channels: input[0] }), input[1], input[0])).toEqual([2, classes]);
    expect(year).toBeGreaterThan(1989);
    expect(source).toMatch(/\d{4}/);
    expect(idea.length).toBeGreaterThan(5);
    if (leastSmall !== undefined) {
      const model = make({ classes: 7, channels: 1, smallImages: true, imageSize: leastSmall });
      expect(shapeOn(model, leastSmall, 1)).toEqual([2, 7]);
    }
    if (!exact) expect(shapeOn(make({ classes: 5, channels: input[0] }), least, input[0])).toEqual([2, 5]);
  });

  test.each(Object.keys(zoo).filter((name) => !/^(lenet|vit)/.test(name)))("%s is smaller at half the width", (name) => {
    const { make, classes, input, exact, least } = zoo[name];
    const half = make({ classes, channels: input[0], width: 0.5 }).eval();
    expect(parameterCount(half)).toBeLessThan(0.8 * parameterCount(make({ classes, channels: input[0] })));
    const side = exact ? input[1] : least;
    expect(recordOn((x) => half.forward(x), [[1, input[0], side, side]]).outputs[0].shape).toEqual([1, classes]);
  });
});

describe("by task", () => {
  test.each(Object.keys(zoo))("%s fits its own data, and digits or small pictures where it can", (name) => {
    const { input, leastSmall, exact } = zoo[name];
    const outputOn = (inputShape: readonly number[]) =>
      recordOn((x) => models[name]({ inputShape, outputs: 10 }).eval().forward(x), [[2, ...inputShape]]).outputs[0].shape;
    expect(outputOn(input)).toEqual([2, 10]);
    if (leastSmall !== undefined || !exact) expect(outputOn([3, 32, 32])).toEqual([2, 10]);
  });
});

test("docs/models.md is what the networks say; run `npm run docs`", () => {
  const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
  expect(page("models.md")).toBe(modelTable(JSON.parse(page("zoo.json"))));
});

test("every network that has been run learns, and evaluates alike twice", () => {
  const records = JSON.parse(readFileSync(new URL("../../docs/zoo.json", import.meta.url), "utf8")) as Record<
    string,
    { falls: boolean; deterministic: boolean }
  >;
  const faulty = Object.entries(records).filter(([, { falls, deterministic }]) => !falls || !deterministic);
  expect(faulty).toEqual([]);
});
