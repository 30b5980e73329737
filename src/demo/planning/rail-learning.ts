/**
 * @file What a classifier learns for a decision: probabilities by cross entropy, their calibration by isotonic regression (Zadrozny & Elkan 2002), and training
 * through a relaxed decision, whose cost is differentiable.
 */
import { compile } from "../../function/compile.ts";
import { backward } from "../../function/derivative.ts";
import { binaryCrossEntropyWithLogits } from "../../math/loss.ts";
import { keyOf, permutation } from "../../math/random.ts";
import { softmin } from "../../math/softmax.ts";
import { Conv2d, Flatten, type Layer, Linear, MaxPool2d, ReLU, Sequential } from "../../nn/index.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Adam } from "../../optim/adam.ts";
import { type RailImages, SIDE } from "./rail-images.ts";
import { costOf, type Policy, policiesOver, RAIL } from "./rail-plan.ts";

/** The loss of answers [N], in logits, for truths [N] of 0 and 1. */
export type RailLoss = (logits: Tensor, truth: Tensor) => Tensor;

export const crossEntropyLoss: RailLoss = (logits, truth) => binaryCrossEntropyWithLogits(logits, truth);

/** A small network for pictures of rails; one logit. */
export const railNetwork = (): Layer =>
  new Sequential(
    new Conv2d(1, 8, 3, { padding: 1, stride: 2 }),
    new ReLU(),
    new Conv2d(8, 16, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(16 * 64, 32),
    new ReLU(),
    new Linear(32, 1),
  );

/** Trains on batches of 50. */
export function trainRails(
  model: Layer,
  { pixels, defective, count }: RailImages,
  loss: RailLoss,
  { epochs, lr, seed }: { readonly epochs: number; readonly lr: number; readonly seed: number },
): void {
  const optimizer = new Adam(model.parameters(), { lr });
  const x = tensor(pixels, { shape: [count, 1, SIDE, SIDE] });
  const y = tensor(Float32Array.from(defective));
  const batch = 50;
  const step = compile((inputs: Tensor, truth: Tensor, rows: Tensor) => {
    const { value, grads } = backward(
      () => loss(model.forward(inputs.take(rows, 0)).squeeze(1), truth.take(rows, 0)),
      optimizer.parameters,
    );
    optimizer.step(grads);
    return value;
  });
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = permutation(keyOf(1000 * seed + epoch), count).dataSync();
    for (let at = 0; at + batch <= count; at += batch) step(x, y, tensor(Int32Array.from(order.subarray(at, at + batch))));
  }
}

/** Probabilities of a defect. */
export function probabilities(model: Layer, { pixels, count }: RailImages): Float64Array {
  const logits = model.forward(tensor(pixels, { shape: [count, 1, SIDE, SIDE] })).squeeze(1);
  return Float64Array.from(logits.dataSync(), (z) => 1 / (1 + Math.exp(-z)));
}

/** What a policy costs beside its own work: a share of the closure of its line, about what two segments pay that are treated together. */
export const SHARE: number = RAIL.closure / 2;

/** Expected costs of all policies, [N, K], for probabilities [N]: `expectedCost`, and the share of the closure. */
export function policyCosts(defect: Tensor, policies: readonly Policy[], weeks: number): Tensor {
  const shape = [defect.shape[0]!, policies.length];
  const row = (state: number): Tensor =>
    tensor(Float32Array.from(policies, (policy) => costOf(policy, state, weeks) + (policy.action === "none" ? 0 : SHARE)))
      .unsqueeze(0)
      .broadcastTo(shape);
  const p = defect.unsqueeze(1).broadcastTo(shape);
  return p.mul(row(1)).add(p.neg().add(1).mul(row(0)));
}

/**
 * The cost of a relaxed decision: each policy is taken with a weight, larger the less it seems to cost, and paid by the true state. At temperature 0 it is the cost of
 * the decision itself, whose derivative is 0 nearly everywhere.
 */
export function decisionLoss(weeks: number, temperature: number): RailLoss {
  const policies = policiesOver(weeks);
  return (logits, truth) => {
    const weights = softmin(policyCosts(logits.sigmoid(), policies, weeks).div(temperature), 1);
    return weights
      .mul(policyCosts(truth, policies, weeks))
      .sum(1)
      .mean();
  };
}

/** A monotone function of a score, as steps. */
export type Isotonic = (score: number) => number;

/** The non-decreasing function of the scores that is nearest to the truths in squares: pool adjacent violators (Ayer et al. 1955). */
export function isotonic(scores: ArrayLike<number>, truths: ArrayLike<number>): Isotonic {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  const pools: { from: number; sum: number; count: number }[] = [];
  for (const i of order) {
    pools.push({ from: scores[i]!, sum: truths[i]!, count: 1 });
    for (;;) {
      const [before, last] = pools.slice(-2);
      if (!last || before!.sum / before!.count < last.sum / last.count) break;
      pools.splice(-2, 2, { from: before!.from, sum: before!.sum + last.sum, count: before!.count + last.count });
    }
  }
  return (score) => {
    const pool = pools.findLast(({ from }) => from <= score) ?? pools[0]!;
    return pool.sum / pool.count;
  };
}

/** Share of right answers at a threshold. */
export const accuracy = (scores: ArrayLike<number>, truths: ArrayLike<number>, threshold = 0.5): number =>
  Array.from(scores).filter((p, i) => p > threshold === (truths[i] === 1)).length / scores.length;

/** Expected calibration error over ten equal ranges of the probability (Naeini et al. 2015). */
export function calibrationError(scores: ArrayLike<number>, truths: ArrayLike<number>): number {
  const bins = Array.from({ length: 10 }, () => ({ count: 0, scores: 0, truths: 0 }));
  for (let i = 0; i < scores.length; i++) {
    const bin = bins[Math.min(9, Math.floor(10 * scores[i]!))]!;
    bin.count++;
    bin.scores += scores[i]!;
    bin.truths += truths[i]!;
  }
  return bins.reduce((sum, { scores: said, truths: were }) => sum + Math.abs(said - were) / scores.length, 0);
}
