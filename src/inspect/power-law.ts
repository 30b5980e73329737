/** @file A power law fitted to a tail, by maximum likelihood above the start that gives the least distance (Clauset, Shalizi & Newman 2009). A fitted number, no verdict: it fits noise too. */
import { check, listOf, nonNegative } from "../base/check.ts";

/** A density ∝ x^-alpha of the numbers from `from` on. */
export interface PowerLaw {
  readonly alpha: number;
  readonly from: number;
  /** Numbers that it is fitted to. */
  readonly count: number;
  /** Largest gap between their distribution and the law (Kolmogorov & Smirnov). */
  readonly distance: number;
}

/** Fewer give no exponent that is worth a name. */
const LEAST = 10;

/** The law of the tail of some numbers, of which those above 0 count; undefined for fewer than 10 different ones. */
export function powerLaw(values: readonly number[]): PowerLaw | undefined {
  check("powerLaw: values", values, listOf(nonNegative));
  const logs = values.filter((x) => x > 0 && Number.isFinite(x)).map(Math.log).sort((a, b) => a - b); // biome-ignore format: one thought
  let best: PowerLaw | undefined;
  let sum = 0;
  for (let i = logs.length - 1; i >= 0; i--) {
    sum += logs[i]!;
    const count = logs.length - i;
    const excess = sum - count * logs[i]!;
    if (count < LEAST || !(excess > 0) || logs[i - 1] === logs[i]) continue;
    const rate = count / excess;
    const distance = distanceOf(logs, i, rate);
    if (!best || distance < best.distance) best = { alpha: 1 + rate, from: Math.exp(logs[i]!), count, distance };
  }
  return best;
}

/** Of the logarithms from place `first` on to an exponential distribution of this rate. */
function distanceOf(logs: readonly number[], first: number, rate: number): number {
  const n = logs.length - first;
  let most = 0;
  for (let k = 0; k < n; k++) {
    const share = 1 - Math.exp(-rate * (logs[first + k]! - logs[first]!));
    most = Math.max(most, Math.abs(share - k / n), Math.abs(share - (k + 1) / n));
  }
  return most;
}
