/**
 * @file The training loop: epochs of shuffled mini-batches, each step one compiled program (forward, backward, update and running metrics),
 * the test split after every epoch, callbacks on the way.
 *
 *     epoch ── batch ──► step program ──► loss (4 bytes out)         parameters, moments and sums stay in the arena
 *           └─ test split ──► evaluation program ──► loss, accuracy
 *
 * A loop of one's own is made of the same parts: `batches`, `compileStep`, `Evaluator`, `saveCheckpoint`; the callbacks have methods for it.
 */
import {
  bytes,
  type Checks,
  checkOptions,
  expectation,
  flag,
  fn,
  having,
  integer,
  listOf,
  object,
  positive,
  positiveInteger,
} from "../base/check.ts";
import { checkSplitOf } from "../data/check.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Layer } from "../nn/module.ts";
import type { History } from "./callback.ts";
import { warnOfMistakes } from "./check-training.ts";
import type { FitOptions } from "./fit-options.ts";
import { Run } from "./loop.ts";
import { aLoss, anOptimizer, checkData, checkModel } from "./task.ts";

export type { FitOptions } from "./fit-options.ts";

export const FIT_OPTIONS: Checks<FitOptions> = {
  optimizer: anOptimizer,
  epochs: positiveInteger,
  batchSize: positiveInteger,
  seed: integer,
  sampler: having("a sampler, such as balancedSampler(split)", "indices"),
  schedule: fn,
  loss: aLoss,
  accumulate: positiveInteger,
  clipNorm: positive,
  average: having("an average of weights, as in new EMA(model.parameters())", "swap", "update", "stateDict"),
  augment: fn,
  validation: object,
  callbacks: listOf(object),
  signal: expectation("an AbortSignal", (value) => typeof (value as AbortSignal | null)?.aborted === "boolean"),
  resume: bytes,
  checks: flag,
  onWarning: fn,
  distributed: having("ranks, as await distribute() of nabla/distributed gives them", "part", "checkBatchSize"),
  traceNaN: flag,
};

/**
 * Trains a model on a data set. Same seed, same backend: the same run, bit for bit, whether it was interrupted and resumed or not.
 * @throws {RangeError} for options or data that cannot be. @throws {DivergenceError} as soon as the loss is no finite number; the model then
 * holds weights from at most 200 steps before.
 */
export async function fit(model: Layer, data: Dataset, options: FitOptions): Promise<History> {
  checkModel("fit", model);
  checkOptions("fit", options, FIT_OPTIONS, "optimizer", "epochs");
  checkData(data, "fit: the data set");
  if (options.validation !== undefined) checkSplitOf(`${data.name}: the validation split`, data, options.validation);
  options.distributed?.checkBatchSize(options.batchSize ?? 32);
  await warnOfMistakes("fit", model, data, options);
  const run = new Run(model, data, options);
  warnOfAverage(options, run.steps);
  try {
    return await run.train();
  } catch (error) {
    throw options.distributed?.named(error, run.total + 1) ?? error;
  } finally {
    run.dispose();
  }
}

/** Share of an average beyond which it is the weights of the start that are tested. */
const MOSTLY = 0.5;

/** What is tested is the average: in a short run it may be what it began with. */
function warnOfAverage({ average, epochs, accumulate = 1, checks = true, onWarning = console.warn }: FitOptions, steps: number): void {
  const updates = epochs * Math.ceil(steps / accumulate);
  const share = average?.initialShare?.(updates) ?? 0;
  if (!checks || share <= MOSTLY) return;
  onWarning(
    `fit: after all ${updates.toLocaleString("en-US")} updates the average of weights is still ${(100 * share).toFixed(0)} % what it began with, and that is what is tested; take a smaller decay, as in new EMA(parameters, { decay: ${(1 - Math.min(0.9, 10 / updates)).toPrecision(3)} }), or train for longer`,
  );
}
