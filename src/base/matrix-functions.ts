/**
 * @file Functions of whole matrices in f64: least squares, cofactors, the exponential and its derivative.
 */
import { decomposeSVD } from "./eigen.ts";
import { addScaled, decomposeLU, dot, type Matrix, matrix, product, solveLU, transposed } from "./linalg.ts";

/** The X of least norm that minimizes ‖A X - B‖; singular values up to the larger of the tolerances count as zero. */
export function leastSquares(
  a: Matrix,
  b: Matrix,
  { absolute, relative }: { readonly absolute: number; readonly relative: number },
): Matrix {
  const { u, s, vt } = decomposeSVD(a);
  const least = Math.max(absolute, relative * (s[0] ?? 0));
  const along = product(transposed(u), b);
  for (let i = 0; i < s.length; i++)
    for (let j = 0; j < b.columns; j++) along.data[i * b.columns + j] = s[i]! <= least ? 0 : along.data[i * b.columns + j]! / s[i]!;
  return product(transposed(vt), along);
}

/** The transpose of the cofactors, from A = U S Vᵀ: adj A = det U · det V · V diag(Π of the other values) Uᵀ. Right at any rank. */
export function adjugate(a: Matrix): Matrix {
  const n = a.rows;
  const { u, s, vt } = decomposeSVD(a);
  const sign = signOf(u) * signOf(vt);
  const others = Float64Array.from(s, (_, i) => s.reduce((p, x, j) => (j === i ? p : p * x), sign));
  const scaled = transposed(u);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) scaled.data[i * n + j]! *= others[i]!;
  return product(transposed(vt), scaled);
}

/** The determinant, 1 or -1, of an orthogonal matrix. */
function signOf(a: Matrix): number {
  const { lu, sign } = decomposeLU(a);
  let s = sign;
  for (let i = 0; i < a.rows; i++) s *= Math.sign(lu.data[i * a.rows + i]!);
  return s;
}

// Padé coefficients of order 13, and the norm up to which they serve (Higham 2005, "The scaling and squaring method for the matrix exponential
// revisited", Tables 2.1 and 2.3).
const PADE = [
  64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800, 33522128640,
  1323241920, 40840800, 960960, 16380, 182, 1,
];
const REACH = 5.371920351148152;
/** Beyond 2¹⁰⁰⁰ nothing is left to scale. */
const MOST_SQUARINGS = 1000;

/** eᴬ by scaling and squaring. */
export function matrixExp(a: Matrix): Matrix {
  const n = a.rows;
  const size = norm1(a);
  if (!Number.isFinite(size)) return matrix(n, n, new Float64Array(n * n).fill(Number.NaN));
  const squarings = Math.min(MOST_SQUARINGS, size > REACH ? squaringsFor(a, size) : 0);
  let result = pade(
    matrix(
      n,
      n,
      a.data.map((x) => x * 2 ** -squarings),
    ),
  );
  for (let i = 0; i < squarings; i++) result = product(result, result);
  return result;
}

// 1/(C(26, 13) 27!): the first term of the error of order 13, and the roundoff that it must stay below.
const ERROR_TERM = 1 / (10400600 * 1.0888869450418352e28);
const ROUNDOFF = 2 ** -53;

/**
 * How often A must be halved: by the norms of its powers, which may be far below the powers of its norm (Al-Mohy & Higham 2009, "A new scaling and
 * squaring algorithm for the matrix exponential", Alg. 5.1). Fewer squarings lose fewer digits.
 */
function squaringsFor(a: Matrix, size: number): number {
  const n = a.rows;
  const scale = 2 ** Math.ceil(Math.log2(size));
  const unit = matrix(
    n,
    n,
    a.data.map((x) => x / scale),
  );
  const two = product(unit, unit);
  const four = product(two, two);
  const six = product(four, two);
  const root = (x: Matrix, power: number): number => norm1(x) ** (1 / power);
  const [d6, d8, d10] = [root(six, 6), root(product(four, four), 8), root(product(four, six), 10)];
  const least = scale * Math.min(Math.max(d6, d8), Math.max(d8, d10));
  const halvings = Math.max(0, Math.ceil(Math.log2(least / REACH)));
  // ‖|2⁻ˢA|²⁷‖ by products with a vector; column sums of a matrix without signs.
  let sums = new Float64Array(n).fill(1);
  const shrink = 2 ** -halvings;
  for (let power = 0; power < 27; power++) {
    const next = new Float64Array(n);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) next[j]! += sums[i]! * Math.abs(a.data[i * n + j]!) * shrink;
    sums = next;
  }
  const term = (ERROR_TERM * sums.reduce((x, y) => Math.max(x, y), 0)) / (size * shrink);
  const more = term > 0 ? Math.max(0, Math.ceil(Math.log2(term / ROUNDOFF) / 26)) : 0;
  return Math.min(halvings + more, Math.ceil(Math.log2(size / REACH)));
}

/** r(A) = q(A)⁻¹ p(A), p = V + U, q = V - U; coefficients relative to the first. */
function pade(a: Matrix): Matrix {
  const n = a.rows;
  const c = PADE.map((p) => p / PADE[0]!);
  const one = (factor: number): Matrix => {
    const y = matrix(n, n);
    for (let i = 0; i < n; i++) y.data[i * n + i] = factor;
    return y;
  };
  const plus = (x: Matrix, factor: number): Matrix => {
    for (let i = 0; i < n; i++) x.data[i * n + i]! += factor;
    return x;
  };
  const square = product(a, a);
  let [odd, even] = [one(c[13]!), one(c[12]!)];
  for (let k = 11; k > 0; k -= 2) {
    odd = plus(product(odd, square), c[k]!);
    even = plus(product(even, square), c[k - 1]!);
  }
  const u = product(a, odd);
  const [p, q] = [even.data.slice(), even.data.slice()];
  addScaled(p, 1, u.data);
  addScaled(q, -1, u.data);
  return solveLU(decomposeLU(matrix(n, n, q)), matrix(n, n, p));
}

function norm1({ rows, columns, data }: Matrix): number {
  let most = 0;
  for (let j = 0; j < columns; j++) {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += Math.abs(data[i * columns + j]!);
    most = Math.max(most, sum);
  }
  return data.some(Number.isNaN) ? Number.NaN : most;
}

/**
 * The derivative of eᴬ along E: the block on the upper right of exp [[A, E], [0, A]] (Higham 2008, §3.2). E is scaled to the size of A, so that the
 * number of squarings is A's.
 */
export function matrixExpSlope(a: Matrix, e: Matrix): Matrix {
  const n = a.rows;
  const size = Math.sqrt(dot(e.data, e.data));
  if (size === 0) return matrix(n, n);
  const scale = size / Math.max(1, norm1(a));
  const wide = matrix(2 * n, 2 * n);
  for (let i = 0; i < n; i++) {
    const row = a.data.subarray(i * n, (i + 1) * n);
    wide.data.set(row, i * 2 * n);
    wide.data.set(row, (n + i) * 2 * n + n);
    for (let j = 0; j < n; j++) wide.data[i * 2 * n + n + j] = e.data[i * n + j]! / scale;
  }
  const full = matrixExp(wide);
  const y = matrix(n, n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) y.data[i * n + j] = full.data[i * 2 * n + n + j]! * scale;
  return y;
}
