/**
 * @file The regularized incomplete gamma functions in double precision, for the host, with their derivative by a: below a + 1 by the power series (Abramowitz
 * & Stegun 1964, 6.5.29), above by the continued fraction 6.5.31; for very large a by Temme's uniform expansion (1979).
 */
import { digamma, erfc, lgamma, zeta } from "./special.ts";

/** P and Q = 1 - P, each without cancellation, and ∂P/∂a. */
export interface GammaShares {
  readonly p: number;
  readonly q: number;
  readonly slope: number;
}

const LARGE = 1e8;

/** P = γ(a, x)/Γ(a), Q = 1 - P and ∂P/∂a, for a >= 0 and x >= 0; NaN elsewhere. */
export function gammaShares(a: number, x: number): GammaShares {
  if (!(a >= 0 && x >= 0) || (a === Number.POSITIVE_INFINITY && x === a) || (a === 0 && x === 0))
    return { p: Number.NaN, q: Number.NaN, slope: Number.NaN };
  if (x === 0 || a === Number.POSITIVE_INFINITY) return { p: 0, q: 1, slope: 0 };
  if (a === 0 || x === Number.POSITIVE_INFINITY) return { p: 1, q: 0, slope: a === 0 ? Number.NaN : 0 };
  if (a > LARGE) return uniform(a, x);
  return x < a + 1 ? bySeries(a, x) : byFraction(a, x);
}

/** μ - log(1 + μ), whose first terms cancel, for 1 + μ = x/a. */
function excess(a: number, x: number): number {
  const mu = (x - a) / a;
  if (Math.abs(mu) > 0.3) return mu - Math.log(x / a);
  let [sum, power] = [0, mu * mu];
  for (let k = 2; k < 40; k++) {
    sum += (k % 2 === 0 ? power : -power) / k;
    power *= mu;
  }
  return sum;
}

/** x^a e^(-x)/Γ(a + 1); for large a by Stirling's series, since logarithms of thousands would lose digits. */
function density(a: number, x: number): number {
  if (a < 20) return Math.exp(a * Math.log(x) - x - lgamma(a + 1));
  const u = 1 / (a * a);
  const stirling = (1 / 12 - u * (1 / 360 - u * (1 / 1260 - u * (1 / 1680 - u / 1188)))) / a;
  return Math.exp(-a * excess(a, x) - stirling) / Math.sqrt(2 * Math.PI * a);
}

/** P and its derivative by a from the power series, for x below a + 1. */
function bySeries(a: number, x: number): GammaShares {
  let [term, sum, logSlope, slopes] = [1, 1, 0, 0];
  const most = 1000 + 20 * Math.sqrt(a);
  for (let n = 1; n < most && term > 1e-17 * sum; n++) {
    term *= x / (a + n);
    logSlope -= 1 / (a + n);
    sum += term;
    slopes += term * logSlope;
  }
  const front = density(a, x);
  const p = front * sum;
  return { p, q: a < SMALL ? small(a, x) : 1 - p, slope: p * (Math.log(x) - digamma(a + 1)) + front * slopes };
}

/** For a below this, P is nearly 1 for all but the smallest x. */
const SMALL = 0.25;
/** ζ(k) for k = 2, 3, ... */
const ZETAS: readonly number[] = Array.from({ length: 30 }, (_, i) => zeta(i + 2, 1));

/** Q for small a and x below 1 + a, by 6.5.29's other form: 1 - g·(1 + aΣ(-x)ⁿ/((a + n) n!)), g = x^a/Γ(1 + a). */
function small(a: number, x: number): number {
  // log Γ(1 + a) = -γa + Σ ζ(k)(-a)ᵏ/k, right relative to a.
  let logGamma = -0.5772156649015329 * a;
  ZETAS.forEach((value, i) => {
    logGamma += (value * (-a) ** (i + 2)) / (i + 2);
  });
  const logFront = a * Math.log(x) - logGamma;
  let sum = 0;
  for (let n = 1, term = -x; n < 40; term *= -x / ++n) sum += term / (a + n);
  return -Math.expm1(logFront) - Math.exp(logFront) * a * sum;
}

/** The continued fraction, evaluated from the inside out; each part carries its derivative by a. */
function byFraction(a: number, x: number): GammaShares {
  const n = Math.ceil(40 + 10 * Math.sqrt(a) + 1500 / (x + 1));
  let [value, slope] = [x + 2 * n + 1 - a, -1];
  for (let k = n; k > 0; k--) {
    const over = k * (k - a);
    const next = x + 2 * k - 1 - a - over / value;
    slope = -1 + k / value + (over * slope) / (value * value);
    value = next;
  }
  const front = density(a, x) * a;
  const q = front / value;
  return { p: 1 - q, q, slope: -(q * (Math.log(x) - digamma(a)) - (q * slope) / value) };
}

/** Q = ½ erfc(η√(a/2)) + e^(-aη²/2)/√(2πa)·(1/μ - 1/η), ½η² = μ - log(1 + μ); what is left out is of order a^-1.5. */
function uniform(a: number, x: number): GammaShares {
  const mu = (x - a) / a;
  const eta = Math.sign(mu) * Math.sqrt(2 * excess(a, x));
  const bell = Math.exp((-a * eta * eta) / 2) / Math.sqrt(2 * Math.PI * a);
  const c0 = Math.abs(eta) < 1e-3 ? -1 / 3 + eta / 12 : 1 / mu - 1 / eta;
  const q = 0.5 * erfc(eta * Math.sqrt(a / 2)) + bell * c0;
  const p = 0.5 * erfc(-eta * Math.sqrt(a / 2)) - bell * c0;
  return { p, q, slope: -bell };
}
