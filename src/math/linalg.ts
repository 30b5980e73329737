/**
 * @file Linear algebra on matrices in the last two axes; leading axes are batches. Composites of the primitives in `ops/linalg.ts`.
 */
import { formatShape } from "../base/shape.ts";
import * as ops from "../ops/linalg.ts";
import type { Tensor } from "../ops/tensor.ts";
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
export const matrixTranspose: (a: Tensor) => Tensor = ops.mT;

/** Diagonals of matrices. */
export const diagonal: (a: Tensor) => Tensor = ops.diagonal;

/** Σ of the diagonal. */
export function trace(a: Tensor): Tensor {
  return ops.diagonal(a).sum(-1);
}

/** Lower L with A = L Lᵀ, for symmetric positive definite A. NaN where it is not. */
export function cholesky(a: Tensor): Tensor {
  checkSquare("cholesky", a);
  return float(a).bind(ops.cholesky, [float(a)]);
}

/** X with A X = B. B may be one vector per matrix (rank one less than A's). NaN or infinity where A is singular. */
export function solve(a: Tensor, b: Tensor): Tensor {
  checkSquare("solve", a);
  if (b.rank === a.rank - 1) return solve(a, b.unsqueeze(-1)).squeeze(-1);
  return float(a).bind(ops.solve, [float(a), float(b)]);
}

/** X with T X = B for the triangle T of A. Default the lower one. */
export function solveTriangular(a: Tensor, b: Tensor, { upper = false }: { readonly upper?: boolean } = {}): Tensor {
  checkSquare("solveTriangular", a);
  if (b.rank === a.rank - 1) return solveTriangular(a, b.unsqueeze(-1), { upper }).squeeze(-1);
  return float(a).bind(ops.triangularSolve, [float(a), float(b)], { lower: !upper });
}

/** A⁻¹ */
export function inverse(a: Tensor): Tensor {
  return solve(a, eyeLike(float(a)));
}

/** Sign and logarithm of the absolute value of the determinant. */
export function slogdet(a: Tensor): { sign: Tensor; logabsdet: Tensor } {
  checkSquare("slogdet", a);
  const [sign, logabsdet] = float(a).bindAll(ops.slogdet, [float(a)], undefined) as [Tensor, Tensor];
  return { sign, logabsdet };
}

/** The determinant. Its derivative is that of sign · exp(log|det|): NaN at singular matrices. */
export function det(a: Tensor): Tensor {
  const { sign, logabsdet } = slogdet(a);
  return sign.mul(logabsdet.exp());
}

/** log det A; NaN where the determinant is negative. */
export function logdet(a: Tensor): Tensor {
  const { sign, logabsdet } = slogdet(a);
  return sign.lt(0).where(Number.NaN, logabsdet);
}

/** Reduced A = Q R with the diagonal of R not negative. */
export function qr(a: Tensor): { q: Tensor; r: Tensor } {
  const [q, r] = float(a).bindAll(ops.qr, [float(a)], undefined) as [Tensor, Tensor];
  return { q, r };
}

/** Eigenvalues (ascending) and eigenvectors (columns) of symmetric matrices. */
export function eigh(a: Tensor): { values: Tensor; vectors: Tensor } {
  checkSquare("eigh", a);
  const [values, vectors] = float(a).bindAll(ops.eigh, [float(a)], undefined) as [Tensor, Tensor];
  return { values, vectors };
}

/** Reduced A = U diag(s) Vᵀ with s descending. The signs of singular vectors are arbitrary. */
export function svd(a: Tensor): { u: Tensor; s: Tensor; vt: Tensor } {
  const [u, s, vt] = float(a).bindAll(ops.svd, [float(a)], undefined) as [Tensor, Tensor, Tensor];
  return { u, s, vt };
}

/** Singular values, descending. */
export function svdvals(a: Tensor): Tensor {
  return svd(a).s;
}

/** The best approximation of rank r (Eckart & Young 1936). */
export function lowRank(a: Tensor, rank: number): Tensor {
  const { u, s, vt } = svd(a);
  const k = Math.min(rank, s.shape.at(-1)!);
  return u
    .narrow(-1, 0, k)
    .mul(s.narrow(-1, 0, k).unsqueeze(-2))
    .matmul(vt.narrow(-2, 0, k));
}

const EPSILON = { f32: 2 ** -23, f64: 2 ** -52 } as const;

/** Singular values that count: above max(m, n) · ε · s_max, the usual tolerance, unless a relative one is given. */
function counting(a: Tensor, s: Tensor, tolerance?: number): Tensor {
  const relative = tolerance ?? Math.max(size(a, -1), size(a, -2)) * EPSILON[a.dtype === "f64" ? "f64" : "f32"];
  return s.gt(s.max(-1, { keepDims: true }).mul(relative));
}

/** Moore–Penrose inverse through the SVD; singular values below `tolerance` (relative; default max(m, n)·ε) count as zero. */
export function pinv(a: Tensor, tolerance?: number): Tensor {
  const { u, s, vt } = svd(a);
  const keep = counting(a, s, tolerance);
  const reciprocal = keep.where(keep.where(s, s.like(1)).recip(), s.like(0));
  return ops.mT(vt).mul(reciprocal.unsqueeze(-2)).matmul(ops.mT(u));
}

/** Number of singular values above the tolerance (i32). */
export function matrixRank(a: Tensor, tolerance?: number): Tensor {
  const s = svdvals(a);
  return counting(a, s, tolerance).sum(-1);
}

/** The X of least norm that minimizes ‖A X - B‖. */
export function lstsq(a: Tensor, b: Tensor): Tensor {
  return b.rank === a.rank - 1 ? pinv(a).matmul(b.unsqueeze(-1)).squeeze(-1) : pinv(a).matmul(b);
}

/** Aⁿ for any integer n, by repeated squaring; negative powers through the inverse. */
export function matrixPower(a: Tensor, n: number): Tensor {
  checkSquare("matrixPower", a);
  if (n < 0) return matrixPower(inverse(a), -n);
  if (n === 0) return eyeLike(a);
  const half = matrixPower(a, Math.floor(n / 2));
  const even = n < 2 ? undefined : half.matmul(half);
  if (!even) return a;
  return n % 2 ? even.matmul(a) : even;
}

// Padé coefficients of order 13 (Higham 2005, "The scaling and squaring method for the matrix exponential revisited", Table 2.3).
const PADE = [
  64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800, 33522128640,
  1323241920, 40840800, 960960, 16380, 182, 1,
];
const SQUARINGS = 8;

/** eᴬ by scaling and squaring with a fixed scale 2⁻⁸, good for norms up to about 1,000. In f64 inside, since squaring doubles errors. */
export function matrixExp(a: Tensor): Tensor {
  checkSquare("matrixExp", a);
  if (a.dtype !== "f64") return matrixExp(a.cast("f64")).cast("f32");
  const scaled = a.mul(2 ** -SQUARINGS);
  // r(A) = q(A)⁻¹ p(A), p = V + U, q = V - U; coefficients relative to the first.
  const c = PADE.map((p) => p / PADE[0]!);
  const one = eyeLike(scaled);
  const a2 = scaled.matmul(scaled);
  let [odd, even] = [one.mul(c[13]!), one.mul(c[12]!)];
  for (let k = 11; k > 0; k -= 2) {
    odd = odd.matmul(a2).add(one.mul(c[k]!));
    even = even.matmul(a2).add(one.mul(c[k - 1]!));
  }
  const u = scaled.matmul(odd);
  let result = solve(even.sub(u), even.add(u));
  for (let i = 0; i < SQUARINGS; i++) result = result.matmul(result);
  return result;
}

/** f(A) = V f(w) Vᵀ for symmetric A: any function of its eigenvalues, such as the square root. */
export function spectralFunction(a: Tensor, f: (w: Tensor) => Tensor): Tensor {
  const { values, vectors } = eigh(a);
  return vectors.mul(f(values).unsqueeze(-2)).matmul(ops.mT(vectors));
}

/** Product of several matrices, in the order of least work (Cormen et al. 2009, §15.2). */
export function multiDot(matrices: readonly Tensor[]): Tensor {
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
  const of = MATRIX_NORMS[String(ord).replace("Infinity", "inf")];
  if (!of) throw new RangeError(`matrixNorm: there is no norm ${ord}; want "fro", "nuc", ±1, ±2 or ±Infinity`);
  return of(a);
}

/** Condition number ‖A‖ · ‖A⁻¹‖; in the 2-norm the ratio of extreme singular values. */
export function conditionNumber(a: Tensor, p: MatrixNorm = 2): Tensor {
  if (p === 2) {
    const s = svdvals(a);
    return s.max(-1).div(s.min(-1));
  }
  return matrixNorm(a, p).mul(matrixNorm(inverse(a), p));
}

/** Variances of the rows of X [n, d] along their principal components, descending; n - 1 in the divisor. */
export function principalVariances(x: Tensor): Tensor {
  const s = svdvals(x.sub(x.mean(-2, { keepDims: true })));
  return s.mul(s).mul(1 / (size(x, -2) - 1));
}
