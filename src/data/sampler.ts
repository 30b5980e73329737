/** @file Which examples an epoch has, where that is not each of them once: drawn by weights, so that rare ones come more often. A function of the key alone. */
import { type Checks, check, checkOptions, expectation, flag, positiveInteger } from "../base/check.ts";
import { areIntegers } from "../base/elements.ts";
import { type Key, threefry2x32 } from "../base/random.ts";
import { checkTargets } from "./check.ts";
import type { Split } from "./dataset.ts";

/** Draws the examples of an epoch. `new Loader(source, { sampler })`, `batches(split, { sampler })` and `fit(..., { sampler })` take one. */
export interface Sampler {
  /** Examples of an epoch. */
  readonly count: number;
  /** Their positions, in order; the same for the same key. */
  indices(key: Key): Int32Array;
}

/** Options of {@link weightedSampler} and {@link balancedSampler}. */
export interface SamplerOptions {
  /** Examples of an epoch. Default: as many as there are weights. */
  readonly count?: number;
  /** Whether an example may come more than once (default true). Without, rare ones come first, and those that weigh 0 never. */
  readonly replacement?: boolean;
}

const SAMPLER_OPTIONS: Checks<SamplerOptions> = { count: positiveInteger, replacement: flag };

const weightsList = expectation("numbers of at least 0, not all of them 0, one for each example", (value) => {
  if (!(Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView)))) return false;
  const all = Array.from(value as ArrayLike<number>);
  return all.every((w) => typeof w === "number" && w >= 0 && w < Number.POSITIVE_INFINITY) && all.some((w) => w > 0);
});

/**
 * Draws example i with a probability in proportion to `weights[i]` (in PyTorch: `WeightedRandomSampler`). Without replacement by the keys of Efraimidis &
 * Spirakis (2006).
 * @throws {RangeError} without replacement, for more examples than have a weight.
 */
export function weightedSampler(weights: ArrayLike<number>, options: SamplerOptions = {}): Sampler {
  check("weightedSampler: weights", weights, weightsList);
  checkOptions("weightedSampler", options, SAMPLER_OPTIONS);
  const { count = weights.length, replacement = true } = options;
  const own = Float64Array.from(weights);
  if (replacement) return { count, indices: (key) => withReplacement(own, count, key) };
  const most = own.reduce((n, w) => n + Number(w > 0), 0);
  if (options.count !== undefined && count > most)
    throw new RangeError(
      `weightedSampler: ${count} examples without replacement, but ${most} have a weight above 0; draw fewer, or with replacement`,
    );
  const drawn = Math.min(count, most);
  return { count: drawn, indices: (key) => withoutReplacement(own, drawn, key) };
}

/**
 * Draws from every class equally often, however many examples it has.
 * @throws {TypeError} for targets that are no class indices, one for each example.
 */
export function balancedSampler(split: Pick<Split, "targets" | "count">, options: SamplerOptions = {}): Sampler {
  checkTargets("balancedSampler: the split", split);
  const { targets, count } = split;
  if (!areIntegers(targets) || targets.length !== count)
    throw new TypeError(
      "balancedSampler: want an Int32Array of class indices, one for each example; for other targets give weights to weightedSampler",
    );
  const counts = new Map<number, number>();
  for (const target of targets) counts.set(target, (counts.get(target) ?? 0) + 1);
  return weightedSampler(
    Float64Array.from(targets, (target) => 1 / counts.get(target)!),
    options,
  );
}

/** A number from 0 to below 1, of 53 bits. */
function uniform(key: Key, i: number): number {
  const [high, low] = threefry2x32(key, [i, 0]);
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

function withReplacement(weights: Float64Array, count: number, key: Key): Int32Array {
  const sums = new Float64Array(weights.length);
  let sum = 0;
  for (const [i, w] of weights.entries()) sums[i] = sum += w;
  return Int32Array.from({ length: count }, (_, n) => firstAbove(sums, uniform(key, n) * sum));
}

/** The first position whose sum is above x. */
function firstAbove(sums: Float64Array, x: number): number {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle] > x) high = middle;
    else low = middle + 1;
  }
  return low;
}

function withoutReplacement(weights: Float64Array, count: number, key: Key): Int32Array {
  // Waiting times of exponential clocks with these rates: the earliest are the draws.
  const times = Float64Array.from(weights, (w, i) => (w > 0 ? -Math.log1p(-uniform(key, i)) / w : Number.POSITIVE_INFINITY));
  return Int32Array.from(weights.keys())
    .sort((a, b) => times[a] - times[b] || a - b)
    .slice(0, count);
}
