/** @file Which checkpoints of a run are made and kept: the last k, and the best k by a metric. */
import { type Metadata, readSafetensors } from "../formats/safetensors.ts";
import {
  type Callback,
  defaultMonitor,
  type EpochRecord,
  type History,
  type Monitor,
  modeOf,
  type Progress,
  type StepRecord,
  type Training,
  watched,
} from "./callback.ts";
import { checkpointState } from "./checkpoint.ts";
import type { Store } from "./store.ts";

export interface CheckpointsOptions {
  /** How many of the newest are kept. Default 2: one is always whole while the next is written. */
  readonly last?: number;
  /** How many of the best are kept beside them, judged after each epoch. Default 1. */
  readonly best?: number;
  /** What best means. Default: `validationLoss` where there is a validation split, else `testLoss`. */
  readonly monitor?: Monitor;
  /** Steps between checkpoints, beside those at the ends of epochs. Default: none. */
  readonly everySteps?: number;
  /** Seconds after which one is made in the middle of an epoch. Default 60. */
  readonly everySeconds?: number;
  /** Stored in each, for whoever reads the file. */
  readonly metadata?: Metadata;
  /** Called when one cannot be written; those before are kept, and the run goes on. Default: the error ends the run. */
  readonly onError?: (error: Error) => void;
}

/** A checkpoint in the store: after so many steps, with the metric that it is judged by if it ends an epoch. */
interface Kept {
  readonly step: number;
  readonly value: number | null;
}

const nameOf = (step: number): string => `step-${String(step).padStart(8, "0")}.safetensors`;
const stepOf = (name: string): number => Number(/^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? Number.NaN);

/** Saves a run as it goes. The last of the callbacks, so that what the others note in this step or epoch is saved too. */
export class Checkpoints implements Callback {
  readonly name = "checkpoints";
  readonly #store: Store;
  readonly #options: CheckpointsOptions;
  #monitor: Monitor | undefined;
  #kept: readonly Kept[] = [];
  #saved = performance.now();

  /** @throws {RangeError} for counts that cannot be. */
  constructor(store: Store, options: CheckpointsOptions = {}) {
    const { last = 2, best = 1, everySteps = 1 } = options;
    for (const [name, value, least] of [
      ["last", last, 1],
      ["best", best, 0],
      ["everySteps", everySteps, 1],
    ] as const) {
      if (!Number.isInteger(value) || value < least)
        throw new RangeError(`Checkpoints: ${name} must be an integer >= ${least}, got ${value}`);
    }
    this.#store = store;
    this.#options = options;
    this.#monitor = options.monitor;
  }

  async onStart(training: Training): Promise<void> {
    this.#monitor ??= defaultMonitor(training);
    await this.#store.tidy();
  }

  async onStep({ total }: StepRecord, training: Training): Promise<void> {
    const { everySteps, everySeconds = 60 } = this.#options;
    const due = (everySteps !== undefined && total % everySteps === 0) || performance.now() - this.#saved > 1000 * everySeconds;
    if (due) await this.#save(training, null);
  }

  async onEpoch(record: EpochRecord, _: Progress, training: Training): Promise<void> {
    await this.#save(training, watched(record, this.#monitor!));
  }

  async onEnd(history: History, training: Training): Promise<void> {
    if (history.stopped && this.#kept.at(-1)?.step !== training.total) await this.#save(training, null);
  }

  get state(): readonly Kept[] {
    return this.#kept;
  }

  set state(kept: readonly Kept[]) {
    this.#kept = kept;
  }

  /** Writes one, then removes what is no longer among the last or the best. */
  async #save(training: Training, value: number | null): Promise<void> {
    const before = this.#kept;
    const step = training.total;
    try {
      this.#kept = [...before.filter((other) => other.step !== step), { step, value }];
      this.#kept = this.#worthKeeping();
      await this.#store.write(nameOf(step), await training.save(this.#options.metadata));
      await this.#prune();
    } catch (error) {
      this.#kept = before;
      if (!this.#options.onError) throw error;
      this.#options.onError(error as Error);
    }
    this.#saved = performance.now();
  }

  #worthKeeping(): readonly Kept[] {
    const { last = 2, best = 1 } = this.#options;
    const sign = modeOf(this.#monitor!) === "min" ? 1 : -1;
    const judged = this.#kept.filter((kept): kept is Kept & { value: number } => kept.value !== null);
    const keep = new Set<Kept>([...this.#kept.slice(-last), ...judged.sort((a, b) => sign * (a.value - b.value)).slice(0, best)]);
    return this.#kept.filter((kept) => keep.has(kept));
  }

  /** Whatever else is there: what just fell out, and what a run left that was resumed from an earlier step. */
  async #prune(): Promise<void> {
    const names = new Set(this.#kept.map(({ step }) => nameOf(step)));
    for (const name of await this.#store.list()) {
      if (!Number.isNaN(stepOf(name)) && !names.has(name)) await this.#store.remove(name);
    }
  }
}

/** A checkpoint that could be read. */
export interface Found {
  readonly name: string;
  readonly step: number;
  readonly bytes: Uint8Array;
}

/**
 * The newest checkpoint of a store that can be read, at or before step `upTo`; undefined if there is none. `onDamaged` hears of newer ones that
 * cannot.
 */
export async function latestCheckpoint(
  store: Store,
  { upTo = Number.POSITIVE_INFINITY, onDamaged }: { readonly upTo?: number; readonly onDamaged?: (error: Error) => void } = {},
): Promise<Found | undefined> {
  const names = (await store.list()).filter((name) => stepOf(name) <= upTo);
  for (const name of names.reverse()) {
    try {
      const bytes = await store.read(name);
      checkpointState(readSafetensors(bytes, name), name);
      return { name, step: stepOf(name), bytes };
    } catch (error) {
      onDamaged?.(error as Error);
    }
  }
  return undefined;
}
