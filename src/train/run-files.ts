/**
 * @file Where `fit` finds what makes and reads the files of runs, `checkpoint.ts`: a page that neither saves a run nor goes on with one does not carry the format.
 */
import type { Metadata } from "../formats/safetensors.ts";
import type { Cell } from "../runtime/cell.ts";
import type { RunState } from "./run-state.ts";

/** Cells by their names in a checkpoint. */
export type Cells = ReadonlyMap<string, Cell>;

/** A checkpoint, read and compared with its checksum. */
export interface RunFile {
  /** The cells in it. */
  readonly names: readonly string[];
  /** The plain data. @throws {Error} if it is not of a run with these cells and so many steps an epoch. */
  check(cells: Cells, steps: number): RunState;
  /** Sets cells that were checked. */
  set(cells: Cells): void;
}

export interface RunFiles {
  save(cells: Cells, state: RunState, metadata: Metadata): Promise<Uint8Array>;
  open(bytes: Uint8Array): RunFile;
}

let files: RunFiles | undefined;

/** For `checkpoint.ts`, which is there as soon as a program uses anything of it. */
export function registerRunFiles(made: RunFiles): void {
  files = made;
}

/** What makes and reads files. @throws {Error} in a bundle that uses nothing of it. */
export function runFiles(what: string): RunFiles {
  if (files) return files;
  throw new Error(
    `${what}: this bundle has left out the files of runs; want \`import { saveRun } from "nabla/train"\`, and saveRun(training) instead of training.save()`,
  );
}

/** Cells under a common first name, as they stand in a checkpoint. */
export function prefixed(prefix: string, cells: Cells): [string, Cell][] {
  return [...cells].map(([name, cell]) => [`${prefix}.${name}`, cell]);
}
