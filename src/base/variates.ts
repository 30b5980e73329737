/**
 * @file Random numbers whose algorithm draws until it accepts: Poisson and binomial counts; and how a gamma variate moves with its parameter. For one
 * element, in f64.
 */
import { threefry2x32 } from "./random.ts";

/** Uniform numbers in (0, 1) of 32 bits, from two words that seed them. */
function stream(a: number, b: number): () => number {
  let count = 0;
  let rest: number | undefined;
  return () => {
    let word = rest;
    rest = undefined;
    if (word === undefined) [word, rest] = threefry2x32([a, b], [count++, 2]);
    return ((word >>> 0) + 0.5) / 2 ** 32;
  };
}

// Exact below, by Stirling's series from there on: its error is below 1e-16 at 16.
const FACTORIALS: number[] = [0];
for (let n = 1; n < 16; n++) FACTORIALS.push(FACTORIALS[n - 1]! + Math.log(n));

/** log n! */
export function logFactorial(n: number): number {
  if (n < FACTORIALS.length) return FACTORIALS[n]!;
  const x = n + 1;
  const inverse = 1 / (x * x);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / x;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

/** Below this mean counts are found one by one, above by rejection. */
const FEW = 10;

/** A Poisson count: by products of uniform numbers (Knuth 1969), or by transformed rejection (Hörmann 1993, PTRS). */
export function poissonVariate(rate: number, a: number, b: number): number {
  if (!(rate >= 0)) return Number.NaN;
  const uniform = stream(a, b);
  if (rate < FEW) {
    const limit = Math.exp(-rate);
    let count = 0;
    for (let product = uniform(); product > limit; product *= uniform()) count++;
    return count;
  }
  if (rate > 1e15) return rate;
  const logRate = Math.log(rate);
  const wide = 0.931 + 2.53 * Math.sqrt(rate);
  const slope = -0.059 + 0.02483 * wide;
  const inverse = 1.1239 + 1.1328 / (wide - 3.4);
  const sure = 0.9277 - 3.6224 / (wide - 2);
  for (let tries = 0; tries < 1000; tries++) {
    const u = uniform() - 0.5;
    const v = uniform();
    const edge = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * slope) / edge + wide) * u + rate + 0.43);
    if (edge >= 0.07 && v <= sure) return k;
    if (k < 0 || (edge < 0.013 && v > edge)) continue;
    if (Math.log((v * inverse) / (slope / (edge * edge) + wide)) <= k * logRate - rate - logFactorial(k)) return k;
  }
  return Math.round(rate);
}

/** A binomial count: by waiting times (Devroye 1986, §X.4.3), or by transformed rejection (Hörmann 1993, BTRS). */
export function binomialVariate(n: number, p: number, a: number, b: number): number {
  if (!(p >= 0 && p <= 1 && n >= 0)) return Number.NaN;
  if (p > 0.5) return n - binomialVariate(n, 1 - p, a, b);
  if (p === 0 || n === 0) return 0;
  const uniform = stream(a, b);
  if (n * p < FEW) {
    const logFail = Math.log1p(-p);
    let count = 0;
    for (let at = Math.ceil(Math.log(uniform()) / logFail); at <= n; at += Math.ceil(Math.log(uniform()) / logFail)) count++;
    return count;
  }
  const spread = Math.sqrt(n * p * (1 - p));
  const wide = 1.15 + 2.53 * spread;
  const slope = -0.0873 + 0.0248 * wide + 0.01 * p;
  const sure = 0.92 - 4.2 / wide;
  const scale = (2.83 + 5.1 / wide) * spread;
  const mode = Math.floor((n + 1) * p);
  const odds = Math.log(p / (1 - p));
  const top = logFactorial(mode) + logFactorial(n - mode);
  for (let tries = 0; tries < 1000; tries++) {
    const u = uniform() - 0.5;
    const v = uniform();
    const edge = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * slope) / edge + wide) * u + n * p + 0.5);
    if (k < 0 || k > n) continue;
    if (edge >= 0.07 && v <= sure) return k;
    const bound = top - logFactorial(k) - logFactorial(n - k) + (k - mode) * odds;
    if (Math.log((v * scale) / (slope / (edge * edge) + wide)) <= bound) return k;
  }
  return mode;
}

/** ψ(x) for x > 0, by recurrence and the asymptotic series. */
function digamma(x: number): number {
  let [y, sum] = [x, 0];
  for (; y < 10; y++) sum -= 1 / y;
  const i = 1 / (y * y);
  return sum + Math.log(y) - 0.5 / y - i * (1 / 12 - i * (1 / 120 - i * (1 / 252 - i * (1 / 240 - i / 132))));
}

/**
 * d log x / d a of a gamma variate x with shape a at fixed probability: -(∂F/∂a)/(x f(x)) (implicit reparameterization, Figurnov, Mohamed & Mnih 2018). F by
 * its series below the mean and its continued fraction above, both differentiated by a.
 */
export function gammaSlope(a: number, logX: number): number {
  if (!(a > 0) || Number.isNaN(logX)) return Number.NaN;
  const x = Math.exp(logX);
  if (a > 1e4) return wilsonHilfertySlope(a, x);
  if (x < a + 1) {
    let [term, slope, sum, slopes] = [1, 0, 1, 0];
    for (let n = 1; n < 10000 && Math.abs(term) > 1e-17 * sum; n++) {
      const factor = x / (a + n);
      slope = slope * factor - (term * factor) / (a + n);
      term *= factor;
      sum += term;
      slopes += slope;
    }
    return -(sum * (logX - digamma(a + 1)) + slopes) / a;
  }
  // Lentz's algorithm for Γ(a, x) = e⁻ˣ xᵃ h, each quantity with its derivative by a.
  let b = x + 1 - a;
  let [c, dc] = [1e300, 0];
  let [d, dd] = [1 / b, 1 / (b * b)];
  let [h, dh] = [d, dd];
  for (let i = 1; i < 10000; i++) {
    const [an, dan] = [-i * (i - a), i];
    b += 2;
    dd = dan * d + an * dd - 1;
    d = an * d + b;
    dc = dan / c - (an * dc) / (c * c) - 1;
    c = b + an / c;
    [d, dd] = [1 / d, -dd / (d * d)];
    const [step, dStep] = [d * c, dd * c + d * dc];
    dh = dh * step + h * dStep;
    h *= step;
    if (Math.abs(step - 1) < 1e-16) break;
  }
  return h * (logX - digamma(a)) + dh;
}

/** The same of the approximation x = a(1 - 1/(9a) + z/(3√a))³ (Wilson & Hilferty 1931). */
function wilsonHilfertySlope(a: number, x: number): number {
  const root = Math.cbrt(x / a);
  const z = (root - 1 + 1 / (9 * a)) * 3 * Math.sqrt(a);
  return 1 / a + (3 * (1 / (9 * a * a) - z / (6 * a * Math.sqrt(a)))) / root;
}
