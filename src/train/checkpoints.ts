/** @file Which checkpoints of a run are made and kept: the last k, and the best k by a metric. */
import {
  aNumber,
  type Checks,
  check,
  checkOptions,
  fn,
  having,
  naturalNumber,
  nonNegative,
  object,
  positiveInteger,
  text,
} from "../base/check.ts";
import type { Metadata } from "../formats/safetensors.ts";
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
import { readCheckpoint } from "./checkpoint.ts";
import { type CheckpointsState, checkpointsState, checkRunState, type Kept, type RunState, runOfState, totalOf } from "./run-state.ts";
import { randomHex, type Store } from "./store.ts";

export interface CheckpointsOptions {
  /** How many of the newest are kept. Default 2: one is always whole while the next is written. */
  readonly last?: number;
  /** How many of the best are kept beside them, judged after each epoch. Default 1. */
  readonly best?: number;
  /** What best means; NaN and infinity never are. Default: `validationLoss` where there is a validation split, else `testLoss`. */
  readonly monitor?: Monitor;
  /** Steps between checkpoints, beside those at the ends of epochs. Default: none. */
  readonly everySteps?: number;
  /** Seconds after which one is made in the middle of an epoch. Default 60. */
  readonly everySeconds?: number;
  /**
   * Name of the run, stored in each: a store holds the checkpoints of one run. Default: a random one, which a resumed run keeps. Who gives one answers for
   * the store: what is there under the name of a checkpoint is replaced.
   */
  readonly run?: string;
  /** Stored in each, for whoever reads the file. */
  readonly metadata?: Metadata;
  /** Called when one cannot be written; those before are kept, and the run goes on. Default: the error ends the run. */
  readonly onError?: (error: Error) => void;
}

const CHECKPOINTS_OPTIONS: Checks<CheckpointsOptions> = {
  last: positiveInteger,
  best: naturalNumber,
  monitor: text,
  everySteps: positiveInteger,
  everySeconds: nonNegative,
  run: text,
  metadata: object,
  onError: fn,
};

const nameOf = (step: number): string => `step-${String(step).padStart(8, "0")}.safetensors`;
const stepOf = (name: string): number => Number(/^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? Number.NaN);

/**
 * Saves a run as it goes. The last of the callbacks, so that what the others note in this step or epoch is saved too. Removes only checkpoints of
 * this run. @throws {Error} when training starts, if the store holds those of another.
 */
export class Checkpoints implements Callback {
  readonly name = "checkpoints";
  readonly #store: Store;
  readonly #options: CheckpointsOptions;
  #monitor: Monitor | undefined;
  #kept: readonly Kept[] = [];
  #run: string | undefined;
  /** The name in the checkpoint that the run went on from; the first version had none. */
  #resumed: string | undefined;
  /** Names of what is to be removed when the next is written. */
  #leftover: string[] = [];
  #saved = performance.now();

  /** @throws {RangeError} for counts that cannot be. */
  constructor(store: Store, options: CheckpointsOptions = {}) {
    check("Checkpoints: the store", store, having("a store, as in folderStore(path)", "list", "read", "write"));
    checkOptions("Checkpoints", options, CHECKPOINTS_OPTIONS);
    this.#store = store;
    this.#options = options;
    this.#monitor = options.monitor;
    this.#run = options.run ?? randomHex(8);
  }

  async onStart(training: Training): Promise<void> {
    this.#monitor ??= defaultMonitor(training);
    await this.#store.tidy();
    const kept = namesOf(this.#kept);
    const others = (await this.#store.list()).filter((name) => !Number.isNaN(stepOf(name)) && !kept.has(name));
    for (const name of others) {
      if (training.total === 0 && this.#options.run === undefined) throw foreign(name);
      if (await this.#isOwn(name)) this.#leftover.push(name);
    }
  }

  /**
   * Whether a checkpoint is of this run. A damaged one may be: it is left until the run comes to its step again.
   * @throws {Error} if it is of another.
   */
  async #isOwn(name: string): Promise<boolean> {
    const bytes = await this.#store.read(name);
    let owner: string | undefined;
    try {
      owner = runOfState(checkRunState(readCheckpoint(bytes, name).state, name));
    } catch {
      return false;
    }
    if (owner !== undefined && owner !== this.#run && this.#options.run === undefined) throw foreign(name);
    return owner === this.#run || owner === this.#resumed;
  }

  async onStep({ total }: StepRecord, training: Training): Promise<void> {
    const { everySteps, everySeconds = 60 } = this.#options;
    const due = (everySteps !== undefined && total % everySteps === 0) || performance.now() - this.#saved > 1000 * everySeconds;
    if (due) await this.#save(training, null);
  }

  async onEpoch(record: EpochRecord, _: Progress, training: Training): Promise<void> {
    const value = watched(record, this.#monitor!);
    await this.#save(training, Number.isFinite(value) ? value : null);
  }

  async onEnd(history: History, training: Training): Promise<void> {
    if (history.stopped && this.#kept.at(-1)?.step !== training.total) await this.#save(training, null);
  }

  get state(): CheckpointsState {
    return { ...(this.#run !== undefined && { run: this.#run }), kept: this.#kept };
  }

  /** @throws {Error} if it is no such state, or that of another run. */
  set state(state: unknown) {
    const { run, kept } = checkpointsState(state);
    if (run !== undefined && this.#options.run !== undefined && run !== this.#options.run)
      throw new Error("checkpoint: is of another run; remove it, and the run goes on from the one before");
    this.#kept = kept;
    this.#resumed = run;
    this.#run = this.#options.run ?? run;
  }

  /** Writes one, then removes what is no longer among the last or the best. */
  async #save(training: Training, value: number | null): Promise<void> {
    const before = this.#kept;
    const step = training.total;
    this.#kept = [...before.filter((other) => other.step !== step), { step, value }];
    this.#kept = this.#worthKeeping();
    try {
      await this.#store.write(nameOf(step), await training.save(this.#options.metadata));
    } catch (error) {
      this.#kept = before;
      this.#report(error as Error);
    }
    this.#leftover.push(...namesOf(before));
    await this.#prune();
    this.#saved = performance.now();
  }

  #report(error: Error): void {
    if (!this.#options.onError) throw error;
    this.#options.onError(error);
  }

  #worthKeeping(): readonly Kept[] {
    const { last = 2, best = 1 } = this.#options;
    const sign = modeOf(this.#monitor!) === "min" ? 1 : -1;
    const judged = this.#kept.filter((kept): kept is Kept & { value: number } => kept.value !== null);
    const keep = new Set<Kept>([...this.#kept.slice(-last), ...judged.sort((a, b) => sign * (a.value - b.value)).slice(0, best)]);
    return this.#kept.filter((kept) => keep.has(kept));
  }

  /** Removes what fell out, and what this run left when it was stopped after a later step. */
  async #prune(): Promise<void> {
    const keep = namesOf(this.#kept);
    const waiting = this.#leftover.filter((name) => !keep.has(name));
    this.#leftover = [];
    for (const name of waiting) {
      await this.#store.remove(name).catch((error) => {
        this.#leftover.push(name);
        this.#report(error as Error);
      });
    }
  }
}

const namesOf = (kept: readonly Kept[]): ReadonlySet<string> => new Set(kept.map(({ step }) => nameOf(step)));

function foreign(name: string): Error {
  return new Error(`Checkpoints: ${name} is in the store already, of another run; go on with that one (\`resume\`), or use another folder`);
}

/** A checkpoint that could be read. */
export interface Found {
  readonly name: string;
  readonly step: number;
  readonly bytes: Uint8Array;
  /** Whether it has a checksum, and it was right. Checkpoints of the first version have none. */
  readonly checked: boolean;
  /** The run that it belongs to, if it says so. */
  readonly run?: string;
}

export interface LatestOptions {
  /** The last step that will do. Default: any. */
  readonly upTo?: number;
  /** Hears of newer ones that are damaged, or have another one's name. */
  readonly onDamaged?: (error: Error) => void;
}

const LATEST_OPTIONS: Checks<LatestOptions> = { upTo: aNumber, onDamaged: fn };

/** The newest checkpoint of a store that can be read and whose run could go on from it; undefined if there is none. */
export async function latestCheckpoint(store: Store, options: LatestOptions = {}): Promise<Found | undefined> {
  checkOptions("latestCheckpoint", options, LATEST_OPTIONS);
  check("latestCheckpoint: the store", store, having("a store, as in folderStore(path)", "list", "read"));
  const { upTo = Number.POSITIVE_INFINITY, onDamaged } = options;
  const names = (await store.list()).filter((name) => stepOf(name) <= upTo);
  for (const name of names.sort((a, b) => stepOf(b) - stepOf(a))) {
    try {
      const bytes = await store.read(name);
      const { state, checked } = readCheckpoint(bytes, name);
      const run = runOfState(checkName(checkRunState(state, name), name));
      return { name, step: stepOf(name), bytes, checked, ...(run !== undefined && { run }) };
    } catch (error) {
      onDamaged?.(error as Error);
    }
  }
  return undefined;
}

/** @throws {Error} if a file has been renamed: its step is not that of its name. */
function checkName(state: RunState, name: string): RunState {
  const total = totalOf(state);
  if (total === undefined || total === stepOf(name)) return state;
  throw new Error(`${name}: is the checkpoint of step ${total} under another name`);
}
