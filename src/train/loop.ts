/**
 * @file The state of one call of `fit`, and the loop over it. Everything that the steps to come depend on is in cells or in a few plain numbers,
 * so a run can be saved after any step and go on from there to the same bits.
 */
import type { Dataset, Split } from "../data/dataset.ts";
import { type Batch, batchCount, fetchBatches } from "../data/loader.ts";
import type { Metadata } from "../formats/safetensors.ts";
import type { Compiled } from "../function/compiled.ts";
import { randomState } from "../math/random.ts";
import type { Layer } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { checkRates, rateAt } from "../optim/schedules.ts";
import type { Cell } from "../runtime/cell.ts";
import type { Callback, EpochRecord, History, Progress, Training } from "./callback.ts";
import { DivergenceError, Mark } from "./divergence.ts";
import { Evaluator } from "./evaluate.ts";
import { explain, hunting } from "./explain.ts";
import type { FitOptions } from "./fit-options.ts";
import { canFill, filled } from "./last-batch.ts";
import { Meter, type Metrics } from "./meter.ts";
import { checkSharding, isSharded, Meeting } from "./ranks.ts";
import { prefixed, runFiles } from "./run-files.ts";
import { frozenNames, type Position, type RunState, setFrozen } from "./run-state.ts";
import { compileStep, GradientSum, type StepFunction, type StepParts, stepFunction } from "./step.ts";
import { batchTensors, defaultLoss, type Loss, targetUnits } from "./task.ts";

// Often enough for a progress bar and for the event loop (a signal to stop arrives only there); rare enough to cost nothing.
const PROGRESS_MS = 100;

// How many steps are repeated at most to find the first NaN.
const MARK_STEPS = 200;

const secondsSince = (start: number): number => (performance.now() - start) / 1000;

export class Run implements Training {
  readonly model: Layer;
  readonly data: Dataset;
  readonly steps: number;
  readonly records: EpochRecord[] = [];
  rateFactor = 1;
  reason: string | undefined;
  readonly #options: FitOptions;
  readonly #callbacks: readonly Callback[];
  readonly #batchSize: number;
  /** Whether a smaller last batch is filled up. */
  #fills = false;
  /** Learning rates of the optimizer's groups at the start. */
  readonly #rates: number[];
  readonly #meter: Meter;
  readonly #gradients: GradientSum | undefined;
  readonly #parts: StepParts;
  /** By the examples of a batch where several processes train together, else one. */
  readonly #programs: Map<number, Compiled<StepFunction>> = new Map();
  readonly #evaluator: Evaluator;
  #position: Position = { epoch: 1, step: 0, examples: 0, seconds: 0 };
  /** Whether the model holds the averages of its weights. */
  #swapped = false;
  /** Steps taken in this process, and when the first was done: it compiles, so it says nothing about the others. */
  #taken = 0;
  #warm = 0;
  /** When progress was last shown. */
  #shown = 0;
  #mark: { readonly position: Position; readonly mark: Mark } | undefined;
  /** Where several processes train together: where they meet, and whether one of them was stopped. */
  readonly #meeting: Meeting | undefined;
  #halted: boolean | undefined;

  constructor(model: Layer, data: Dataset, options: FitOptions) {
    const { optimizer, accumulate = 1, clipNorm, average, augment, loss = defaultLoss(data), distributed } = options;
    checkSharding(optimizer, distributed);
    this.model = model;
    this.data = data;
    this.#options = options;
    this.#callbacks = options.callbacks ?? [];
    this.#batchSize = options.batchSize ?? 32;
    this.steps = batchCount(data.train, { batchSize: this.#batchSize, sampler: options.sampler });
    this.#rates = optimizer.groups.map(({ lr }) => lr);
    if (options.schedule) checkRates("fit", options.schedule, options.epochs * this.steps, this.#rates[0]);
    this.#meter = new Meter(data.task, targetUnits(data));
    this.#gradients = accumulate > 1 ? new GradientSum(optimizer.parameters) : undefined;
    this.#parts = { loss, meter: this.#meter, gradients: this.#gradients, clipNorm, average, augment };
    this.#evaluator = new Evaluator(model, data, loss, {}, distributed);
    this.#meeting = distributed && distributed.size > 1 ? new Meeting(distributed, data, options) : undefined;
  }

  get loss(): Loss {
    return this.#parts.loss;
  }

  get optimizer(): Optimizer {
    return this.#options.optimizer;
  }

  get epochs(): number {
    return this.#options.epochs;
  }

  get batchSize(): number {
    return this.#batchSize * (this.#options.accumulate ?? 1);
  }

  get validates(): boolean {
    return this.#validation !== undefined;
  }

  get #validation(): Split | undefined {
    return this.#options.validation ?? this.data.validation;
  }

  get total(): number {
    return (this.#position.epoch - 1) * this.steps + this.#position.step;
  }

  stop(reason: string): void {
    this.reason ??= reason;
  }

  get #stopped(): boolean {
    return this.#halted ?? this.#options.signal?.aborted ?? false;
  }

  get #ended(): boolean {
    return this.#stopped || this.reason !== undefined || this.#position.epoch > this.epochs;
  }

  async train(): Promise<History> {
    await this.#start();
    let examples = 0;
    let seconds = 0;
    while (!this.#ended) {
      const { examples: before, seconds: spent } = this.#position;
      await this.#trainEpoch();
      examples += this.#position.examples - before;
      seconds += this.#position.seconds - spent;
      if (this.#position.step === this.steps) await this.#finishEpoch();
    }
    if (!this.#stopped) this.#swap(true);
    const reason = this.reason === undefined ? {} : { reason: this.reason };
    const examplesPerSecond = seconds > 0 ? examples / seconds : 0;
    const history: History = { epochs: this.records, examplesPerSecond, stopped: this.#stopped, ...reason };
    for (const callback of this.#callbacks) await callback.onEnd?.(history, this);
    this.#agree();
    return history;
  }

  async #start(): Promise<void> {
    const { resume, distributed } = this.#options;
    this.#fills = !distributed && canFill(this.model, this.data, this.#options, this.steps);
    const bytes = this.#meeting ? distributed!.communicator.bytesOfFirst(resume) : resume;
    if (bytes) this.#load(bytes);
    // The state of blocks is each rank's own.
    if (this.#meeting) distributed!.shareCells(this.#stepCells(isSharded(this.optimizer) ? new Map() : undefined).values());
    for (const callback of this.#callbacks) await callback.onStart?.(this);
    this.#agree();
  }

  /** Trains on every example that this epoch has left, or until stopped. */
  async #trainEpoch(): Promise<void> {
    this.model.train();
    if (this.#position.step === 0) this.#meter.reset();
    const start = performance.now() - 1000 * this.#position.seconds;
    for await (const batch of this.#batches()) {
      const loss = await this.#takeStep(batch, start);
      const { epoch, step } = this.#position;
      for (const callback of this.#callbacks) {
        const waiting = callback.onStep?.({ epoch, step, total: this.total, loss, lr: this.optimizer.lr }, this);
        if (waiting) await waiting;
      }
      await this.#breathe();
      this.#agree();
      if (this.#stopped || this.reason !== undefined) break;
    }
  }

  /** After callbacks: ranks stop after the same step, when one of them is told to. */
  #agree(): void {
    const agreed = this.#meeting?.agree(this.#options.signal?.aborted ?? false, this.reason !== undefined);
    if (!agreed) return;
    this.#halted = agreed.halted;
    if (agreed.ended) this.reason ??= "another rank has ended the run";
  }

  /** What this epoch has left; of every batch the part of this rank. */
  #batches(): AsyncIterable<Batch> {
    const { seed = 0, sampler, distributed } = this.#options;
    const order = sampler ? { sampler } : { shuffle: true };
    const { epoch, step } = this.#position;
    const part = distributed && { part: (n: number) => distributed.part(n) };
    return fetchBatches(this.data.train, { batchSize: this.#batchSize, ...order, seed, epoch, ...part }, step);
  }

  /** Examples of the batch of the step at hand, on all ranks. */
  get #examples(): number {
    const count = this.#options.sampler?.count ?? this.data.train.count;
    return Math.min(this.#batchSize, count - this.#position.step * this.#batchSize);
  }

  /** The step for batches of so many examples. */
  #stepParts(examples: number): StepParts {
    const part = this.#options.distributed?.part(examples);
    return part ? { ...this.#parts, spread: (step) => part.spread(step) } : this.#parts;
  }

  #program(): Compiled<StepFunction> {
    const key = this.#options.distributed ? this.#examples : 0;
    let program = this.#programs.get(key);
    if (!program) {
      program = compileStep(this.model, this.optimizer, this.#stepParts(key));
      this.#programs.set(key, program);
    }
    return program;
  }

  /** Lets the event loop turn once in a while, and shows progress. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#shown < PROGRESS_MS) return;
    this.#shown = performance.now();
    if (this.#position.step < this.steps) await this.#tell(await this.#progress());
    await turn();
  }

  async #tell(progress: Progress): Promise<void> {
    for (const callback of this.#callbacks) await callback.onProgress?.(progress, this);
  }

  async #takeStep(batch: Batch, start: number): Promise<number> {
    if (this.#taken % MARK_STEPS === 0) this.#setMark();
    const loss = await this.#runStep(this.#program(), batch);
    const { epoch, step, examples } = this.#position;
    const { count } = this.#options.distributed ? { count: this.#examples } : batch;
    if (!Number.isFinite(loss)) throw await this.#divergence(loss, batch);
    this.#position = { epoch, step: step + 1, examples: examples + count, seconds: secondsSince(start) };
    if (this.#taken++ === 0) this.#shown = this.#warm = performance.now();
    return loss;
  }

  /** One step of the position at hand by `step`; gives its loss. */
  #runStep(step: StepFunction, batch: Batch): Promise<number> {
    const { schedule, accumulate = 1 } = this.#options;
    const number = this.#position.step + 1;
    if (schedule) this.#setRates(rateAt("fit", schedule, this.total, this.epochs * this.steps));
    else if (this.rateFactor !== 1) this.#setRates();
    const { x, y, lengths, more } = batchTensors(this.data, this.#fills ? filled(batch, this.#batchSize) : batch);
    // What is left of an epoch makes a last, smaller update.
    return step(x, y, number % accumulate === 0 || number === this.steps, lengths, more).item();
  }

  /** Sets the first group's rate, and those of the others in their ratio to it; or the rates of the start. */
  #setRates(rate?: number): void {
    const [first] = this.#rates;
    for (const [i, group] of this.optimizer.groups.entries()) {
      this.#rates[i] ??= group.lr; // of a group that was added on the way
      const own = this.#rates[i];
      const scheduled = rate === undefined || own === first || first === 0 ? (rate ?? own) : rate * (own / first);
      group.lr = scheduled * this.rateFactor;
    }
  }

  // ---- the end of an epoch ------------------------------------------------------------------------------------------------------------

  /** Tests, and tells the callbacks; to them the model is as it was tested, averaged if there is an average. */
  async #finishEpoch(): Promise<void> {
    const progress = await this.#progress();
    await this.#tell(progress);
    this.#agree();
    this.#swap(true);
    const validation = this.#validation;
    const checked = validation && (await this.#evaluator.measure(validation));
    const test = await this.#evaluator.measure(this.data.test);
    const record = recordOf(progress, checked, test, this.#position.seconds);
    this.records.push(record);
    this.#position = { epoch: this.#position.epoch + 1, step: 0, examples: 0, seconds: 0 };
    for (const callback of this.#callbacks) await callback.onEpoch?.(record, progress, this);
    this.#agree();
    this.#swap(false);
  }

  /** Puts the averages into the model, or its own weights back. */
  #swap(averaged: boolean): void {
    if (this.#swapped === averaged) return;
    this.#options.average?.swap();
    this.#swapped = averaged;
  }

  async #progress(): Promise<Progress> {
    const { epoch, step, examples, seconds } = this.#position;
    return {
      epoch,
      epochs: this.epochs,
      step,
      steps: this.steps,
      ...(await this.#meter.read()),
      examplesPerSecond: examples / seconds,
      secondsLeft: (secondsSince(this.#warm) / Math.max(1, this.#taken - 1)) * (this.epochs * this.steps - this.total),
    };
  }

  // ---- saving and going on ------------------------------------------------------------------------------------------------------------

  /** What a step reads and writes. Of an optimizer that is divided among ranks a file has the whole. */
  #stepCells(optimizer: ReadonlyMap<string, Cell> = this.optimizer.stateDict()): Map<string, Cell> {
    const { average } = this.#options;
    return new Map([
      ...prefixed("model", this.model.stateDict()),
      ...prefixed("optimizer", optimizer),
      ...prefixed("meter", this.#meter.stateDict()),
      ...(average ? prefixed("average", average.stateDict()) : []),
      ...(this.#gradients ? prefixed("gradients", this.#gradients.stateDict()) : []),
      ["random", randomState()],
    ]);
  }

  #cells(optimizer?: ReadonlyMap<string, Cell>): Map<string, Cell> {
    return new Map([
      ...this.#stepCells(optimizer),
      ...this.#callbacks.flatMap((c) => prefixed(c.name ?? "callback", c.cells?.(this) ?? new Map())),
    ]);
  }

  async save(metadata: Metadata = {}): Promise<Uint8Array> {
    for (const callback of this.#callbacks) await callback.onSave?.();
    const averaged = this.#swapped;
    this.#swap(false);
    const named = this.#callbacks.filter((c): c is Callback & { name: string } => c.name !== undefined && c.state !== undefined);
    const state: RunState = {
      position: this.#position,
      steps: this.steps,
      records: this.records,
      rateFactor: this.rateFactor,
      ...this.#averaged(),
      frozen: frozenNames(this.model),
      ...(this.reason === undefined ? {} : { reason: this.reason }),
      callbacks: Object.fromEntries(named.map((c) => [c.name, c.state])),
    };
    const { optimizer } = this;
    const whole = isSharded(optimizer) ? (this.#meeting?.state(optimizer) ?? optimizer.gather()) : undefined;
    const bytes = await runFiles("save").save(this.#cells(whole), state, metadata);
    this.#swap(averaged);
    return bytes;
  }

  /** Names of what is averaged: a reader of the checkpoint finds the weights that were tested by them. */
  #averaged(): Pick<RunState, "averaged"> {
    const { average } = this.#options;
    if (!average) return {};
    const names = new Map([...this.model.stateDict()].map(([name, cell]) => [cell, name]));
    return { averaged: average.parameters.map((parameter) => names.get(parameter) ?? "") };
  }

  #load(bytes: Uint8Array): void {
    const file = runFiles("fit: resume").open(bytes);
    const own = "optimizer.";
    this.optimizer.admit(file.names.flatMap((name) => (name.startsWith(own) ? [name.slice(own.length)] : [])));
    const whole = isSharded(this.optimizer) ? this.optimizer.blank() : undefined;
    const { position, records, rateFactor, reason, callbacks, frozen } = file.check(this.#cells(whole), this.steps);
    for (const callback of this.#callbacks) {
      if (callback.name !== undefined && Object.hasOwn(callbacks, callback.name)) callback.state = callbacks[callback.name];
    }
    file.set(this.#cells(whole));
    if (whole && isSharded(this.optimizer)) this.optimizer.load(whole);
    if (frozen) setFrozen(this.model, frozen);
    this.#position = position;
    this.records.push(...records);
    this.rateFactor = rateFactor;
    this.reason = reason;
  }

  // ---- where the first NaN came from --------------------------------------------------------------------------------------------------

  #setMark(): void {
    if (this.#options.traceNaN === false) return;
    this.#mark = { position: this.#position, mark: new Mark(this.#stepCells().values()) };
  }

  /**
   * The error for the step at hand. Goes back to the mark and repeats the steps up to here, the last two one instruction at a time: a loss that
   * is no number was often made by the update before. Leaves the model as it was at the mark.
   */
  async #divergence(loss: number, batch: Batch): Promise<DivergenceError> {
    const { epoch, step } = this.#position;
    const lr = this.optimizer.lr;
    const from = this.#mark?.position;
    const culprit = from && (await this.#hunt(from));
    const { model, optimizer, data } = this;
    const classes = data.task === "classification" ? data.classes.length : undefined;
    const before = from ? (from.epoch - 1) * this.steps + from.step : this.total;
    const patient = { model, optimizer, loss: this.loss, batch: batchTensors(data, batch), classes, step: before };
    return new DivergenceError(loss, epoch, step + 1, lr, culprit, await explain(patient));
  }

  async #hunt(from: Position): Promise<string | undefined> {
    const failed = this.total;
    const careful = hunting(stepFunction(this.model, this.optimizer, this.#stepParts(this.#examples)));
    this.#mark!.mark.restore();
    if (!careful) return undefined;
    this.#position = from;
    try {
      for (
        ;
        this.#position.epoch <= this.epochs && this.total <= failed;
        this.#position = { ...from, epoch: this.#position.epoch + 1, step: 0 }
      ) {
        for await (const batch of this.#batches()) {
          if (this.total > failed) break;
          await this.#runStep(this.total < failed - 1 ? this.#program() : careful, batch);
          this.#position = { ...this.#position, step: this.#position.step + 1 };
        }
      }
      return undefined;
    } catch (error) {
      return (error as Error).message;
    } finally {
      careful.dispose();
      this.#mark!.mark.restore();
    }
  }

  dispose(): void {
    if (this.#options.schedule || this.rateFactor !== 1) {
      for (const [i, group] of this.optimizer.groups.entries()) group.lr = this.#rates[i] ?? group.lr;
    }
    for (const program of this.#programs.values()) program.dispose();
    this.#evaluator.dispose();
  }
}

function recordOf(train: Progress, validation: Metrics | undefined, test: Metrics, seconds: number): EpochRecord {
  return {
    trainLoss: train.loss,
    trainAccuracy: train.accuracy,
    ...(validation && { validationLoss: validation.loss, validationAccuracy: validation.accuracy }),
    testLoss: test.loss,
    testAccuracy: test.accuracy,
    ...(train.errors && { trainMae: train.errors.mae, trainRmse: train.errors.rmse, trainR2: train.errors.r2 }),
    ...(validation?.errors && {
      validationMae: validation.errors.mae,
      validationRmse: validation.errors.rmse,
      validationR2: validation.errors.r2,
    }),
    ...(test.errors && { testMae: test.errors.mae, testRmse: test.errors.rmse, testR2: test.errors.r2 }),
    seconds,
  };
}

/** Lets the event loop turn once: timers, signals and drawing happen between two steps, promises alone would starve them. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
