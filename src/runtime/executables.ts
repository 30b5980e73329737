/** @file A bounded number of executables by the text of what they compute; the least recently used goes first. */
import type { Executable } from "./executable.ts";

/** Enough for the distinct lists of any one program; the code of a small one takes some tens of kilobytes. */
const MOST = 512;

export class Executables {
  readonly #most: number;
  /** In the order of their last use. */
  readonly #byKey: Map<string, Executable> = new Map();

  constructor(most: number = MOST) {
    this.#most = most;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The executable for `key`, made if it is not there. */
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
