/** @file Files that a command writes where its user says: never over what it reads, and never over a file of a run. */
import { existsSync, realpathSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { folderStore } from "../train/store.ts";
import { isRun, ownerOf } from "./runs.ts";

export interface OutputFile {
  /** Writes the whole file or leaves what was there. A link at its name is replaced, not followed. */
  write(content: Uint8Array | string): Promise<void>;
}

/**
 * A file to write later. To be called before the work is done, so that nobody waits for an error.
 * @throws {Error} for a folder, one of the inputs (under this or another name), or a file of a run.
 */
export function outputFile(path: string, inputs: readonly (string | undefined)[] = []): OutputFile {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() || /[/\\]$/.test(path)) throw new Error(`${path}: is a folder, want the name of a file to write`);
  const parent = statSync(dirname(path), { throwIfNoEntry: false });
  if (parent && !parent.isDirectory()) throw new Error(`${path}: ${dirname(path)} is a file, want a folder`);
  for (const input of inputs) {
    if (input !== undefined && (isSameFile(path, input) || (stat && isWithin(path, input) && !isRun(input))))
      throw new Error(`${path}: is what this command reads${input === path ? "" : ` (${input})`}; choose another file to write`);
  }
  const owner = ownerOf(path);
  if (owner) throw new Error(`${path}: belongs to the run ${owner}; choose another file to write`);
  // A device or a pipe (/dev/stdout) is written to, not replaced.
  if (stat && !stat.isFile()) return { write: (content) => writeFile(path, content) };
  return { write: (content) => folderStore(dirname(path)).write(basename(path), content) };
}

/** Whether two paths lead to one file: by links of either kind, or by another spelling. */
export function isSameFile(a: string, b: string): boolean {
  const [one, two] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }));
  if (one && two) return one.dev === two.dev && one.ino === two.ino;
  return realPlace(a) === realPlace(b);
}

/** Whether a path lies in a folder, or is it. */
export function isWithin(path: string, folder: string): boolean {
  const between = relative(realPlace(folder), realPlace(path));
  return between !== ".." && !/^\.\.[/\\]/.test(between) && !isAbsolute(between);
}

/** Where a path leads, also one whose end is not there yet. */
function realPlace(path: string): string {
  const full = resolve(path);
  if (existsSync(full)) return realpathSync(full);
  const parent = dirname(full);
  return parent === full ? full : join(realPlace(parent), basename(full));
}
