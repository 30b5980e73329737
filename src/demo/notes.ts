/** @file Points of the deep-learning notes on capacity: fitting too little and too much, and what depth saves. */
import { grad } from "../function/derivative.ts";
import { parameterCount } from "../inspect/cost.ts";
import { lstsq } from "../math/linalg.ts";
import { mseLoss } from "../math/loss.ts";
import { keyOf, normal, uniform } from "../math/random.ts";
import { initializers, Linear, Sequential, Tanh } from "../nn/index.ts";
import { concatenate, tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Adam } from "../optim/adam.ts";
import type { Demo } from "./demo.ts";
import { noisy, type Points, polynomialError, powers } from "./regularized.ts";
import { trained } from "./train-small.ts";
import { distance, draw, f64, item, sampled, traced } from "./values.ts";
import { XOR } from "./xor.ts";

export const grid = (from: number, to: number, count = 121): Tensor =>
  tensor(
    Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1)),
    f64,
  );

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Mean squared errors on 15 points of a noisy sine and on 200 others, of the polynomial of a degree fitted to the former. */
function polynomialErrors(degree: number): { train: number; test: number } {
  const sample = (seed: number, count: number): Points => noisy(uniform(keyOf(seed), [count], { low: -1, ...f64 }), seed + 2);
  const [train, test] = [sample(1, 15), sample(2, 200)];
  const weights = lstsq(powers(train[0], degree), train[1]);
  return { train: polynomialError(weights, train), test: polynomialError(weights, test) };
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
];
