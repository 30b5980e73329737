/** @file The room Norm: what it shows is what the lectures print and what the library's own layers, optimizers and folds give. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { backward } from "../../src/function/derivative.ts";
import { BatchNorm1d } from "../../src/nn/batch-norm.ts";
import { Dropout } from "../../src/nn/dropout.ts";
import { foldBatchNorm } from "../../src/nn/fold.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Parameter } from "../../src/nn/parameter.ts";
import { eye, ones, tensor, zeros } from "../../src/ops/create.ts";
import { proximalL1 } from "../../src/optim/proximal.ts";
import { SGD } from "../../src/optim/sgd.ts";
import { bagging, fitting } from "../../src/studio/worker/fitting.ts";
import { masks } from "../../src/studio/worker/masks.ts";
import {
  FEATURES_SHOWN,
  FIRST_BAGGING,
  FIRST_DROPOUT,
  FIRST_FITTING,
  FIRST_NORMS,
  FIRST_PENALTIES,
  MASKED_UNITS,
  readBagging,
  readDropout,
  readFitting,
  readNorms,
  readPenalties,
  withExamples,
} from "../../src/studio/worker/norm-choice.ts";
import { averages, norms } from "../../src/studio/worker/norms.ts";
import { matricesOf, penalties } from "../../src/studio/worker/penalties.ts";

const N = FEATURES_SHOWN;
const column = (values: readonly number[], j: number): number[] => values.filter((_, i) => i % N === j);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const variance = (values: readonly number[]): number => mean(values.map((x) => (x - mean(values)) ** 2));

test("in training each column has mean β and spread |γ|", () => {
  const { training } = norms({ ...FIRST_NORMS, eps: 0, gamma: [1, 2, -1, 0.5], beta: [0, 1, -2, 0.5] });
  for (const [j, [gamma, beta]] of [
    [1, 0],
    [2, 1],
    [-1, -2],
    [0.5, 0.5],
  ].entries()) {
    expect(mean(column(training, j))).toBeCloseTo(beta!, 6);
    expect(Math.sqrt(variance(column(training, j)))).toBeCloseTo(Math.abs(gamma!), 6);
  }
});

test("moving averages come to the mean and to m/(m - 1) of the variance; evaluation is the folded line", () => {
  for (const m of [2, 8, 12]) {
    const values = withExamples(FIRST_NORMS.values, m);
    const found = norms({ ...FIRST_NORMS, values, batches: 100, momentum: 0.5, gamma: [1, 2, -1, 0.5], beta: [0, 1, -2, 0.5] });
    for (let j = 0; j < N; j++) {
      expect(found.runningMean[j]).toBeCloseTo(mean(column(values, j)), 5);
      expect(found.runningVar[j]! / found.variance[j]!).toBeCloseTo(m / (m - 1), 4);
    }
    expect(found.folded).toBeLessThan(1e-6);
    for (const [i, y] of found.evaluation.entries()) expect(found.scale[i % N]! * values[i]! + found.shift[i % N]!).toBeCloseTo(y, 6);
    expect(found.biased).toBeCloseTo((m - 1) / m, 1);
    expect(Math.abs(found.biased - (m - 1) / m)).toBeLessThan(0.03);
    expect(Math.abs(found.unbiased - 1)).toBeLessThan(0.05);
  }
});

test("the folded line is the library's fold of the layer", () => {
  const found = norms(FIRST_NORMS);
  const norm = new BatchNorm1d(N);
  const x = tensor([...FIRST_NORMS.values], { dtype: "f64" }).reshape([-1, N]);
  for (let i = 0; i < FIRST_NORMS.batches; i++) norm.forward(x);
  const plain = new Linear(N, N, { weightInitializer: () => eye(N), biasInitializer: () => zeros([N]) });
  const folded = foldBatchNorm(plain, norm) as Linear;
  const weights = Array.from(folded.weight.value.dataSync());
  for (let j = 0; j < N; j++) {
    expect(found.scale[j]).toBeCloseTo(weights[j * N + j]!, 6);
    expect(found.shift[j]).toBeCloseTo(Array.from(folded.bias!.value.dataSync())[j]!, 6);
  }
});

test("layer norm: whatever z, mean 0 and length √n; at ε = 0 the lecture's form is the layer", () => {
  for (const values of [FIRST_NORMS.values, FIRST_NORMS.values.map((z) => Math.max(-6, Math.min(6, 5 - z)))]) {
    const found = norms({ ...FIRST_NORMS, values, eps: 0, gamma: [1, 2, -1, 0.5], beta: [0, 1, -2, 0.5] });
    for (const each of found.normedMean) expect(Math.abs(each)).toBeLessThan(1e-12);
    for (const each of found.length) expect(each).toBeCloseTo(Math.sqrt(N), 12);
    expect(found.forms).toBeLessThan(1e-6);
    expect(norms({ ...FIRST_NORMS, values, eps: 1 }).forms).toBeGreaterThan(0.01);
  }
});

test("an example, or a feature, whose values are all one is no number at ε = 0 and 0 above it", () => {
  const values = FIRST_NORMS.values.map((z, i) => (i < N ? 1 : z));
  expect(norms({ ...FIRST_NORMS, values }).layer.slice(0, N)).toEqual([0, 0, 0, 0]);
  expect(norms({ ...FIRST_NORMS, values: values.map(() => 1) }).training.every((y) => y === 0)).toBe(true);
});

test("moving averages in training: the bias grows without end and the loss stays; the batch's own statistics hold it", () => {
  const { moving, own, losses } = averages();
  expect(Math.abs(moving[199]!)).toBeGreaterThan(20);
  expect(Math.abs(moving[99]!)).toBeGreaterThan(10);
  expect(losses[199]!).toBeGreaterThan(0.9);
  expect(Math.max(...own.map(Math.abs))).toBeLessThan(1e-9);
});

test("L1 comes into the corner, exactly; L2 never does; the optimum is that of SGD with the proximal step", () => {
  const l1 = penalties(FIRST_PENALTIES);
  expect(l1.weights[0]).toBe(0);
  expect(l1.weights[1]).toBeGreaterThan(0.5);
  const l2 = penalties({ ...FIRST_PENALTIES, kind: "l2" });
  for (const w of l2.weights) expect(Math.abs(w)).toBeGreaterThan(0.05);
  for (const lambda of [0.4, 1.2]) {
    const { weights } = penalties({ ...FIRST_PENALTIES, lambda });
    const w = new Parameter(zeros([2], "f64"), "w");
    const optimizer = new SGD([w], { lr: 0.5 });
    const c = FIRST_PENALTIES.correlation;
    const gram = tensor(
      [
        [1, c],
        [c, 1],
      ],
      { dtype: "f64" },
    );
    const best = tensor([...FIRST_PENALTIES.optimum], { dtype: "f64" });
    for (let i = 0; i < 120; i++) {
      const { grads } = backward(() => {
        const away = w.value.sub(best);
        return away.mul(away.matmul(gram)).sum().mul(0.5);
      }, [w]);
      optimizer.step(grads);
      proximalL1(optimizer, lambda);
      w.value.dataSync();
    }
    for (const [i, each] of Array.from(w.value.dataSync()).entries()) expect(weights[i]).toBeCloseTo(each, 6);
  }
});

test("λ inside the sum over the examples is N times λ outside of it", () => {
  const [inside, outside] = [true, false].map((isInside) => penalties({ ...FIRST_PENALTIES, isInside, examples: 25 }).strength);
  expect(inside! / outside!).toBeCloseTo(25, 12);
  expect(penalties({ ...FIRST_PENALTIES, isInside: false, lambda: 3, examples: 2 }).weights).toEqual(
    penalties({ ...FIRST_PENALTIES, lambda: 1.5 }).weights,
  );
});

test("of twenty weights L1 makes the 17 useless ones exactly 0, L2 none; the useful ones stay", () => {
  const l1 = penalties({ ...FIRST_PENALTIES, lambda: 0.2 }).sparse;
  expect(l1.slice(3).filter((w) => w === 0).length).toBe(17);
  expect(l1[0]).toBeGreaterThan(2.5);
  const l2 = penalties({ ...FIRST_PENALTIES, kind: "l2", lambda: 0.2 }).sparse;
  expect(l2.filter((w) => w === 0).length).toBe(0);
});

test("no matrix has a spectral norm above its Frobenius norm; they are one where the rank is one", () => {
  const weights = Array.from({ length: 2 * 8 + 8 + 8 + 1 }, (_, i) => Math.sin(3 * i));
  const found = matricesOf({ weights, widths: [2, 8, 1] });
  expect(found.map(({ shape }) => shape)).toEqual([
    [8, 2],
    [1, 8],
  ]);
  const squares = (part: readonly number[]): number => Math.sqrt(part.reduce((sum, w) => sum + w * w, 0));
  expect(found[0]!.frobenius).toBeCloseTo(squares(weights.slice(0, 16)), 12);
  expect(found[1]!.frobenius).toBeCloseTo(squares(weights.slice(24, 32)), 12);
  expect(found[0]!.spectral).toBeLessThan(found[0]!.frobenius);
  expect(found[1]!.spectral).toBeCloseTo(found[1]!.frobenius, 12);
});

test("dropout: 1,024 sub-networks whose chances add up; the masks' mean comes to theirs; linear units' mean is weight scaling", () => {
  const found = masks(FIRST_DROPOUT);
  expect(found.all.length).toBe(2 ** MASKED_UNITS);
  expect(found.chances.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
  const spread = Math.sqrt(found.all.reduce((sum, y, i) => sum + found.chances[i]! * (y - found.mean) ** 2, 0));
  expect(Math.abs(mean(found.outputs) - found.mean)).toBeLessThan((4 * spread) / Math.sqrt(1000));
  expect(found.geometric).toBeLessThan(1e-12);
  const kept = (from: number, to: number): number => mean(found.masks.flatMap((mask) => mask.slice(from, to).map(Number)));
  expect(Math.abs(kept(0, 4) - 0.8)).toBeLessThan(0.03);
  expect(Math.abs(kept(4, 10) - 0.5)).toBeLessThan(0.03);
  const linear = masks({ ...FIRST_DROPOUT, isLinear: true });
  expect(linear.mean).toBeCloseTo(linear.scaled, 12);
  expect(Math.abs(found.mean - found.scaled)).toBeGreaterThan(1e-3);
  // Each mask is one of the sub-networks.
  const place = found.masks[7]!.reduce((sum, isKept, bit) => sum + (isKept ? 2 ** bit : 0), 0);
  expect(found.outputs[7]).toBeCloseTo(found.all[place]!, 12);
});

test("the layer scales what it keeps as the room does", () => {
  const layer = new Dropout(0.5);
  const kept = Array.from(layer.forward(ones([1000])).dataSync());
  expect(new Set(kept)).toEqual(new Set([0, 2]));
  expect(masks({ ...FIRST_DROPOUT, keepInput: 1, keepHidden: 1 }).outputs.every((y, _, all) => y === all[0])).toBe(true);
});

test("a resample holds 63.2 % of many examples; the mean of models errs less than they do", () => {
  const found = bagging(FIRST_BAGGING);
  expect(found.shares.at(-1)).toEqual([10000, expect.closeTo(0.632, 1)]);
  expect(Math.abs(found.shares.at(-1)![1] - (1 - Math.exp(-1)))).toBeLessThan(0.01);
  for (const { counts } of found.members) expect(counts.reduce((a, b) => a + b, 0)).toBe(FIRST_BAGGING.examples);
  const errors = found.members.map(({ testError }) => testError);
  expect(found.byMembers[0]).toBeCloseTo(errors[0]!, 12);
  expect(found.byMembers.at(-1)).toBeLessThan(mean(errors));
  const curves = found.members.map(({ curve }) => curve[80]!);
  expect(found.curve[80]).toBeCloseTo(mean(curves), 12);
});

test("too much capacity: a gap, the verdict says so, and each remedy makes it smaller; too little: an error on the training points", () => {
  const first = fitting(FIRST_FITTING);
  const gap = ({ trainError, testError }: { trainError: number; testError: number }): number => testError - trainError;
  expect(first.verdict).toBe("over-fitting");
  for (const remedy of [{ lambda: 0.003 }, { examples: 60 }, { degree: 5 }])
    expect(gap(fitting({ ...FIRST_FITTING, ...remedy })), JSON.stringify(remedy)).toBeLessThan(gap(first));
  expect(fitting({ ...FIRST_FITTING, degree: 1 }).verdict).toBe("under-fitting");
  expect(fitting({ ...FIRST_FITTING, degree: 5, examples: 120 }).verdict).toBe("good fit");
  expect(first.degrees[13]![0]).toBeLessThan(1e-3);
  expect(first.degrees[13]![1]).toBeGreaterThan(0.5);
  expect(first.degrees[2]![1]).toBeLessThan(0.12);
  for (const [i, [error]] of first.degrees.entries()) if (i > 0) expect(error).toBeLessThanOrEqual(first.degrees[i - 1]![0] + 1e-9);
  expect(first.trainError).toBe(first.degrees[FIRST_FITTING.degree - 1]![0]);
});

test("what a link says wrongly is left out", () => {
  expect(readNorms({ mode: "magic", values: [1, 2, 3], gamma: [9, 0, 0, 0], eps: -1, batches: 0.5, momentum: 0, more: 1 })).toEqual(
    FIRST_NORMS,
  );
  expect(readNorms({ values: new Array(4).fill(1) })).toEqual(FIRST_NORMS);
  expect(readNorms({ values: new Array(52).fill(1) })).toEqual(FIRST_NORMS);
  expect(readPenalties({ kind: "l3", lambda: -1, isInside: 1, examples: 0, optimum: [1], correlation: 1 })).toEqual(FIRST_PENALTIES);
  expect(readDropout({ keepInput: 0, keepHidden: 2, mask: 0, seed: 1.5, isLinear: "no" })).toEqual(FIRST_DROPOUT);
  expect(readFitting({ degree: 15, examples: 1, lambda: 1, bags: 0, seed: -1 })).toEqual(FIRST_FITTING);
  expect(readBagging(null)).toEqual(FIRST_BAGGING);
});
