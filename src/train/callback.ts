/** @file What can be hooked into `fit`, and what a hook is told. */
import type { Dataset } from "../data/dataset.ts";
import type { Metadata } from "../formats/safetensors.ts";
import type { Layer } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Cell } from "../runtime/cell.ts";
import type { RegressionErrors } from "./metrics.ts";
import type { Loss } from "./task.ts";

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
  /** Of regression, in the targets' own units. */
  readonly errors?: RegressionErrors;
  /** In this epoch, testing left out. */
  readonly examplesPerSecond: number;
  /** Estimate for the rest of the run, testing included; the first step, which compiles, does not count. */
  readonly secondsLeft: number;
}

/** One epoch: means over its training batches, in training mode and while learning, and the test split after it. */
export interface EpochRecord {
  readonly trainLoss: number;
  readonly trainAccuracy: number | null;
  /** Of the validation split, where `fit` was given one. */
  readonly validationLoss?: number;
  readonly validationAccuracy?: number | null;
  readonly testLoss: number;
  readonly testAccuracy: number | null;
  /** Of regression: mean absolute error, root mean squared error (both in the targets' own units) and R². */
  readonly trainMae?: number;
  readonly trainRmse?: number;
  readonly trainR2?: number;
  readonly validationMae?: number;
  readonly validationRmse?: number;
  readonly validationR2?: number;
  readonly testMae?: number;
  readonly testRmse?: number;
  readonly testR2?: number;
  /** Time spent training, testing left out. */
  readonly seconds: number;
}

/** One step, just taken. */
export interface StepRecord {
  readonly epoch: number;
  /** Number of the step in its epoch, and in the run, from 1. */
  readonly step: number;
  readonly total: number;
  /** The loss of its batch, before the update. */
  readonly loss: number;
  /** The learning rate (of the first group) of the update. */
  readonly lr: number;
}

export interface History {
  /** Finished epochs. */
  readonly epochs: readonly EpochRecord[];
  /** Training examples per second, testing left out; compilation is in it. */
  readonly examplesPerSecond: number;
  /** Whether `signal` ended the run early. */
  readonly stopped: boolean;
  /** Why a callback ended the run before its last epoch. */
  readonly reason?: string;
}

/** A run of `fit`, as its callbacks see it. */
export interface Training {
  readonly model: Layer;
  readonly data: Dataset;
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  readonly epochs: number;
  /** Steps of one epoch. */
  readonly steps: number;
  /** Examples of an update: of a batch, or of as many batches as are accumulated. */
  readonly batchSize: number;
  /** Steps taken since the start of the run. */
  readonly total: number;
  /** Finished epochs. */
  readonly records: readonly EpochRecord[];
  /** Whether there is a validation split. */
  readonly validates: boolean;
  /** What all learning rates are multiplied by, beside the schedule. */
  rateFactor: number;
  /** Ends the run after the epoch (or step) at hand. */
  stop(reason: string): void;
  /** Why it ends, once `stop` was called. */
  readonly reason: string | undefined;
  /** Everything the rest of the run depends on, as the bytes of a checkpoint: what `fit` takes as `resume`. */
  save(metadata?: Metadata): Promise<Uint8Array>;
}

/** Hooks are called in the order of the list. One that returns a promise is waited for. */
export interface Callback {
  /** Once, before the first step; everything of a resumed run is in place. */
  onStart?(training: Training): void | Promise<void>;
  /** After every step. */
  onStep?(step: StepRecord, training: Training): void | Promise<void>;
  /** About ten times a second, and after the last step of each epoch. */
  onProgress?(progress: Progress, training: Training): void | Promise<void>;
  /** After every epoch, with the model as it was tested. */
  onEpoch?(record: EpochRecord, progress: Progress, training: Training): void | Promise<void>;
  /** Once, after the last step, however the run ended but by an error. */
  onEnd?(history: History, training: Training): void | Promise<void>;
  /** Before a checkpoint is made. */
  onSave?(): void | Promise<void>;
  /** The callback's own part of a checkpoint, under its name: plain data, and cells. */
  readonly name?: string;
  state?: unknown;
  cells?(training: Training): ReadonlyMap<string, Cell>;
}

/** A column of {@link EpochRecord} that can be watched. */
export type Monitor = Exclude<keyof EpochRecord, "seconds">;

/** The validation loss where there is one, else the test loss. */
export function defaultMonitor(training: Training): Monitor {
  return training.validates ? "validationLoss" : "testLoss";
}

/** Accuracies and R² shall rise, losses and errors fall. */
export function modeOf(monitor: Monitor): "min" | "max" {
  return /(Accuracy|R2)$/.test(monitor) ? "max" : "min";
}

/** @throws {Error} if the records do not have the column. */
export function watched(record: EpochRecord, monitor: Monitor): number {
  const value = record[monitor];
  if (typeof value === "number") return value;
  const known = Object.entries(record).filter(([name, v]) => typeof v === "number" && name !== "seconds");
  throw new Error(`this run has no ${monitor} to watch; it has ${known.map(([name]) => name).join(", ")}`);
}
