/** @file Nets of growing width trained on a curve. */
import { describe, expect, test } from "vitest";
import { reluConstruction } from "../../src/inspect/approximate.ts";
import { trainedWidths } from "../../src/inspect/trained-widths.ts";
import "../../src/runtime/evaluate.ts";

const circle = { from: 0, to: 2 * Math.PI };

test("a sine: errors fall with the width, and 8 trained units beat 8 that are built", () => {
  const nets = trainedWidths(Math.sin, { ...circle, widths: [1, 2, 8], steps: 1500 });
  const [one, two, eight] = nets.map(({ rmse }) => rmse) as [number, number, number];
  // One unit is monotone: at best it follows half of the wave.
  expect(one).toBeGreaterThan(0.2);
  expect(two).toBeLessThan(one);
  expect(eight).toBeLessThan(0.1 * one);
  expect(nets[2]!.error).toBeLessThan(reluConstruction(Math.sin, { ...circle, units: 8 }).error);
});

test("the net that is told is the best start's, and the same seed gives the same one", () => {
  const options = { ...circle, widths: [3], steps: 200, points: 41, starts: 4, seed: 5 };
  const [net] = trainedWidths(Math.cos, options);
  expect(net!.all).toHaveLength(4);
  expect(net!.rmse).toBe(Math.min(...net!.all));
  const at = Array.from({ length: 41 }, (_, i) => (2 * Math.PI * i) / 40);
  const squares = at.map((x) => (net!.value(x) - Math.cos(x)) ** 2);
  expect(Math.sqrt(squares.reduce((a, b) => a + b) / 41)).toBeCloseTo(net!.rmse, 9);
  expect(trainedWidths(Math.cos, options)[0]!.all).toEqual(net!.all);
  expect(trainedWidths(Math.cos, { ...options, seed: 6 })[0]!.all).not.toEqual(net!.all);
});

describe("what is refused", () => {
  test.each([
    ["an empty interval", () => trainedWidths(Math.sin, { from: 1, to: 1, widths: [2] }), "to must be above from, got 1 to 1"],
    ["a pole", () => trainedWidths((x) => 1 / x, { from: -1, to: 1, widths: [2] }), "f must give finite numbers, got Infinity at 0"],
    ["no widths", () => trainedWidths(Math.sin, { from: 0, to: 1, widths: [] }), "trainedWidths: widths must be"],
    ["one point", () => trainedWidths(Math.sin, { from: 0, to: 1, widths: [2], points: 1 }), "points must be at least 2, got 1"],
  ] as const)("%s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
