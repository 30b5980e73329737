/** @file Curves on points of a noisy sine: too little capacity, too much, what `diagnose` says of it, and the mean of models on resamples. Computed by the library. */
import { bootstrapIndices } from "../../data/split.ts";
import { noisy, type Points, powers } from "../../demo/regularized.ts";
import { scalar } from "../../demo/values.ts";
import { lstsq } from "../../math/linalg.ts";
import { keyOf, uniform } from "../../math/random.ts";
import { concatenate, eye, stack, tensor, zeros } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { diagnose } from "../../train/diagnosis.ts";
import { type BaggingChoice, type FittingChoice, MOST_DEGREE, readBagging, readFitting } from "./norm-choice.ts";

/** Places of the drawing. */
const PLACES = 161;

/** Points that no model is fitted to. */
const HELD_OUT = 200;

type Pair = readonly [x: number, y: number];

export interface FittingAnswer {
  readonly choice: FittingChoice;
  readonly train: readonly Pair[];
  readonly test: readonly Pair[];
  /** The curve over even places from -1 to 1. */
  readonly curve: readonly number[];
  readonly trainError: number;
  readonly testError: number;
  /** Training and test errors of the model of each degree from 1. */
  readonly degrees: readonly (readonly [train: number, test: number])[];
  readonly verdict: string;
  readonly reason: string;
  readonly remedies: readonly string[];
}

export interface BaggingAnswer {
  readonly choice: BaggingChoice;
  readonly train: readonly Pair[];
  /** Of each member: its curve, how often each example is in its resample, and its test error. */
  readonly members: readonly { readonly curve: readonly number[]; readonly counts: readonly number[]; readonly testError: number }[];
  /** The curve of the mean of all, and test errors of the mean of the first k members. */
  readonly curve: readonly number[];
  readonly byMembers: readonly number[];
  /** Test error of one model on all examples. */
  readonly alone: number;
  /** Shares of different examples in resamples of so many. */
  readonly shares: readonly (readonly [count: number, share: number])[];
}

const f64 = { dtype: "f64" } as const;
const numbers = (x: Tensor): number[] => Array.from(x.dataSync() as Float64Array);
const pairs = ([x, y]: Points): Pair[] => {
  const [xs, ys] = [numbers(x), numbers(y)];
  return xs.map((each, i) => [each, ys[i]!]);
};

/** Places from -1 to 1 in even cells, each anywhere in the middle of its cell: a polynomial is then never asked far from what it was fitted to. */
const spread = (count: number, seed: number): Tensor =>
  uniform(keyOf(seed), [count], f64)
    .sub(0.5)
    .mul(0.6)
    .add(
      tensor(
        Array.from({ length: count }, (_, i) => i + 0.5),
        f64,
      ),
    )
    .mul(2 / count)
    .sub(1);

const samples = (examples: number, seed: number): Record<"train" | "test", Points> => ({
  train: noisy(spread(examples, 4 * seed), 4 * seed + 1),
  test: noisy(spread(HELD_OUT, 4 * seed + 2), 4 * seed + 3),
});

/** Columns of points: as many as the greatest degree has, and the constant. */
type Columns = (x: Tensor) => Tensor;

const polynomials: Columns = (x) => powers(x, MOST_DEGREE);

/** Waves of ever more turns. They are bounded, so that a resample which lacks the outermost points leads to no steep ends there. */
const waves: Columns = (x) =>
  stack(
    Array.from({ length: MOST_DEGREE + 1 }, (_, k) =>
      x
        .add(1)
        .mul((Math.PI * k) / 2)
        .cos(),
    ),
    -1,
  );

/**
 * Coefficients [K, most degree + 1] of least squares of these degrees on points [K, N] or [N], with a penalty λ on the mean of squares. All degrees are
 * fitted with the columns of the greatest, those above a degree being 0, so that another degree is other data and no other program.
 */
export function fitted([x, y]: Points, degrees: readonly number[], lambda: number, columnsOf: Columns): Tensor {
  const size = MOST_DEGREE + 1;
  const isUsed = tensor(
    degrees.map((degree) => Array.from({ length: size }, (_, i) => (i <= degree ? 1 : 0))),
    f64,
  ).unsqueeze(1);
  const n = x.shape.at(-1)!;
  const columns = columnsOf(x).mul(isUsed);
  // The penalty as examples of its own, which want 0. The constant is not penalized.
  const penalty = eye(size, "f64")
    .narrow(0, 1, MOST_DEGREE)
    .mul(scalar(Math.sqrt(lambda * n)))
    .mul(isUsed);
  const wanted = y.broadcastTo([degrees.length, n]);
  return lstsq(concatenate([columns, penalty], 1), concatenate([wanted, zeros([degrees.length, MOST_DEGREE], "f64")], 1));
}

/** What models [K, …] give at points [N]: [K, N]. */
const answers = (weights: Tensor, x: Tensor, columnsOf: Columns): Tensor => weights.matmul(columnsOf(x).transpose());

const errors = (given: Tensor, y: Tensor): number[] => numbers(given.sub(y).square().mean(1));

const places = (): Tensor =>
  tensor(
    Array.from({ length: PLACES }, (_, i) => (2 * i) / (PLACES - 1) - 1),
    f64,
  );

const DEGREES: readonly number[] = Array.from({ length: MOST_DEGREE }, (_, i) => i + 1);

export function fitting(given: unknown): FittingAnswer {
  const choice = readFitting(given);
  const { train, test } = samples(choice.examples, choice.seed);
  const weights = fitted(train, DEGREES, choice.lambda, polynomials);
  const [trainErrors, testErrors] = [train, test].map(([x, y]) => errors(answers(weights, x, polynomials), y)) as [number[], number[]];
  const at = choice.degree - 1;
  const [trainLoss, testLoss] = [trainErrors[at]!, testErrors[at]!];
  const split = ([x, y]: Points) => ({ inputs: Float32Array.from(numbers(x)), targets: Float32Array.from(numbers(y)), count: x.size });
  const data = { name: "a noisy sine", task: "regression", classes: [], inputShape: [1], train: split(train), test: split(test) } as const;
  const { verdict, reason, remedies } = diagnose(data, [{ trainLoss, testLoss, trainAccuracy: null, testAccuracy: null, seconds: 0 }]);
  return {
    choice,
    train: pairs(train),
    test: pairs(test),
    curve: numbers(answers(weights, places(), polynomials)).slice(at * PLACES, (at + 1) * PLACES),
    trainError: trainLoss,
    testError: testLoss,
    degrees: trainErrors.map((error, i) => [error, testErrors[i]!]),
    verdict,
    reason,
    remedies,
  };
}

const COUNTS = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] as const;

export function bagging(given: unknown): BaggingAnswer {
  const choice = readBagging(given);
  const { degree, examples, bags, seed } = choice;
  const { train, test } = samples(examples, seed);
  const chosen = Array.from({ length: bags }, (_, bag) => bootstrapIndices(examples, 1000 * seed + bag));
  const rows = tensor(
    chosen.flatMap((each) => Array.from(each)),
    { dtype: "i32" },
  );
  const taken = train.map((values) => values.take(rows, 0).reshape([bags, examples])) as [Tensor, Tensor];
  const degrees = new Array<number>(bags).fill(degree);
  const weights = fitted(taken, degrees, 0, waves);
  const [curves, given200] = [answers(weights, places(), waves), answers(weights, test[0], waves)];
  const memberErrors = errors(given200, test[1]);
  const drawn = numbers(curves);
  const counts = tensor(
    degrees.map((_, i) => i + 1),
    f64,
  ).unsqueeze(1);
  return {
    choice,
    train: pairs(train),
    members: chosen.map((indices, bag) => ({
      curve: drawn.slice(bag * PLACES, (bag + 1) * PLACES),
      counts: indices.reduce((all, i) => {
        all[i]!++;
        return all;
      }, new Array<number>(examples).fill(0)),
      testError: memberErrors[bag]!,
    })),
    curve: numbers(curves.mean(0)),
    byMembers: errors(given200.cumsum(0).div(counts), test[1]),
    alone: errors(answers(fitted(train, [degree], 0, waves), test[0], waves), test[1])[0]!,
    shares: COUNTS.map((count) => [count, new Set(bootstrapIndices(count, seed)).size / count]),
  };
}
