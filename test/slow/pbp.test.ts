/**
 * @file Probabilistic backpropagation on diabetes (442 patients, Efron et al. 2004): a NumPy program of the method reaches a root mean squared error of
 * 55.45 ± 1.41 and a log-likelihood of -5.456 ± 0.031 over 20 random splits.
 */
import { expect, test } from "vitest";
import { onSplits } from "../uci.ts";
import "../../src/runtime/evaluate.ts";

test("diabetes, five splits", () => {
  const { rmse, logLikelihood } = onSplits(new URL("../fixtures/diabetes.csv", import.meta.url), 5);
  expect(Math.abs(rmse.mean - 55.45)).toBeLessThan(2 * Math.hypot(1.41, rmse.error));
  expect(Math.abs(logLikelihood.mean + 5.456)).toBeLessThan(2 * Math.hypot(0.031, logLikelihood.error));
});
