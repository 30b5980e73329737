/**
 * @file Counter-based random bits: Threefry-2x32 and Philox-4x32 as reference functions on plain numbers.
 *
 * A counter-based generator is a keyed bijection of a counter: element i of a random tensor is f(key, i), so any element can be
 * computed alone, in any order, on any number of threads, with the same bits. Source: Salmon, Moraes, Dror & Shaw (2011),
 * "Parallel random numbers: as easy as 1, 2, 3", §3 and §4; constants as in their Random123 library. Rounds: 20 and 10, the
 * numbers recommended there.
 *
 * All words are unsigned 32-bit integers held in numbers (`x >>> 0`).
 */
import { shown } from "./check.ts";

/** Two words of 32 bits. */
export type Key = readonly [number, number];

/** Parity constant of the key schedule (Skein's, cut to 32 bits): keeps the third key word from being zero for a zero key. */
const SKEIN_PARITY = 0x1bd11bda;

/** Rotation distances R_2x32 of Threefry, rounds 1–4 and 5–8; they alternate. */
const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

/** Threefry-2x32 with 20 rounds: add, rotate, xor, with a word of the key injected every four rounds. */
export function threefry2x32(key: Key, counter: readonly [number, number]): [number, number] {
  const k = [key[0] >>> 0, key[1] >>> 0, (key[0] ^ key[1] ^ SKEIN_PARITY) >>> 0] as const;
  let x0 = (counter[0] + k[0]) >>> 0;
  let x1 = (counter[1] + k[1]) >>> 0;
  for (let group = 1; group <= 5; group++) {
    for (const r of ROTATIONS[(group - 1) % 2]!) {
      x0 = (x0 + x1) >>> 0;
      x1 = (x1 << r) | (x1 >>> (32 - r));
      x1 = (x1 ^ x0) >>> 0;
    }
    x0 = (x0 + k[group % 3]!) >>> 0;
    x1 = (x1 + k[(group + 1) % 3]! + group) >>> 0;
  }
  return [x0, x1];
}

/** Multipliers and Weyl increments of Philox-4x32 (the golden ratio and √3 − 1, in 32 bits). */
const PHILOX_M0 = 0xd2511f53;
const PHILOX_M1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** High word of the 64-bit product of two u32. Split at 16 bits: the full product does not fit a double. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // below 2^32
  const middle2 = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (middle2 >>> 16)) >>> 0;
}

/** Philox-4x32 with 10 rounds: two wide products per round, crossed; the key walks a Weyl sequence. */
export function philox4x32(key: Key, counter: readonly [number, number, number, number]): [number, number, number, number] {
  let [k0, k1] = key;
  let [x0, x1, x2, x3] = counter;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(PHILOX_M0, x0 >>> 0);
    const high1 = multiplyHigh(PHILOX_M1, x2 >>> 0);
    const low0 = Math.imul(PHILOX_M0, x0);
    const low1 = Math.imul(PHILOX_M1, x2);
    x0 = (high1 ^ x1 ^ k0) >>> 0;
    x1 = low1 >>> 0;
    x2 = (high0 ^ x3 ^ k1) >>> 0;
    x3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [x0, x1, x2, x3];
}

/** The key of a seed: its low and high 32 bits, so that every safe integer is a seed of its own. */
export function keyFromSeed(seed: number): Key {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`seed: expected an integer from 0 to 2^53 - 1, got ${shown(seed)}`);
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}

/**
 * A new, statistically independent key from a key and an integer (an epoch, a layer's index, a position in a batch).
 * Fold a key or draw from it, never both: the folded key is the pair of words at counter `data`.
 */
export function fold(key: Key, data: number): Key {
  return threefry2x32(key, [data >>> 0, Math.floor(data / 2 ** 32) >>> 0]);
}

/**
 * A uniformly random order of 0 … n − 1 (Fisher & Yates; Knuth 1997, §3.4.2, Algorithm P), a function of the key alone.
 *
 * Position i takes the word at counter i and scales it to [0, i] by multiply-shift (Lemire 2019). That favours some of i + 1
 * values by at most (i + 1)/2^32, far below anything a shuffle of a data set can show, and unlike rejection it needs exactly one
 * draw per position.
 */
export function permutation(n: number, key: Key): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const [word] = threefry2x32(key, [i, 0]);
    const j = multiplyHigh(word, i + 1);
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}
