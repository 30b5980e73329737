/**
 * @file Eigenvalues and eigenvectors of general real matrices in f64: Householder's reduction to Hessenberg form, Francis's QR steps with double shifts
 * (Golub & Van Loan 2013, Alg. 7.4.2, 7.5.1 and 7.5.2), and substitution in the quasi-triangular form. Every iteration has a bound.
 */
import { type Matrix, matrix } from "./linalg.ts";

const EPSILON = 2 ** -52;
const STEPS = 60;

/** Eigenvalues λ and eigenvectors (columns of unit length, their largest element real) as real and imaginary parts. */
export interface Eigen {
  readonly re: Float64Array;
  readonly im: Float64Array;
  readonly vectorsRe: Matrix;
  readonly vectorsIm: Matrix;
}

/** λ and v with A v = λ v; pairs of conjugates stand together, that with the positive imaginary part first. NaN where A is not finite. */
export function decomposeGeneral({ rows: n, data }: Matrix): Eigen {
  const nothing = (): Matrix => matrix(n, n, new Float64Array(n * n).fill(Number.NaN));
  const top = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  if (!data.every(Number.isFinite)) {
    const nan = new Float64Array(n).fill(Number.NaN);
    return { re: nan, im: nan.slice(), vectorsRe: nothing(), vectorsIm: nothing() };
  }
  const scale = top > 0 ? 2 ** Math.max(-1000, Math.min(1000, Math.floor(Math.log2(top)))) : 1;
  const t = data.map((x) => x / scale);
  const balance = balanced(t, n);
  const q = hessenberg(t, n);
  francis(t, q, n);
  const { re, im } = valuesOf(t, n);
  const [vr, vi] = [matrix(n, n), matrix(n, n)];
  for (let k = 0; k < n; k++) {
    const isPair = im[k] !== 0;
    const x = substituted(t, n, isPair ? k + 1 : k, re[k]!, im[k]!);
    place(vr, vi, k, q, x, balance);
    if (!isPair) continue;
    for (let i = 0; i < n; i++) {
      vr.data[i * n + k + 1] = vr.data[i * n + k]!;
      vi.data[i * n + k + 1] = -vi.data[i * n + k]!;
    }
    k++;
  }
  return { re: re.map((x) => x * scale), im: im.map((x) => x * scale), vectorsRe: vr, vectorsIm: vi };
}

/** Scales rows and columns by powers of two until they are of about one size (Parlett & Reinsch 1969); gives the scales. */
function balanced(a: Float64Array, n: number): Float64Array {
  const scales = new Float64Array(n).fill(1);
  for (let sweep = 0, done = false; sweep < 20 && !done; sweep++) {
    done = true;
    for (let i = 0; i < n; i++) {
      let [row, column] = [0, 0];
      for (let j = 0; j < n; j++) {
        if (j === i) continue;
        row += Math.abs(a[i * n + j]!);
        column += Math.abs(a[j * n + i]!);
      }
      if (row === 0 || column === 0) continue;
      const f = 2 ** Math.round(Math.log2(row / column) / 2);
      if (column * f + row / f >= 0.95 * (column + row)) continue;
      done = false;
      scales[i]! *= f;
      for (let j = 0; j < n; j++) a[i * n + j]! /= f;
      for (let j = 0; j < n; j++) a[j * n + i]! *= f;
    }
  }
  return scales;
}

/** Makes A zero below the diagonal beside the main one by an orthogonal similarity; gives its matrix Q, A = Q H Qᵀ. */
function hessenberg(a: Float64Array, n: number): Float64Array {
  const q = new Float64Array(n * n);
  for (let i = 0; i < n; i++) q[i * n + i] = 1;
  for (let k = 0; k < n - 2; k++) {
    const v = new Float64Array(n);
    for (let i = k + 1; i < n; i++) v[i] = a[i * n + k]!;
    if (!unitReflector(v, k + 1, n)) continue;
    reflectRows(a, n, v, k + 1, n, k);
    reflectColumns(a, n, v, k + 1, n, n);
    reflectColumns(q, n, v, k + 1, n, n);
    for (let i = k + 2; i < n; i++) a[i * n + k] = 0;
  }
  return q;
}

/** Makes v the unit vector of the reflection that takes v to a multiple of its first axis; false if there is nothing to do. */
function unitReflector(v: Float64Array, from: number, to: number): boolean {
  let rest = 0;
  for (let i = from + 1; i < to; i++) rest += v[i]! ** 2;
  if (rest === 0) return false;
  const norm = Math.sqrt(rest + v[from]! ** 2);
  v[from]! += v[from]! >= 0 ? norm : -norm;
  const length = Math.sqrt(rest + v[from]! ** 2);
  for (let i = from; i < to; i++) v[i]! /= length;
  return true;
}

/** (I - 2vvᵀ) A from column `start` on; v is 0 outside of from..to. */
function reflectRows(a: Float64Array, n: number, v: Float64Array, from: number, to: number, start: number): void {
  for (let j = start; j < n; j++) {
    let dot = 0;
    for (let i = from; i < to; i++) dot += v[i]! * a[i * n + j]!;
    for (let i = from; i < to; i++) a[i * n + j]! -= 2 * dot * v[i]!;
  }
}

/** A (I - 2vvᵀ) in the first `rows` rows. */
function reflectColumns(a: Float64Array, n: number, v: Float64Array, from: number, to: number, rows: number): void {
  for (let i = 0; i < rows; i++) {
    let dot = 0;
    for (let j = from; j < to; j++) dot += a[i * n + j]! * v[j]!;
    for (let j = from; j < to; j++) a[i * n + j]! -= 2 * dot * v[j]!;
  }
}

/** QR steps until the Hessenberg matrix is quasi-triangular: 2x2 blocks on the diagonal have complex eigenvalues. */
function francis(t: Float64Array, q: Float64Array, n: number): void {
  let high = n - 1;
  let norm = 0;
  for (const x of t) norm = Math.max(norm, Math.abs(x));
  for (let step = 0; high > 0; step++) {
    let low = high;
    for (; low > 0; low--) {
      const size = Math.abs(t[(low - 1) * n + low - 1]!) + Math.abs(t[low * n + low]!) || norm;
      if (Math.abs(t[low * n + low - 1]!) <= EPSILON * size || step === STEPS) break;
    }
    if (low > 0) t[low * n + low - 1] = 0;
    if (high - low > 1) {
      doubleStep(t, q, n, low, high, step);
      continue;
    }
    if (high - low === 1) splitReal(t, q, n, low);
    high = low - 1;
    step = -1;
  }
}

/** One step with both eigenvalues of the last 2x2 block as shifts, chased down as a bulge. */
function doubleStep(t: Float64Array, q: Float64Array, n: number, low: number, high: number, step: number): void {
  const at = (i: number, j: number): number => t[i * n + j]!;
  let trace = at(high - 1, high - 1) + at(high, high);
  let det = at(high - 1, high - 1) * at(high, high) - at(high - 1, high) * at(high, high - 1);
  if (step > 0 && step % 10 === 0) {
    // Shifts that have nothing to do with the matrix, where the usual ones run in a circle.
    const size = Math.abs(at(high, high - 1)) + Math.abs(at(high - 1, high - 2));
    [trace, det] = [1.5 * size, size * size];
  }
  let x = at(low, low) ** 2 + at(low, low + 1) * at(low + 1, low) - trace * at(low, low) + det;
  let y = at(low + 1, low) * (at(low, low) + at(low + 1, low + 1) - trace);
  let z = at(low + 1, low) * at(low + 2, low + 1);
  const v = new Float64Array(n);
  for (let k = low; k < high; k++) {
    const to = Math.min(k + 3, high + 1);
    v[k] = x;
    v[k + 1] = y;
    if (to - k === 3) v[k + 2] = z;
    if (unitReflector(v, k, to)) {
      reflectRows(t, n, v, k, to, Math.max(low, k - 1));
      reflectColumns(t, n, v, k, to, Math.min(k + 4, high + 1));
      reflectColumns(q, n, v, k, to, n);
    }
    v.fill(0, k, to);
    if (k > low) for (let i = k + 1; i < to; i++) t[i * n + k - 1] = 0;
    if (k + 1 < high) [x, y, z] = [at(k + 1, k), at(k + 2, k), k + 3 <= high ? at(k + 3, k) : 0];
  }
}

/** Turns a 2x2 block with real eigenvalues into a triangle. */
function splitReal(t: Float64Array, q: Float64Array, n: number, k: number): void {
  const [a, b, c, d] = [t[k * n + k]!, t[k * n + k + 1]!, t[(k + 1) * n + k]!, t[(k + 1) * n + k + 1]!];
  if (c === 0) return;
  const half = (a - d) / 2;
  const inside = half * half + b * c;
  if (inside < 0) return;
  // The eigenvector (λ - d, c) of the eigenvalue whose difference does not cancel becomes the first axis.
  const first = half + (half >= 0 ? Math.sqrt(inside) : -Math.sqrt(inside));
  const length = Math.hypot(first, c);
  const [cs, sn] = [first / length, c / length];
  for (let j = 0; j < n; j++) {
    const [x, y] = [t[k * n + j]!, t[(k + 1) * n + j]!];
    t[k * n + j] = cs * x + sn * y;
    t[(k + 1) * n + j] = cs * y - sn * x;
  }
  for (const m of [t, q]) {
    for (let i = 0; i < n; i++) {
      const [x, y] = [m[i * n + k]!, m[i * n + k + 1]!];
      m[i * n + k] = cs * x + sn * y;
      m[i * n + k + 1] = cs * y - sn * x;
    }
  }
  t[(k + 1) * n + k] = 0;
}

function valuesOf(t: Float64Array, n: number): { re: Float64Array; im: Float64Array } {
  const [re, im] = [new Float64Array(n), new Float64Array(n)];
  for (let k = 0; k < n; k++) {
    re[k] = t[k * n + k]!;
    if (k + 1 === n || t[(k + 1) * n + k] === 0) continue;
    const [a, d] = [t[k * n + k]!, t[(k + 1) * n + k + 1]!];
    const half = (a - d) / 2;
    const root = Math.sqrt(Math.max(0, -(half * half + t[k * n + k + 1]! * t[(k + 1) * n + k]!)));
    re[k] = re[k + 1] = (a + d) / 2;
    im[k] = root;
    im[k + 1] = -root;
    k++;
  }
  return { re, im };
}

type Complex = readonly [re: number, im: number];

const times = ([a, b]: Complex, [c, d]: Complex): Complex => [a * c - b * d, a * d + b * c];
const minus = ([a, b]: Complex, [c, d]: Complex): Complex => [a - c, b - d];
function over([a, b]: Complex, [c, d]: Complex): Complex {
  const size = Math.max(Math.abs(c), Math.abs(d));
  const [e, f] = [c / size, d / size];
  const square = (e * e + f * f) * size;
  return [(a * e + b * f) / square, (b * e - a * f) / square];
}

/** x with (T - λ) x = 0, of which the elements behind `last` are 0. */
function substituted(t: Float64Array, n: number, last: number, re: number, im: number): { re: Float64Array; im: Float64Array } {
  const x = { re: new Float64Array(n), im: new Float64Array(n) };
  const put = (i: number, [a, b]: Complex): void => {
    x.re[i] = a;
    x.im[i] = b;
  };
  let norm = 0;
  for (const value of t) norm = Math.max(norm, Math.abs(value));
  const least = EPSILON * norm || Number.MIN_VALUE;
  const shifted = (i: number): Complex => {
    const d: Complex = [t[i * n + i]! - re, -im];
    return Math.hypot(...d) < least ? [least, 0] : d;
  };
  const right = (i: number, from: number): Complex => {
    let [a, b] = [0, 0];
    for (let j = from; j <= last; j++) {
      a -= t[i * n + j]! * x.re[j]!;
      b -= t[i * n + j]! * x.im[j]!;
    }
    return [a, b];
  };
  let i = last - 1;
  if (im === 0) put(last, [1, 0]);
  else {
    put(last - 1, [t[(last - 1) * n + last]!, 0]);
    put(last, [re - t[(last - 1) * n + last - 1]!, im]);
    i = last - 2;
  }
  for (; i >= 0; i--) {
    if (i === 0 || t[i * n + i - 1] === 0) put(i, over(right(i, i + 1), shifted(i)));
    else {
      // Two rows at once.
      const [a, b, c, d] = [shifted(i - 1), t[(i - 1) * n + i]!, t[i * n + i - 1]!, shifted(i)];
      const [r, s] = [right(i - 1, i + 1), right(i, i + 1)];
      const det = minus(times(a, d), [b * c, 0]);
      const safe: Complex = Math.hypot(...det) < least * least ? [least * least, 0] : det;
      put(i - 1, over(minus(times(r, d), [b * s[0], b * s[1]]), safe));
      put(i, over(minus(times(a, s), [c * r[0], c * r[1]]), safe));
      i--;
    }
    shrink(x);
  }
  return x;
}

/** Keeps elements from overflowing: only their ratios count. */
function shrink(x: { re: Float64Array; im: Float64Array }): void {
  let top = 0;
  for (const part of [x.re, x.im]) for (const value of part) top = Math.max(top, Math.abs(value));
  if (top < 1e100) return;
  for (const part of [x.re, x.im]) for (let i = 0; i < part.length; i++) part[i]! /= top;
}

/** Column k of the vectors: D Q x, of unit length, its largest element real and positive. */
function place(vr: Matrix, vi: Matrix, k: number, q: Float64Array, x: { re: Float64Array; im: Float64Array }, balance: Float64Array): void {
  const n = vr.rows;
  const [re, im] = [new Float64Array(n), new Float64Array(n)];
  let [square, largest] = [0, 0];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      re[i]! += q[i * n + j]! * x.re[j]!;
      im[i]! += q[i * n + j]! * x.im[j]!;
    }
    re[i]! *= balance[i]!;
    im[i]! *= balance[i]!;
    square += re[i]! ** 2 + im[i]! ** 2;
    if (re[i]! ** 2 + im[i]! ** 2 > (re[largest]! ** 2 + im[largest]! ** 2) * (1 + 1e-12)) largest = i;
  }
  const length = Math.sqrt(square);
  const size = Math.hypot(re[largest]!, im[largest]!);
  // Multiplied by the conjugate of the largest element's direction.
  const [c, s] = [re[largest]! / size / length, -im[largest]! / size / length];
  for (let i = 0; i < n; i++) {
    vr.data[i * n + k] = re[i]! * c - im[i]! * s;
    vi.data[i * n + k] = i === largest ? 0 : re[i]! * s + im[i]! * c;
  }
}
