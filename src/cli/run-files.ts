/** @file The files of a run: their names, which of those in a folder it can have written, and how run.json is written where there is no time or no room. */
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { randomHex } from "../train/store.ts";

/** Every file that a run can write, beside its checkpoints. */
export const NAMES: readonly string[] = [
  "config.json",
  "run.json",
  "epochs.csv",
  "steps.csv",
  "model.safetensors",
  "events.out.tfevents.nabla",
  "predictions.csv",
  "calibration.svg",
];
export const CHECKPOINTS = "checkpoints";
export const isCheckpoint = (name: string): boolean => /^step-\d+\.safetensors$/.test(name);
/** Whether a run can have written a file of this name. A manifest may come from anywhere, and be forged. */
export const isOurs = (name: string): boolean =>
  NAMES.includes(name) || (name.startsWith(`${CHECKPOINTS}/`) && isCheckpoint(name.slice(CHECKPOINTS.length + 1)));

/** Checkpoints in a run's folder, with the folder that they are in. */
export function checkpointsIn(path: string): string[] {
  const folder = join(path, CHECKPOINTS);
  const names = lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : [];
  return names.filter(isCheckpoint).map((name) => `${CHECKPOINTS}/${name}`);
}

/** Makes a folder if it is not there; gives whether it was not. @throws {Error} if it cannot be one. */
export function makeFolder(path: string): boolean {
  try {
    return mkdirSync(path, { recursive: true }) !== undefined;
  } catch (error) {
    if (existsSync(path)) throw new Error(`${path}: is a file, want a folder for the run`);
    throw new Error(`cannot write ${join(path, "config.json")}: ${(error as Error).message}`);
  }
}

/** Writes a file at once, without waiting for the disk: for the end of a process. */
export function replaceNow(path: string, text: string): void {
  const temporary = join(dirname(path), `.run.json.${randomHex(6)}.tmp`);
  try {
    writeFileSync(temporary, text, { flag: "wx" });
    renameSync(temporary, path);
  } catch {
    rmSync(temporary, { force: true });
    overwriteNow(path, text);
  }
}

/** Whether an error says that the disk is full, or one's share of it. */
export function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** Writes a file in its own place, for which a full disk has room where it has none for a second file. Gives whether it did. */
export function overwriteNow(path: string, text: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.nlink > 1) return false;
  writeFileSync(path, text, { flag: "r+" });
  truncateSync(path, Buffer.byteLength(text));
  return true;
}
