/** @file Two questions before a long run: does everything run at all, and can the model learn anything. */
import { type Checks, check, checkOptions, object, positiveInteger } from "../base/check.ts";
import { checkDataset, checkSplit } from "../data/check.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { fetchBatches } from "../data/loader.ts";
import { alongAt } from "../data/split.ts";
import { randomState } from "../math/random.ts";
import type { Layer } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { History } from "./callback.ts";
import { checkTraining, warnOfMistakes } from "./check-training.ts";
import { Mark } from "./divergence.ts";
import { explain, type Patient } from "./explain.ts";
import type { Finding } from "./finding.ts";
import { type FitOptions, fit } from "./fit.ts";
import { compileStep } from "./step.ts";
import { aLoss, anOptimizer, baselineLoss, batchTensors, checkData, checkModel, defaultLoss, type Loss } from "./task.ts";

/** The first `n` examples of each split, or all if there are fewer. */
export function firstExamples(data: Dataset, n: number): Dataset {
  checkDataset("firstExamples", data, { empty: true });
  check("firstExamples: n", n, positiveInteger);
  return { ...data, train: firstOf(data.train, n), test: firstOf(data.test, n) };
}

function firstOf(split: Split, n: number): Split {
  const count = Math.min(n, split.count);
  const head = <T extends Float32Array | Int32Array>(rows: T): T => rows.subarray(0, count * (rows.length / split.count)) as T;
  const { read } = split;
  const inputs = read ? new Float32Array(0) : head(split.inputs);
  const along = alongAt(
    split,
    Int32Array.from({ length: count }, (_, i) => i),
  );
  return { inputs, targets: head(split.targets), count, ...(read && { read }), ...along };
}

/** One batch of training, one of testing, with all callbacks: a mistake at the end of an epoch shows at once. */
export async function fastDevRun(model: Layer, data: Dataset, options: FitOptions): Promise<History> {
  check("fastDevRun: options", options, object);
  checkDataset("fastDevRun: the data set", data);
  const { batchSize = 32, validation = data.validation } = options;
  check("fastDevRun: batchSize", batchSize, positiveInteger);
  if (validation !== undefined) checkSplit("fastDevRun: the validation split", validation);
  const short = validation && { validation: firstOf(validation, batchSize) };
  // All of the data is looked at: one batch need not have every class.
  await warnOfMistakes("fastDevRun", model, data, { batchSize, ...options });
  return fit(model, firstExamples(data, batchSize), { ...options, ...short, epochs: 1, checks: false });
}

/** Options of {@link overfitOneBatch}. */
export interface OverfitOptions {
  readonly optimizer: Optimizer;
  /** Examples in the batch, the first of the training split. Default 32. */
  readonly batchSize?: number;
  /** Steps at most. Default 500. */
  readonly steps?: number;
  readonly loss?: Loss;
}

const OVERFIT_OPTIONS: Checks<OverfitOptions> = {
  optimizer: anOptimizer,
  batchSize: positiveInteger,
  steps: positiveInteger,
  loss: aLoss,
};

export interface OverfitReport {
  /** The loss of each step, in training mode. */
  readonly losses: readonly number[];
  /** What a constant answer loses at best: the entropy of the classes, or the variance of the targets. */
  readonly baseline: number;
  /** Whether the loss fell below a twentieth of that. */
  readonly learned: boolean;
  /** If not: what the instruments say of the model before the first step and after the last, the gravest first. */
  readonly findings: readonly Finding[];
}

/**
 * Trains on one batch again and again. A model that cannot learn a few examples by heart has a fault in itself, its loss or its data (or a bad
 * learning rate), which no amount of data mends. The model is left as it became.
 */
export async function overfitOneBatch(model: Layer, data: Dataset, options: OverfitOptions): Promise<OverfitReport> {
  checkModel("overfitOneBatch", model);
  checkOptions("overfitOneBatch", options, OVERFIT_OPTIONS, "optimizer");
  checkData(data, "overfitOneBatch: the data set");
  const { optimizer, batchSize = 32, steps = 500, loss = defaultLoss(data) } = options;
  await checkTraining(model, data, { optimizer, loss, batchSize });
  const { train } = firstExamples(data, batchSize);
  const { value: batch } = await fetchBatches(train, { batchSize }).next();
  const { x, y, lengths, more } = batchTensors(data, batch!);
  const baseline = baselineLoss({ ...data, train });
  const step = compileStep(model, optimizer, { loss });
  const losses: number[] = [];
  const start = new Mark(
    new Set([...model.stateDict().values(), ...optimizer.stateDict().values(), ...optimizer.parameters, randomState()]),
  );
  // No loss of classes is below 0: one that is pulls the wrong way.
  const isLow = (value: number): boolean => value <= baseline / 20 && !(data.task === "classification" && value < 0);
  model.train();
  try {
    while (losses.length < steps && !isLow(losses.at(-1)!)) losses.push(await step(x, y, true, lengths, more).item());
  } finally {
    step.dispose();
  }
  const learned = isLow(losses.at(-1)!);
  const classes = data.task === "classification" ? data.classes.length : undefined;
  const patient = { model, optimizer, loss, batch: { x, y, lengths, ...(more && { more }) }, classes };
  return { losses, baseline, learned, findings: learned ? [] : await findingsOf(patient, start, losses.length) };
}

/** What was wrong at the start, else what is at the end. */
async function findingsOf(patient: Omit<Patient, "step">, start: Mark, steps: number): Promise<readonly Finding[]> {
  const end = new Mark(new Set([...patient.model.stateDict().values(), ...patient.optimizer.stateDict().values(), randomState()]));
  start.restore();
  const before = await explain({ ...patient, step: 0 });
  end.restore();
  const after = before.length > 0 ? [] : await explain({ ...patient, step: steps });
  return before.length > 0 ? before : after;
}
