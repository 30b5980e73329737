/**
 * @file A run that is watched while it trains. `nabla train --studio` starts the server as a process of its own, so that a long step does not stop it from answering; the
 * two talk over their channel. The run tells where it is; the server says what the reader wants: pause, go on, stop. The rate cannot be changed: a run is what its
 * configuration says, and can be taken again from it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
import type { Callback, Progress, StepRecord, Training } from "../train/callback.ts";
import {
  type LiveLook,
  type LiveLooks,
  type LivePoint,
  type LiveProgress,
  RUN_COMMANDS,
  type RunCommand,
  type RunList,
  type RunRecord,
} from "../train/run-record.ts";
import type { Interruption } from "./interruption.ts";
import { LiveLooker } from "./live-look.ts";
import type { RunFolder } from "./run-folder.ts";

type Loss = readonly [step: number, loss: number];

/** What the run tells the server. */
type Told = {
  readonly progress?: LiveProgress;
  readonly losses: readonly Loss[];
  readonly paused: boolean;
  readonly ended: boolean;
  readonly look?: LiveLook;
};

/** What the server tells the run besides: whether a page wants looks. */
type Listening = "listen" | "deaf";

/** The share of the time that looks may take, and milliseconds between two at least. */
const [SHARE, BETWEEN] = [0.05, 1000] as const;

/** Exit code of a run that the reader has stopped: as after Ctrl-C. */
const STOPPED = 130;

/** The run's side: a callback of `fit` that tells where it is, waits while it is paused, and looks at itself while a page wants that. */
export class Watched implements Callback {
  readonly #child: ChildProcess;
  readonly #interruption: Interruption;
  #losses: Loss[] = [];
  #progress: LiveProgress | undefined;
  #isPaused = false;
  #isHeard = false;
  /** Ends a wait, because something was said. */
  #wake: () => void = () => {};
  #looker: LiveLooker | undefined;
  /** Step of the last look, and when the next one may be. */
  #looked = -1;
  #nextLook = 0;

  constructor(child: ChildProcess, interruption: Interruption) {
    this.#child = child;
    this.#interruption = interruption;
    child.on("message", (command) => this.#take(command));
    // A server that has gone holds nothing up.
    child.once("exit", () => {
      this.#take("deaf");
      this.#take("play");
    });
    interruption.signal.addEventListener("abort", () => this.#take("play"));
  }

  #take(command: unknown): void {
    if (command === "pause") this.#isPaused = !this.#interruption.signal.aborted;
    else if (command === "play") this.#isPaused = false;
    else if (command === "stop") this.#interruption.abort(STOPPED, "stopped from the studio");
    else this.#isHeard = (command as Listening) === "listen";
    this.#wake();
    this.#tell();
  }

  #tell(more: { readonly ended?: boolean; readonly look?: LiveLook } = {}): void {
    if (!this.#child.connected) return;
    const progress = this.#progress;
    const told: Told = { ...(progress && { progress }), losses: this.#losses, paused: this.#isPaused, ended: false, ...more };
    this.#losses = [];
    this.#child.send(told);
  }

  onStep({ total, loss }: StepRecord, training: Training): Promise<void> | undefined {
    this.#losses.push([total, loss]);
    if (!this.#isPaused && !this.#looker?.isPending) return undefined;
    return this.#afterStep(training);
  }

  async #afterStep(training: Training): Promise<void> {
    const look = await this.#looker?.after(training);
    if (look) this.#tell({ look });
    while (this.#isPaused) {
      if (this.#isHeard && this.#looked !== training.total) await this.#look(training);
      if (this.#isPaused)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  async onProgress({ errors: _, ...progress }: Progress, training: Training): Promise<void> {
    this.#progress = progress;
    this.#tell();
    if (this.#isHeard && performance.now() >= this.#nextLook) await this.#look(training);
  }

  async #look(training: Training): Promise<void> {
    const isFirst = this.#looker === undefined;
    this.#looker ??= new LiveLooker();
    this.#looked = training.total;
    const look = await this.#looker.look(training);
    // The first one compiles, once.
    const wait = isFirst ? 0 : look.ms / SHARE;
    this.#nextLook = performance.now() + Math.max(BETWEEN, wait);
    this.#tell({ look });
  }

  onEnd(): void {
    this.#tell({ ended: true });
    this.#looker?.dispose();
    this.#looker = undefined;
  }
}

/** Starts the server of a run; it says its address itself. */
function startWatch(run: string, port: number | undefined): ChildProcess {
  const args = ["studio", run, "--live", ...(port === undefined ? [] : ["--port", String(port)])];
  return spawn(process.execPath, [process.argv[1]!, ...args], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** Waits until the server ends: what has been trained can be looked at. */
async function serveOn(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  console.log("the studio goes on serving; Ctrl-C ends it");
  await new Promise((resolve) => child.once("exit", resolve));
}

export interface WatchFlags {
  readonly studio?: boolean;
  readonly port?: number;
  readonly fastDevRun?: boolean;
  readonly overfitOneBatch?: boolean;
}

/** @throws {Error} for flags that say nothing without others, or against them. */
export function checkWatch({ port, studio, fastDevRun, overfitOneBatch }: WatchFlags): void {
  if (port !== undefined && !studio) throw new Error("--port goes with --studio");
  if (studio && (fastDevRun || overfitOneBatch)) throw new Error("--studio: shows a run, and nothing is saved here");
}

/** Starts the server of a run's page; undefined where none is wanted. */
export type Watch = () => ChildProcess | undefined;

/** Trains in a folder that is held, and lets it go. With `--studio` the page stays after that, so that the result can be looked at. */
export async function during(run: RunFolder, { studio, port }: WatchFlags, body: (watch: Watch) => Promise<number>): Promise<number> {
  let server: ChildProcess | undefined;
  let code = 1;
  try {
    code = await body(() => {
      server = studio ? startWatch(run.path, port) : undefined;
      return server;
    });
  } finally {
    run.release();
    if (code !== 0) server?.kill();
  }
  if (server && code === 0) await serveOn(server);
  return code;
}

/** Losses that are kept for pages that come late; the file has them two seconds after they were taken. */
const MOST_LOSSES = 20_000;

/** Looks that are kept; of more every second one is. */
const MOST_LOOKS = 200;

/** Milliseconds after which a page that has not asked again does not listen any more. */
const DEAF_AFTER = 4000;

/** The server's side. */
export class LiveRun {
  readonly name: string;
  #told: Omit<Told, "losses"> = { paused: false, ended: false };
  #losses: Loss[] = [];
  #history: LivePoint[] = [];
  #last: LiveLook | undefined;
  #listener: ReturnType<typeof setTimeout> | undefined;

  constructor(path: string) {
    this.name = basename(path);
    process.on("message", (told: Told) => {
      this.#told = told;
      if (told.look) this.#keep(told.look);
      this.#losses.push(...told.losses);
      if (this.#losses.length > MOST_LOSSES) this.#losses = this.#losses.slice(-MOST_LOSSES / 2);
    });
  }

  get state(): NonNullable<RunList["live"]> {
    const { paused, ended, progress } = this.#told;
    return { name: this.name, paused, ended, ...(progress && { progress }) };
  }

  #keep(look: LiveLook): void {
    this.#last = look;
    const { step, layers } = look;
    const short = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(5)));
    const point: LivePoint = {
      step,
      size: layers.map(({ size }) => Number(size.toPrecision(5))),
      gradient: layers.map(({ gradient }) => short(gradient)),
      ratio: layers.map(({ ratio }) => short(ratio)),
    };
    // A look is told twice: the second time with what the step after it did.
    this.#history = [...this.#history.filter((each) => each.step !== step), point];
    if (this.#history.length > MOST_LOOKS) this.#history = this.#history.filter((_, i) => i % 2 === 0);
  }

  /** What was seen so far; the run goes on looking as long as it is asked. */
  looks(): LiveLooks {
    if (this.#listener === undefined) process.send?.("listen" satisfies Listening);
    clearTimeout(this.#listener);
    this.#listener = setTimeout(() => {
      this.#listener = undefined;
      process.send?.("deaf" satisfies Listening);
    }, DEAF_AFTER);
    this.#listener.unref();
    return { history: this.#history, ...(this.#last && { last: this.#last }) };
  }

  /** The run with the steps that are not in its file yet. */
  with(record: RunRecord): RunRecord {
    if (record.name !== this.name) return record;
    const { trainLoss = [] } = record.curves;
    const last = trainLoss.at(-1)?.[0] ?? 0;
    const newer = this.#losses.filter(([step]) => step > last);
    return newer.length === 0 ? record : { ...record, curves: { ...record.curves, trainLoss: [...trainLoss, ...newer] } };
  }

  /** @throws {TypeError} for what is no command. */
  command(text: string): void {
    const command = RUN_COMMANDS.find((each): each is RunCommand => each === text);
    if (!command) throw new TypeError(`want one of ${RUN_COMMANDS.join(", ")}, got ${JSON.stringify(text.slice(0, 40))}`);
    process.send?.(command);
  }
}
