/** @file The runs of a folder as the studio shows them: read from their files, again when these have changed. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { rowsOfCsv, thinned } from "../figures/curves.ts";
import type { Measure, RunRecord } from "../train/run-record.ts";
import { RunFolder } from "./run-folder.ts";
import { isRun } from "./runs.ts";

/** Points of a curve that are sent. */
const MOST_POINTS = 800;

/** Runs that are sent: the newest. */
const MOST_RUNS = 60;

const READ = ["config.json", "run.json", "steps.csv", "epochs.csv"] as const;

type Points = readonly (readonly [x: number, y: number])[];

interface Kept {
  readonly version: string;
  readonly record: RunRecord;
}

export class RunShelf {
  readonly folder: string;
  /** The run that was asked for, if it was one. */
  readonly chosen: string | undefined;
  readonly #kept = new Map<string, Kept>();

  /** @param path A run, or a folder of runs. @throws {Error} if it is neither. */
  constructor(path: string) {
    const full = resolve(path);
    if (!existsSync(full)) throw new Error(`no folder ${path}; runs are made by nabla train`);
    if (!statSync(full).isDirectory()) throw new Error(`${path}: is a file; want the folder of a run, or a folder of runs`);
    this.chosen = isRun(full) ? basename(full) : undefined;
    this.folder = this.chosen === undefined ? full : dirname(full);
  }

  /** All runs, the newest first. */
  async records(): Promise<readonly RunRecord[]> {
    const names = readdirSync(this.folder).filter((name) => existsSync(join(this.folder, name, "run.json")));
    const found = await Promise.all(names.map((name) => this.#record(name)));
    const newest = found.toSorted((a, b) => b.started.localeCompare(a.started));
    const chosen = newest.filter(({ name }) => name === this.chosen);
    return [...chosen, ...newest.filter(({ name }) => name !== this.chosen)].slice(0, MOST_RUNS);
  }

  async #record(name: string): Promise<RunRecord> {
    const path = join(this.folder, name);
    const run = new RunFolder(path);
    const state = await run.state().catch(() => "damaged");
    const stats = READ.map((file) => statSync(join(path, file), { throwIfNoEntry: false }));
    const version = [state, ...stats.map((stat) => (stat ? `${stat.mtimeMs} ${stat.size}` : "-"))].join(" ");
    const kept = this.#kept.get(name);
    if (kept?.version === version) return kept.record;
    const record = recordOf(name, run, state);
    this.#kept.set(name, { version, record });
    return record;
  }
}

function recordOf(name: string, run: RunFolder, state: string): RunRecord {
  try {
    const { info, settings } = run;
    const { parameters, epochs, testLoss, testAccuracy, testMae, seconds, reason } = info;
    const results = Object.entries({ parameters, epochs, testLoss, testAccuracy, testMae, seconds });
    return {
      name,
      state,
      ...(reason !== undefined && { reason }),
      started: info.started,
      settings: { ...settings },
      results: Object.fromEntries(results.filter((entry): entry is [string, number] => typeof entry[1] === "number")),
      curves: curvesOf(run.path),
    };
  } catch (error) {
    return { name, state: "damaged", reason: (error as Error).message, started: "", settings: {}, results: {}, curves: {} };
  }
}

function curvesOf(path: string): Partial<Record<Measure, Points>> {
  const rows = (file: string) => {
    const full = join(path, file);
    return existsSync(full) ? rowsOfCsv(readFileSync(full, "utf8")) : [];
  };
  const [steps, epochs] = [rows("steps.csv"), rows("epochs.csv")];
  const over = (table: typeof steps, column: string): Points =>
    thinned(
      {
        name: column,
        points: table.map((row): [number, number] => [row.step!, row[column] ?? Number.NaN]).filter(([x]) => Number.isFinite(x)),
      },
      MOST_POINTS,
    ).points;
  const all: Record<Measure, Points> = {
    trainLoss: over(steps, "loss"),
    testLoss: over(epochs, "testLoss"),
    validationLoss: over(epochs, "validationLoss"),
    testAccuracy: over(epochs, "testAccuracy"),
  };
  return Object.fromEntries(Object.entries(all).filter(([, points]) => points.some(([, y]) => Number.isFinite(y))));
}
