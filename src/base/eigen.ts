/**
 * @file Eigenvalues of symmetric matrices and singular values, in f64. Vectors are kept as contiguous arrays, so that every inner loop runs along
 * memory; every iteration has a bound.
 */
import { bidiagonalSVD, type SingularVectors } from "./bidiagonal.ts";
import { addScaled, dot, type Matrix, matrix, transposed } from "./linalg.ts";
import { Rotations, reflectAll, reflectFrom, reflector, turn, turnsOf } from "./rotations.ts";

const SWEEPS = 60;
const EPSILON = 2 ** -52;

/** The rows of a matrix, as views. */
function rowsOf({ rows, columns, data }: Matrix): Float64Array[] {
  return Array.from({ length: rows }, (_, i) => data.subarray(i * columns, (i + 1) * columns));
}

/** A power of two next to the largest magnitude, by which products neither overflow nor vanish; 1 for zeros. */
function scaleOf(data: Float64Array): number {
  let top = 0;
  for (const x of data) top = Math.max(top, Math.abs(x));
  return top > 0 && top < Number.POSITIVE_INFINITY ? 2 ** Math.max(-1000, Math.min(1000, Math.floor(Math.log2(top)))) : 1;
}

const allFinite = (data: Float64Array): boolean => data.every(Number.isFinite);

// ---- symmetric matrices -------------------------------------------------------------------------------------------------------------

/** Eigenvalues (ascending) and eigenvectors (columns) of a symmetric matrix: a tridiagonal one (Golub & Van Loan 2013, Alg. 8.3.1), then QL steps. */
export function decomposeSymmetric({ rows: n, data }: Matrix): { values: Float64Array; vectors: Matrix } {
  if (!allFinite(data))
    return { values: new Float64Array(n).fill(Number.NaN), vectors: matrix(n, n, new Float64Array(n * n).fill(Number.NaN)) };
  const scale = scaleOf(data);
  const a = rowsOf(
    matrix(
      n,
      n,
      data.map((x) => x / scale),
    ),
  );
  const { diagonal, beside, turns } = tridiagonal(a);
  const rotations = new Rotations(turns);
  implicitQL(diagonal, beside, rotations);
  rotations.flush();
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => diagonal[i]! - diagonal[j]!);
  const vectors = matrix(n, n);
  order.forEach((from, to) => {
    for (let i = 0; i < n; i++) vectors.data[i * n + to] = turns[from]![i]!;
  });
  return { values: Float64Array.from(order, (i) => diagonal[i]! * scale), vectors };
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** beside[i] stands between diagonal[i] and diagonal[i + 1]. */
  readonly beside: Float64Array;
  /** Rows of Qᵀ with A = Q T Qᵀ. */
  readonly turns: Float64Array[];
}

/** Householder's reduction; `a`, the rows of a symmetric matrix, is overwritten. Only its lower triangle is read. */
function tridiagonal(a: Float64Array[]): Tridiagonal {
  const n = a.length;
  const reflectors: Float64Array[] = [];
  const beside = new Float64Array(Math.max(0, n));
  for (let k = 0; k < n - 1; k++) {
    const v = new Float64Array(n - k - 1);
    for (let i = 0; i < v.length; i++) v[i] = a[k + 1 + i]![k]!;
    beside[k] = reflector(v);
    reflectors.push(v);
    const p = timesSymmetric(a, k + 1, v);
    addScaled(p, -dot(p, v), v);
    for (let i = 0; i < v.length; i++) {
      const row = a[k + 1 + i]!;
      const [vi, pi] = [2 * v[i]!, 2 * p[i]!];
      for (let j = 0; j <= i; j++) row[k + 1 + j]! -= vi * p[j]! + pi * v[j]!;
    }
  }
  return { diagonal: Float64Array.from(a, (row, i) => row[i]!), beside, turns: turnsOf(reflectors, n, 1) };
}

/** The product with v of the block of a symmetric matrix that starts at row and column `from`, from its lower triangle. */
function timesSymmetric(a: readonly Float64Array[], from: number, v: Float64Array): Float64Array {
  const p = new Float64Array(v.length);
  for (let i = 0; i < v.length; i++) {
    const row = a[from + i]!;
    const vi = v[i]!;
    let sum = row[from + i]! * vi;
    for (let j = 0; j < i; j++) {
      const x = row[from + j]!;
      sum += x * v[j]!;
      p[j]! += x * vi;
    }
    p[i]! += sum;
  }
  return p;
}

/** QL steps with implicit shifts (Dubrulle, Martin & Wilkinson 1968) on a tridiagonal matrix; rows of `turns` take part. */
function implicitQL(d: Float64Array, e: Float64Array, turns: Rotations): void {
  const n = d.length;
  for (let l = 0; l < n; l++) {
    for (let step = 0; step < SWEEPS; step++) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]!) > EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!)) && Math.abs(e[m]!) > 1e-300) m++;
      if (m === l) break;
      chase(d, e, turns, l, m);
    }
  }
}

/** One QL step on rows l to m. */
function chase(d: Float64Array, e: Float64Array, turns: Rotations, l: number, m: number): void {
  const half = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  const root = Math.hypot(half, 1);
  let g = d[m]! - d[l]! + e[l]! / (half + (half >= 0 ? root : -root));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      // The matrix falls apart here.
      d[i + 1]! -= p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1]! - p;
    const q = (d[i]! - g) * s + 2 * c * b;
    p = s * q;
    d[i + 1] = g + p;
    g = c * q - b;
    turns.add(i, c, s);
  }
  d[l]! -= p;
  e[l] = g;
  e[m] = 0;
}

// ---- singular values ----------------------------------------------------------------------------------------------------------------

/**
 * Reduced A = U diag(s) Vᵀ with s descending. A P = Q R with pivoting; where the diagonal of R falls far, or R is small, one-sided Jacobi rotations on Rᵀ,
 * which is nearly orthogonal already (Drmač & Veselić 2008), so that small values stay accurate; else by way of a bidiagonal matrix, which is faster.
 */
export function decomposeSVD(a: Matrix): { u: Matrix; s: Float64Array; vt: Matrix } {
  if (a.rows < a.columns) {
    const { u, s, vt } = decomposeSVD(transposed(a));
    return { u: transposed(vt), s, vt: transposed(u) };
  }
  const { rows: m, columns: n } = a;
  if (!allFinite(a.data)) {
    const nan = (k: number): Float64Array => new Float64Array(k).fill(Number.NaN);
    return { u: matrix(m, n, nan(m * n)), s: nan(n), vt: matrix(n, n, nan(n * n)) };
  }
  const scale = scaleOf(a.data);
  const columns = rowsOf(
    transposed(
      matrix(
        m,
        n,
        a.data.map((x) => x / scale),
      ),
    ),
  );
  const { reflectors, order, rows } = pivotedQR(columns);
  const { left, values: s, right } = triangleSVD(rows);
  const u = matrix(m, n);
  const vt = matrix(n, n);
  const full = left.map((vector) => {
    const long = new Float64Array(m);
    long.set(vector);
    return long;
  });
  reflectAll(full, reflectors);
  full.forEach((vector, to) => {
    for (let i = 0; i < m; i++) u.data[i * n + to] = vector[i]!;
    for (let i = 0; i < n; i++) vt.data[to * n + order[i]!] = right[to]![i]!;
  });
  return { u, s: s.map((x) => x * scale), vt };
}

/** From this size on the faster way pays. */
const LARGE = 24;
/** Where the diagonal of a pivoted R falls by less, no singular value is so small that rounding relative to the largest would matter. */
const GRADED = 1e-4;

/** R = Σ leftᵢ σᵢ rightᵢᵀ, σ falling, of the rows of a triangle whose diagonal falls. */
function triangleSVD(rows: Float64Array[]): SingularVectors {
  const n = rows.length;
  const even = n >= LARGE && Math.abs(rows[n - 1]![n - 1]!) > GRADED * Math.abs(rows[0]![0]!);
  const found = even ? bidiagonalSVD(rows.map((row) => row.slice())) : undefined;
  return found ?? jacobiSVD(rows);
}

/** By Jacobi's rotations of the rows: small values stay accurate. */
function jacobiSVD(rows: Float64Array[]): SingularVectors {
  const n = rows.length;
  const turns = rowsOf(matrix(n, n)); // rows of V₁ᵀ with Rᵀ V₁ = U₁ Σ
  for (let i = 0; i < n; i++) turns[i]![i] = 1;
  for (let sweep = 0; sweep < SWEEPS && jacobiSweep(rows, turns); sweep++);
  const norms = Float64Array.from(rows, (x) => Math.sqrt(dot(x, x)));
  const rank = Array.from({ length: n }, (_, j) => j).sort((i, j) => norms[j]! - norms[i]!);
  const values = Float64Array.from(rank, (j) => norms[j]!);
  const right = rank.map((j) => rows[j]!.map((x) => (norms[j]! > 0 ? x / norms[j]! : 0)));
  complete(right, values);
  return { left: rank.map((j) => turns[j]!), values, right };
}

interface PivotedQR {
  readonly reflectors: Float64Array[];
  /** Column i of A P is column order[i] of A. */
  readonly order: number[];
  /** The rows of R. */
  readonly rows: Float64Array[];
}

/** A P = Q R by Householder reflections, the longest remaining column first (Golub & Van Loan 2013, Alg. 5.4.1). `columns` is overwritten. */
function pivotedQR(columns: Float64Array[]): PivotedQR {
  const n = columns.length;
  const order = Array.from({ length: n }, (_, i) => i);
  const reflectors: Float64Array[] = [];
  const rows = rowsOf(matrix(n, n));
  // Squares of what is left of each column, and what they were when they were last summed: a difference of few digits is summed anew.
  const squares = Float64Array.from(columns, (column) => dot(column, column));
  const summed = squares.slice();
  for (let k = 0; k < n; k++) {
    let longest = k;
    for (let j = k; j < n; j++) {
      if (squares[j]! < 1e-4 * summed[j]!) {
        const rest = columns[j]!.subarray(k);
        squares[j] = summed[j] = dot(rest, rest);
      }
      if (squares[j]! > squares[longest]!) longest = j;
    }
    for (const list of [squares, summed]) [list[k], list[longest]] = [list[longest]!, list[k]!];
    [columns[k], columns[longest]] = [columns[longest]!, columns[k]!];
    [order[k], order[longest]] = [order[longest]!, order[k]!];
    // The rows of R above are in the order of the columns too.
    for (let i = 0; i < k; i++) [rows[i]![k], rows[i]![longest]] = [rows[i]![longest]!, rows[i]![k]!];
    const v = columns[k]!.slice(k);
    rows[k]![k] = reflector(v);
    reflectors.push(v);
    for (let j = k + 1; j < n; j++) {
      reflectFrom(columns[j]!, k, v);
      const x = columns[j]![k]!;
      rows[k]![j] = x;
      squares[j]! -= x * x;
    }
  }
  return { reflectors, order, rows };
}

/** One sweep of rotations that make pairs of vectors orthogonal; false when they all were. `turns` takes part. */
function jacobiSweep(w: readonly Float64Array[], turns: readonly Float64Array[]): boolean {
  const n = w.length;
  const squares = Float64Array.from(w, (x) => dot(x, x));
  // What rounding leaves of a product of vectors that are orthogonal.
  const least = EPSILON * Math.sqrt(n);
  let rotated = false;
  for (let p = 0; p < n; p++) {
    for (let q = p + 1; q < n; q++) {
      const pq = dot(w[p]!, w[q]!);
      if (Math.abs(pq) <= least * Math.sqrt(squares[p]! * squares[q]!) || pq === 0) continue;
      rotated = true;
      const tau = (squares[q]! - squares[p]!) / (2 * pq);
      const t = tau >= 0 ? 1 / (tau + Math.hypot(1, tau)) : 1 / (tau - Math.hypot(1, tau));
      const c = 1 / Math.hypot(1, t);
      turn(w[p]!, w[q]!, c, t * c);
      turn(turns[p]!, turns[q]!, c, t * c);
      squares[p] = squareAfter(squares[p]!, -t * pq, w[p]!);
      squares[q] = squareAfter(squares[q]!, t * pq, w[q]!);
    }
  }
  return rotated;
}

/** ‖x‖² after a change, computed anew where the change leaves few digits. */
function squareAfter(before: number, change: number, x: Float64Array): number {
  const after = before + change;
  return after > 0.01 * before ? after : dot(x, x);
}

/** Fills the vectors that belong to singular values of zero with an orthonormal complement. */
function complete(vectors: Float64Array[], s: Float64Array): void {
  const n = vectors.length;
  for (let j = 0; j < n; j++) {
    if (s[j]! > 0) continue;
    for (let candidate = 0; candidate < n; candidate++) {
      const e = new Float64Array(n);
      e[candidate] = 1;
      for (let pass = 0; pass < 2; pass++) for (let k = 0; k < j; k++) addScaled(e, -dot(e, vectors[k]!), vectors[k]!);
      const norm = Math.sqrt(dot(e, e));
      if (norm < 0.5 / Math.sqrt(n)) continue;
      vectors[j] = e.map((x) => x / norm);
      break;
    }
  }
}
