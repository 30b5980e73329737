/** @file The room Curves: constructions keep the bounds of theory, a drawn curve is followed, training repeats to the bit, folds double the pieces. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { approximate, tents } from "../../src/studio/worker/approximate.ts";
import {
  CURVES_1D,
  curveOfChoice,
  FIRST_APPROXIMATION,
  heightsOf,
  PLACES,
  readApproximation,
} from "../../src/studio/worker/approximate-choice.ts";

test("ReLU units keep max |f″|/(8 n²): four times closer for twice as many, on the slope of -2", () => {
  for (const units of [8, 16, 32]) {
    const { error, order, weights, knots } = approximate({ curve: "sine", method: "ReLU", units });
    const bound = (2 * Math.PI) ** 2 / (8 * units ** 2);
    expect(error).toBeLessThanOrEqual(bound);
    expect(error).toBeGreaterThan(0.9 * bound);
    expect(order).toBeGreaterThan(1.9);
    expect(order).toBeLessThanOrEqual(2.01);
    expect([weights, knots.length]).toEqual([3 * units + 1, units]);
  }
});

test("bumps come twice as close for twice as many; a step is never reached", () => {
  expect(approximate({ curve: "sine", method: "bumps", units: 32 }).order).toBeCloseTo(1, 1);
  for (const units of [1, 8, 64]) expect(approximate({ curve: "step", method: "ReLU", units }).error).toBeGreaterThan(0.6);
});

test("a net that was trained is the same at the same seed, another at another; the net that is built with as many units is of the same kind", () => {
  const question = { ...FIRST_APPROXIMATION, method: "trained", units: 16 };
  const first = approximate(question);
  expect(approximate(question).value).toEqual(first.value);
  expect(approximate({ ...question, seed: 2 }).error).not.toBe(first.error);
  expect(first.error).toBeLessThan(1);
  expect(first.errors.find(([units]) => units === 16)![1]).toBe(approximate({ ...question, method: "ReLU" }).error);
});

test("a curve that is drawn on from another goes through its heights, and is followed exactly where each height has a knot", () => {
  for (const curve of CURVES_1D.filter((name) => name !== "drawn")) {
    const heights = heightsOf({ curve, heights: [] });
    const drawn = curveOfChoice({ curve: "drawn", heights });
    for (const [i, height] of heights.entries()) expect(drawn(i / (PLACES - 1))).toBeCloseTo(height, 12);
    const { x, value, curve: given } = approximate({ curve: "drawn", heights, method: "ReLU", units: PLACES - 1 });
    for (const [i, at] of x.entries()) if (Number.isInteger(at * (PLACES - 1))) expect(value[i]!).toBeCloseTo(given[i]!, 12);
  }
});

test("each layer of two units doubles the pieces; one layer needs a unit for each bend", () => {
  for (const depth of [1, 3, 10]) {
    const found = tents(depth);
    expect([found.pieces, found.units, found.shallowUnits]).toEqual([2 ** depth, 2 * depth, 2 ** depth - 1]);
    expect(found.value.filter((y) => y === 1).length).toBe(2 ** (depth - 1));
  }
});

test("what a link says wrongly is left out", () => {
  expect(readApproximation({ curve: "drawn", heights: [1, 2], method: "magic", units: 0, seed: 0.5 })).toEqual(FIRST_APPROXIMATION);
  expect(readApproximation({ heights: new Array(PLACES).fill(9) })).toEqual(FIRST_APPROXIMATION);
  expect(readApproximation({ units: 3, curve: "kink" })).toEqual({ ...FIRST_APPROXIMATION, units: 3, curve: "kink" });
});
