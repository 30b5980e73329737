/** @file Runs as they lie on the disk: a free folder for a new one, all that there are, and the one that a file belongs to. */
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { Dataset } from "../data/dataset.ts";
import { isOurs, makeFolder } from "./run-files.ts";
import { RunFolder } from "./run-folder.ts";
import { fingerprint } from "./run-info.ts";
import type { Settled } from "./session.ts";

/** Claims `runs/<model>-<data>`, with a number behind it if that is taken: the folder is made, which only one process can. */
export async function claimFree({ model, data }: Settled): Promise<RunFolder> {
  const base = join(
    "runs",
    `${model}-${data
      .split(/[/\\]/)
      .filter(Boolean)
      .at(-1)!
      .replace(/\.\w+$/, "")}`,
  );
  makeFolder("runs");
  for (let n = 1; ; n++) {
    const path = n === 1 ? base : `${base}-${n}`;
    try {
      mkdirSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw new Error(`cannot make the folder ${path}: ${(error as Error).message}`);
    }
    const run = new RunFolder(path);
    await run.claim();
    return run;
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

/** The folder of the run that a file is part of, or will be. */
export function ownerOf(file: string): string | undefined {
  const full = resolve(file);
  const isPart = (folder: string): boolean => isOurs(relative(folder, full).replaceAll("\\", "/")) && isRun(folder);
  return [dirname(full), dirname(dirname(full))].find(isPart);
}

export function isRun(folder: string): boolean {
  try {
    return new RunFolder(folder).info !== undefined;
  } catch {
    return false;
  }
}

/** @throws {Error} if the data are not those that the run was started with. */
export function checkUnchanged(run: RunFolder, data: Dataset): void {
  const before = run.info.data;
  if (fingerprint(data) === before.sha256) return;
  throw new Error(
    `${run.path}: the data set ${run.settings.data} has changed since the run was started (${before.train} + ${before.test} examples then, ${data.train.count} + ${data.test.count} now)`,
  );
}
