/** @file The numbers of the room Spectra are those of the lecture and of the laws of random matrices. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { FLOW_INITIALIZERS } from "../../src/studio/worker/deep-net.ts";
import { FIRST_MATRIX, type MatrixChoice, readMatrix } from "../../src/studio/worker/matrix-choice.ts";
import { singularValuesOf, spectrumOf } from "../../src/studio/worker/spectra.ts";

const ask = (patch: Partial<MatrixChoice>) => spectrumOf({ ...FIRST_MATRIX, ...patch });
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe("the lecture's numbers", () => {
  test.each([
    ["Glorot", 2, 0.8488],
    ["He, both fans", 2 * Math.SQRT2, 1.2004],
  ] as const)("%s: the law ends at %d and has the mean %d; the draws agree", (initializer, end, middle) => {
    const { upper, mean: law, values } = ask({ initializer });
    expect(upper).toBeCloseTo(end, 12);
    expect(law).toBeCloseTo(middle, 4);
    expect(mean(values)).toBeCloseTo(middle, 1);
    expect(values[0]! / end).toBeGreaterThan(0.93);
    expect(values[0]! / end).toBeLessThan(1.05);
  });

  test("orthogonal: all singular values are 1", () => {
    for (const value of ask({ initializer: "orthogonal", rows: 40, columns: 70 }).values) expect(value).toBeCloseTo(1, 5);
  });
});

test.each(FLOW_INITIALIZERS.filter((name) => name !== "orthogonal"))("%s: draws of any shape have the law's mean square", (initializer) => {
  for (const [rows, columns] of [
    [90, 90],
    [40, 160],
    [150, 50],
  ] as const) {
    const { values, upper, lower } = ask({ initializer, rows, columns, scale: 1.5 });
    // The mean of σ² is v·max(n, m); the ends of the law are √v (√n ± √m).
    const [n, m] = [Math.max(rows, columns), Math.min(rows, columns)];
    const variance = ((upper + lower) / 2) ** 2 / n;
    expect(mean(values.map((s) => s * s)) / (variance * n)).toBeCloseTo(1, 1);
    expect(((upper - lower) / 2) ** 2 / m).toBeCloseTo(variance, 10);
  }
});

test("the density is one: its integral over the law", () => {
  for (const columns of [128, 40]) {
    const { density } = ask({ columns });
    const area = density.slice(1).reduce((sum, [s, d], i) => sum + ((s - density[i]![0]) * (d + density[i]![1])) / 2, 0);
    expect(area).toBeCloseTo(1, 2);
  }
});

test("a signal shows above its threshold, and not below", () => {
  // Of Glorot entries of a square matrix the threshold is 1.
  expect(ask({ signal: 2 }).outliers).toHaveLength(1);
  expect(ask({ signal: 2 }).outliers[0]!.strength).toBeCloseTo(2, 0);
  expect(ask({ signal: 0.5 }).outliers).toHaveLength(0);
});

test("a product is smaller than the product of its factors' norms, and its directions spread", () => {
  const { values, product, condition } = ask({ factors: 5, rows: 60 });
  expect(values[0]!).toBeLessThan(product!);
  expect(condition).toBeGreaterThan(1e4);
});

test("of 2 × 2: turned, ‖W y‖ stays between the two", () => {
  const w = [1.5, 0.5, 0.25, 1];
  const [most, least] = singularValuesOf(w) as [number, number];
  expect(most * least).toBeCloseTo(Math.abs(w[0]! * w[3]! - w[1]! * w[2]!), 12);
  const lengths = Array.from({ length: 360 }, (_, i) => {
    const [u, v] = [Math.cos((i * Math.PI) / 180), Math.sin((i * Math.PI) / 180)];
    return Math.hypot(w[0]! * u + w[1]! * v, w[2]! * u + w[3]! * v);
  });
  expect(Math.max(...lengths)).toBeLessThanOrEqual(most + 1e-12);
  expect(Math.max(...lengths)).toBeCloseTo(most, 3);
  expect(Math.min(...lengths)).toBeCloseTo(least, 3);
});

test("what a link says wrongly is that of the first matrix", () => {
  expect(readMatrix({ rows: 1e9, columns: 3, factors: 2.5, initializer: "mine", signal: 1 })).toEqual({
    ...FIRST_MATRIX,
    columns: 3,
    signal: 1,
  });
});
