/**
 * @file Dense linear algebra on row-major f64 matrices: the algorithms behind the decompositions. Plain loops; written for accuracy.
 */

/** A row-major matrix. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export function matrix(rows: number, columns: number, data: Float64Array = new Float64Array(rows * columns)): Matrix {
  return { rows, columns, data };
}

/** L with A = L Lᵀ, lower (Golub & Van Loan 2013, Alg. 4.2.1). Only the lower triangle of A is read. NaN where A is not positive definite. */
export function cholesky({ rows: n, data: a }: Matrix): Matrix {
  const l = matrix(n, n);
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= l.data[i * n + k]! * l.data[j * n + k]!;
      l.data[i * n + j] = i === j ? Math.sqrt(sum) : sum / l.data[j * n + j]!;
    }
  }
  return l;
}

export interface LU {
  /** L below the diagonal (its own is 1), U on and above it. */
  readonly lu: Matrix;
  /** Row i of P A is row order[i] of A. */
  readonly order: Int32Array;
  /** Sign of the permutation. */
  readonly sign: number;
}

/** P A = L U with partial pivoting (Golub & Van Loan 2013, Alg. 3.4.1). */
export function decomposeLU({ rows: n, data: a }: Matrix): LU {
  const lu = a.slice();
  const order = Int32Array.from({ length: n }, (_, i) => i);
  let sign = 1;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(lu[i * n + k]!) > Math.abs(lu[pivot * n + k]!)) pivot = i;
    if (pivot !== k) {
      for (let j = 0; j < n; j++) [lu[k * n + j], lu[pivot * n + j]] = [lu[pivot * n + j]!, lu[k * n + j]!];
      [order[k], order[pivot]] = [order[pivot]!, order[k]!];
      sign = -sign;
    }
    for (let i = k + 1; i < n && lu[k * n + k] !== 0; i++) {
      const factor = lu[i * n + k]! / lu[k * n + k]!;
      lu[i * n + k] = factor;
      for (let j = k + 1; j < n; j++) lu[i * n + j]! -= factor * lu[k * n + j]!;
    }
  }
  return { lu: matrix(n, n, lu), order, sign };
}

/** X with A X = B from the decomposition of A. */
export function solveLU({ lu, order }: LU, b: Matrix): Matrix {
  const permuted = matrix(b.rows, b.columns);
  order.forEach((from, i) => {
    permuted.data.set(b.data.subarray(from * b.columns, (from + 1) * b.columns), i * b.columns);
  });
  return solveTriangular(lu, solveTriangular(lu, permuted, { lower: true, unit: true }), { lower: false, unit: false });
}

/** X with T X = B for the lower or upper triangle T of `a`, with ones on the diagonal if `unit`. */
export function solveTriangular(a: Matrix, b: Matrix, { lower, unit }: { readonly lower: boolean; readonly unit: boolean }): Matrix {
  const n = a.rows;
  const x = matrix(n, b.columns, b.data.slice());
  for (let step = 0; step < n; step++) {
    const i = lower ? step : n - 1 - step;
    const [from, to] = lower ? [0, i] : [i + 1, n];
    for (let c = 0; c < b.columns; c++) {
      let sum = x.data[i * b.columns + c]!;
      for (let k = from; k < to; k++) sum -= a.data[i * n + k]! * x.data[k * b.columns + c]!;
      x.data[i * b.columns + c] = unit ? sum : sum / a.data[i * n + i]!;
    }
  }
  return x;
}

/** Reduced A = Q R by Householder reflections (Golub & Van Loan 2013, Alg. 5.2.1), with the diagonal of R not negative. */
export function decomposeQR({ rows: m, columns: n, data: a }: Matrix): { q: Matrix; r: Matrix } {
  const k = Math.min(m, n);
  const work = a.slice();
  const reflectors: Float64Array[] = [];
  for (let j = 0; j < k; j++) {
    const v = new Float64Array(m);
    for (let i = j; i < m; i++) v[i] = work[i * n + j]!;
    const norm = Math.hypot(...v);
    v[j]! += v[j]! >= 0 ? norm : -norm;
    const length = Math.hypot(...v);
    if (length > 0) for (let i = j; i < m; i++) v[i]! /= length;
    reflect(work, n, v, j);
    reflectors.push(v);
  }
  const q = matrix(m, k);
  for (let i = 0; i < k; i++) q.data[i * k + i] = 1;
  for (let j = k - 1; j >= 0; j--) reflect(q.data, k, reflectors[j]!, 0);
  const r = matrix(k, n);
  for (let i = 0; i < k; i++) {
    const flip = work[i * n + i]! < 0 ? -1 : 1;
    for (let j = i; j < n; j++) r.data[i * n + j] = flip * work[i * n + j]!;
    if (flip < 0) for (let row = 0; row < m; row++) q.data[row * k + i]! *= -1;
  }
  return { q, r };
}

/** Applies I - 2 v vᵀ to the columns of a matrix from `start` on. */
function reflect(data: Float64Array, columns: number, v: Float64Array, start: number): void {
  for (let c = start; c < columns; c++) {
    let dot = 0;
    for (let i = 0; i < v.length; i++) dot += v[i]! * data[i * columns + c]!;
    for (let i = 0; i < v.length; i++) data[i * columns + c]! -= 2 * dot * v[i]!;
  }
}

const SWEEPS = 60;

/** Eigenvalues (ascending) and eigenvectors (columns) of a symmetric matrix by cyclic Jacobi rotations (Golub & Van Loan 2013, Alg. 8.5.3). */
export function decomposeSymmetric({ rows: n, data }: Matrix): { values: Float64Array; vectors: Matrix } {
  const a = data.slice();
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const apq = a[p * n + q]!;
        if (Math.abs(apq) <= 1e-18 * Math.sqrt(Math.abs(a[p * n + p]! * a[q * n + q]!)) || Math.abs(apq) < 1e-300) continue;
        rotated = true;
        const { c, s } = rotation(a[p * n + p]!, a[q * n + q]!, apq);
        for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q, c, s);
        for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k, c, s);
        for (let k = 0; k < n; k++) turn(v, k * n + p, k * n + q, c, s);
      }
    }
    if (!rotated) break;
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[i * n + i]! - a[j * n + j]!);
  const vectors = matrix(n, n);
  order.forEach((from, to) => {
    for (let i = 0; i < n; i++) vectors.data[i * n + to] = v[i * n + from]!;
  });
  return { values: Float64Array.from(order, (i) => a[i * n + i]!), vectors };
}

/** Cosine and sine of the rotation that makes the off-diagonal element of [[app, apq], [apq, aqq]] zero. */
function rotation(app: number, aqq: number, apq: number): { c: number; s: number } {
  const tau = (aqq - app) / (2 * apq);
  const t = tau >= 0 ? 1 / (tau + Math.hypot(1, tau)) : 1 / (tau - Math.hypot(1, tau));
  const c = 1 / Math.hypot(1, t);
  return { c, s: t * c };
}

function turn(data: Float64Array, i: number, j: number, c: number, s: number): void {
  const [x, y] = [data[i]!, data[j]!];
  data[i] = c * x - s * y;
  data[j] = s * x + c * y;
}

/** Reduced A = U diag(s) Vᵀ with s descending, by one-sided Jacobi rotations (Demmel & Veselić 1992), which keep small values accurate. */
export function decomposeSVD(a: Matrix): { u: Matrix; s: Float64Array; vt: Matrix } {
  if (a.rows < a.columns) {
    const { u, s, vt } = decomposeSVD(transposed(a));
    return { u: transposed(vt), s, vt: transposed(u) };
  }
  const { rows: m, columns: n } = a;
  const w = a.data.slice();
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < SWEEPS && jacobiSweep(w, v, m, n); sweep++);
  const norms = Float64Array.from({ length: n }, (_, j) => Math.hypot(...Array.from({ length: m }, (_, i) => w[i * n + j]!)));
  const order = Array.from({ length: n }, (_, j) => j).sort((i, j) => norms[j]! - norms[i]!);
  const u = matrix(m, n);
  const vt = matrix(n, n);
  order.forEach((from, to) => {
    for (let i = 0; i < m; i++) u.data[i * n + to] = norms[from]! > 0 ? w[i * n + from]! / norms[from]! : 0;
    for (let i = 0; i < n; i++) vt.data[to * n + i] = v[i * n + from]!;
  });
  const s = Float64Array.from(order, (j) => norms[j]!);
  complete(u, s);
  return { u, s, vt };
}

/** One sweep of rotations that make pairs of columns orthogonal; false when they all were. */
function jacobiSweep(w: Float64Array, v: Float64Array, m: number, n: number): boolean {
  let rotated = false;
  for (let p = 0; p < n; p++) {
    for (let q = p + 1; q < n; q++) {
      let [pp, qq, pq] = [0, 0, 0];
      for (let i = 0; i < m; i++) {
        const [x, y] = [w[i * n + p]!, w[i * n + q]!];
        pp += x * x;
        qq += y * y;
        pq += x * y;
      }
      if (Math.abs(pq) <= 1e-16 * Math.sqrt(pp * qq) || pq === 0) continue;
      rotated = true;
      const { c, s } = rotation(pp, qq, pq);
      for (let i = 0; i < m; i++) turn(w, i * n + p, i * n + q, c, s);
      for (let i = 0; i < n; i++) turn(v, i * n + p, i * n + q, c, s);
    }
  }
  return rotated;
}

/** Fills columns of U that belong to singular values of zero with an orthonormal complement. */
function complete(u: Matrix, s: Float64Array): void {
  const { rows: m, columns: n, data } = u;
  const tiny = (s[0] ?? 0) * 1e-300;
  for (let j = 0; j < n; j++) {
    if (s[j]! > tiny) continue;
    for (let candidate = 0; candidate < m; candidate++) {
      const e = new Float64Array(m);
      e[candidate] = 1;
      for (let pass = 0; pass < 2; pass++) {
        for (let k = 0; k < j; k++) {
          let dot = 0;
          for (let i = 0; i < m; i++) dot += e[i]! * data[i * n + k]!;
          for (let i = 0; i < m; i++) e[i]! -= dot * data[i * n + k]!;
        }
      }
      const norm = Math.hypot(...e);
      if (norm < 0.5 / Math.sqrt(m)) continue;
      for (let i = 0; i < m; i++) data[i * n + j] = e[i]! / norm;
      break;
    }
  }
}

export function transposed({ rows, columns, data }: Matrix): Matrix {
  const t = matrix(columns, rows);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) t.data[j * rows + i] = data[i * columns + j]!;
  return t;
}
