/** @file Random numbers on the host for instruments: counter-based, so that one seed gives one report on every machine. */
import { keyFromSeed, threefry2x32 } from "../base/random.ts";

/** Numbers that follow one another from a seed. */
export class Draws {
  readonly #key: readonly [number, number];
  #count = 0;
  #spare: number | undefined;

  constructor(seed: number) {
    this.#key = keyFromSeed(seed);
  }

  /** In (0, 1), of 53 bits. */
  uniform(): number {
    const [high, low] = threefry2x32(this.#key, [this.#count++ >>> 0, Math.floor(this.#count / 2 ** 32)]);
    return ((high >>> 5) * 2 ** 26 + (low >>> 6) + 0.5) / 2 ** 53;
  }

  /** From 0 to n - 1. */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Of mean 0 and variance 1 (Box & Muller 1958). */
  normal(): number {
    const kept = this.#spare;
    this.#spare = undefined;
    if (kept !== undefined) return kept;
    const [r, angle] = [Math.sqrt(-2 * Math.log(this.uniform())), 2 * Math.PI * this.uniform()];
    this.#spare = r * Math.sin(angle);
    return r * Math.cos(angle);
  }

  normals(n: number): Float64Array {
    return Float64Array.from({ length: n }, () => this.normal());
  }

  /** Of -1 and 1 alike. */
  signs(n: number): Float64Array {
    return Float64Array.from({ length: n }, () => (this.uniform() < 0.5 ? -1 : 1));
  }
}
