/**
 * @file A run is a folder, from which it can be looked at, continued, and repeated to the same bits:
 *
 *     config.json                 every setting, the recipe's included
 *     run.json                    what trained on what: versions, data, state, result
 *     epochs.csv, steps.csv       metrics after each epoch; loss and rate of each step
 *     checkpoints/step-*          the run itself after so many steps
 *     model.safetensors           the model as it is now
 *     events.out.tfevents.*       the same numbers for TensorBoard, if wanted
 */

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Dataset } from "../data/dataset.ts";
import type { Layer } from "../nn/module.ts";
import { elementsOf } from "../ops/tensor.ts";
import { backendName } from "../runtime/backend.ts";
import { getThreads } from "../runtime/pool.ts";
import type { History } from "../train/callback.ts";
import { folderStore, type Store } from "../train/store.ts";
import { usable, version } from "./info-command.ts";
import type { Settled } from "./session.ts";
import { parseConfig } from "./settings.ts";

export type RunState = "running" | "finished" | "interrupted" | "failed";

/** The content of run.json. */
export interface RunInfo {
  readonly state: RunState;
  /** The process that trains. */
  readonly pid: number;
  readonly started: string;
  readonly nabla: string;
  readonly node: string;
  readonly platform: string;
  readonly backend: string;
  readonly features: readonly string[];
  readonly threads: number;
  readonly parameters: number;
  readonly data: { readonly name: string; readonly train: number; readonly test: number; readonly sha256: string };
  /** Of the last finished epoch. */
  readonly epochs?: number;
  readonly testLoss?: number;
  readonly testAccuracy?: number | null;
  /** Seconds of training, testing left out. */
  readonly seconds?: number;
  /** Why it ended before its last epoch. */
  readonly reason?: string;
}

export class RunFolder {
  /** Folders in which this process trains. */
  static readonly #mine = new Set<string>();
  readonly path: string;
  readonly store: Store;
  readonly checkpoints: Store;

  constructor(path: string) {
    this.path = path;
    this.store = folderStore(path);
    this.checkpoints = folderStore(join(path, "checkpoints"));
  }

  get exists(): boolean {
    return existsSync(join(this.path, "config.json"));
  }

  /** @throws {Error} if there is no run, or its configuration is damaged. */
  get settings(): Settled {
    return parseConfig(this.#text("config.json"), join(this.path, "config.json")) as Settled;
  }

  get info(): RunInfo {
    const text = this.#text("run.json");
    try {
      return JSON.parse(text) as RunInfo;
    } catch (error) {
      throw new Error(`${join(this.path, "run.json")}: is not JSON: ${(error as Error).message}`);
    }
  }

  /** The state, seen from outside: a run whose process is gone was killed. */
  get state(): RunState | "killed" {
    const { state, pid } = this.info;
    const trains = pid === process.pid ? RunFolder.#mine.has(resolve(this.path)) : isAlive(pid) && this.#isFresh();
    return state === "running" && !trains ? "killed" : state;
  }

  /** Whether something was written lately. Numbers of processes are used again: that of a killed run may be anybody's. */
  #isFresh(): boolean {
    const times = ["run.json", "steps.csv"].map((name) => statSync(join(this.path, name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
    return Date.now() - Math.max(...times) < 600_000;
  }

  #text(name: string): string {
    try {
      return readFileSync(join(this.path, name), "utf8");
    } catch {
      throw new Error(`${this.path}: is no folder of a run: it has no ${name} (nabla runs lists what there is)`);
    }
  }

  /** Starts a run here; what an earlier one left is removed. */
  async create(settings: Settled, info: RunInfo): Promise<void> {
    const schema = relative(resolve(this.path), fileURLToPath(new URL("../../schema/train.schema.json", import.meta.url)));
    await this.store.write("config.json", `${JSON.stringify({ $schema: schema, ...settings }, null, 2)}\n`);
    for (const name of await this.checkpoints.list()) if (name.startsWith("step-")) await this.checkpoints.remove(name);
    for (const name of await this.store.list()) {
      if (/^(epochs\.csv|steps\.csv|model\.safetensors|events\.out\.tfevents\..*)$/.test(name)) await this.store.remove(name);
    }
    await this.write(info);
  }

  async write(info: RunInfo): Promise<void> {
    if (info.state === "running") RunFolder.#mine.add(resolve(this.path));
    else RunFolder.#mine.delete(resolve(this.path));
    await this.store.write("run.json", `${JSON.stringify(info, null, 2)}\n`);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** `runs/<model>-<data>`, with a number behind it if that is taken. */
export function freeFolder({ model, data }: Settled): string {
  const base = join(
    "runs",
    `${model}-${data
      .split(/[/\\]/)
      .filter(Boolean)
      .at(-1)!
      .replace(/\.\w+$/, "")}`,
  );
  for (let n = 1; ; n++) {
    const path = n === 1 ? base : `${base}-${n}`;
    if (!new RunFolder(path).exists) return path;
  }
}

/** The runs in a folder (or the one that it is), oldest first. */
export function runsIn(folder: string): RunFolder[] {
  if (!existsSync(folder)) throw new Error(`no folder ${folder}; runs are made by nabla train`);
  const names = statSync(folder).isDirectory() ? readdirSync(folder) : [];
  return ["", ...names]
    .map((name) => new RunFolder(join(folder, name)))
    .filter((run) => run.exists && existsSync(join(run.path, "run.json")))
    .sort((a, b) => a.info.started.localeCompare(b.info.started));
}

/** The run that a file of it belongs to, if any. */
export function runOf(file: string): RunFolder | undefined {
  const near = [dirname(file), dirname(dirname(file))].map((path) => new RunFolder(path));
  return near.find((run) => run.exists);
}

export function describeRun(model: Layer, data: Dataset): RunInfo {
  return {
    state: "running",
    pid: process.pid,
    started: new Date().toISOString(),
    nabla: version(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    backend: backendName(),
    features: usable(),
    threads: getThreads(),
    parameters: parameterCount(model),
    data: { name: data.name, train: data.train.count, test: data.test.count, sha256: fingerprint(data) },
  };
}

export function withResult(info: RunInfo, state: RunState, { epochs, reason }: Pick<History, "epochs" | "reason">): RunInfo {
  const last = epochs.at(-1);
  const result = last && { epochs: epochs.length, testLoss: last.testLoss, testAccuracy: last.testAccuracy };
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  return { ...info, state, ...result, seconds, ...(reason === undefined ? {} : { reason }) };
}

export function parameterCount(model: Layer): number {
  return model.parameters().reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
}

/** A digest of everything that trains and tests. */
function fingerprint({ train, test }: Dataset): string {
  const hash = createHash("sha256");
  for (const { inputs, targets } of [train, test]) {
    for (const array of [inputs, targets]) hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  return hash.digest("hex");
}

/** A digest of a model's weights and statistics: equal for equal bits. */
export function weightsDigest(model: Layer): string {
  const hash = createHash("sha256");
  for (const [name, cell] of model.stateDict()) {
    const data = elementsOf(cell.value);
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}
