/** @file Points of the deep-learning notes on normalization, regularization and initialization. */
import { bootstrapIndices } from "../data/split.ts";
import { parameterCount } from "../inspect/cost.ts";
import { dropout } from "../math/dropout.ts";
import { crossEntropy } from "../math/loss.ts";
import { batchNorm, batchNormAffine, batchRenorm, populationStatistics } from "../math/normalization.ts";
import { keyOf } from "../math/random.ts";
import { softmax } from "../math/softmax.ts";
import { Dropout, initializers, type Layer, Linear, ReLU, Sequential } from "../nn/index.ts";
import { tensor } from "../ops/create.ts";
import { Adam } from "../optim/adam.ts";
import type { Demo } from "./demo.ts";
import {
  batchMoments,
  type Penalty,
  penalized,
  softmaxSubnetworks,
  sparseProblem,
  withBatchStatistics,
  withMovingAverages,
} from "./regularized.ts";
import { trained } from "./train-small.ts";
import { accuracyOf, digitExamples, type Examples } from "./units.ts";
import { distance, draw, f64, item } from "./values.ts";

/** Nets on a tenth of the digits: one alone, five bagged ones, and one with dropout. */
async function bagsAndMasks(): Promise<{ alone: number; bagged: number; dropped: number; parameters: number }> {
  const { train, test } = await digitExamples();
  const few: Examples = [train[0].narrow(0, 0, 90), train[1].narrow(0, 0, 90)];
  const fit = (examples: Examples, ...between: Layer[]): Layer => {
    const model = new Sequential(new Linear(64, 32), new ReLU(), ...between, new Linear(32, 10));
    trained(model, new Adam(model.parameters(), { lr: 0.01 }), examples, crossEntropy, 150);
    return model.eval();
  };
  const bags = Array.from({ length: 5 }, (_, i) => {
    const chosen = tensor(bootstrapIndices(90, i));
    return fit([few[0].take(chosen, 0), few[1].take(chosen, 0)]);
  });
  const votes = bags.map((model) => softmax(model.forward(test[0]), 1)).reduce((a, b) => a.add(b));
  const alone = fit(few);
  return {
    alone: accuracyOf(alone.forward(test[0]), test[1]),
    bagged: accuracyOf(votes, test[1]),
    dropped: accuracyOf(fit(few, new Dropout(0.5)).forward(test[0]), test[1]),
    parameters: parameterCount(alone),
  };
}

/** Weights of the sparse problem, in its order. */
const sparseWeights = (kind: Penalty): number[] => Array.from(penalized(sparseProblem(), kind, [0.2]).dataSync());

export const regularization: readonly Demo[] = [
  {
    name: "batch-norm",
    shows: "Algorithm 1: each channel of a batch has mean 0 and variance 1, then γ and β",
    document: "S3",
    rows: ["NRM-1"],
    run() {
      const x = draw(1, 200, 3).mul(5).add(2);
      const y = batchNorm(x, { training: true, eps: 0 }).y;
      const scaled = batchNorm(x, { training: true, eps: 0, weight: tensor([2, 2, 2], f64), bias: tensor([1, 1, 1], f64) }).y;
      return {
        facts: [
          { what: "largest mean", value: item(y.mean(0).abs().max()), expected: 0, within: 1e-12 },
          { what: "largest distance of a variance from 1", value: item(y.square().mean(0).sub(1).abs().max()), expected: 0, within: 1e-12 },
          { what: "γ y + β, largest difference", value: distance(scaled, y.mul(2).add(1)), expected: 0, within: 1e-12 },
        ],
      };
    },
  },
  {
    name: "batch-norm-inference",
    shows: "Algorithm 2: population statistics with the unbiased m/(m - 1), folded into one affine map",
    document: "S3",
    rows: ["NRM-1"],
    run() {
      const m = 8;
      const { means, variances } = batchMoments(m);
      const { variance, mean: centre } = populationStatistics(means, variances, m);
      const { scale, shift } = batchNormAffine(centre, variance);
      const inputs = draw(2, 5, 1);
      const folded = inputs.mul(scale).add(shift);
      return {
        facts: [
          {
            what: "mean of the batches' variances (the true one is 1)",
            value: item(variances.mean()),
            expected: (m - 1) / m,
            within: 0.02,
          },
          { what: "times m/(m - 1)", value: item(variance.sum()), expected: 1, within: 0.02 },
          {
            what: "affine map against inference",
            value: distance(folded, batchNorm(inputs, { runningMean: centre, runningVar: variance }).y),
            expected: 0,
            within: 1e-12,
          },
        ],
      };
    },
  },
  {
    name: "batch-norm-moving-averages",
    shows: "normalizing by moving averages in training: the step for a bias is undone and taken again, and the bias grows without end",
    document: "S3",
    rows: ["NRM-1"],
    run() {
      const { biases, losses } = withMovingAverages(200);
      return {
        facts: [
          { what: "bias after 200 steps with moving averages", value: Math.abs(biases.at(-1)!), least: 20 },
          { what: "after 100", value: Math.abs(biases[99]!), least: 10 },
          { what: "loss after 200 steps, which does not fall below 1", value: losses.at(-1)!, least: 0.9 },
          { what: "bias with the batch's own statistics", value: Math.abs(withBatchStatistics(100).at(-1)!), expected: 0, within: 1e-9 },
        ],
      };
    },
  },
  {
    name: "batch-renormalization",
    shows: "x̂ r + d gives in training what inference will give; r = 1, d = 0 is batch normalization",
    document: "S3",
    rows: ["NRM-4"],
    run() {
      const x = draw(1, 32, 2).mul(1.3).add(0.2);
      const running = { runningMean: tensor([0.1, 0.3], f64), runningStd: tensor([1.2, 1.4], f64), eps: 0 };
      const expected = x.sub(running.runningMean).div(running.runningStd);
      return {
        facts: [
          {
            what: "difference from the running statistics",
            value: distance(batchRenorm(x, running).y, expected),
            expected: 0,
            within: 1e-12,
          },
          {
            what: "with rMax 1 and dMax 0, from batch normalization",
            value: distance(batchRenorm(x, { ...running, rMax: 1, dMax: 0 }).y, batchNorm(x, { training: true, eps: 0 }).y),
            expected: 0,
            within: 1e-12,
          },
        ],
      };
    },
  },
  {
    name: "l1-sparse-weights",
    shows: "an L1 penalty sets weights of useless features to exactly 0",
    document: "S3",
    rows: ["REG-1"],
    run() {
      const w = sparseWeights("l1");
      return {
        facts: [
          { what: "exact zeros among the 17 useless weights", value: w.slice(3).filter((x) => x === 0).length, expected: 17 },
          { what: "weight of the first useful feature (3 without penalty)", value: w[0]!, least: 2.5, most: 3 },
        ],
      };
    },
  },
  {
    name: "l2-shrinks-weights",
    shows: "an L2 penalty makes weights smaller, and none 0",
    document: "S3",
    rows: ["REG-1"],
    run() {
      const w = sparseWeights("l2");
      return {
        facts: [
          { what: "exact zeros", value: w.filter((x) => x === 0).length, expected: 0 },
          { what: "weight of the first useful feature (3 without penalty)", value: w[0]!, least: 2, most: 2.9 },
        ],
      };
    },
  },
  {
    name: "bagging",
    shows: "a resample of the same size holds about 2/3 of the examples: 1 - 1/e = 63.2 %",
    document: "S3",
    rows: ["REG-3"],
    run: () => ({
      facts: [
        {
          what: "share of distinct examples of 10,000",
          value: new Set(bootstrapIndices(10000, 1)).size / 10000,
          expected: 1 - Math.exp(-1),
          within: 0.01,
        },
      ],
    }),
  },
  {
    name: "ensemble",
    shows: "the mean of k models with independent errors has 1/k of the squared error",
    document: "S3",
    rows: ["REG-3"],
    run() {
      const errors = draw(1, 10, 20000);
      return {
        facts: [
          { what: "squared error of one", value: item(errors.square().mean()), expected: 1, within: 0.02 },
          { what: "of the mean of ten", value: item(errors.mean(0).square().mean()), expected: 0.1, within: 0.005 },
        ],
      };
    },
  },
  {
    name: "dropout-scaling",
    shows: "twice the state in training, or half the weight at inference: the expected input of the next unit is the same",
    document: "S3",
    rows: ["REG-2"],
    run() {
      const x = draw(1, 1, 50).add(1);
      const w = draw(2, 50);
      const masked = dropout(x.broadcastTo([20000, 50]), { p: 0.5, key: keyOf(3) }).matmul(w);
      const plain = item(x.matmul(w).sum());
      return {
        facts: [
          { what: "mean input over 20,000 masks", value: item(masked.mean()), expected: plain, within: 0.6 },
          { what: "input at inference", value: plain },
        ],
      };
    },
  },
  {
    name: "dropout-rates",
    shows: "keep a hidden unit with probability 0.5, an input with 0.8",
    document: "S3",
    rows: ["REG-2"],
    run: () => ({
      facts: [
        [0.5, 1],
        [0.8, 2],
      ].map(([keep, seed]) => ({
        what: `share kept at ${keep}`,
        value: item(
          dropout(draw(1, 100000).mul(0).add(1), { p: 1 - keep!, key: keyOf(seed!) })
            .gt(0)
            .cast("f64")
            .mean(),
        ),
        expected: keep!,
        within: 0.01,
      })),
    }),
  },
  {
    name: "dropout-ensemble",
    shows: "dropout is the ensemble of all 2ⁿ sub-networks: for a softmax layer halving the weights gives their geometric mean exactly",
    document: "S3",
    rows: ["REG-2"],
    run() {
      const { count, geometric, halved } = softmaxSubnetworks();
      return {
        facts: [
          { what: "sub-networks", value: count, expected: 256 },
          { what: "difference of the two", value: distance(geometric, halved), expected: 0, within: 1e-12 },
        ],
      };
    },
  },
  {
    name: "dropout-against-bagging",
    shows: "bagging trains each model on its own sample; dropout's 2ⁿ models share one set of parameters",
    document: "S3",
    rows: ["REG-2", "REG-3"],
    async run() {
      const { alone, bagged, dropped, parameters } = await bagsAndMasks();
      return {
        facts: [
          { what: "test accuracy of one net on 90 digits", value: alone },
          { what: "of the vote of five nets, each on its own resample", value: bagged, least: alone - 0.03 },
          { what: "of one net with dropout", value: dropped, least: alone - 0.03 },
          { what: "parameters of the five", value: 5 * parameters, expected: 12050 },
          { what: "of all 2³² sub-networks of the net with dropout", value: parameters, expected: 2410 },
        ],
      };
    },
  },
  {
    name: "initializers",
    shows: "the initializers of Keras: each draws the variance that its formula says",
    document: "S3",
    rows: ["TRN-3"],
    run() {
      const [out, into] = [300, 200];
      const of = {
        glorotUniform: 2 / (into + out),
        glorotNormal: 2 / (into + out),
        heNormal: 2 / into,
        heUniform: 2 / into,
        leCunNormal: 1 / into,
        leCunUniform: 1 / into,
      } as const;
      return {
        facts: [
          ...Object.entries(of).map(([name, variance]) => ({
            what: `${name}: variance of what formula, share`,
            value:
              item(
                initializers[name as keyof typeof of]([out, into], { key: keyOf(1), dtype: "f64" })
                  .square()
                  .mean(),
              ) / variance,
            expected: 1,
            within: 0.02,
          })),
          {
            what: "glorotUniform: largest, of √(6/(n_in + n_out))",
            value:
              item(
                initializers
                  .glorotUniform([out, into], { key: keyOf(1) })
                  .abs()
                  .max(),
              ) / Math.sqrt(6 / (into + out)),
            least: 0.99,
            most: 1,
          },
          {
            what: "truncatedNormal: largest, in deviations",
            value: item(
              initializers
                .truncatedNormal()([out, into], { key: keyOf(1) })
                .abs()
                .max(),
            ),
            least: 1.9,
            most: 2,
          },
        ],
      };
    },
  },
];
