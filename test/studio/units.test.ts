/** @file The numbers of the room Units are those of the lectures. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { LOGITS } from "../../src/studio/rooms/logits.ts";
import { curveOf, softmaxOf, valuesAt } from "../../src/studio/worker/activations.ts";
import { CURVE_NAMES, firstOf } from "../../src/studio/worker/curve-names.ts";

describe("activations", () => {
  test("sigmoid saturates beyond 5, and ten layers leave at most a millionth", () => {
    const { slope, properties } = curveOf("sigmoid", 1, 5);
    expect(slope).toBeCloseTo(0.00665, 5);
    expect(properties.largestSlope).toBe(0.25);
    expect(properties.largestSlope ** 10).toBeCloseTo(9.5e-7, 8);
  });

  test("σ′ = σ(1 − σ), to the bit of the rounding", () => {
    const { values, slopes } = curveOf("sigmoid", 1, 0);
    for (const [i, s] of slopes.entries()) expect(Math.abs(s - values[i]! * (1 - values[i]!))).toBeLessThan(1e-16);
  });

  test("tanh is 2σ(2z) − 1", () => {
    const z = [-3, -0.5, 0, 2];
    const { values } = valuesAt(
      "sigmoid",
      1,
      z.map((each) => 2 * each),
    );
    for (const [i, t] of valuesAt("tanh", 1, z).values.entries()) expect(t).toBeCloseTo(2 * values[i]! - 1, 14);
  });

  test("the family of ReLU: α = −1 is |z|, 0 is ReLU, 0.01 leaks", () => {
    const z = [-2, -1, 1, 2];
    expect(valuesAt("leaky ReLU", -1, z).values).toEqual([2, 1, 1, 2]);
    expect(valuesAt("leaky ReLU", 0, z).values.map((v) => v + 0)).toEqual(valuesAt("ReLU", 1, z).values.map((v) => v + 0));
    expect(valuesAt("leaky ReLU", 0.01, z).slopes).toEqual([0.01, 0.01, 1, 1]);
  });

  test("a sigmoid of growing weight is a threshold with no slope; a radial basis is flat almost everywhere", () => {
    expect(valuesAt("sigmoid of a z", 50, [-1, 1]).values).toEqual([expect.closeTo(0, 12), expect.closeTo(1, 12)]);
    expect(curveOf("sigmoid of a z", 50, 0).properties.flat).toBeGreaterThan(0.95);
    expect(curveOf("radial basis", 1, 0).properties.flat).toBeGreaterThan(0.65);
  });

  test("maxout of k pieces has at most k slopes, and is convex", () => {
    for (const k of [1, 2, 5]) {
      const { slopes } = curveOf("maxout", k, 0.3);
      expect(new Set(slopes).size).toBeLessThanOrEqual(k + (k - 1)); // at a kink the slopes are shared
      expect(slopes).toEqual(slopes.toSorted((a, b) => a - b));
    }
  });

  test.each(CURVE_NAMES)("%s: slopes agree with differences of the values", (name) => {
    const z = [-3.3, -1.1, 0.7, 2.9];
    const h = 1e-6;
    const at = (shift: number): number[] =>
      valuesAt(
        name,
        firstOf(name),
        z.map((each) => each + shift),
      ).values;
    const [above, below] = [at(h), at(-h)];
    for (const [i, s] of valuesAt(name, firstOf(name), z).slopes.entries()) expect(s).toBeCloseTo((above[i]! - below[i]!) / (2 * h), 6);
  });

  test("only tanh, hard tanh and the linear unit are centred", () => {
    const centred = CURVE_NAMES.filter((name) => Math.abs(curveOf(name, firstOf(name), 0).properties.mean) < 0.01);
    expect(centred).toEqual(["tanh", "hard tanh", "linear"]);
  });
});

test.each([
  [0.01, 1.04e-14, 1e-16],
  [1, 0.989, 5e-4],
  [5, 2.21, 5e-3],
])("softmax at T = %d has the entropy that the lecture prints", (t, expected, within) => {
  const { shares, entropy, sum } = softmaxOf(LOGITS, t);
  expect(Math.abs(entropy - expected)).toBeLessThan(within);
  expect(sum).toBeCloseTo(1, 14);
  expect(shares.indexOf(Math.max(...shares))).toBe(0);
});
