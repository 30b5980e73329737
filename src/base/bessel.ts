/**
 * @file Bessel functions of orders 0 and 1 in double precision. The modified ones after Abramowitz & Stegun (1964): the power series 9.6.10, of which all terms
 * have one sign, and the asymptotic series 9.7.1, of which the least term at 25 is below 10⁻²¹.
 */

const FAR = 25;

/** I_ν(x)·e^(-|x|) for ν = 0 or 1. */
export function besselIScaled(order: 0 | 1, x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  const value = size < FAR ? series(order, size) * Math.exp(-size) : asymptotic(order, size);
  return order === 1 && (x < 0 || Object.is(x, -0)) ? -value : value;
}

/** I_ν(x) for ν = 0 or 1; infinite beyond 713. */
export function besselI(order: 0 | 1, x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size === Number.POSITIVE_INFINITY) return order === 1 ? x : size;
  // In two factors, since the exponential alone is infinite earlier.
  const half = Math.exp(size / 2);
  const value = size < FAR ? series(order, size) : asymptotic(order, size) * half * half;
  return order === 1 && (x < 0 || Object.is(x, -0)) ? -value : value;
}

/** Σ (x/2)^(2k + ν)/(k! (k + ν)!) */
function series(order: 0 | 1, x: number): number {
  const square = (x * x) / 4;
  let term = order === 0 ? 1 : x / 2;
  let sum = term;
  for (let k = 1; k < 200 && term > 1e-17 * sum; k++) {
    term *= square / (k * (k + order));
    sum += term;
  }
  return sum;
}

/** 1/√(2πx) Σ (-1)ᵏ Π (4ν² - (2j - 1)²)/(k! (8x)ᵏ) */
function asymptotic(order: 0 | 1, x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; k < 40 && Math.abs(term) > 1e-17; k++) {
    term *= -((4 * order - (2 * k - 1) ** 2) / (8 * x * k));
    sum += term;
  }
  return sum / Math.sqrt(2 * Math.PI * x);
}

// ---- of the first and second kind -----------------------------------------------------------------------------------------------------

const EULER = 0.5772156649015329;

/** J_ν(x) for ν = 0 or 1: by Miller's recurrence (Abramowitz & Stegun 1964, 9.12), from 25 on by Hankel's expansions 9.2.5. */
export function besselJ(order: 0 | 1, x: number): number {
  const size = Math.abs(x);
  if (!(size < Number.POSITIVE_INFINITY)) return Number.isNaN(x) ? x : 0;
  const value = size < FAR ? miller(size)[order]! : hankel(order, size).j;
  return order === 1 && x < 0 ? -value : value;
}

/** Y_ν(x) for ν = 0 or 1: by Neumann's series 9.1.89, from 25 on by Hankel's expansions. -∞ at 0, NaN below. */
export function besselY(order: 0 | 1, x: number): number {
  if (!(x > 0 && x < Number.POSITIVE_INFINITY)) return x === 0 ? Number.NEGATIVE_INFINITY : x > 0 ? 0 : Number.NaN;
  if (x >= FAR) return hankel(order, x).y;
  const j = miller(x);
  const log = Math.log(x / 2) + EULER;
  let sum = 0;
  for (let k = 1; 2 * k + 1 < j.length; k++) {
    const term = order === 0 ? j[2 * k]! : (j[2 * k - 1]! - j[2 * k + 1]!) / 2;
    sum += (k % 2 === 0 ? term : -term) / k;
  }
  if (order === 0) return (2 / Math.PI) * (log * j[0]! - 2 * sum);
  return (-2 / Math.PI) * (j[0]! / x - log * j[1]! - 2 * sum);
}

/** J₀, J₁, ... at x, backwards from where they are negligible; 1 = J₀ + 2ΣJ₂ₖ. */
function miller(x: number): Float64Array {
  const n = 2 * Math.ceil((x + 30 + 4 * Math.cbrt(x)) / 2);
  const j = new Float64Array(n + 2);
  if (x < 1e-8) {
    j[0] = 1;
    j[1] = x / 2;
    return j;
  }
  j[n] = 1e-250;
  let sum = 0;
  for (let k = n; k > 0; k--) {
    j[k - 1] = ((2 * k) / x) * j[k]! - j[k + 1]!;
    if (Math.abs(j[k - 1]!) > 1e200) for (let i = k - 1; i <= n; i++) j[i]! *= 1e-300;
  }
  for (let k = 2; k <= n; k += 2) sum += j[k]!;
  const total = j[0]! + 2 * sum;
  return j.map((value) => value / total);
}

function hankel(order: 0 | 1, x: number): { j: number; y: number } {
  let [p, q, term] = [1, 0, 1];
  for (let k = 1; k < 60; k++) {
    const next = (term * (4 * order - (2 * k - 1) ** 2)) / (8 * x * k);
    if (Math.abs(next) > Math.abs(term) || Math.abs(next) < 1e-18) break;
    term = next;
    if (k % 2 === 1) q += k % 4 === 1 ? term : -term;
    else p += k % 4 === 0 ? term : -term;
  }
  // cos and sin of x - (ν/2 + ¼)π by those of x, which has no rounding.
  const [s, c] = [Math.sin(x) * Math.SQRT1_2, Math.cos(x) * Math.SQRT1_2];
  const [cos, sin] = order === 0 ? [c + s, s - c] : [s - c, -(c + s)];
  const size = Math.sqrt(2 / (Math.PI * x));
  return { j: size * (p * cos - q * sin), y: size * (p * sin + q * cos) };
}
