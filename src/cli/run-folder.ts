/**
 * @file A run is a folder, from which it can be looked at, continued, and repeated to the same bits:
 *
 *     config.json                 every setting, the recipe's included
 *     run.json                    what trained on what: versions, data, state, result
 *     epochs.csv, steps.csv       metrics after each epoch; loss and rate of each step
 *     checkpoints/step-*          the run itself after so many steps
 *     model.safetensors           the model as it is now
 *     events.out.tfevents.*       the same numbers for TensorBoard, if wanted
 *     predictions.csv, calibration.svg   of pbp: the test split with intervals, and how often they hold
 *     .lease-<n>                  there while a process trains here (lease.ts)
 *
 * run.json lists the files that the run has written. Nothing else in the folder is ever replaced or removed.
 */

import { existsSync, lstatSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Found, type LatestOptions, latestCheckpoint } from "../train/checkpoints.ts";
import { folderStore, type Store } from "../train/store.ts";
import { exists, hasLease, holderOf, isPid, type Lease, nameOf, takeLease } from "./lease.ts";
import { CHECKPOINTS, checkpointsIn, isFull, isOurs, makeFolder, NAMES, overwriteNow, replaceNow } from "./run-files.ts";
import { isInfo, type RunInfo, type RunState } from "./run-info.ts";
import type { Settled } from "./session.ts";
import { parseConfig } from "./settings.ts";

export interface ClaimOptions {
  /** Replace the run that is there. */
  readonly overwrite?: boolean;
  /** Take the folder from a process that trains there. */
  readonly takeOver?: boolean;
}

export class RunFolder {
  readonly path: string;
  readonly store: Store;
  readonly checkpoints: Store;
  readonly #plain: Store;
  #lease: Lease | undefined;
  #info: RunInfo | undefined;
  #files = new Set<string>();
  #crash: string | undefined;

  constructor(path: string) {
    this.path = path;
    this.#plain = folderStore(path);
    this.store = this.#owned(this.#plain, "");
    this.checkpoints = this.#owned(folderStore(join(path, CHECKPOINTS)), `${CHECKPOINTS}/`);
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
    const what = join(this.path, "run.json");
    let info: unknown;
    try {
      info = JSON.parse(text);
    } catch (error) {
      throw new Error(`${what}: is not JSON: ${(error as Error).message}`);
    }
    if (!isInfo(info)) throw new Error(`${what}: is not what nabla train writes about a run`);
    return info;
  }

  /** The newest checkpoint that can be read. @throws {Error} if it is one of another run. */
  async latest(options: LatestOptions = {}): Promise<Found | undefined> {
    const found = await latestCheckpoint(this.checkpoints, options);
    const { id } = existsSync(join(this.path, "run.json")) ? this.info : {};
    if (found?.run !== undefined && id !== undefined && found.run !== id)
      throw new Error(
        `${join(this.path, CHECKPOINTS, found.name)}: is a checkpoint of another run; remove it to go back to the one before`,
      );
    return found;
  }

  /** The state, seen from outside: a run whose process is gone was interrupted. `looks` is for how long an uncertain one is watched. */
  async state(looks?: number): Promise<RunState> {
    const { info } = this;
    if (info.state !== "running" || this.#lease) return info.state;
    return (await holderOf(this.path, looks)) || this.#holderWithoutLease(info) ? "running" : "interrupted";
  }

  /** The process of a run of the first version, which held no lease: it lives if its number does and it has just written. */
  #holderWithoutLease({ state, pid }: RunInfo): { pid: number } | undefined {
    if (hasLease(this.path) || state !== "running" || !isPid(pid) || pid === 1 || pid === process.pid || !exists(pid)) return undefined;
    const times = ["run.json", "steps.csv"].map((name) => statSync(join(this.path, name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
    const age = Date.now() - Math.max(...times);
    return age > -1000 && age < 30_000 ? { pid } : undefined;
  }

  #text(name: string): string {
    try {
      return readFileSync(join(this.path, name), "utf8");
    } catch {
      throw new Error(`${this.path}: is no folder of a run: it has no ${name} (nabla runs lists what there is)`);
    }
  }

  // ---- claiming -----------------------------------------------------------------------------------------------------------------------

  /**
   * Takes the folder for a new run, or goes no further. Nothing is changed yet but for the lease.
   * @throws {Error} if there is a run, or a file that no run has written and this one would, or another process.
   */
  async claim({ overwrite, takeOver }: ClaimOptions = {}): Promise<void> {
    const made = makeFolder(this.path);
    await this.#take(takeOver);
    try {
      const old = this.#old;
      if (old && !overwrite) throw new Error(this.#refusal(old));
      this.#files = new Set(old?.files?.filter(isOurs));
      this.#refuseForeign();
    } catch (error) {
      this.release();
      if (made) rmdirSync(this.path);
      throw error;
    }
  }

  get #old(): RunInfo | undefined {
    return existsSync(join(this.path, "run.json")) ? this.info : undefined;
  }

  #refusal({ state }: RunInfo): string {
    if (state === "finished" || state === "failed")
      return `${this.path}: holds a ${state} run; replace it with --overwrite, or choose another folder with --out`;
    return `${this.path}: holds an unfinished run; go on with --resume ${this.path}, or start over with --overwrite`;
  }

  /** @throws {Error} for what is in the way, and belongs to someone else. */
  #refuseForeign(): void {
    const there = [...NAMES, ...checkpointsIn(this.path)].filter((name) => lstatSync(join(this.path, name), { throwIfNoEntry: false }));
    const foreign = there.filter((name) => !this.#files.has(name) && name !== "config.json");
    this.#refuseLink();
    if (foreign.length === 0) return;
    const list = foreign.length > 3 ? `${foreign.slice(0, 3).join(", ")}, ...` : foreign.join(", ");
    throw new Error(
      `${this.path}: has files that this run has not written (${list}), and a run would replace them; choose another folder with --out`,
    );
  }

  #refuseLink(): void {
    const path = join(this.path, CHECKPOINTS);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat && !stat.isDirectory())
      throw new Error(`${path}: is ${stat.isSymbolicLink() ? "a link" : "a file"}, want a folder: a run writes only within its own`);
  }

  /** Takes the folder to go on with its run. @throws {Error} if there is no run, or another process trains in it. */
  async reopen({ takeOver }: ClaimOptions = {}): Promise<void> {
    void this.info;
    await this.#take(takeOver);
    try {
      this.#refuseLink();
      // The first version had no manifest.
      this.#files = new Set(
        (this.info.files ?? [...NAMES, ...checkpointsIn(this.path)].filter((name) => existsSync(join(this.path, name)))).filter(isOurs),
      );
    } catch (error) {
      this.release();
      throw error;
    }
  }

  async #take(takeOver: boolean | undefined): Promise<void> {
    const holder = this.#old && this.#holderWithoutLease(this.#old);
    if (holder && !takeOver) throw new Error(`${this.path}: ${nameOf(holder)} is training there already`);
    this.#lease = await takeLease(this.path, { takeOver, onWait: (message) => console.error(`note: ${this.path}: ${message}`) });
    process.on("exit", this.#onExit);
    process.on("uncaughtExceptionMonitor", this.#onCrash);
    await this.#plain.tidy();
  }

  /** Gives the folder back. */
  release(): void {
    this.#lease?.release();
    this.#lease = undefined;
    process.off("exit", this.#onExit);
    process.off("uncaughtExceptionMonitor", this.#onCrash);
  }

  // ---- writing ------------------------------------------------------------------------------------------------------------------------

  /** Starts a run in a folder that was claimed; what an earlier one has written is removed. */
  async create(settings: Settled, info: RunInfo): Promise<void> {
    const schema = relative(resolve(this.path), fileURLToPath(new URL("../../schema/train.schema.json", import.meta.url)));
    const config = `${JSON.stringify({ $schema: schema, ...settings }, null, 2)}\n`;
    const same = this.#files.has("config.json") || !this.exists || this.#text("config.json") === config;
    if (!same)
      throw new Error(
        `${join(this.path, "config.json")}: was not written by a run, and a run would replace it; choose another folder with --out`,
      );
    if (this.#files.has("run.json")) {
      await this.write({ ...this.info, state: "interrupted", reason: "was being replaced" });
      for (const name of [...this.#files].filter((other) => !["run.json", "config.json"].includes(other))) await this.store.remove(name);
    }
    // A kill between the two leaves a configuration that the same command writes again.
    await this.#plain.write("config.json", config);
    this.#files = new Set(["config.json", "run.json"]);
    await this.write(info);
  }

  /** Writes run.json, with the list of files. */
  async write(info: RunInfo): Promise<void> {
    this.#lease?.check();
    this.#info = info;
    const text = this.#textOf(info);
    try {
      await this.#plain.write("run.json", text);
    } catch (error) {
      if (!isFull(error) || !overwriteNow(join(this.path, "run.json"), text)) throw error;
    }
  }

  #textOf(info: RunInfo): string {
    return `${JSON.stringify({ ...info, files: [...this.#files].sort() }, null, 2)}\n`;
  }

  /** A view of a store that notes what is written, and touches nothing else. */
  #owned(store: Store, folder: string): Store {
    const own = async (name: string): Promise<void> => {
      this.#lease?.check();
      const full = folder + name;
      if (this.#files.has(full)) return;
      if (lstatSync(join(this.path, full), { throwIfNoEntry: false }))
        throw new Error(`${join(this.path, full)}: was not written by this run, and is not replaced`);
      this.#files.add(full);
      // Noted before it is there: a kill in between leaves a name without a file, not a file that nobody owns.
      if (this.#info) await this.write(this.#info);
    };
    return {
      list: () => store.list(),
      read: (name) => store.read(name),
      tidy: () => store.tidy(),
      write: async (name, content) => {
        await own(name);
        await store.write(name, content);
      },
      writeAt: async (name, at, content) => {
        await own(name);
        await store.writeAt(name, at, content);
      },
      remove: async (name) => {
        this.#lease?.check();
        if (!this.#files.has(folder + name)) return;
        await store.remove(name);
        this.#files.delete(folder + name);
      },
    };
  }

  // ---- ends that nobody waits for -----------------------------------------------------------------------------------------------------

  readonly #onCrash = (error: unknown): void => {
    this.#crash = String((error as Error | undefined)?.message ?? error).split("\n")[0];
  };

  readonly #onExit = (code: number): void => {
    if (this.#info?.state === "running") this.note("failed", this.#crash ?? `the process ended with exit code ${code}`);
    this.release();
  };

  /** Notes at once how the run ends: whatever becomes of the process, run.json says so. */
  note(state: RunState, reason: string): void {
    try {
      this.#lease?.check();
      if (!this.#lease || !this.#info) return;
      this.#info = { ...this.#info, state, reason };
      replaceNow(join(this.path, "run.json"), this.#textOf(this.#info));
    } catch {
      // Nothing can be told any more; without its process the run counts as interrupted.
    }
  }
}
