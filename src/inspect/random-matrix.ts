/**
 * @file Laws of random matrices (TRN-4): what the singular values of a matrix of independent entries of mean 0 and variance v look like, so that what
 * training has put into a weight stands out. Matrices are n × m with n >= m; a wide one is looked at as its transpose.
 */
import { type Checks, check, checkFields, finite, nonNegative, positive, positiveInteger, share } from "../base/check.ts";
import { tracyWidom, tracyWidomQuantile } from "./tracy-widom.ts";

export { tracyWidom, tracyWidomQuantile };

/** The shape of a matrix and the variance of its entries. */
export interface Ensemble {
  readonly rows: number;
  readonly columns: number;
  readonly variance: number;
}

const ENSEMBLE: Checks<Ensemble> = { rows: positiveInteger, columns: positiveInteger, variance: positive };

const sides = ({ rows, columns }: Ensemble): [n: number, m: number] => [Math.max(rows, columns), Math.min(rows, columns)];

/** Where the singular values end in the limit: √v(√n ± √m) (Marchenko & Pastur 1967). */
export function edges(ensemble: Ensemble): { lower: number; upper: number } {
  checkFields("edges: ensemble", ensemble, ENSEMBLE);
  const [n, m] = sides(ensemble);
  const root = Math.sqrt(ensemble.variance);
  return { lower: root * (Math.sqrt(n) - Math.sqrt(m)), upper: root * (Math.sqrt(n) + Math.sqrt(m)) };
}

/** The density of singular values, g(s) = √((s₊² − s²)(s² − s₋²))/(π v m s); its integral is 1 (Marchenko & Pastur 1967). */
export function marchenkoPastur(s: number, ensemble: Ensemble): number {
  check("marchenkoPastur: s", s, finite);
  const { lower, upper } = edges(ensemble);
  const [, m] = sides(ensemble);
  if (s <= lower || s >= upper || s <= 0) return s === 0 && lower === 0 ? upper / (Math.PI * ensemble.variance * m) : 0;
  return Math.sqrt((upper ** 2 - s ** 2) * (s ** 2 - lower ** 2)) / (Math.PI * ensemble.variance * m * s);
}

/** The share of singular values up to s, in closed form: with s² = c − d·cos θ the density is that of sin²θ/(c − d·cos θ). */
export function marchenkoPasturCdf(s: number, ensemble: Ensemble): number {
  check("marchenkoPasturCdf: s", s, finite);
  const { lower, upper } = edges(ensemble);
  if (s <= lower) return 0;
  if (s >= upper) return 1;
  const [n, m] = sides(ensemble);
  const v = ensemble.variance;
  const [c, d] = [v * (n + m), 2 * v * Math.sqrt(n * m)];
  const angle = Math.acos(Math.max(-1, Math.min(1, (c - s * s) / d)));
  const root = v * (n - m);
  const turned = root === 0 ? 0 : 2 * root * Math.atan(((v * (Math.sqrt(n) + Math.sqrt(m)) ** 2) / root) * Math.tan(angle / 2));
  return (c * angle + d * Math.sin(angle) - turned) / (2 * Math.PI * v * m);
}

/** The singular value below which a share p of them lies. */
export function marchenkoPasturQuantile(p: number, ensemble: Ensemble): number {
  check("marchenkoPasturQuantile: p", p, share);
  let { lower, upper } = edges(ensemble);
  for (let step = 0; step < 60; step++) {
    const middle = (lower + upper) / 2;
    if (marchenkoPasturCdf(middle, ensemble) < p) lower = middle;
    else upper = middle;
  }
  return (lower + upper) / 2;
}

/** Mean of the singular values in the limit: 8/(3π)·√(vn) of a square matrix. The mean of their squares is vn. */
export function meanSingularValue(ensemble: Ensemble): number {
  checkFields("meanSingularValue: ensemble", ensemble, ENSEMBLE);
  const [n, m] = sides(ensemble);
  const [c, d] = [ensemble.variance * (n + m), 2 * ensemble.variance * Math.sqrt(n * m)];
  // Simpson's rule over the angle, where the integrand is smooth.
  const steps = 2000;
  let sum = 0;
  for (let i = 1; i <= steps; i++) {
    const angle = (Math.PI * i) / steps;
    sum += ((i === steps ? 1 : i % 2 === 1 ? 4 : 2) * Math.sin(angle) ** 2) / Math.sqrt(c - d * Math.cos(angle));
  }
  return (((d * d) / (2 * Math.PI * ensemble.variance * m)) * (sum * Math.PI)) / (3 * steps);
}

/** Centre and scale of the largest squared singular value: (σ₁²/v − centre)/scale follows TW₁ (Johnstone 2001, with Ma's halves, 2012). */
export function largestLaw(ensemble: Ensemble): { centre: number; scale: number } {
  checkFields("largestLaw: ensemble", ensemble, ENSEMBLE);
  const [n, m] = sides(ensemble);
  const [a, b] = [Math.sqrt(n - 0.5), Math.sqrt(m - 0.5)];
  return { centre: (a + b) ** 2, scale: (a + b) * (1 / a + 1 / b) ** (1 / 3) };
}

/** The singular value that the largest of a random matrix stays below with probability p. Default p 0.99. */
export function largestQuantile(ensemble: Ensemble, p = 0.99): number {
  const { centre, scale } = largestLaw(ensemble);
  return Math.sqrt(Math.max(0, ensemble.variance * (centre + scale * tracyWidomQuantile(p))));
}

/** How far σ₁ lies from the centre of its law in its scale, and the probability that a random matrix has a larger one. */
export function largestScore(largest: number, ensemble: Ensemble): { z: number; p: number } {
  check("largestScore: largest", largest, nonNegative);
  const { centre, scale } = largestLaw(ensemble);
  const z = (largest ** 2 / ensemble.variance - centre) / scale;
  return { z, p: 1 - tracyWidom(z) };
}

/** P(σ_min ≤ s) of a square matrix: 1 − exp(−(x/2 + √x)), x = n·s²/v (Edelman 1988, n → ∞). Its median is 0.5448·√(v/n). */
export function smallestCdf(s: number, ensemble: Ensemble): number {
  check("smallestCdf: s", s, nonNegative);
  checkFields("smallestCdf: ensemble", ensemble, ENSEMBLE);
  const { rows, columns, variance } = ensemble;
  if (rows !== columns) throw new RangeError(`smallestCdf: the law is of square matrices, got ${rows} × ${columns}; use the lower edge`);
  const x = (rows * s * s) / variance;
  return 1 - Math.exp(-(x / 2 + Math.sqrt(x)));
}

/** The strength that a signal of rank one needs to show above the noise: √v·(nm)^¼ (Baik, Ben Arous & Péché 2005). */
export function spikeThreshold(ensemble: Ensemble): number {
  checkFields("spikeThreshold: ensemble", ensemble, ENSEMBLE);
  return Math.sqrt(ensemble.variance) * (ensemble.rows * ensemble.columns) ** 0.25;
}

/** Where a signal of rank one and strength θ puts the largest singular value: √((θ² + vn)(θ² + vm))/θ above the threshold, else the edge (Benaych-Georges & Nadakuditi 2012). */
export function spikeAt(strength: number, ensemble: Ensemble): number {
  check("spikeAt: strength", strength, nonNegative);
  if (strength <= spikeThreshold(ensemble)) return edges(ensemble).upper;
  const [n, m] = sides(ensemble);
  const v = ensemble.variance;
  return Math.sqrt((strength ** 2 + v * n) * (strength ** 2 + v * m)) / strength;
}

/** The strength of the signal behind a singular value beyond the edge: the inverse of {@link spikeAt}. 0 within the bulk. */
export function spikeStrength(value: number, ensemble: Ensemble): number {
  check("spikeStrength: value", value, nonNegative);
  if (value <= edges(ensemble).upper) return 0;
  const [n, m] = sides(ensemble);
  const v = ensemble.variance;
  const half = (value ** 2 - v * (n + m)) / 2;
  return Math.sqrt(half + Math.sqrt(Math.max(0, half ** 2 - v * v * n * m)));
}

/** The largest singular value of a product of L square Gaussian matrices of variance 1/n, n → ∞: √((L+1)^{L+1}/L^L). That of JJᵀ has mean 1 and variance L. */
export function productEdge(factors: number): number {
  check("productEdge: factors", factors, positiveInteger);
  return Math.sqrt((factors + 1) ** (factors + 1) / factors ** factors);
}

/** P(D > d) that the empirical distribution of n independent numbers is off by more than d (Kolmogorov 1933; Stephens's correction 1970). */
export function kolmogorov(d: number, n: number): number {
  check("kolmogorov: d", d, nonNegative);
  check("kolmogorov: n", n, positiveInteger);
  const x = d * (Math.sqrt(n) + 0.12 + 0.11 / Math.sqrt(n));
  if (x < 0.2) return 1;
  let sum = 0;
  for (let k = 1; k <= 100; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * (k * x) ** 2);
  return Math.max(0, Math.min(1, sum));
}
