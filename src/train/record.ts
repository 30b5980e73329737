/** @file What a run writes down as numbers over steps: to CSV files, TensorBoard, or whatever takes scalars. */
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

  constructor(store: Store, name: string) {
    this.#store = store;
    this.#name = name;
  }

  async open(step: number): Promise<void> {
    const text =
      step > 0 && (await this.#store.list()).includes(this.#name) ? new TextDecoder().decode(await this.#store.read(this.#name)) : "";
    const [head, ...rows] = text.split("\n");
    // The last element is what followed the last line break: nothing, or a row cut short.
    const kept = rows.slice(0, -1).filter((row) => Number.parseInt(row, 10) <= step);
    const whole = rows.length > 0 ? `${[head, ...kept].join("\n")}\n` : "";
    this.#columns = rows.length > 0 ? head.split(",").slice(1) : undefined;
    this.#length = 0;
    this.#pending = whole;
  }

  write(step: number, scalars: Readonly<Record<string, number>>): void {
    if (!this.#columns) {
      this.#columns = Object.keys(scalars);
      this.#pending += `${["step", ...this.#columns].join(",")}\n`;
    }
    this.#pending += `${[step, ...this.#columns.map((name) => scalars[name] ?? "")].join(",")}\n`;
  }

  async flush(): Promise<void> {
    if (this.#pending === "") return;
    const bytes = new TextEncoder().encode(this.#pending);
    await this.#store.writeAt(this.#name, this.#length, bytes);
    this.#length += bytes.length;
    this.#pending = "";
  }
}

export interface RecorderOptions {
  /** Take `loss` and `lr` of every step. */
  readonly steps?: readonly EventSink[];
  /** Take the epochs' records, at the steps that end them. */
  readonly epochs?: readonly EventSink[];
  /** Called when something cannot be written; it is tried again later. Default: the error ends the run. */
  readonly onError?: (error: Error) => void;
}

/** Seconds for which rows may wait. */
const FLUSH_SECONDS = 2;

/** Writes down losses and metrics, at the latest when a checkpoint is made: none is ahead of its own record. */
export class Recorder implements Callback {
  readonly #options: RecorderOptions;
  #flushed = performance.now();

  constructor(options: RecorderOptions) {
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
