/** @file Points of the deep-learning notes: capacity, units, normalization, regularization, initialization. */

import { digits } from "../data/digits.ts";
import { bootstrapIndices } from "../data/split.ts";
import { scan } from "../function/control.ts";
import { grad, valueAndGrad } from "../function/derivative.ts";
import { parameterCount } from "../inspect/cost.ts";
import { cosine, hardTanh, leakyRelu, prelu, rbf, softplus } from "../math/activation.ts";
import { dropout } from "../math/dropout.ts";
import { lstsq } from "../math/linalg.ts";
import { crossEntropy, mseLoss } from "../math/loss.ts";
import { batchNorm, batchNormAffine, batchRenorm, populationStatistics } from "../math/normalization.ts";
import { keyOf, normal, uniform } from "../math/random.ts";
import { softmax } from "../math/softmax.ts";
import { Dropout, initializers, type Layer, Linear, Maxout, Module, ReLU, Sequential, Sigmoid, Tanh } from "../nn/index.ts";
import { concatenate, stack, tensor, zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Adam } from "../optim/adam.ts";
import { type Demo, distance, draw, f64, item, sampled, scalar, slopeAt, traced } from "./demo.ts";
import { trained } from "./train-small.ts";
import { XOR } from "./xor.ts";

const grid = (from: number, to: number, count = 121): Tensor =>
  tensor(
    Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1)),
    f64,
  );
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Columns 1, x, x², … of points. */
const powers = (x: Tensor, degree: number): Tensor =>
  stack(
    Array.from({ length: degree + 1 }, (_, i) => x.pow(i)),
    1,
  );

/** Mean squared errors on 15 points of a noisy sine and on 200 others, of polynomials of a degree fitted to the former. */
function polynomialErrors(degree: number): { train: number; test: number } {
  const [a, b] = [uniform(keyOf(1), [15], { low: -1, ...f64 }), uniform(keyOf(2), [200], { low: -1, ...f64 })];
  const sample = (x: Tensor, seed: number): Tensor => x.mul(3).sin().add(draw(seed, x.shape[0]!).mul(0.2));
  const [ya, yb] = [sample(a, 3), sample(b, 4)];
  const weights = lstsq(powers(a, degree), ya);
  const error = (x: Tensor, y: Tensor): number => item(powers(x, degree).matmul(weights).sub(y).square().mean());
  return { train: error(a, ya), test: error(b, yb) };
}

const SINE_ERRORS = [
  [8, 7.038e-2],
  [16, 1.885e-2],
  [32, 4.792e-3],
  [64, 1.203e-3],
  [128, 3.011e-4],
] as const;

/** sin on [0, 2π] by n ReLU units that meet it at n + 1 knots: f(x₀) + Σ (mᵢ - mᵢ₋₁) max(0, x - xᵢ). Gives the largest error on a fine grid. */
function sineByUnits(n: number): { error: number; xs: Tensor; ys: Tensor } {
  const knots = Array.from({ length: n + 1 }, (_, i) => (2 * Math.PI * i) / n);
  const slopes = knots.slice(1).map((x, i) => (Math.sin(x) - Math.sin(knots[i]!)) / (x - knots[i]!));
  const changes = slopes.map((m, i) => m - (slopes[i - 1] ?? 0));
  const xs = grid(0, 2 * Math.PI, 4001);
  const ys = xs
    .unsqueeze(1)
    .sub(tensor(knots.slice(0, n), f64))
    .relu()
    .matmul(tensor(changes, f64));
  return { error: distance(ys, xs.sin()), xs, ys };
}

type Examples = readonly [inputs: Tensor, targets: Tensor];

async function digitExamples(): Promise<{ train: Examples; test: Examples }> {
  const { train, test } = (await digits()) as unknown as { train: DigitSplit; test: DigitSplit };
  const examples = (part: DigitSplit): Examples => [tensor(part.inputs, { shape: [part.count, 64] }), tensor(part.targets)];
  return { train: examples(train), test: examples(test) };
}

const accuracyOf = (scores: Tensor, targets: Tensor): number => item(scores.argmax(1).eq(targets).cast("f32").mean());

/** Test accuracy after some full-batch steps of a 64-32-10 net with an activation on the bundled digits, and its losses. */
async function digitsWith(activation: () => Layer, steps: number, lr: number): Promise<{ accuracy: number; losses: number[] }> {
  const { train, test } = await digitExamples();
  const model = new Sequential(new Linear(64, 32), activation(), new Linear(32, 10));
  const losses = trained(model, new Adam(model.parameters(), { lr }), train, crossEntropy, steps);
  return { accuracy: accuracyOf(model.forward(test[0]), test[1]), losses };
}

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

interface DigitSplit {
  readonly inputs: Float32Array;
  readonly targets: Int32Array;
  readonly count: number;
}

/** Weights of a sparse linear problem after proximal or plain gradient steps with a penalty: 20 features, 3 of which count. */
function penalized(kind: "l1" | "l2"): number[] {
  const x = draw(1, 100, 20);
  const truth = tensor([3, -2, 1.5, ...new Array<number>(17).fill(0)], f64);
  const y = x.matmul(truth).add(draw(2, 100).mul(0.1));
  const [lr, lambda] = [0.1, 0.2];
  const step = (w: Tensor): [Tensor, null] => {
    const g = x.transpose().matmul(x.matmul(w).sub(y)).div(100);
    const moved = w.sub(g.mul(lr));
    // A step of the loss, then the penalty's own: towards 0 by a constant, or by a share.
    return [
      kind === "l1"
        ? moved.sign().mul(
            moved
              .abs()
              .sub(lr * lambda)
              .relu(),
          )
        : moved.div(1 + lr * lambda),
      null,
    ];
  };
  return Array.from((scan(step, zeros([20], "f64"), null, { length: 300 })[0] as Tensor).dataSync());
}

/** Normalizing by moving averages in training: the largest weight after some steps on inputs that do not change. */
function withMovingAverages(steps: number): { weights: number; losses: number[] } {
  const x = draw(3, 64, 1);
  const step = ([b, m, v]: readonly [Tensor, Tensor, Tensor]): [[Tensor, Tensor, Tensor], Tensor] => {
    // The loss does not see that the averages will follow, so the step for the bias is undone, and taken again.
    const loss = (bias: Tensor): Tensor => x.add(bias).sub(m).div(v.add(1e-5).sqrt()).sub(1).square().mean();
    const { value, grad: slope } = valueAndGrad(loss)(b);
    const moved = b.sub(slope.mul(0.5));
    const z = x.add(moved);
    const half = (old: Tensor, fresh: Tensor): Tensor => old.add(fresh).mul(0.5);
    return [[moved, half(m, z.mean()), half(v, z.sub(z.mean()).square().mean())], value];
  };
  const [[b], losses] = scan(step, [scalar(0), scalar(0), scalar(1)] as [Tensor, Tensor, Tensor], null, { length: steps });
  return { weights: Math.abs(item(b)), losses: Array.from((losses as Tensor).dataSync()) };
}

/** The same with the batch's own statistics, through which the gradient goes. */
function withBatchStatistics(steps: number): number {
  const x = draw(3, 64, 1);
  const loss = (bias: Tensor): Tensor => {
    const z = x.add(bias);
    const centred = z.sub(z.mean());
    return centred.div(centred.square().mean().add(1e-5).sqrt()).sub(1).square().mean();
  };
  const step = (b: Tensor): [Tensor, null] => [b.sub(grad(loss)(b).mul(0.5)), null];
  return Math.abs(item(scan(step, scalar(0), null, { length: steps })[0]));
}

export const notes: readonly Demo[] = [
  {
    name: "underfitting",
    shows: "a line cannot follow a sine: the error is large on the training points themselves",
    document: "S3",
    rows: ["TRN-6"],
    run() {
      const [line, cubic] = [polynomialErrors(1), polynomialErrors(5)];
      return {
        facts: [
          { what: "training error of a line", value: line.train, least: 0.08 },
          { what: "of a polynomial of degree 5", value: cubic.train, most: line.train / 2 },
        ],
      };
    },
  },
  {
    name: "overfitting",
    shows: "a polynomial of degree 14 meets 15 points and misses all others: the gap between training and test error",
    document: "S3",
    rows: ["TRN-6"],
    run() {
      const errors = Array.from({ length: 14 }, (_, i) => polynomialErrors(i + 1));
      return {
        facts: [
          { what: "degree 14: training error", value: errors[13]!.train, most: 1e-3 },
          { what: "test error", value: errors[13]!.test, least: 0.5 },
          { what: "degree 3: test error", value: errors[2]!.test, most: 0.12 },
        ],
        charts: [
          {
            curves: (["train", "test"] as const).map((name) => ({
              name,
              points: errors.map((e, i): [number, number] => [i + 1, e[name]]),
            })),
            options: { title: "mean squared error over capacity", x: "degree", log: true },
          },
        ],
      };
    },
  },
  {
    name: "polynomial-features",
    shows: "a crossed feature raises capacity: with x₁x₂ a linear model computes exclusive or",
    document: "S3",
    rows: ["MSC-5"],
    run() {
      const x = tensor(XOR.inputs, f64);
      const [a, b] = [x.narrow(1, 0, 1), x.narrow(1, 1, 1)];
      const fit = (...columns: Tensor[]): number => {
        const features = concatenate([...columns, a.mul(0).add(1)], 1);
        const y = tensor(XOR.targets, f64);
        return item(features.matmul(lstsq(features, y)).sub(y).square().mean());
      };
      return {
        facts: [
          { what: "mean squared error with x₁, x₂", value: fit(a, b), expected: 0.25, within: 1e-12 },
          { what: "with x₁, x₂, x₁x₂", value: fit(a, b, a.mul(b)), expected: 0, within: 1e-12 },
        ],
      };
    },
  },
  {
    name: "early-stopping",
    shows: "the test error falls and rises again while the training error falls on: stop in between",
    document: "S3",
    rows: ["REG-3"],
    run() {
      const draws = (seed: number, count: number): [Tensor, Tensor] => {
        const x = uniform(keyOf(seed), [count, 1], { low: -1 });
        return [
          x,
          x
            .mul(3)
            .sin()
            .add(normal(keyOf(seed + 10), [count, 1]).mul(0.4)),
        ];
      };
      const [train, test] = [draws(1, 12), draws(2, 200)];
      const model = new Sequential(new Linear(1, 64), new Tanh(), new Linear(64, 64), new Tanh(), new Linear(64, 1));
      const optimizer = new Adam(model.parameters(), { lr: 0.01 });
      const points = Array.from({ length: 40 }, (_, i): [number, number, number] => {
        const [loss] = trained(model, optimizer, train, mseLoss, i === 0 ? 1 : 50);
        return [i * 50, loss!, item(mseLoss(model.forward(test[0]), test[1]))];
      });
      const best = Math.min(...points.map(([, , error]) => error));
      return {
        facts: [
          { what: "best test error", value: best },
          { what: "test error at the end", value: points.at(-1)![2], least: best * 1.05 },
          { what: "training error at the end", value: points.at(-1)![1], most: best / 2 },
        ],
        charts: [
          {
            curves: [
              { name: "train", points: points.map(([x, y]): [number, number] => [x, y]) },
              { name: "test", points: points.map(([x, , y]): [number, number] => [x, y]) },
            ],
            options: { title: "mean squared error", x: "step", log: true },
          },
        ],
      };
    },
  },
  {
    name: "scalar-backpropagation",
    shows: "for the cost ½(a - y)² the derivative by the output is a - y",
    document: "S3",
    rows: ["AD-1", "OPT-4"],
    run() {
      const a = tensor([0.2, 0.9, -0.4], f64);
      const y = tensor([0, 1, 0.5], f64);
      const slope = grad((x: Tensor) => x.sub(y).square().mul(0.5).sum())(a);
      return { facts: [{ what: "largest difference from a - y", value: distance(slope, a.sub(y)), expected: 0, within: 1e-15 }] };
    },
  },
  {
    name: "universal-approximation",
    shows: "n ReLU units, set by hand, follow a sine ever closer: four times closer for twice the units",
    document: "S3",
    rows: ["TRN-7"],
    run() {
      const results = SINE_ERRORS.map(([n, expected]) => ({ n, expected, ...sineByUnits(n) }));
      const few = results[0]!;
      return {
        facts: results.map(({ n, error, expected }) => ({
          what: `${n} units: largest error`,
          value: error,
          expected,
          within: expected * 2e-3,
        })),
        charts: [
          {
            curves: [traced("8 units", few.xs, few.ys), sampled("sin", Math.sin, 0, 2 * Math.PI)],
            options: { title: "sin by 8 ReLU units", x: "x", log: false },
          },
        ],
      };
    },
  },
  {
    name: "linear-layers-save-parameters",
    shows: "a purely linear layer in between saves parameters: 1000 to 50 to 1000 instead of 1000 to 1000",
    document: "S3",
    rows: ["ACT-5"],
    run() {
      const plain = parameterCount(new Linear(1000, 1000, { bias: false, weightInitializer: initializers.zeros }));
      const [down, up] = [draw(1, 50, 1000), draw(2, 1000, 50)];
      const x = draw(3, 1000);
      return {
        facts: [
          { what: "weights of one layer", value: plain, expected: 1000000 },
          { what: "of two with 50 units between", value: down.size + up.size, expected: 100000 },
          {
            what: "difference from the product matrix",
            value: distance(up.matmul(down.matmul(x)), up.matmul(down).matmul(x)),
            expected: 0,
            within: 1e-9,
          },
        ],
      };
    },
  },
  {
    name: "relu-family",
    shows: "max(0, z) + α min(0, z): α = 0 is ReLU, -1 the absolute value, 0.01 leaky",
    document: "S3",
    rows: ["ACT-1"],
    run() {
      const z = grid(-3, 3);
      const family = (alpha: number): Tensor => z.maximum(0).add(z.minimum(0).mul(alpha));
      return {
        facts: [
          { what: "difference from relu at α = 0", value: distance(family(0), z.relu()), expected: 0 },
          { what: "from |z| at α = -1", value: distance(family(-1), z.abs()), expected: 0 },
          {
            what: "from leakyRelu at α = 0.01",
            value: distance(family(0.01), leakyRelu(z, { negativeSlope: 0.01 })),
            expected: 0,
            within: 1e-16,
          },
          { what: "from prelu with a learnt α of 0.3", value: distance(family(0.3), prelu(z, scalar(0.3))), expected: 0, within: 1e-16 },
        ],
        charts: [
          {
            curves: [-1, 0, 0.01, 0.3].map((alpha) => traced(`α ${alpha}`, z, family(alpha))),
            options: { title: "max(0, z) + α min(0, z)", x: "z", log: false },
          },
        ],
      };
    },
  },
  {
    name: "maxout-parameters",
    shows: "a maxout unit of k pieces is learnt piecewise; it has k times the parameters of a dense layer",
    document: "S3",
    rows: ["ACT-1", "MSC-4"],
    run() {
      const dense = parameterCount(new Linear(20, 7));
      return {
        facts: [2, 3, 5].map((k) => ({
          what: `${k} pieces: of a dense layer's parameters`,
          value: parameterCount(new Maxout(20, 7, k)) / dense,
          expected: k,
        })),
      };
    },
  },
  {
    name: "maxout-as-keras",
    shows: "K.max(K.dot(x, W) + b, axis=1) of the notes is the layer",
    document: "S3",
    rows: ["MSC-4"],
    run() {
      const [k, features, units] = [3, 4, 2];
      const layer = new Maxout(features, units, k);
      const w = layer.linear.weight.value.reshape([units, k, features]).transpose([1, 2, 0]);
      const b = layer.linear.bias!.value.reshape([units, k]).transpose();
      const x = normal(keyOf(2), [5, features]);
      return {
        facts: [
          {
            what: "largest difference",
            value: distance(layer.forward(x), x.dot(w, "ni,kio->nko").add(b.unsqueeze(0)).max(1)),
            expected: 0,
            within: 1e-6,
          },
        ],
      };
    },
  },
  {
    name: "cosine-units",
    shows: "cosine works as an activation: on small digits as well as ReLU",
    document: "S3",
    rows: ["ACT-1"],
    async run() {
      class Cosine extends Module {
        forward(x: Tensor): Tensor {
          return cosine(x);
        }
      }
      const [cosines, relus] = [await digitsWith(() => new Cosine(), 200, 0.01), await digitsWith(() => new ReLU(), 200, 0.01)];
      return {
        facts: [
          { what: "test accuracy with cosine units", value: cosines.accuracy, least: 0.85 },
          { what: "with ReLU", value: relus.accuracy, least: 0.85 },
        ],
      };
    },
  },
  {
    name: "radial-basis-units",
    shows: "exp(-‖w - x‖²/σ²) is flat nearly everywhere: where x is far from w its slope is 0",
    document: "S3",
    rows: ["ACT-1"],
    run() {
      const unit = (x: Tensor): Tensor => rbf(x.reshape([1, 1]), tensor([[0]], f64)).sum();
      const slopes = Array.from(grid(-20, 20, 401).dataSync(), (x) => Math.abs(slopeAt(unit, x)));
      return {
        facts: [
          { what: "value at the centre", value: item(unit(scalar(0))), expected: 1 },
          { what: "share of [-20, 20] where the slope is below 1e-6", value: mean(slopes.map((s) => (s < 1e-6 ? 1 : 0))), least: 0.75 },
        ],
      };
    },
  },
  {
    name: "softplus",
    shows: "log(1 + eˣ) is a smooth ReLU: log 2 above it at 0, the same far away",
    document: "S3",
    rows: ["ACT-1"],
    run: () => ({
      facts: [
        { what: "softplus - ReLU at 0", value: item(softplus(scalar(0))), expected: Math.LN2, within: 1e-15 },
        { what: "at 20", value: item(softplus(scalar(20))) - 20, expected: 0, within: 1e-8 },
        { what: "slope at 0", value: slopeAt((x) => softplus(x), 0), expected: 0.5 },
      ],
    }),
  },
  {
    name: "hard-tanh",
    shows: "max(-1, min(1, a)): bounded as tanh, straight as ReLU",
    document: "S3",
    rows: ["ACT-1"],
    run: () => ({
      facts: [
        [-3, -1],
        [-0.4, -0.4],
        [0.7, 0.7],
        [5, 1],
      ].map(([x, expected]) => ({ what: `at ${x}`, value: item(hardTanh(scalar(x!))), expected: expected! })),
    }),
  },
  {
    name: "relu-keeps-gradient",
    shows: "through ten layers of slope-1 units the gradient stays; through ten sigmoids it is gone",
    document: "S3",
    rows: ["MSC-5"],
    run() {
      const through =
        (fn: (x: Tensor) => Tensor) =>
        (x: Tensor): Tensor =>
          Array.from({ length: 10 }).reduce<Tensor>((h) => fn(h), x);
      return {
        facts: [
          {
            what: "slope of ten ReLUs at 2",
            value: slopeAt(
              through((x) => x.relu()),
              2,
            ),
            expected: 1,
          },
          {
            what: "of ten sigmoids",
            value: slopeAt(
              through((x) => x.sigmoid()),
              2,
            ),
            most: 0.25 ** 10,
          },
        ],
      };
    },
  },
  {
    name: "relu-sparsity",
    shows: "half of the ReLU units of a fresh net are silent for an input",
    document: "S3",
    rows: ["MSC-5", "ACT-3"],
    run() {
      const h = draw(1, 500, 100)
        .matmul(draw(2, 100, 300))
        .relu();
      return { facts: [{ what: "share of zeros", value: item(h.eq(0).cast("f64").mean()), expected: 0.5, within: 0.02 }] };
    },
  },
  {
    name: "relu-trains-faster",
    shows: "the same net on small digits: after 60 steps ReLU's loss is below sigmoid's",
    document: "S3",
    rows: ["MSC-5"],
    async run() {
      const [relus, sigmoids] = [await digitsWith(() => new ReLU(), 60, 0.01), await digitsWith(() => new Sigmoid(), 60, 0.01)];
      const curve = (name: string, losses: readonly number[]) => ({ name, points: losses.map((y, i): [number, number] => [i, y]) });
      return {
        facts: [
          { what: "loss with ReLU", value: relus.losses.at(-1)!, most: sigmoids.losses.at(-1)! },
          { what: "with sigmoid", value: sigmoids.losses.at(-1)! },
        ],
        charts: [
          { curves: [curve("ReLU", relus.losses), curve("sigmoid", sigmoids.losses)], options: { title: "training loss", x: "step" } },
        ],
      };
    },
  },
  {
    name: "relu-at-zero",
    shows: "at 0 ReLU has no derivative; the one-sided 0 is taken, and nothing breaks",
    document: "S3",
    rows: ["ACT-1"],
    run: () => ({
      facts: [
        { what: "slope at 0", value: slopeAt((x) => x.relu(), 0), expected: 0 },
        { what: "just left of 0", value: slopeAt((x) => x.relu(), -1e-300), expected: 0 },
        { what: "just right of 0", value: slopeAt((x) => x.relu(), 1e-300), expected: 1 },
      ],
    }),
  },
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
      const x = draw(1, 4000, m, 1);
      const means = x.mean(1);
      const variances = x.sub(means.unsqueeze(1)).square().mean(1);
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
      const moving = withMovingAverages(200);
      return {
        facts: [
          { what: "bias after 200 steps with moving averages", value: moving.weights, least: 20 },
          { what: "after 100", value: withMovingAverages(100).weights, least: 10 },
          { what: "loss after 200 steps, which does not fall below 1", value: moving.losses.at(-1)!, least: 0.9 },
          { what: "bias with the batch's own statistics", value: withBatchStatistics(100), expected: 0, within: 1e-9 },
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
      const w = penalized("l1");
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
      const w = penalized("l2");
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
      const n = 8;
      const [x, w, b] = [draw(1, n), draw(2, n, 3), draw(3, 3)];
      const masks = tensor(
        Array.from({ length: 2 ** n }, (_, i) => Array.from({ length: n }, (_unused, bit) => (i >> bit) & 1)),
        f64,
      );
      const logs = softmax(masks.mul(x).matmul(w).add(b), 1).log();
      const geometric = softmax(logs.mean(0), 0);
      const halved = softmax(x.mul(0.5).matmul(w).add(b), 0);
      return {
        facts: [
          { what: "sub-networks", value: masks.shape[0]!, expected: 256 },
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
