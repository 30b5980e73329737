/** @file The learning-rate finder (OPT-3): Smith (2017), "Cyclical learning rates for training neural networks", section 3.3. */
import { type Checks, checkOptions, finite, integer, positiveInteger } from "../base/check.ts";
import type { Dataset } from "../data/dataset.ts";
import { fetchBatches } from "../data/loader.ts";
import { randomState } from "../math/random.ts";
import type { Layer } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { checkTraining } from "./check-training.ts";
import { Mark } from "./divergence.ts";
import { compileStep } from "./step.ts";
import { aLoss, anOptimizer, batchTensors, checkData, checkModel, defaultLoss, type Loss } from "./task.ts";

/** Options of {@link findLearningRate}. */
export interface FindRateOptions {
  readonly optimizer: Optimizer;
  /** Default 32. */
  readonly batchSize?: number;
  /** Rates tried, one step each, rising by a constant factor from `min` to `max`. Default 100, 1e-7 and 10. */
  readonly steps?: number;
  readonly min?: number;
  readonly max?: number;
  /** Seed of the order of examples. Default 0. */
  readonly seed?: number;
  readonly loss?: Loss;
}

const FIND_RATE_OPTIONS: Checks<FindRateOptions> = {
  optimizer: anOptimizer,
  batchSize: positiveInteger,
  steps: positiveInteger,
  min: finite,
  max: finite,
  seed: integer,
  loss: aLoss,
};

/** One step of the finder. */
export interface RateTrial {
  readonly lr: number;
  readonly loss: number;
  /** The loss averaged over the steps so far, the last ones counting most. */
  readonly smooth: number;
}

/** What {@link findLearningRate} finds. */
export interface RateFinding {
  readonly trials: readonly RateTrial[];
  /** Where the smoothed loss falls fastest; null if it never fell. */
  readonly suggestion: number | null;
}

/** Weight of the past in the smoothed loss. */
const SMOOTHING = 0.9;

/**
 * Trains with a rate that rises from step to step and notes the loss, until it is four times its least; then puts model, optimizer and random
 * numbers back as they were. A good rate lies where the loss falls fastest, well before it rises.
 */
export async function findLearningRate(model: Layer, data: Dataset, options: FindRateOptions): Promise<RateFinding> {
  checkModel("findLearningRate", model);
  checkOptions("findLearningRate", options, FIND_RATE_OPTIONS, "optimizer");
  checkData(data, "findLearningRate: the data set");
  const { optimizer, batchSize = 32, steps = 100, min = 1e-7, max = 10, seed = 0, loss = defaultLoss(data) } = options;
  if (!(min > 0 && max > min)) throw new RangeError(`findLearningRate: want 0 < min < max, got ${min} and ${max}`);
  if (!Number.isInteger(steps) || steps < 10) throw new RangeError(`findLearningRate: steps must be an integer >= 10, got ${steps}`);
  await checkTraining(model, data, { optimizer, loss, batchSize });
  const before = new Mark([...model.stateDict().values(), ...optimizer.stateDict().values(), randomState()]);
  const { training } = model;
  const step = compileStep(model, optimizer, { loss });
  const trials: RateTrial[] = [];
  model.train();
  try {
    for await (const batch of endless(data, batchSize, seed)) {
      const lr = min * (max / min) ** (trials.length / (steps - 1));
      optimizer.lr = lr;
      const { x, y, lengths, more } = batchTensors(data, batch);
      const value = await step(x, y, true, lengths, more).item();
      if (!Number.isFinite(value)) break;
      trials.push(nextTrial(trials, lr, value));
      if (trials.length === steps || trials.at(-1)!.smooth > 4 * Math.min(...trials.map(({ smooth }) => smooth))) break;
    }
  } finally {
    step.dispose();
    before.restore();
    model.train(training);
  }
  return { trials, suggestion: steepest(trials) };
}

async function* endless(data: Dataset, batchSize: number, seed: number): ReturnType<typeof fetchBatches> {
  for (let epoch = 1; ; epoch++) yield* fetchBatches(data.train, { batchSize, shuffle: true, seed, epoch });
}

/** The exponential average, free of the bias towards its start (as Adam's moments are). */
function nextTrial(trials: readonly RateTrial[], lr: number, loss: number): RateTrial {
  const bias = (n: number): number => 1 - SMOOTHING ** n;
  const n = trials.length;
  const sum = n === 0 ? 0 : trials[n - 1].smooth * bias(n);
  return { lr, loss, smooth: (SMOOTHING * sum + (1 - SMOOTHING) * loss) / bias(n + 1) };
}

/** The rate at which the smoothed loss falls fastest over log(rate), among those before its least; central differences over three steps. */
function steepest(trials: readonly RateTrial[]): number | null {
  const least = trials.reduce((best, { smooth }, i) => (smooth < trials[best].smooth ? i : best), 0);
  let [at, slope] = [-1, 0];
  for (let i = 3; i <= least && i + 3 < trials.length; i++) {
    const fall = trials[i + 3].smooth - trials[i - 3].smooth;
    if (fall < slope) [at, slope] = [i, fall];
  }
  return at < 0 ? null : Number(trials[at].lr.toPrecision(2));
}
