/**
 * @file How much memory reading a file may take. A file of a kilobyte can claim gigabytes, so readers look at headers first, announce what they are
 * about to allocate, and stop before they do if it is too much.
 */

import { bytes, type Checks, check, checkOptions, nonNegative, optional, text } from "../base/check.ts";

/** A bound on what one call allocates. */
export interface ReadLimits {
  /** Bytes that the call may allocate. Default: that of {@link setReadLimit}, else 1 GiB, or ten times the file if that is more. */
  readonly maxBytes?: number;
}

export const READ_LIMITS: Checks<ReadLimits> = { maxBytes: nonNegative };

const LEAST_BUDGET: number = 2 ** 30;

let standing: number | undefined;

/** Sets the limit of all reading that names none of its own, in this thread: tables, arrays, images, weights. Undefined: the default again. */
export function setReadLimit(maxBytes: number | undefined): void {
  check("setReadLimit: maxBytes", maxBytes, optional(nonNegative));
  standing = maxBytes;
}

/** What one call may still allocate. It stands where {@link ReadLimits} do, so that readers that call each other share one. */
export class Budget implements ReadLimits {
  readonly maxBytes: number;
  readonly #what: string;
  #used = 0;

  /** @param what Names the file in errors. @param fileBytes Size of the file. */
  constructor(what: string, fileBytes: number, limits: ReadLimits = {}) {
    const maxBytes = limits.maxBytes ?? standing ?? Math.max(LEAST_BUDGET, 10 * fileBytes);
    if (!(maxBytes >= 0)) throw new RangeError(`maxBytes: want a number of bytes, got ${maxBytes}`);
    this.#what = what;
    this.maxBytes = maxBytes;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.maxBytes - this.#used;
  }

  /** Announces an allocation of `bytes` for `purpose`. @throws {Error} with the estimate, if that is more than is left. */
  claim(bytes: number, purpose: string): void {
    this.#used += bytes;
    if (this.#used <= this.maxBytes) return;
    const least = Math.ceil(this.#used);
    throw new Error(
      `${this.#what}: reading it would take at least ${sizeText(least)} of memory (${purpose}), the limit is ${sizeText(this.maxBytes)}; if you trust the file, allow more: --max-bytes ${least} (maxBytes)`,
    );
  }

  /** Gives back what was claimed and is not held any more. */
  release(bytes: number): void {
    this.#used -= bytes;
  }
}

/** The budget of a call; a caller's own is shared. */
export function budgetOf(limits: ReadLimits | Budget, what: string, fileBytes: number): Budget {
  return limits instanceof Budget ? limits : new Budget(what, fileBytes, limits);
}

/** The budget of a public function that reads a file. @throws {TypeError} unless `file` is bytes, and the others are what they must be. */
export function budgetFor(reader: string, file: Uint8Array, what: string, limits: ReadLimits): Budget {
  check(`${reader}: bytes`, file, bytes);
  check(`${reader}: what`, what, text);
  if (!(limits instanceof Budget)) checkOptions(reader, limits, READ_LIMITS);
  return budgetOf(limits, what, file.length);
}

/** A number of bytes for people: "1.2 GB", "35 kB". */
export function sizeText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}
