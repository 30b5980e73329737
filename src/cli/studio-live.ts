/**
 * @file A run that is watched while it trains. `nabla train --studio` starts the server as a process of its own, so that a long step does not stop it from answering; the
 * two talk over their channel. The run tells where it is; the server says what the reader wants: pause, go on, stop. The rate cannot be changed: a run is what its
 * configuration says, and can be taken again from it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
import type { Callback, Progress, StepRecord } from "../train/callback.ts";
import { type LiveProgress, RUN_COMMANDS, type RunCommand, type RunList, type RunRecord } from "../train/run-record.ts";
import type { Interruption } from "./interruption.ts";
import type { RunFolder } from "./run-folder.ts";

type Loss = readonly [step: number, loss: number];

/** What the run tells the server. */
type Told = { readonly progress?: LiveProgress; readonly losses: readonly Loss[]; readonly paused: boolean; readonly ended: boolean };

/** Exit code of a run that the reader has stopped: as after Ctrl-C. */
const STOPPED = 130;

/** The run's side: a callback of `fit` that tells where it is and waits while it is paused. */
export class Watched implements Callback {
  readonly #child: ChildProcess;
  readonly #interruption: Interruption;
  #losses: Loss[] = [];
  #progress: LiveProgress | undefined;
  #resume: (() => void) | undefined;
  #pause: Promise<void> | undefined;

  constructor(child: ChildProcess, interruption: Interruption) {
    this.#child = child;
    this.#interruption = interruption;
    child.on("message", (command) => this.#take(command));
    // A server that has gone holds nothing up.
    child.once("exit", () => this.#take("play"));
    interruption.signal.addEventListener("abort", () => this.#take("play"));
  }

  #take(command: unknown): void {
    if (command === "pause" && !this.#interruption.signal.aborted) {
      this.#pause ??= new Promise((resolve) => {
        this.#resume = resolve;
      });
    } else if (command === "play") {
      this.#resume?.();
      this.#pause = undefined;
    } else if (command === "stop") this.#interruption.abort(STOPPED, "stopped from the studio");
    this.#tell();
  }

  #tell(ended = false): void {
    if (!this.#child.connected) return;
    const progress = this.#progress;
    const told: Told = { ...(progress && { progress }), losses: this.#losses, paused: this.#pause !== undefined, ended };
    this.#losses = [];
    this.#child.send(told);
  }

  onStep({ total, loss }: StepRecord): Promise<void> | undefined {
    this.#losses.push([total, loss]);
    return this.#pause;
  }

  onProgress({ errors: _, ...progress }: Progress): void {
    this.#progress = progress;
    this.#tell();
  }

  onEnd(): void {
    this.#tell(true);
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

/** The server's side. */
export class LiveRun {
  readonly name: string;
  #told: Omit<Told, "losses"> = { paused: false, ended: false };
  #losses: Loss[] = [];

  constructor(path: string) {
    this.name = basename(path);
    process.on("message", (told: Told) => {
      this.#told = told;
      this.#losses.push(...told.losses);
      if (this.#losses.length > MOST_LOSSES) this.#losses = this.#losses.slice(-MOST_LOSSES / 2);
    });
  }

  get state(): NonNullable<RunList["live"]> {
    const { paused, ended, progress } = this.#told;
    return { name: this.name, paused, ended, ...(progress && { progress }) };
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
