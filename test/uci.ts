/** @file Tables of numbers with the target in the last column, and probabilistic backpropagation on random splits of them. */
import { readFileSync } from "node:fs";
import { keyOf, permutation } from "../src/math/random.ts";
import { tensor } from "../src/ops/create.ts";
import { pbp } from "../src/train/pbp.ts";

export interface Figure {
  readonly mean: number;
  /** Standard error of the mean. */
  readonly error: number;
}

function figure(values: readonly number[]): Figure {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return { mean, error: Math.sqrt(variance / values.length) };
}

const isNumbers = (row: readonly number[]): boolean => row.every((x) => !Number.isNaN(x));

/** Rows of numbers; a line of names is left out. */
function table(file: URL): number[][] {
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => line.trim().split(/[,\s]+/).map(Number)).filter(isNumbers); // biome-ignore format: one chain
}

/** Root mean squared error and log-likelihood of a network of 50 units after 40 passes, over random splits of 90 and 10 %. */
export function onSplits(file: URL, splits: number): { rmse: Figure; logLikelihood: Figure } {
  const rows = table(file);
  const d = rows[0]!.length - 1;
  const part = (indices: readonly number[]) => ({
    x: tensor(Float64Array.from(indices.flatMap((i) => rows[i]!.slice(0, d))), { shape: [indices.length, d] }),
    y: tensor(Float64Array.from(indices, (i) => rows[i]![d]!)),
  });
  const results = Array.from({ length: splits }, (_, seed) => {
    const order = Array.from(permutation(keyOf(100 + seed), rows.length).dataSync());
    const cut = Math.round(0.9 * rows.length);
    const [train, test] = [part(order.slice(0, cut)), part(order.slice(cut))];
    return pbp(train.x, train.y, { seed }).measure(test.x, test.y);
  });
  return { rmse: figure(results.map(({ rmse }) => rmse)), logLikelihood: figure(results.map(({ logLikelihood }) => logLikelihood)) };
}
