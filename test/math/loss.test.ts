/** @file Losses (OPT-4): how they hang together, reductions, extremes; CTC against a sum over all alignments. Values against PyTorch: test/golden. */
import { expect, test } from "vitest";
import { grad } from "../../src/function/derivative.ts";
import { ctcLoss } from "../../src/math/ctc.ts";
import { cosineSimilarity, pairwiseDistance } from "../../src/math/distance.ts";
import * as L from "../../src/math/loss.ts";
import * as M from "../../src/math/margin-loss.ts";
import { logSoftmax, softmax } from "../../src/math/softmax.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose, f64, onBothBackends } from "../function/backends.ts";

const i32 = (...values: number[]): Tensor => tensor(Int32Array.from(values));

onBothBackends("losses", () => {
  const logits = f64([
    [1, -2, 0.5],
    [0, 3, 1],
    [2, 2, -1],
  ]);
  const classes = i32(0, 2, 1);
  const [x, target] = [f64([0.2, -1, 3, 0]), f64([0, 1, 1, 0.5])];

  test("OPT-4: mean and sum are those of the terms", () => {
    for (const loss of [L.mseLoss, L.l1Loss, L.huberLoss, L.smoothL1Loss, L.logCoshLoss]) {
      const terms = loss(x, target, { reduction: "none" });
      expectClose(loss(x, target), terms.mean());
      expectClose(loss(x, target, { reduction: "sum" }), terms.sum());
    }
    expectClose(L.mseLoss(x, target, { reduction: "none" }), [0.04, 4, 4, 0.25]);
  });

  test("at NaN the slopes of Huber and smooth L1 are NaN, at infinity 1", () => {
    for (const loss of [L.huberLoss, L.smoothL1Loss]) {
      const slope = grad((v: Tensor) => loss(v, f64([0, 0, 0]), { reduction: "sum" }))(f64([Number.NaN, Number.POSITIVE_INFINITY, 0.25]));
      expect(elements(slope)).toEqual([Number.NaN, 1, 0.25]);
    }
  });

  test("Huber is δ times smooth L1, quadratic inside and linear outside", () => {
    expectClose(L.huberLoss(x, target, { delta: 0.7 }), L.smoothL1Loss(x, target, { beta: 0.7 }).mul(0.7));
    expectClose(L.huberLoss(x, target, { delta: 100 }), L.mseLoss(x, target).mul(0.5));
    expectClose(L.smoothL1Loss(x, target, { beta: 0 }), L.l1Loss(x, target));
  });

  test("OPT-4: cross-entropy is nll of log softmax, with classes or their one-hot rows", () => {
    expectClose(L.crossEntropy(logits, classes), L.nllLoss(logSoftmax(logits, 1), classes));
    expectClose(L.crossEntropy(logits, classes), L.crossEntropy(logits, classes.oneHot(3, "f64")));
    expectClose(L.crossEntropy(logits.select(0, 1), tensor(2, { dtype: "i32" })), L.crossEntropy(logits.narrow(0, 1, 1), i32(2)));
  });

  test("its gradient is softmax - target, over the batch", () => {
    const g = grad((z: Tensor) => L.crossEntropy(z, classes))(logits);
    expectClose(g, softmax(logits, 1).sub(classes.oneHot(3, "f64")).div(3));
  });

  test("class weights divide the mean; ignored targets count nowhere and get no gradient", () => {
    const weight = f64([1, 2, 4]);
    const terms = L.crossEntropy(logits, classes, { reduction: "none" });
    expectClose(
      L.crossEntropy(logits, classes, { weight }),
      terms
        .mul(f64([1, 4, 2]))
        .sum()
        .div(7),
    );
    const ignored = i32(0, -100, 1);
    expectClose(
      L.crossEntropy(logits, ignored),
      terms
        .mul(f64([1, 0, 1]))
        .sum()
        .div(2),
    );
    expectClose(
      L.crossEntropy(logits, classes, { ignoreIndex: 2 }),
      terms
        .mul(f64([1, 0, 1]))
        .sum()
        .div(2),
    );
    expect(elements(grad((z: Tensor) => L.crossEntropy(z, ignored))(logits).select(0, 1))).toEqual([0, 0, 0]);
  });

  test("label smoothing is cross-entropy with smoothed rows", () => {
    const rows = classes.oneHot(3, "f64").mul(0.7).add(0.1);
    expectClose(L.crossEntropy(logits, classes, { labelSmoothing: 0.3 }), L.crossEntropy(logits, rows));
  });

  test("a class outside the range is seen", () => {
    expect(() => L.crossEntropy(logits, i32(0, 3, 1))).toThrow("crossEntropy: class 3 at position 1 is out of range; there are 3");
  });

  test("binary cross-entropy of logits, of probabilities, and of two classes agree", () => {
    const t = f64([0, 1, 1, 0.5]);
    expectClose(L.binaryCrossEntropyWithLogits(x, t), L.binaryCrossEntropy(x.sigmoid(), t));
    const weights = { posWeight: f64(3), weight: f64([1, 2, 3, 4]) };
    const p = x.sigmoid();
    const byHand = p
      .log()
      .mul(t)
      .mul(3)
      .add(p.neg().add(1).log().mul(t.neg().add(1)))
      .neg()
      .mul(weights.weight)
      .mean();
    expectClose(L.binaryCrossEntropyWithLogits(x, t, weights), byHand);
    expectClose(L.sigmoidFocalLoss(x, t, { gamma: 0 }), L.binaryCrossEntropyWithLogits(x, t));
  });

  test("ACT-2: losses and gradients stay finite at ±1e4, in f32", () => {
    const far = tensor([1e4, -1e4, 0]);
    const t = tensor([0, 1, 1]);
    const signs = tensor([-1, 1, 1]);
    const cases: ((z: Tensor) => Tensor)[] = [
      (z) => L.binaryCrossEntropyWithLogits(z, t),
      (z) => L.binaryCrossEntropyWithLogits(z, t, { posWeight: tensor([2, 2, 2]) }),
      (z) => L.sigmoidFocalLoss(z, t),
      (z) => L.crossEntropy(z.unsqueeze(0), i32(1)),
      (z) => L.logCoshLoss(z, t),
      (z) => L.huberLoss(z, t),
      (z) => M.softMarginLoss(z, signs),
      (z) => M.multilabelSoftMarginLoss(z, t),
      (z) => M.hingeLoss(z, signs),
    ];
    for (const f of cases) for (const v of [f(far).itemSync(), ...elements(grad(f)(far))]) expect(v).toSatisfy(Number.isFinite);
    expectClose(L.binaryCrossEntropy(tensor([0, 1]), tensor([1, 0]), { reduction: "none" }), [100, 100]);
  });

  test("the divergence of a distribution from itself is 0, with 0·log 0 = 0", () => {
    const p = f64([[0.5, 0.5, 0]]);
    expectClose(L.klDiv(p.maximum(1e-300).log(), p, { reduction: "batchmean" }), 0);
    const q = softmax(logits, 1);
    expectClose(L.klDiv(q.log(), q), 0);
    expectClose(L.klDiv(logits, q.log(), { logTarget: true }), L.klDiv(logits, q));
  });

  test("overlap per example, of an empty batch too", () => {
    const p = f64([
      [
        [1, 0],
        [1, 1],
      ],
      [
        [0, 0],
        [0.5, 0],
      ],
    ]);
    const dice = L.diceLoss(p, p.mul(0).add(1), { reduction: "none", eps: 0 });
    expectClose(dice, [1 - 6 / 7, 1 - 1 / 4.5]);
    expect(L.diceLoss(p.narrow(0, 0, 0), p.narrow(0, 0, 0), { reduction: "none" }).shape).toEqual([0]);
  });

  test("likelihoods: Gaussian and Poisson", () => {
    const variance = f64([1, 4, 0.25, 1e-9]);
    const terms = L.gaussianNllLoss(x, target, variance, { full: true, reduction: "none" });
    expectClose(terms.select(0, 1), 0.5 * (Math.log(4) + 1 + Math.log(2 * Math.PI)));
    expectClose(terms.select(0, 3), 0.5 * (Math.log(1e-6) + 0.25 / 1e-6 + Math.log(2 * Math.PI)));
    const rows = f64([
      [1, 2],
      [3, 5],
    ]);
    const spread = f64([[0.5], [2]]);
    const perRow = (v: Tensor): Tensor => L.gaussianNllLoss(rows, rows.mul(0.5), v, { reduction: "none" });
    expectClose(perRow(spread.flatten()), perRow(spread));
    expect(() => perRow(f64([1, 1, 1]))).toThrow(/variances \[3\] do not fit \[2, 2\]/);
    expectClose(L.poissonNllLoss(x, target), L.poissonNllLoss(x.exp(), target, { logInput: false, eps: 0 }));
    const counts = f64([0, 1, 5, 20]);
    const full = L.poissonNllLoss(x, counts, { full: true, reduction: "none" }).sub(L.poissonNllLoss(x, counts, { reduction: "none" }));
    expectClose(full.narrow(0, 0, 2), [0, 0]);
    expectClose(full.select(0, 3), Math.log(2432902008176640000), 1e-3); // log 20!
  });

  test("margins: what lies beyond costs nothing", () => {
    const signs = f64([1, -1, 1, -1]);
    expectClose(M.hingeLoss(f64([2, -2, 0, 0.5]), signs, { reduction: "none" }), [0, 0, 1, 1.5]);
    expectClose(M.hingeEmbeddingLoss(f64([2, 3, 0.5, 0.4]), signs, { reduction: "none" }), [2, 0, 0.5, 0.6]);
    expectClose(M.multiMarginLoss(f64([[0.1, 0.2, 0.9]]), i32(2)), (0.2 + 0.3) / 3);
    expectClose(M.multiMarginLoss(f64([[0.1, 0.2, 0.9]]), i32(2), { p: 2, weight: f64([1, 1, 6]) }), ((0.04 + 0.09) * 6) / 3);
    expectClose(M.multiMarginLoss(f64([0.1, 0.2, 0.9]), tensor(2, { dtype: "i32" }), { reduction: "none" }), (0.2 + 0.3) / 3);
    expectClose(M.multilabelMarginLoss(f64([0.1, 0.2, 0.4, 0.8]), tensor(Int32Array.of(3, 0, -1, 1))), 0.85);
    // PyTorch's own example of multilabel_margin_loss.
    expectClose(M.multilabelMarginLoss(f64([[0.1, 0.2, 0.4, 0.8]]), tensor(Int32Array.of(3, 0, -1, 1), { shape: [1, 4] })), 0.85);
    const [a, b] = [f64([[1, 0]]), f64([[0, 2]])];
    expectClose(M.cosineEmbeddingLoss(a, a, f64([1])), 0);
    expectClose(M.cosineEmbeddingLoss(a, b, f64([-1]), { margin: -0.5 }), 0.5);
    expectClose(M.tripletMarginLoss(a, a, b, { eps: 0 }), 0);
    expectClose(M.tripletMarginLoss(a, b, a, { eps: 0 }), 1 + Math.sqrt(5));
    expectClose(cosineSimilarity(a, b), [0]);
  });

  test("the distance of equal vectors is 0 with derivative 0", () => {
    const a = f64([[1, 2]]);
    for (const p of [1, 1.5, 2, 3, Number.POSITIVE_INFINITY]) {
      const g = grad((t: Tensor) => pairwiseDistance(t, a, { p, eps: 0 }).sum())(a);
      expect(elements(g)).toEqual([0, 0]);
    }
  });
});

/** Probability of `target` by going through all paths of T frames. */
function byAlignments(p: readonly (readonly number[])[], target: readonly number[]): number {
  const classes = p[0]!.length;
  let sum = 0;
  for (let code = 0; code < classes ** p.length; code++) {
    const path = p.map((_, t) => Math.floor(code / classes ** t) % classes);
    const merged = path.filter((c, t) => c !== path[t - 1]).filter((c) => c !== 0);
    if (String(merged) === String(target)) sum += path.reduce((product, c, t) => product * p[t]![c]!, 1);
  }
  return sum;
}

onBothBackends("CTC", () => {
  const frames = 5;
  const logits = tensor(
    Float64Array.from({ length: frames * 4 * 3 }, (_, i) => 2 * Math.sin(i * 1.3)),
    { shape: [frames, 4, 3] },
  );
  const targets = tensor(Int32Array.of(1, 2, 1, 1, 2, 0, 0, 0), { shape: [4, 2] });
  const [inputLengths, targetLengths] = [i32(5, 3, 4, 2), i32(2, 2, 1, 0)];

  test("is minus the logarithm of a sum over all alignments, whatever the lengths", () => {
    const p = softmax(logits, 2);
    const got = ctcLoss(logSoftmax(logits, 2), targets, inputLengths, targetLengths, { reduction: "none" });
    const want = [
      [5, [1, 2]],
      [3, [1, 1]],
      [4, [2]],
      [2, []],
    ].map(([length, target], n) => {
      const rows = Array.from({ length: length as number }, (_, t) => elements(p.select(0, t).select(0, n)));
      return -Math.log(byAlignments(rows, target as number[]));
    });
    expectClose(got, want);
    const mean = want.reduce((s, v, n) => s + v / Math.max(1, [2, 2, 1, 0][n]!), 0) / 4;
    expectClose(ctcLoss(logSoftmax(logits, 2), targets, inputLengths, targetLengths), mean);
  });

  test("an impossible target costs infinity, or 0 if wished, and spoils no gradient", () => {
    const loss = (z: Tensor, zeroInfinity: boolean): Tensor =>
      ctcLoss(logSoftmax(z, 2), targets, i32(5, 2, 4, 2), targetLengths, { reduction: "none", zeroInfinity });
    expect(elements(loss(logits, false))[1]).toBe(Number.POSITIVE_INFINITY);
    expect(elements(loss(logits, true))[1]).toBe(0);
    expect(elements(grad((z: Tensor) => loss(z, true).sum())(logits)).every(Number.isFinite)).toBe(true);
  });
});

test("wrong calls say what they want", () => {
  expect(() => L.mseLoss(f64([1, 2]), f64([[1], [2]]))).toThrow("must have the same shape");
  expect(() => L.nllLoss(f64([[1, 2]]), f64([1]))).toThrow("must be class indices");
  expect(() => L.crossEntropy(f64([[1, 2]]), i32(0, 1))).toThrow("targets must be class indices [1]");
  expect(() => L.crossEntropy(f64([[1, 2]]), i32(0), { weight: f64([1, 2, 3]) })).toThrow("one per class");
});
