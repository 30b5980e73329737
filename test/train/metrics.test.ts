/** @file Metrics that keep no outputs, against plain formulas over all of them. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import { Linear, Sequential } from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import {
  Accuracy,
  ConfusionMatrix,
  confusionTable,
  evaluate,
  type Metric,
  predict,
  predictOutputs,
  Regression,
  RocAuc,
  scores,
  TopK,
  usualMetrics,
} from "../../src/train/index.ts";
import { few, makeModel } from "./small.ts";

const N = 90;
const C = 7;
const logits = normal(keyOf(1), [N, C]).mul(3);
const classes = Int32Array.from({ length: N }, (_, i) => (i * i + i) % C);
const rows = Array.from({ length: N }, (_, i) => [...logits.narrow(0, i, 1).reshape([C]).dataSync()]);

/** A metric of three batches of different sizes, by a compiled program, after a run whose sums must not count. */
async function measure<T>(metric: Metric<T>, outputs: Tensor, targets: Tensor): Promise<T> {
  const add = compile((x: Tensor, y: Tensor) => metric.add(x, y));
  add(outputs.narrow(0, 0, 5), targets.narrow(0, 0, 5));
  metric.reset();
  for (const [at, n] of [
    [0, 40],
    [40, 40],
    [80, outputs.shape[0] - 80],
  ])
    add(outputs.narrow(0, at, n), targets.narrow(0, at, n));
  return metric.read();
}

const y = tensor(classes);

describe("classification", () => {
  const ranks = rows.map((row, i) => row.filter((z) => z > row[classes[i]]).length);

  test.each([1, 2, 5])("top-%i", async (k) => {
    expect(await measure(new TopK(k), logits, y)).toBeCloseTo(ranks.filter((r) => r < k).length / N, 12);
  });

  test("of outputs that are all equal the first class wins, as with argmax", async () => {
    const equal = tensor(Int32Array.of(0, 1, 2, 0, 0));
    const metric = new Accuracy();
    metric.add(logits.narrow(0, 0, 5).mul(0), equal);
    expect(await metric.read()).toBeCloseTo(3 / 5, 12);
  });

  test("the confusion matrix is the table of all predictions", async () => {
    const predicted = rows.map((row) => row.indexOf(Math.max(...row)));
    expect(await measure(new ConfusionMatrix(C), logits, y)).toEqual(confusionTable(predicted, classes, C));
  });

  test("precision, recall and F1, as scikit-learn's classification_report defines them", () => {
    // Its own example: y_true 0 1 2 2 2, y_pred 0 0 2 2 1.
    const report = scores(confusionTable([0, 0, 2, 2, 1], [0, 1, 2, 2, 2], 3));
    expect(report.perClass.map(({ precision, recall, f1, support }) => [precision, recall, f1, support])).toEqual([
      [0.5, 1, 2 / 3, 1],
      [0, 0, 0, 1],
      [1, 2 / 3, 0.8, 3],
    ]);
    expect(report.accuracy).toBeCloseTo(0.6, 12);
    expect(report.macro.precision).toBeCloseTo(0.5, 12);
    expect(report.macro.recall).toBeCloseTo(5 / 9, 12);
    expect(report.macro.f1).toBeCloseTo(22 / 45, 12);
    expect(report.weighted.precision).toBeCloseTo(0.7, 12);
    expect(report.weighted.f1).toBeCloseTo(46 / 75, 12);
    expect(report.micro).toEqual({ precision: 0.6, recall: 0.6, f1: 0.6 });
  });
});

describe("ROC-AUC", () => {
  /** All pairs. */
  const exact = (score: readonly number[], own: readonly boolean[]): number => {
    let [won, all] = [0, 0];
    score.forEach((s, i) => {
      score.forEach((t, j) => {
        if (!own[i] || own[j]) return;
        all++;
        won += s > t ? 1 : s === t ? 0.5 : 0;
      });
    });
    return won / all;
  };
  const odds = (row: readonly number[], c: number): number =>
    row[c] - Math.log(row.reduce((sum, z, j) => sum + (j === c ? 0 : Math.exp(z)), 0));

  test("of each class is exact within the error it states", async () => {
    const { perClass, macro, error } = await measure(new RocAuc(C), logits, y);
    expect(error).toBeLessThan(2e-3);
    perClass.forEach((area, c) => {
      if (area === null) return;
      const want = exact(
        rows.map((row) => odds(row, c)),
        [...classes].map((k) => k === c),
      );
      expect(Math.abs(area - want)).toBeLessThanOrEqual(error + 1e-9);
    });
    // i² + i takes the values 0, 2, 5, 6 modulo 7 only.
    expect(perClass.map((area) => area === null)).toEqual([false, true, false, true, true, false, false]);
    const known = perClass.filter((area) => area !== null);
    expect(macro).toBeCloseTo(known.reduce((a, b) => a + b) / known.length, 12);
  });

  test("coarse bins have a large error, and the truth lies within it", async () => {
    const { perClass, error } = await measure(new RocAuc(C, { bins: 8 }), logits, y);
    const want = exact(
      rows.map((row) => odds(row, 0)),
      [...classes].map((k) => k === 0),
    );
    expect(error).toBeGreaterThan(0.01);
    expect(Math.abs(perClass[0]! - want)).toBeLessThanOrEqual(error);
  });

  test("of a certain and right classifier is 1, of a blind one a half", async () => {
    const pair = tensor(Int32Array.from({ length: 90 }, (_, i) => i % 2));
    const sure = pair
      .cast("f32")
      .sub(0.5)
      .mul(80)
      .unsqueeze(1)
      .mul(tensor([[-1, 1]]));
    expect((await measure(new RocAuc(2), sure, pair)).perClass).toEqual([1, 1]);
    expect(await measure(new RocAuc(2), sure.mul(0), pair)).toMatchObject({ perClass: [0.5, 0.5], error: 0.5 });
  });
});

describe("regression", () => {
  test("MAE, MSE, R² of two target values, one with a mean far from 0", async () => {
    const target = normal(keyOf(2), [N, 2]).add(tensor([[0, 1000]]));
    const output = target.add(normal(keyOf(3), [N, 2]).mul(0.3));
    const [t, o] = [target, output].map((x) => [...x.dataSync()]);
    const column = (values: readonly number[], k: number): number[] => values.filter((_, i) => i % 2 === k);
    const r2 = [0, 1].map((k) => {
      const [a, b] = [column(t, k), column(o, k)];
      const mean = a.reduce((s, v) => s + v) / N;
      return 1 - a.reduce((s, v, i) => s + (v - b[i]) ** 2, 0) / a.reduce((s, v) => s + (v - mean) ** 2, 0);
    });
    const errors = await measure(new Regression(2), output, target);
    expect(errors.mae).toBeCloseTo(t.reduce((s, v, i) => s + Math.abs(v - o[i]), 0) / (2 * N), 10);
    expect(errors.mse).toBeCloseTo(t.reduce((s, v, i) => s + (v - o[i]) ** 2, 0) / (2 * N), 10);
    expect(errors.rmse).toBeCloseTo(Math.sqrt(errors.mse), 12);
    expect(errors.r2).toBeCloseTo((r2[0] + r2[1]) / 2, 10);
  });

  test("a target that never changes", async () => {
    const constant = tensor(new Float32Array(N).fill(4), { shape: [N, 1] });
    expect((await measure(new Regression(), constant, constant)).r2).toBe(1);
    expect((await measure(new Regression(), constant.add(1), constant)).r2).toBe(0);
  });
});

describe("evaluate", () => {
  test("measures what is asked for, in one pass, next to loss and accuracy", async () => {
    const model = makeModel();
    const result = await evaluate(model, few, few.test, { best: new TopK(1), third: new TopK(3), table: new ConfusionMatrix(10) });
    expect(result.best).toBe(result.accuracy);
    expect(result.third).toBeGreaterThan(result.best);
    expect(scores(result.table).accuracy).toBeCloseTo(result.accuracy!, 12);
    expect(Object.keys(await evaluate(model, few, few.test, usualMetrics(few)))).toEqual(["loss", "accuracy", "top5", "confusion", "auc"]);
    expect(result.table).toEqual(confusionTable(await predict(model, few), few.test.targets, 10));
    expect(model.training).toBe(true);
  });

  test("predictions come example by example, as the model gives them", async () => {
    const model = new Sequential(new Linear(2, 3));
    const points = { inputs: Float32Array.of(1, 2, 3, 4), count: 2 };
    const like = { ...few, inputShape: [2] };
    const want = model.forward(tensor([[1, 2], [3, 4]])).dataSync(); // biome-ignore format: a matrix
    expect([...(await predictOutputs(model, like, points))]).toEqual([...want]);
  });
});
