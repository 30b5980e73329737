/**
 * @file Linear algebra on matrices in the last two axes; leading axes are batches. Composites of the primitives in `ops/linalg.ts`.
 */
import { check, checkOptions, nonNegative } from "../base/check.ts";

import { broadcastShapes, formatShape, sameShape } from "../base/shape.ts";
import { jvp } from "../function/derivative.ts";
import { checkTensorList, checkTensors } from "../ops/check.ts";
import * as ops from "../ops/linalg.ts";
import * as spectral from "../ops/linalg-spectral.ts";
import type { Tensor } from "../ops/tensor.ts";
import { RANK_OPTIONS, TRIANGULAR_OPTIONS } from "./options.ts";
import { norm } from "./statistics.ts";

const size = (a: Tensor, axis: -1 | -2): number => a.shape.at(axis)!;

function checkSquare(name: string, a: Tensor): void {
  if (a.rank < 2 || size(a, -1) !== size(a, -2)) throw new RangeError(`${name}: want square matrices, got ${formatShape(a.shape)}`);
}

/** Identity matrices in the shape of `a`. */
function eyeLike(a: Tensor): Tensor {
  return a.iotaLike(-2).eq(a.iotaLike(-1)).cast(a.dtype);
}

const float = (a: Tensor): Tensor => (a.dtype === "f64" ? a : a.cast("f32"));

/** Matrices with their last two axes exchanged. */
export function matrixTranspose(a: Tensor): Tensor {
  checkTensors("matrixTranspose", { a });
  return ops.mT(a);
}

/** Diagonals of matrices. */
export function diagonal(a: Tensor): Tensor {
  checkTensors("diagonal", { a });
  return ops.diagonal(a);
}

/** Σ of the diagonal. */
export function trace(a: Tensor): Tensor {
  checkTensors("trace", { a });
  return ops.diagonal(a).sum(-1);
}

/** Lower L with A = L Lᵀ, for symmetric positive definite A. NaN where it is not. */
export function cholesky(a: Tensor): Tensor {
  checkTensors("cholesky", { a });
  checkSquare("cholesky", a);
  return float(a).bind(ops.cholesky, [float(a)]);
}

/** A right side as a matrix with A's batch: one vector per matrix, or matrices whose leading axes broadcast. */
function sided(name: string, a: Tensor, b: Tensor, run: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const isVector = b.rank === 1 || (b.rank === a.rank - 1 && sameShape(b.shape, a.shape.slice(0, -1)));
  const right = isVector ? b.unsqueeze(-1) : b;
  const dtype = a.dtype === "f64" || b.dtype === "f64" ? "f64" : "f32";
  const lead = broadcastShapes(a.shape.slice(0, -2), right.shape.slice(0, -2));
  if (!lead || right.rank < 2 || size(right, -2) !== size(a, -2)) {
    throw new RangeError(
      `${name}: B ${formatShape(b.shape)} does not fit A ${formatShape(a.shape)}; want ${size(a, -2)} rows, or a vector of ${size(a, -2)}`,
    );
  }
  const [left, rhs] = [a, right].map((t) => t.cast(dtype).broadcastTo([...lead, ...t.shape.slice(-2)])) as [Tensor, Tensor];
  const x = run(left, rhs);
  return isVector ? x.squeeze(-1) : x;
}

/** X with A X = B. B may be one vector per matrix; leading axes broadcast. NaN or infinity where A is singular. */
export function solve(a: Tensor, b: Tensor): Tensor {
  checkTensors("solve", { a, b });
  checkSquare("solve", a);
  return sided("solve", a, b, (m, right) => m.bind(ops.solve, [m, right]));
}

export interface TriangularOptions {
  /** The upper triangle of A instead of the lower one. Default false. */
  readonly upper?: boolean;
  /** Take the diagonal as ones, whatever stands there. Default false. */
  readonly unitDiagonal?: boolean;
}

/** X with T X = B for the triangle T of A. B as in {@link solve}. */
export function solveTriangular(a: Tensor, b: Tensor, options: TriangularOptions = {}): Tensor {
  checkTensors("solveTriangular", { a, b });
  checkOptions("solveTriangular", options, TRIANGULAR_OPTIONS);
  const { upper = false, unitDiagonal = false } = options;
  checkSquare("solveTriangular", a);
  const params = { lower: !upper, ...(unitDiagonal ? { unit: true } : {}) };
  return sided("solveTriangular", a, b, (m, right) => m.bind(ops.triangularSolve, [m, right], params));
}

/** A⁻¹ */
export function inverse(a: Tensor): Tensor {
  checkTensors("inverse", { a });
  return solve(a, eyeLike(float(a)));
}

/** Sign and logarithm of the absolute value of the determinant. */
export function slogdet(a: Tensor): { sign: Tensor; logabsdet: Tensor } {
  checkTensors("slogdet", { a });
  checkSquare("slogdet", a);
  const [sign, logabsdet] = float(a).bindAll(ops.slogdet, [float(a)], undefined) as [Tensor, Tensor];
  return { sign, logabsdet };
}

/** The determinant. Its derivative is the adjugate, at singular matrices too; their second derivative is NaN. */
export function det(a: Tensor): Tensor {
  checkTensors("det", { a });
  checkSquare("det", a);
  return float(a).bind(ops.det, [float(a)]);
}

/** log det A; NaN where the determinant is negative. */
export function logdet(a: Tensor): Tensor {
  checkTensors("logdet", { a });
  const { sign, logabsdet } = slogdet(a);
  return sign.lt(0).where(Number.NaN, logabsdet);
}

/** Reduced A = Q R with the diagonal of R not negative. */
export function qr(a: Tensor): { q: Tensor; r: Tensor } {
  checkTensors("qr", { a });
  const [q, r] = float(a).bindAll(ops.qr, [float(a)], undefined) as [Tensor, Tensor];
  return { q, r };
}

/**
 * Eigenvalues (ascending) and eigenvectors (columns) of symmetric matrices. Vectors of repeated values are arbitrary within their space: their
 * derivative is NaN. {@link spectralFunction} has the derivative of the whole.
 */
export function eigh(a: Tensor): { values: Tensor; vectors: Tensor } {
  checkTensors("eigh", { a });
  checkSquare("eigh", a);
  const [values, vectors] = float(a).bindAll(spectral.eigh, [float(a)], undefined) as [Tensor, Tensor];
  return { values, vectors };
}

/**
 * Reduced A = U diag(s) Vᵀ with s descending. The signs of singular vectors are arbitrary, and vectors of repeated values within their space: their
 * derivative is NaN. {@link pinv}, {@link lstsq}, {@link lowRank}, {@link polar} and {@link singularFunction} have the derivatives of the whole.
 */
export function svd(a: Tensor): { u: Tensor; s: Tensor; vt: Tensor } {
  checkTensors("svd", { a });
  const [u, s, vt] = float(a).bindAll(spectral.svd, [float(a)], undefined) as [Tensor, Tensor, Tensor];
  return { u, s, vt };
}

/** Singular values, descending. */
export function svdvals(a: Tensor): Tensor {
  checkTensors("svdvals", { a });
  return svd(a).s;
}

/**
 * U f(s) Vᵀ of A = U diag(s) Vᵀ, for an f that works element by element and is odd (f(-s) = -f(s)) where A has zero singular values. Its derivative
 * is right at repeated values, and NaN where there is none.
 */
export function singularFunction(a: Tensor, f: (s: Tensor) => Tensor): Tensor {
  checkTensors("singularFunction", { a });
  const given = float(a);
  const wide = given.cast("f64"); // as in spectralFunction
  const { u, s, vt } = svd(wide);
  const { value, slope } = withSlope(f, s);
  return u.bind(spectral.singular, [wide, u, s, vt, value, slope]).cast(given.dtype);
}

/** f and its slope at each element. */
function withSlope(f: (w: Tensor) => Tensor, w: Tensor): { value: Tensor; slope: Tensor } {
  const { value, tangent } = jvp(f)([w], [w.like(1)]);
  return { value: value.cast(w.dtype), slope: tangent.cast(w.dtype) };
}

/** The orthogonal factor U Vᵀ of A: the nearest matrix with orthonormal columns (or rows). Its derivative is NaN at singular matrices. */
export function polar(a: Tensor): Tensor {
  checkTensors("polar", { a });
  return singularFunction(a, (s) => s.like(1));
}

/** The best approximation of rank r (Eckart & Young 1936). Its derivative is NaN where the r-th singular value is equal to the next. */
export function lowRank(a: Tensor, rank: number): Tensor {
  checkTensors("lowRank", { a });
  return singularFunction(a, (s) => s.iotaLike(-1).lt(rank).where(s, s.like(0)));
}

const EPSILON = { f32: 2 ** -23, f64: 2 ** -52 } as const;

/** Which singular values count: those above the larger of the two tolerances. */
export interface RankOptions {
  /** Default 0. */
  readonly absolute?: number;
  /** As a share of the largest singular value. Default max(m, n)·ε, or 0 where `absolute` is given. */
  readonly relative?: number;
  /** The matrices are symmetric (the mean of A and Aᵀ is taken), so that eigenvalues serve. Not for {@link lstsq}. Default false. */
  readonly hermitian?: boolean;
}

function tolerances(what: string, a: Tensor, options: number | RankOptions = {}): ops.Tolerances {
  if (typeof options === "number") check(`${what}: tolerance`, options, nonNegative);
  else checkOptions(what, options, RANK_OPTIONS);
  const { absolute, relative } = typeof options === "number" ? { absolute: undefined, relative: options } : options;
  const usual = absolute === undefined ? Math.max(size(a, -1), size(a, -2)) * EPSILON[a.dtype === "f64" ? "f64" : "f32"] : 0;
  return { absolute: absolute ?? 0, relative: relative ?? usual };
}

/** (A + Aᵀ)/2 */
function symmetric(what: string, a: Tensor): Tensor {
  checkSquare(what, a);
  const m = float(a);
  return m.add(matrixTranspose(m)).mul(0.5);
}

/** Moore–Penrose inverse. A number as tolerance is the relative one. Its derivative keeps the rank of A. */
export function pinv(a: Tensor, tolerance?: number | RankOptions): Tensor {
  checkTensors("pinv", { a });
  const m = typeof tolerance === "object" && tolerance.hermitian ? symmetric("pinv", a) : float(a);
  const rows = m.shape.slice(0, -1);
  const one = m.constantOf({ shape: [...rows, size(m, -2)], dtype: m.dtype }, 0);
  return m.bind(ops.leastSquares, [m, eyeLike(one)], tolerances("pinv", a, tolerance));
}

/** Number of singular values above the tolerance (i32). A number is the relative one. */
export function matrixRank(a: Tensor, tolerance?: number | RankOptions): Tensor {
  checkTensors("matrixRank", { a });
  const isSymmetric = typeof tolerance === "object" && tolerance.hermitian;
  const s = isSymmetric ? eigh(symmetric("matrixRank", a)).values.abs() : svdvals(a);
  if (s.shape.at(-1) === 0) return s.sum(-1).cast("i32");
  const { absolute, relative } = tolerances("matrixRank", a, tolerance);
  return s.gt(s.max(-1, { keepDims: true }).mul(relative).maximum(absolute)).sum(-1);
}

/** The X of least norm that minimizes ‖A X - B‖, computed in f64. B as in {@link solve}. Its derivative keeps the rank of A. */
export function lstsq(a: Tensor, b: Tensor, tolerance?: number | RankOptions): Tensor {
  checkTensors("lstsq", { a, b });
  return sided("lstsq", a, b, (m, right) => m.bind(ops.leastSquares, [m, right], tolerances("lstsq", m, tolerance)));
}

/** Aⁿ for any integer n, by repeated squaring; negative powers through the inverse. */
export function matrixPower(a: Tensor, n: number): Tensor {
  checkTensors("matrixPower", { a });
  checkSquare("matrixPower", a);
  if (n < 0) return matrixPower(inverse(a), -n);
  if (n === 0) return eyeLike(a);
  const half = matrixPower(a, Math.floor(n / 2));
  const even = n < 2 ? undefined : half.matmul(half);
  if (!even) return a;
  return n % 2 ? even.matmul(a) : even;
}

/** eᴬ by scaling and squaring, in f64. */
export function matrixExp(a: Tensor): Tensor {
  checkTensors("matrixExp", { a });
  checkSquare("matrixExp", a);
  return float(a).bind(ops.matrixExp, [float(a)]);
}

/**
 * f(A) = V f(w) Vᵀ for symmetric A and a function that works on its eigenvalues element by element, such as the square root. Its derivative is
 * right at repeated eigenvalues, where those of the vectors are not.
 */
export function spectralFunction(a: Tensor, f: (w: Tensor) => Tensor): Tensor {
  checkTensors("spectralFunction", { a });
  const given = float(a);
  // Differences of neighbouring values lose digits, which f32 does not have to lose.
  const wide = given.cast("f64");
  const { values, vectors } = eigh(wide);
  const { value, slope } = withSlope(f, values);
  return values.bind(spectral.spectral, [wide, values, vectors, value, slope]).cast(given.dtype);
}

/** Product of several matrices, in the order of least work (Cormen et al. 2009, §15.2). */
export function multiDot(matrices: readonly Tensor[]): Tensor {
  checkTensorList("multiDot: matrices", matrices);
  const [first] = matrices;
  if (!first) throw new RangeError("multiDot: got no matrices, want at least one");
  const dims = [size(first, -2), ...matrices.map((m) => size(m, -1))];
  const best = new Map<string, { cost: number; split: number }>();
  const cost = (i: number, j: number): number => {
    if (i === j) return 0;
    const key = `${i},${j}`;
    const known = best.get(key);
    if (known) return known.cost;
    let found = { cost: Number.POSITIVE_INFINITY, split: i };
    for (let split = i; split < j; split++) {
      const total = cost(i, split) + cost(split + 1, j) + dims[i]! * dims[split + 1]! * dims[j + 1]!;
      if (total < found.cost) found = { cost: total, split };
    }
    best.set(key, found);
    return found.cost;
  };
  cost(0, matrices.length - 1);
  const product = (i: number, j: number): Tensor => {
    if (i === j) return matrices[i]!;
    const { split } = best.get(`${i},${j}`)!;
    return product(i, split).matmul(product(split + 1, j));
  };
  return product(0, matrices.length - 1);
}

/** "fro", "nuc", or ±1, ±2 and ±Infinity (also written "inf" and "-inf"). */
export type MatrixNorm = "fro" | "nuc" | "inf" | "-inf" | number;

const MATRIX_NORMS: Readonly<Record<string, (a: Tensor) => Tensor>> = {
  fro: (a) => norm(a, { axes: [-2, -1] }),
  nuc: (a) => svdvals(a).sum(-1),
  "2": (a) => svdvals(a).max(-1),
  "-2": (a) => svdvals(a).min(-1),
  "1": (a) => a.abs().sum(-2).max(-1),
  "-1": (a) => a.abs().sum(-2).min(-1),
  inf: (a) => a.abs().sum(-1).max(-1),
  "-inf": (a) => a.abs().sum(-1).min(-1),
};

/**
 * Norms of matrices: Frobenius, nuclear (sum of singular values), 2 (largest singular value), 1 and ∞ (largest column and row sum of
 * magnitudes); with a minus the least instead of the largest.
 */
export function matrixNorm(a: Tensor, ord: MatrixNorm = "fro"): Tensor {
  checkTensors("matrixNorm", { a });
  const of = MATRIX_NORMS[String(ord).replace("Infinity", "inf")];
  if (!of) throw new RangeError(`matrixNorm: there is no norm ${ord}; want "fro", "nuc", ±1, ±2 or ±Infinity`);
  return of(a);
}

/** Condition number ‖A‖ · ‖A⁻¹‖; in the 2-norm the ratio of extreme singular values. */
export function conditionNumber(a: Tensor, p: MatrixNorm = 2): Tensor {
  checkTensors("conditionNumber", { a });
  if (p === 2) {
    const s = svdvals(a);
    return s.max(-1).div(s.min(-1));
  }
  return matrixNorm(a, p).mul(matrixNorm(inverse(a), p));
}

/** Variances of the rows of X [n, d] along their principal components, descending; n - 1 in the divisor. */
export function principalVariances(x: Tensor): Tensor {
  checkTensors("principalVariances", { x });
  const s = svdvals(x.sub(x.mean(-2, { keepDims: true })));
  return s.mul(s).mul(1 / (size(x, -2) - 1));
}
