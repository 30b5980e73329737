/** @file What a run writes down as numbers over steps: to CSV files, TensorBoard, or whatever takes scalars. */
import { type Checks, checkOptions, fn, list } from "../base/check.ts";
import type { Callback, EpochRecord, Progress, StepRecord, Training } from "./callback.ts";
import type { Store } from "./store.ts";

/** Takes named numbers at steps. */
export interface EventSink {
  /** Called first: what was written of steps after this one is to be forgotten, as the run goes on from here. */
  open(step: number): Promise<void>;
  write(step: number, scalars: Readonly<Record<string, number>>): void;
  /** Brings everything to where it is kept; after an error it may be called again. */
  flush(): Promise<void>;
}

/** Rows of a CSV file, the step first; the first row's names are the columns. Numbers are written so that they read back to the same bits. */
export class CsvSink implements EventSink {
  readonly #store: Store;
  readonly #name: string;
  #columns: readonly string[] | undefined;
  /** Bytes that are safely in the file, and text that is not. */
  #length = 0;
  #pending = "";
  /** Whether the file goes on behind them, with rows to be forgotten. */
  #tail = false;

  constructor(store: Store, name: string) {
    this.#store = store;
    this.#name = name;
  }

  async open(step: number): Promise<void> {
    const there = step > 0 && (await this.#store.list()).includes(this.#name);
    const bytes = there ? await this.#store.read(this.#name) : new Uint8Array();
    this.#length = rowsUpTo(bytes, step);
    this.#tail = this.#length < bytes.length;
    const [head] = new TextDecoder().decode(bytes.subarray(0, this.#length)).split("\n", 1);
    this.#columns = this.#length > 0 ? head.split(",").slice(1) : undefined;
    this.#pending = "";
  }

  write(step: number, scalars: Readonly<Record<string, number>>): void {
    if (!this.#columns) {
      this.#columns = Object.keys(scalars);
      this.#pending += `${["step", ...this.#columns].join(",")}\n`;
    }
    this.#pending += `${[step, ...this.#columns.map((name) => scalars[name] ?? "")].join(",")}\n`;
  }

  async flush(): Promise<void> {
    if (this.#pending === "" && !this.#tail) return;
    const bytes = new TextEncoder().encode(this.#pending);
    await this.#store.writeAt(this.#name, this.#length, bytes);
    this.#length += bytes.length;
    this.#pending = "";
    this.#tail = false;
  }
}

const LINE_BREAK = 10;

/** Bytes of the head and of the rows up to a step. What follows is newer, or a row cut short, or what a lost power supply has left. */
function rowsUpTo(bytes: Uint8Array, step: number): number {
  let end = bytes.indexOf(LINE_BREAK) + 1;
  for (let next = end; next > 0 && end > 0; ) {
    next = bytes.indexOf(LINE_BREAK, end) + 1;
    if (next === 0 || !(Number.parseInt(new TextDecoder().decode(bytes.subarray(end, end + 16)), 10) <= step)) break;
    end = next;
  }
  return end;
}

export interface RecorderOptions {
  /** Take `loss` and `lr` of every step. */
  readonly steps?: readonly EventSink[];
  /** Take the epochs' records, at the steps that end them. */
  readonly epochs?: readonly EventSink[];
  /** Called when something cannot be written; it is tried again later. Default: the error ends the run. */
  readonly onError?: (error: Error) => void;
}

const RECORDER_OPTIONS: Checks<RecorderOptions> = { steps: list, epochs: list, onError: fn };

/** Seconds for which rows may wait. */
const FLUSH_SECONDS = 2;

/** Writes down losses and metrics, at the latest when a checkpoint is made: none is ahead of its own record. */
export class Recorder implements Callback {
  readonly #options: RecorderOptions;
  #flushed = performance.now();

  constructor(options: RecorderOptions) {
    checkOptions("Recorder", options, RECORDER_OPTIONS);
    this.#options = options;
  }

  /** Each once, though it may take both. */
  get #sinks(): ReadonlySet<EventSink> {
    const { steps = [], epochs = [] } = this.#options;
    return new Set([...steps, ...epochs]);
  }

  async onStart(training: Training): Promise<void> {
    for (const sink of this.#sinks) await sink.open(training.total);
  }

  async onStep({ total, loss, lr }: StepRecord): Promise<void> {
    for (const sink of this.#options.steps ?? []) sink.write(total, { loss, lr });
    if (performance.now() - this.#flushed > 1000 * FLUSH_SECONDS) await this.onSave();
  }

  async onEpoch(record: EpochRecord, { epoch }: Progress, training: Training): Promise<void> {
    const numbers = Object.entries({ epoch, ...record }).filter((entry): entry is [string, number] => typeof entry[1] === "number");
    for (const sink of this.#options.epochs ?? []) sink.write(training.total, Object.fromEntries(numbers));
    await this.onSave();
  }

  async onEnd(): Promise<void> {
    await this.onSave();
  }

  async onSave(): Promise<void> {
    this.#flushed = performance.now();
    for (const sink of this.#sinks) {
      try {
        await sink.flush();
      } catch (error) {
        if (!this.#options.onError) throw error;
        this.#options.onError(error as Error);
      }
    }
  }
}
