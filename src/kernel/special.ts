/**
 * @file Special functions in double precision, for the host: error function and its complement and inverse, the gamma family.
 */

/** Σ of Abramowitz & Stegun (1964) 7.1.6; every term has the same sign, so nothing cancels. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** erfc by the continued fraction 7.1.14 of Abramowitz & Stegun (1964), from the inside out; for x ≥ 2.5. */
function erfcFraction(x: number): number {
  let tail = 0;
  for (let n = 60; n > 0; n--) tail = n / 2 / (x + tail);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + tail);
}

export function erf(x: number): number {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  if (size < 2.5) return x === 0 ? x : erfSeries(x);
  return Math.sign(x) * (1 - erfcFraction(size));
}

/** 1 - erf x, without cancellation for large x. */
export function erfc(x: number): number {
  return x < 2.5 ? 1 - erf(x) : erfcFraction(x);
}

/** x with erf x = y: Winitzki's estimate (2008), then Newton's steps on erf, or on erfc where erf is too flat. */
export function erfinv(y: number): number {
  const size = Math.abs(y);
  if (!(size < 1)) return size === 1 ? y * Number.POSITIVE_INFINITY : Number.NaN;
  if (size === 0) return y;
  const l = Math.log1p(-size * size);
  const t = 2 / (Math.PI * 0.147) + l / 2;
  let x = Math.sqrt(Math.sqrt(t * t - l / 0.147) - t);
  for (let i = 0; i < 4; i++) {
    const miss = size < 0.5 ? erf(x) - size : 1 - size - erfc(x);
    const step = miss / ((2 / Math.sqrt(Math.PI)) * Math.exp(-x * x));
    x -= step / (1 + x * step); // Halley: f″/f′ = -2x
  }
  return Math.sign(y) * x;
}

/** Coefficients of Lanczos (1964) for g = 7, n = 9, after Godfrey (2001); relative error about 1e-15. */
const LANCZOS: readonly number[] = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** sin πx, exact at whole and half numbers. */
function sinPi(x: number): number {
  const r = x - 2 * Math.round(x / 2);
  return Math.abs(r) > 0.5 ? Math.sin(Math.PI * (Math.sign(r) - r)) : Math.sin(Math.PI * r);
}

/** log |Γ(x)|; ∞ at 0, -1, -2, ... */
export function lgamma(x: number): number {
  if (Number.isNaN(x)) return x;
  if (!Number.isFinite(x) || (x <= 0 && Number.isInteger(x))) return Number.POSITIVE_INFINITY;
  // Reflection: Γ(x)·Γ(1 - x) = π / sin πx.
  if (x < 0.5) return Math.log(Math.PI / Math.abs(sinPi(x))) - lgamma(1 - x);
  if (x > 1e8) return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI);
  const z = x - 1;
  const t = z + 7.5;
  const sum = LANCZOS.reduce((s, c, i) => (i === 0 ? c : s + c / (z + i)), 0);
  return (z + 0.5) * Math.log(t) - t + Math.log(Math.sqrt(2 * Math.PI) * sum);
}

/** ψ = (log Γ)′; at the poles NaN, but ∓∞ at ±0. Recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 1964, 6.3.18). */
export function digamma(x: number): number {
  if (x === 0) return Object.is(x, -0) ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  if (x < 0)
    return Number.isInteger(x) || x === Number.NEGATIVE_INFINITY ? Number.NaN : digamma(1 - x) - Math.PI / Math.tan(Math.PI * (x % 1));
  let shift = 0;
  let z = x;
  for (; z < 10; z++) shift += 1 / z;
  const u = 1 / (z * z);
  const tail = u * (1 / 12 - u * (1 / 120 - u * (1 / 252 - u * (1 / 240 - u * (1 / 132 - (u * 691) / 32760)))));
  return Math.log(z) - 0.5 / z - tail - shift;
}

/** B₂ₖ/(2k)! for k = 1, 2, ... */
const BERNOULLI: readonly number[] = [
  1 / 12,
  -1 / 720,
  1 / 30240,
  -1 / 1209600,
  1 / 47900160,
  -691 / 1307674368000,
  1 / 74724249600,
  -3617 / 10670622842880000,
];

/** Hurwitz's ζ(s, q) = Σ (q + n)^-s for s > 1, by Euler and Maclaurin's formula after ten terms past 0. Below 0 for whole s alone. */
export function zeta(s: number, q: number): number {
  if (Number.isNaN(q) || Number.isNaN(s) || q === Number.NEGATIVE_INFINITY) return Number.NaN;
  if (q <= 0 && Number.isInteger(q)) return Number.POSITIVE_INFINITY;
  if (q === Number.POSITIVE_INFINITY) return 0;
  if (q < 0) return zetaBelow(s, q);
  let sum = 0;
  let a = q;
  for (; a < 10; a++) sum += a ** -s;
  sum += a ** (1 - s) / (s - 1) + 0.5 * a ** -s;
  // Σ B₂ₖ/(2k)! · s(s+1)...(s+2k-2) · a^(-s-2k+1)
  let rising = s;
  let power = a ** (-s - 1);
  BERNOULLI.forEach((b, i) => {
    sum += b * rising * power;
    rising *= (s + 2 * i + 1) * (s + 2 * i + 2);
    power /= a * a;
  });
  return sum;
}

/** ζ(s, q) for q < 0: over all whole numbers n the terms (f + n)^-s, f the fraction of q, less those below q. As many steps for every q. */
function zetaBelow(s: number, q: number): number {
  if (!Number.isInteger(s)) return Number.NaN;
  const fraction = q - Math.floor(q);
  const sign = s % 2 === 0 ? 1 : -1;
  return zeta(s, fraction) + sign * (zeta(s, 1 - fraction) - zeta(s, 1 - q));
}
