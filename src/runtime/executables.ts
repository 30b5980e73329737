/** @file A cache of executables by the hash of their region, with least-recently-used eviction. */
import type { Executable } from "./executable.ts";

/** The most executables. It is enough for the distinct lists of one user program; the code of a small one takes some tens of kilobytes. */
const MOST = 512;

/** A bounded map from keys to executables. */
export class Executables {
  readonly #most: number;
  /** In the order of last use, the least recent first. */
  readonly #byKey: Map<string, Executable> = new Map();

  constructor(most: number = MOST) {
    this.#most = most;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The executable for `key`; `make` makes it if it is not in the cache. */
  of(key: string, make: () => Executable): Executable {
    const executable = this.#byKey.get(key) ?? make();
    this.#byKey.delete(key);
    this.#byKey.set(key, executable);
    if (this.#byKey.size > this.#most) this.#drop(this.#byKey.keys().next().value!);
    return executable;
  }

  #drop(key: string): void {
    this.#byKey.get(key)!.dispose();
    this.#byKey.delete(key);
  }

  clear(): void {
    for (const key of [...this.#byKey.keys()]) this.#drop(key);
  }
}
