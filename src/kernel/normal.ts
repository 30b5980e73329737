/**
 * @file Functions of the normal distribution in double precision, for the host: the scaled complementary error function, the cumulative distribution, its
 * logarithm and its inverse.
 */
import { erf, erfinv } from "./special.ts";

/** e^(x²). Rounding x² before the exponential would cost up to three digits, so x² is split in two. */
function expSquare(x: number): number {
  const high = Math.fround(x); // its square is exact
  return Math.exp(high * high) * Math.exp((x - high) * (x + high));
}

/**
 * e^(x²)·erfc x; above ½ by the continued fraction 7.1.14 of Abramowitz & Stegun (1964), with as many terms as x needs.
 */
export function erfcx(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < 0) return x < -27 ? Number.POSITIVE_INFINITY : 2 * expSquare(x) - erfcx(-x);
  if (x < 0.5) return Math.exp(x * x) * (1 - erf(x));
  if (x > 1e8) return 1 / (Math.sqrt(Math.PI) * x);
  let tail = 0;
  for (let n = Math.ceil(8 + 200 / (x * x)); n > 0; n--) tail = n / 2 / (x + tail);
  return 1 / Math.sqrt(Math.PI) / (x + tail);
}

/** Φ(x), the share of the standard normal distribution below x. */
export function ndtr(x: number): number {
  const z = x * Math.SQRT1_2;
  if (z > -0.5) return z < 0.5 ? 0.5 + 0.5 * erf(z) : 1 - ndtr(-x);
  // x²/2 from x itself: the rounding of x/√2 would be squared.
  const high = Math.fround(x);
  return z < -40 ? 0 : 0.5 * Math.exp(-(high * high) / 2) * Math.exp(-((x - high) * (x + high)) / 2) * erfcx(-z);
}

/** log Φ(x), accurate also where Φ(x) rounds to 0 or 1. */
export function logNdtr(x: number): number {
  if (x > 0.5) return Math.log1p(-ndtr(-x));
  if (x > -1) return Math.log(ndtr(x));
  return x === Number.NEGATIVE_INFINITY ? x : Math.log(erfcx(-x * Math.SQRT1_2) / 2) - (x * x) / 2;
}

/** Φ⁻¹(p): near ½ by erfinv; further out by Newton's steps on log Φ, started from 26.2.23 of Abramowitz & Stegun (1964). */
export function ndtri(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? Number.NEGATIVE_INFINITY : p === 1 ? Number.POSITIVE_INFINITY : Number.NaN;
  if (Math.abs(p - 0.5) < 0.25) return Math.SQRT2 * erfinv(2 * p - 1);
  if (p > 0.5) return -ndtri(1 - p);
  const t = Math.sqrt(-2 * Math.log(p));
  let x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
  const target = Math.log(p);
  for (let i = 0; i < 4; i++) x -= ((logNdtr(x) - target) * erfcx(-x * Math.SQRT1_2)) / Math.sqrt(2 / Math.PI);
  return x;
}
