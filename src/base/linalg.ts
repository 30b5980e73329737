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
  /** In step k row k was exchanged with row pivots[k]. */
  readonly pivots: Int32Array;
  /** Sign of the permutation. */
  readonly sign: number;
}

/** P A = L U with partial pivoting (Golub & Van Loan 2013, Alg. 3.4.1), of any shape. */
export function decomposeLU({ rows: m, columns: n, data: a }: Matrix): LU {
  const lu = a.slice();
  const order = Int32Array.from({ length: m }, (_, i) => i);
  const pivots = new Int32Array(Math.min(m, n));
  let sign = 1;
  for (let k = 0; k < pivots.length; k++) {
    let pivot = k;
    for (let i = k + 1; i < m; i++) if (Math.abs(lu[i * n + k]!) > Math.abs(lu[pivot * n + k]!)) pivot = i;
    pivots[k] = pivot;
    if (pivot !== k) {
      for (let j = 0; j < n; j++) [lu[k * n + j], lu[pivot * n + j]] = [lu[pivot * n + j]!, lu[k * n + j]!];
      [order[k], order[pivot]] = [order[pivot]!, order[k]!];
      sign = -sign;
    }
    for (let i = k + 1; i < m && lu[k * n + k] !== 0; i++) {
      const factor = lu[i * n + k]! / lu[k * n + k]!;
      lu[i * n + k] = factor;
      for (let j = k + 1; j < n; j++) lu[i * n + j]! -= factor * lu[k * n + j]!;
    }
  }
  return { lu: matrix(m, n, lu), order, pivots, sign };
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

export function transposed({ rows, columns, data }: Matrix): Matrix {
  const t = matrix(columns, rows);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) t.data[j * rows + i] = data[i * columns + j]!;
  return t;
}

/** A B */
export function product(a: Matrix, b: Matrix): Matrix {
  const c = matrix(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++) {
    const row = c.data.subarray(i * b.columns, (i + 1) * b.columns);
    for (let k = 0; k < a.columns; k++) addScaled(row, a.data[i * a.columns + k]!, b.data.subarray(k * b.columns, (k + 1) * b.columns));
  }
  return c;
}

/** Σ xᵢ yᵢ, of y the elements from `from` on. Four sums side by side, since each addition waits for the one before it. */
export function dot(x: Float64Array, y: Float64Array, from = 0): number {
  const n = x.length;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < n; i += 4) {
    a += x[i]! * y[from + i]!;
    b += x[i + 1]! * y[from + i + 1]!;
    c += x[i + 2]! * y[from + i + 2]!;
    d += x[i + 3]! * y[from + i + 3]!;
  }
  for (; i < n; i++) a += x[i]! * y[from + i]!;
  return a + b + (c + d);
}

/** x += factor·y */
export function addScaled(x: Float64Array, factor: number, y: Float64Array): void {
  const n = x.length;
  for (let i = 0; i < n; i++) x[i]! += factor * y[i]!;
}
