/**
 * @file Stopping when a metric no longer gets better, and putting the best weights back (REG-3): Goodfellow, Bengio & Courville (2016),
 * Algorithm 7.1. And the learning rate that falls on a plateau.
 */
import { type Checks, check, checkOptions, expectation, flag, having, naturalNumber, nonNegative, oneOf } from "../base/check.ts";
import type { Module } from "../nn/module.ts";
import { PLATEAU_OPTIONS, Plateau, type PlateauOptions, type PlateauState } from "../optim/plateau.ts";
import { Cell } from "../runtime/cell.ts";
import {
  type Callback,
  defaultMonitor,
  type EpochRecord,
  type History,
  type Monitor,
  modeOf,
  type Progress,
  type Training,
  watched,
} from "./callback.ts";

export interface EarlyStoppingOptions {
  /** Default: `validationLoss` where there is a validation split, else `testLoss`. */
  readonly monitor?: Monitor;
  /** Epochs without improvement that pass before the run ends. Default 5. */
  readonly patience?: number;
  /** How much better counts as better. Default 0. */
  readonly minDelta?: number;
  /** Whether the model ends with the weights (and statistics) of its best epoch. Default true. */
  readonly restoreBest?: boolean;
}

/** A metric may be NaN, which is never the best. */
const aMetric = expectation("a number", (value) => typeof value === "number");
const aMode = oneOf("min", "max");
const aMonitor = oneOf("trainLoss", "trainAccuracy", "validationLoss", "validationAccuracy", "testLoss", "testAccuracy");

const EARLY_STOPPING_OPTIONS: Checks<EarlyStoppingOptions> = {
  patience: naturalNumber,
  minDelta: nonNegative,
  monitor: aMonitor,
  restoreBest: flag,
};

/** The best value of a metric so far, its epoch, and how many epochs have passed since. */
export interface BestSoFar {
  /** Null before the first epoch. */
  readonly value: number | null;
  readonly epoch: number;
  /** Epochs since then. */
  readonly waited: number;
}

/**
 * A callback, or in a loop of one's own: `stopper.watch(model)`, then each epoch `if (stopper.step(loss)) break`, at last `stopper.restore()`. A
 * metric that is NaN or infinite is never the best.
 */
export class EarlyStopping implements Callback {
  readonly name = "earlyStopping";
  readonly #options: EarlyStoppingOptions;
  readonly #weights = new Map<string, { readonly cell: Cell; readonly best: Cell }>();
  #monitor: Monitor | undefined;
  #best: BestSoFar = { value: null, epoch: 0, waited: 0 };

  /** @throws {RangeError} for a patience that is no integer from 0. */
  constructor(options: EarlyStoppingOptions = {}) {
    checkOptions("EarlyStopping", options, EARLY_STOPPING_OPTIONS);
    this.#options = options;
    this.#monitor = options.monitor;
  }

  /** The best value so far and its epoch, from 1; value null before the first. */
  get best(): { readonly value: number | null; readonly epoch: number } {
    return this.#best;
  }

  /** Keeps the best weights of a model; without, `step` only counts. */
  watch(model: Module): void {
    check("EarlyStopping: the model", model, having("a module", "stateDict"));
    for (const [name, cell] of model.stateDict()) this.#weights.set(name, { cell, best: new Cell(cell.value, "best") });
  }

  /** Takes note of an epoch's metric; gives whether to stop. */
  step(value: number, mode: "min" | "max" = "min"): boolean {
    check("EarlyStopping: the metric", value, aMetric);
    check("EarlyStopping: mode", mode, aMode);
    const { patience = 5, minDelta = 0 } = this.#options;
    const { value: old, epoch, waited } = this.#best;
    const now = epoch + waited + 1;
    const better = Number.isFinite(value) && (old === null || (mode === "min" ? value < old - minDelta : value > old + minDelta));
    this.#best = better ? { value, epoch: now, waited: 0 } : { value: old, epoch, waited: waited + 1 };
    if (better) for (const { cell, best } of this.#weights.values()) best.set(cell.value);
    return this.#best.waited > patience;
  }

  /** Puts the best weights back into the model that is watched. */
  restore(): void {
    if (this.#best.value === null) return;
    for (const { cell, best } of this.#weights.values()) cell.set(best.value);
  }

  onStart(training: Training): void {
    this.#monitor ??= defaultMonitor(training);
    this.cells(training);
  }

  onEpoch(record: EpochRecord, _: Progress, training: Training): void {
    const monitor = this.#monitor!;
    if (!this.step(watched(record, monitor), modeOf(monitor))) return;
    const { epoch, waited } = this.#best;
    training.stop(
      `${monitor} has not improved in ${waited} epochs; ${epoch === 0 ? "it was never a finite number" : `epoch ${epoch} was best`}`,
    );
  }

  onEnd({ stopped }: History): void {
    // An interrupted run is to be resumed from where it stands.
    if (!stopped && (this.#options.restoreBest ?? true)) this.restore();
  }

  get state(): BestSoFar {
    return this.#best;
  }

  set state(state: BestSoFar) {
    // Runs saved before could have NaN as the best; JSON makes null of it.
    this.#best = Number.isFinite(state.value) ? state : { value: null, epoch: 0, waited: state.epoch + state.waited };
  }

  cells(training: Training): ReadonlyMap<string, Cell> {
    if (this.#weights.size === 0 && (this.#options.restoreBest ?? true)) this.watch(training.model);
    return new Map([...this.#weights].map(([name, { best }]) => [name, best]));
  }
}

const { mode: _, ...PLATEAU } = PLATEAU_OPTIONS;
const REDUCE_ON_PLATEAU = { ...PLATEAU, monitor: aMonitor };

/** Multiplies all learning rates by `factor` when a metric has not improved for `patience` epochs, as PyTorch's ReduceLROnPlateau. */
export class ReduceOnPlateau implements Callback {
  readonly name = "reduceOnPlateau";
  readonly #plateau: Plateau;
  readonly #mode: "min" | "max";
  #monitor: Monitor | undefined;

  /** `mode` follows from the metric that is watched. Rates are factors of those at the start, so `min` is 0 to 1. */
  constructor(given: Omit<PlateauOptions, "mode"> & { readonly monitor?: Monitor } = {}) {
    checkOptions("ReduceOnPlateau", given, REDUCE_ON_PLATEAU);
    const { monitor, ...options } = given;
    this.#monitor = monitor;
    this.#mode = monitor ? modeOf(monitor) : "min";
    this.#plateau = new Plateau(1, { ...options, mode: this.#mode });
  }

  onStart(training: Training): void {
    this.#monitor ??= defaultMonitor(training);
    training.rateFactor = this.#plateau.rate;
  }

  onEpoch(record: EpochRecord, _: Progress, training: Training): void {
    training.rateFactor = this.#plateau.step(watched(record, this.#monitor!));
  }

  // JSON has no infinity, which is the best before the first epoch.
  get state(): unknown {
    const { best, ...rest } = this.#plateau.state;
    return { ...rest, best: Number.isFinite(best) ? best : null };
  }

  set state(state: unknown) {
    const { best, ...rest } = state as Omit<PlateauState, "best"> & { best: number | null };
    this.#plateau.state = { ...rest, best: best ?? (this.#mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY) };
  }
}
