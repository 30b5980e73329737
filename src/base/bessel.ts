/**
 * @file Modified Bessel functions of the first kind in double precision, after Abramowitz & Stegun (1964): the power series 9.6.10, of which all terms
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
