/**
 * @file The training loop: epochs of shuffled mini-batches, each step one compiled program (forward, backward, update and running metrics),
 * the test split after every epoch.
 *
 *     epoch ── batch ──► step program ──► loss (4 bytes out)         parameters, moments and sums stay in the arena
 *           └─ test split ──► evaluation program ──► loss, accuracy
 */
import type { Dataset } from "../data/dataset.ts";
import { batchCount, batches } from "../data/loader.ts";
import { type Compiled, compile } from "../function/compile.ts";
import { backward } from "../function/derivative.ts";
import type { Layer } from "../nn/module.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Schedule } from "../optim/schedules.ts";
import { Evaluator } from "./evaluate.ts";
import { Meter } from "./meter.ts";
import { batchTensors, checkData, defaultLoss, type Loss } from "./task.ts";

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
  /** Over the whole run, testing left out. */
  readonly examplesPerSecond: number;
  /** Estimate for the rest of the run, testing included. */
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
  const { lr } = options.optimizer;
  const run = new Run(model, data, options, callbacks);
  try {
    return await run.train();
  } finally {
    if (options.schedule) options.optimizer.lr = lr;
    run.dispose();
  }
}

function checkOptions({ epochs, batchSize = 32, optimizer }: FitOptions): void {
  if (!optimizer) throw new TypeError("fit: want an optimizer, as in { optimizer: new Adam(model.parameters()) }");
  for (const [name, value] of Object.entries({ epochs, batchSize })) {
    if (!Number.isInteger(value) || value < 1) throw new RangeError(`fit: ${name} must be a positive integer, got ${value}`);
  }
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

/** The state of one call of `fit`. */
class Run {
  readonly #model: Layer;
  readonly #data: Dataset;
  readonly #options: FitOptions;
  readonly #callbacks: Callbacks;
  readonly #batchSize: number;
  readonly #steps: number;
  readonly #meter: Meter;
  readonly #step: Step;
  readonly #evaluator: Evaluator;
  readonly #started: number = performance.now();
  readonly #lr: number;
  /** Training so far, testing left out. */
  #trained: { examples: number; ms: number } = { examples: 0, ms: 0 };

  constructor(model: Layer, data: Dataset, options: FitOptions, callbacks: Callbacks) {
    const loss = options.loss ?? defaultLoss(data);
    this.#model = model;
    this.#data = data;
    this.#options = options;
    this.#callbacks = callbacks;
    this.#batchSize = options.batchSize ?? 32;
    this.#lr = options.optimizer.lr;
    this.#steps = batchCount(data.train, { batchSize: this.#batchSize });
    this.#meter = new Meter(data.task);
    this.#step = compileStep(model, options.optimizer, loss, this.#meter);
    this.#evaluator = new Evaluator(model, data, loss);
  }

  get #stopped(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  get #examplesPerSecond(): number {
    return this.#trained.ms === 0 ? 0 : (1000 * this.#trained.examples) / this.#trained.ms;
  }

  async train(): Promise<History> {
    const epochs: EpochRecord[] = [];
    for (let epoch = 1; epoch <= this.#options.epochs && !this.#stopped; epoch++) {
      const progress = await this.#trainEpoch(epoch);
      if (progress.step < progress.steps) break;
      const test = await this.#evaluator.measure(this.#data.test);
      const record: EpochRecord = {
        trainLoss: progress.loss,
        trainAccuracy: progress.accuracy,
        testLoss: test.loss,
        testAccuracy: test.accuracy,
        seconds: progress.seconds,
      };
      epochs.push(record);
      this.#callbacks.onEpoch?.(record, progress);
    }
    return { epochs, examplesPerSecond: this.#examplesPerSecond, stopped: this.#stopped };
  }

  /** Trains on every example once, or until stopped; gives the progress at its end. */
  async #trainEpoch(epoch: number): Promise<Progress & { seconds: number }> {
    const { seed = 0 } = this.#options;
    this.#model.train();
    this.#meter.reset();
    const before = { ...this.#trained };
    let mark = performance.now();
    let reported = mark;
    let step = 0;
    const tick = (): void => {
      const now = performance.now();
      this.#trained.ms += now - mark;
      mark = now;
    };
    for (const batch of batches(this.#data.train, { batchSize: this.#batchSize, shuffle: true, seed, epoch })) {
      const { x, y } = batchTensors(this.#data, batch);
      this.#adjustRate((epoch - 1) * this.#steps + step);
      const loss = await this.#step(x, y).item();
      step++;
      if (!Number.isFinite(loss)) throw new DivergenceError(loss, epoch, step, this.#options.optimizer.lr);
      this.#trained.examples += batch.count;
      tick();
      if (mark - reported < PROGRESS_MS || step === this.#steps) continue;
      reported = mark;
      this.#callbacks.onProgress?.(await this.#progress(epoch, step, this.#trained.examples - before.examples));
      await turn();
      tick();
      if (this.#stopped) break;
    }
    const progress = await this.#progress(epoch, step, this.#trained.examples - before.examples);
    this.#callbacks.onProgress?.(progress);
    await turn();
    return { ...progress, seconds: (this.#trained.ms - before.ms) / 1000 };
  }

  /** Sets the rate for the step after `done` others. A cell changes; nothing is compiled. */
  #adjustRate(done: number): void {
    const { schedule, optimizer, epochs } = this.#options;
    if (schedule) optimizer.lr = this.#lr * schedule(done / (epochs * this.#steps));
  }

  async #progress(epoch: number, step: number, examples: number): Promise<Progress> {
    const { epochs } = this.#options;
    const steps = this.#steps;
    const done = (epoch - 1) * steps + step;
    const elapsed = (performance.now() - this.#started) / 1000;
    return {
      epoch,
      epochs,
      step,
      steps,
      ...(await this.#meter.read(examples)),
      examplesPerSecond: this.#examplesPerSecond,
      secondsLeft: (elapsed / done) * (epochs * steps - done),
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
