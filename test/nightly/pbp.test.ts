/**
 * @file Probabilistic backpropagation on the sets of UCI that the paper uses, 20 random splits each: at most the published error plus two standard errors
 * (Hernández-Lobato & Adams 2015, Table 1, as quoted by Lakshminarayanan et al. 2017, Table 1).
 */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { onSplits } from "../uci.ts";
import "../../src/runtime/evaluate.ts";

const folder = new URL("../../../shared/data/uci/", import.meta.url);
const PUBLISHED = [
  ["yacht", 1.02, 0.05, -1.63, 0.02],
  ["energy", 1.8, 0.05, -2.04, 0.02],
  ["concrete", 5.67, 0.09, -3.16, 0.02],
  ["wine-quality-red", 0.64, 0.01, -0.97, 0.01],
  ["power-plant", 4.12, 0.03, -2.84, 0.01],
] as const;

test.skipIf(!existsSync(folder)).each(PUBLISHED)("%s", (name, rmse, rmseError, logLikelihood, likelihoodError) => {
  const found = onSplits(new URL(`${name}.txt`, folder), 20);
  console.log(
    `${name}: RMSE ${found.rmse.mean.toFixed(3)} ± ${found.rmse.error.toFixed(3)}, log-likelihood ${found.logLikelihood.mean.toFixed(3)} ± ${found.logLikelihood.error.toFixed(3)}`,
  );
  expect(found.rmse.mean).toBeLessThanOrEqual(rmse + 2 * Math.hypot(rmseError, found.rmse.error));
  expect(found.logLikelihood.mean).toBeGreaterThanOrEqual(logLikelihood - 2 * Math.hypot(likelihoodError, found.logLikelihood.error));
});
