/**
 * @file The programs of a compiled function: a bounded cache with least-recently-used eviction.
 */

/** What the cache needs to know of a program. */
export interface Cached {
  /** About how many bytes it takes. */
  readonly bytes: number;
  /** Returns true if a new recording would give the same program. */
  holds(): boolean;
  dispose(): void;
}

/** The most bytes that the programs of one function take together. */
const MOST_BYTES = 512 * 2 ** 20;

/** A bounded cache of programs. */
export class Programs<P extends Cached> {
  readonly #most: number;
  /** In the order of last use, the least recent first. */
  readonly #programs: Map<P, string> = new Map();
  readonly #byKey: Map<string, P[]> = new Map();
  #bytes = 0;
  #last: P | undefined;

  /** @throws {RangeError} unless `most` is a positive integer. */
  constructor(most: number) {
    if (!(Number.isInteger(most) && most >= 1)) throw new RangeError(`compile: cache must be a positive number of programs, got ${most}`);
    this.#most = most;
  }

  get size(): number {
    return this.#programs.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A program for `key` that is still valid; undefined if there is none. */
  find(key: string): P | undefined {
    const found = this.#byKey.get(key)?.find((program) => program.holds());
    if (found) this.touch(found, key);
    return found;
  }

  /** All programs for `key`, valid or not. */
  of(key: string): readonly P[] {
    return this.#byKey.get(key) ?? [];
  }

  touch(program: P, key: string): void {
    if (program === this.#last) return;
    this.#last = program;
    this.#programs.delete(program);
    this.#programs.set(program, key);
  }

  /** Adds a program and drops others until the limits hold. At least one is kept, however large. */
  add(program: P, key: string): void {
    this.#byKey.set(key, [...this.of(key), program]);
    this.#bytes += program.bytes;
    this.touch(program, key);
    for (const [old] of this.#programs) {
      if (this.#programs.size === 1 || (this.#programs.size <= this.#most && this.#bytes <= MOST_BYTES)) return;
      this.#remove(old);
    }
  }

  #remove(program: P): void {
    const key = this.#programs.get(program)!;
    this.#programs.delete(program);
    const rest = this.of(key).filter((other) => other !== program);
    if (rest.length > 0) this.#byKey.set(key, rest);
    else this.#byKey.delete(key);
    this.#bytes -= program.bytes;
    program.dispose();
  }

  clear(): void {
    for (const program of this.#programs.keys()) program.dispose();
    this.#programs.clear();
    this.#byKey.clear();
    this.#bytes = 0;
    this.#last = undefined;
  }
}
