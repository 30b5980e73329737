/**
 * @file The training loop: epochs of shuffled mini-batches, each step one compiled program (forward, backward, update and running metrics),
 * the test split after every epoch.
 *
 *     epoch ── batch ──► step program ──► loss (4 bytes out)         parameters, moments and sums stay in the arena
 *           └─ test split ──► evaluation program ──► loss, accuracy
 */
import type { Dataset } from "../data/dataset.ts";
import { type Batch, batchCount, batches } from "../data/loader.ts";
import { type Compiled, compile } from "../function/compile.ts";
import { backward } from "../function/derivative.ts";
import type { Layer } from "../nn/module.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Schedule } from "../optim/schedules.ts";
import { Evaluator } from "./evaluate.ts";
import { Meter } from "./meter.ts";
import { batchTensors, checkData, defaultLoss, type Loss } from "./task.ts";

/** Options of {@link fit}. */
export interface FitOptions {
  readonly optimizer: Optimizer;
  readonly epochs: number;
  /** Examples per step. Default 32. The last batch of an epoch may be smaller; it is a second signature of the program. */
  readonly batchSize?: number;
  /** Seed of the order of examples. Default 0. Initial values and dropout follow `manualSeed`. */
  readonly seed?: number;
  /** What the optimizer's learning rate is multiplied by on the way, for example `cosine`. Default: nothing. Restored at the end. */
  readonly schedule?: Schedule;
  /** Default: cross-entropy for classification, mean squared error for regression. */
  readonly loss?: Loss;
  /** Aborting ends the run after the step at hand. */
  readonly signal?: AbortSignal;
}

/** Where a run is. */
export interface Progress {
  /** Epoch at hand, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps taken in this epoch, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Means over this epoch so far; accuracy is null for regression. */
  readonly loss: number;
  readonly accuracy: number | null;
  /** In this epoch, testing left out. */
  readonly examplesPerSecond: number;
  /** Estimate for the rest of the run, testing included; the first step, which compiles, does not count. */
  readonly secondsLeft: number;
}

/** One epoch: means over its training batches, in training mode and while learning, and the test split after it. */
export interface EpochRecord {
  readonly trainLoss: number;
  readonly trainAccuracy: number | null;
  readonly testLoss: number;
  readonly testAccuracy: number | null;
  /** Time spent training, testing left out. */
  readonly seconds: number;
}

export interface History {
  /** Finished epochs. */
  readonly epochs: readonly EpochRecord[];
  /** Training examples per second, testing left out; compilation is in it. */
  readonly examplesPerSecond: number;
  /** Whether `signal` ended the run early. */
  readonly stopped: boolean;
}

/** What {@link fit} calls on the way. */
export interface Callbacks {
  /** Called about ten times a second, and after the last step of each epoch. */
  onProgress?(progress: Progress): void;
  onEpoch?(record: EpochRecord, progress: Progress): void;
}

/** The loss became NaN or infinite. */
export class DivergenceError extends Error {
  constructor(loss: number, epoch: number, step: number, lr: number) {
    super(`the loss became ${loss} in epoch ${epoch}, step ${step}; try a smaller learning rate (it is ${lr})`);
    this.name = "DivergenceError";
  }
}

// Often enough for a progress bar and for the event loop (a signal to stop arrives only there); rare enough to cost nothing.
const PROGRESS_MS = 100;

/**
 * Trains a model on a data set. Same seed, same backend: the same run, bit for bit.
 * @throws {RangeError} for options or data that cannot be. @throws {DivergenceError} as soon as the loss is no finite number.
 */
export async function fit(model: Layer, data: Dataset, options: FitOptions, callbacks: Callbacks = {}): Promise<History> {
  checkOptions(options);
  checkData(data);
  const { groups } = options.optimizer;
  const rates = groups.map(({ lr }) => lr);
  const run = new Run(model, data, options, callbacks);
  try {
    return await run.train();
  } finally {
    if (options.schedule) setRates(options.optimizer, rates);
    run.dispose();
  }
}

function checkOptions({ epochs, batchSize = 32, optimizer }: FitOptions): void {
  if (!optimizer) throw new TypeError("fit: want an optimizer, as in { optimizer: new Adam(model.parameters()) }");
  for (const [name, value] of Object.entries({ epochs, batchSize })) {
    if (!Number.isInteger(value) || value < 1) throw new RangeError(`fit: ${name} must be a positive integer, got ${value}`);
  }
}

function setRates({ groups }: Optimizer, rates: readonly number[], factor = 1): void {
  for (const [i, group] of groups.entries()) group.lr = rates[i] * factor;
}

type Step = Compiled<(x: Tensor, y: Tensor) => Tensor>;

/** One training step as one program: everything that happens to a batch. Gives the loss before the update. */
export function compileStep(model: Layer, optimizer: Optimizer, loss: Loss, meter: Meter): Step {
  return compile((x: Tensor, y: Tensor): Tensor => {
    const { value, grads } = backward(() => {
      const outputs = model.forward(x);
      const mean = loss(outputs, y);
      meter.add(mean, outputs, y);
      return mean;
    }, optimizer.parameters);
    optimizer.step(grads);
    return value;
  });
}

/** Where an epoch stands. */
interface Epoch {
  readonly number: number;
  readonly started: number;
  /** Steps taken, and examples in them. */
  step: number;
  examples: number;
}

const secondsSince = (start: number): number => (performance.now() - start) / 1000;

/** The state of one call of `fit`. */
class Run {
  readonly #model: Layer;
  readonly #data: Dataset;
  readonly #options: FitOptions;
  readonly #callbacks: Callbacks;
  readonly #batchSize: number;
  readonly #steps: number;
  /** Learning rates of the optimizer's groups at the start. */
  readonly #rates: readonly number[];
  readonly #meter: Meter;
  readonly #step: Step;
  readonly #evaluator: Evaluator;
  /** When the first step was done: it compiles, so it says nothing about the others. */
  #warm = 0;
  /** When progress was last shown. */
  #shown = 0;

  constructor(model: Layer, data: Dataset, options: FitOptions, callbacks: Callbacks) {
    const loss = options.loss ?? defaultLoss(data);
    this.#model = model;
    this.#data = data;
    this.#options = options;
    this.#callbacks = callbacks;
    this.#batchSize = options.batchSize ?? 32;
    this.#steps = batchCount(data.train, { batchSize: this.#batchSize });
    this.#rates = options.optimizer.groups.map(({ lr }) => lr);
    this.#meter = new Meter(data.task);
    this.#step = compileStep(model, options.optimizer, loss, this.#meter);
    this.#evaluator = new Evaluator(model, data, loss);
  }

  get #stopped(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  async train(): Promise<History> {
    const records: EpochRecord[] = [];
    let examples = 0;
    let seconds = 0;
    for (let number = 1; number <= this.#options.epochs && !this.#stopped; number++) {
      const epoch: Epoch = { number, started: performance.now(), step: 0, examples: 0 };
      await this.#trainEpoch(epoch);
      const took = secondsSince(epoch.started);
      examples += epoch.examples;
      seconds += took;
      if (epoch.step < this.#steps) break;
      records.push(await this.#finishEpoch(epoch, took));
    }
    return { epochs: records, examplesPerSecond: seconds > 0 ? examples / seconds : 0, stopped: this.#stopped };
  }

  /** Trains on every example once, or until stopped. */
  async #trainEpoch(epoch: Epoch): Promise<void> {
    const { seed = 0 } = this.#options;
    this.#model.train();
    this.#meter.reset();
    for (const batch of batches(this.#data.train, { batchSize: this.#batchSize, shuffle: true, seed, epoch: epoch.number })) {
      await this.#takeStep(batch, epoch);
      if (performance.now() - this.#shown < PROGRESS_MS) continue;
      this.#shown = performance.now();
      if (epoch.step < this.#steps) this.#callbacks.onProgress?.(await this.#progress(epoch));
      await turn();
      if (this.#stopped) break;
    }
  }

  async #takeStep(batch: Batch, epoch: Epoch): Promise<void> {
    const { schedule, optimizer, epochs } = this.#options;
    const done = this.#done(epoch);
    if (schedule) setRates(optimizer, this.#rates, schedule(done / (epochs * this.#steps)));
    const { x, y } = batchTensors(this.#data, batch);
    const loss = await this.#step(x, y).item();
    epoch.step++;
    epoch.examples += batch.count;
    if (!Number.isFinite(loss)) throw new DivergenceError(loss, epoch.number, epoch.step, optimizer.lr);
    if (done === 0) this.#shown = this.#warm = performance.now();
  }

  /** Tests, and tells the callbacks. */
  async #finishEpoch(epoch: Epoch, seconds: number): Promise<EpochRecord> {
    const progress = await this.#progress(epoch);
    this.#callbacks.onProgress?.(progress);
    const test = await this.#evaluator.measure(this.#data.test);
    const { loss: trainLoss, accuracy: trainAccuracy } = progress;
    const record: EpochRecord = { trainLoss, trainAccuracy, testLoss: test.loss, testAccuracy: test.accuracy, seconds };
    this.#callbacks.onEpoch?.(record, progress);
    return record;
  }

  /** Steps taken since the start. */
  #done({ number, step }: Epoch): number {
    return (number - 1) * this.#steps + step;
  }

  async #progress(epoch: Epoch): Promise<Progress> {
    const { epochs } = this.#options;
    const done = this.#done(epoch);
    return {
      epoch: epoch.number,
      epochs,
      step: epoch.step,
      steps: this.#steps,
      ...(await this.#meter.read(epoch.examples)),
      examplesPerSecond: epoch.examples / secondsSince(epoch.started),
      secondsLeft: (secondsSince(this.#warm) / Math.max(1, done - 1)) * (epochs * this.#steps - done),
    };
  }

  dispose(): void {
    this.#step.dispose();
    this.#evaluator.dispose();
  }
}

/** Lets the event loop turn once: timers, signals and drawing happen between two steps, promises alone would starve them. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
