/**
 * @file LU factors, eigenvalues of general matrices, and solving with factors that are at hand: part of the namespace `linalg`.
 */
import { type Checks, check, checkFields, checkOptions, flag, shown } from "../base/check.ts";
import { formatShape } from "../base/shape.ts";
import { floating } from "../ops/create.ts";
import * as ops from "../ops/linalg.ts";
import * as primitives from "../ops/linalg-factors.ts";
import { Tensor } from "../ops/tensor.ts";
import { solveTriangular } from "./linalg.ts";
import { aTensor } from "./options.ts";

function matrices(name: string, a: Tensor, square: boolean): Tensor {
  if (!(a instanceof Tensor) || a.rank < 2 || (square && a.shape.at(-1) !== a.shape.at(-2)))
    throw new RangeError(`${name}: want ${square ? "square " : ""}matrices [..., ${square ? "n, n" : "m, n"}], got ${a instanceof Tensor ? formatShape(a.shape) : shown(a)}`); // biome-ignore format: one thought
  return floating(a);
}

/** What {@link luFactor} gives and {@link luSolve} takes. */
export interface LuFactors {
  /** [..., m, n]: U on and above the diagonal, L below it; L's own diagonal is 1. */
  readonly lu: Tensor;
  /** i32 [..., min(m, n)]: in step k row k was exchanged with row pivots[k], counted from 0. */
  readonly pivots: Tensor;
  /** i32 [..., m]: row i of L U is row permutation[i] of A. */
  readonly permutation: Tensor;
}

/** Factors of P A = L U with partial pivoting, of matrices [..., m, n]. They are there for singular matrices too; the derivative is not. */
export function luFactor(a: Tensor): LuFactors {
  const x = matrices("luFactor", a, false);
  const [lu, order, pivots] = x.bindAll(primitives.luFactor, [x], undefined) as [Tensor, Tensor, Tensor];
  return { lu, pivots: pivots.stopGradient().cast("i32"), permutation: order.stopGradient().cast("i32") };
}

/** A = P L U with partial pivoting: matrices [..., m, n] to a permutation P [..., m, m], L [..., m, k] with ones on its diagonal and U [..., k, n], k = min(m, n). */
export function lu(a: Tensor): { p: Tensor; l: Tensor; u: Tensor } {
  const { lu: packed, permutation } = luFactor(matrices("lu", a, false));
  const [m, n] = packed.shape.slice(-2) as [number, number];
  const k = Math.min(m, n);
  const left = packed.narrow(-1, 0, k);
  const l = ops.lowerPart(left, 1).add(ops.identityLike(left));
  const top = packed.narrow(-2, 0, k);
  return { p: ops.mT(permutation.oneHot(m, packed.dtype)), l, u: top.sub(ops.lowerPart(top, 1)) };
}

export interface LuSolveOptions {
  /** Solve Aᵀ X = B instead. Default false. */
  readonly transposed?: boolean;
}

const LU_SOLVE_OPTIONS: Checks<LuSolveOptions> = { transposed: flag };

/** X with A X = B from the factors of square A. B as in {@link solve}: one vector per matrix, or matrices; leading axes broadcast. */
export function luSolve(factors: Omit<LuFactors, "pivots">, b: Tensor, options: LuSolveOptions = {}): Tensor {
  checkOptions("luSolve", options, LU_SOLVE_OPTIONS);
  checkFields("luSolve: the factors", factors, { lu: aTensor, permutation: aTensor });
  check("luSolve: b", b, aTensor);
  const { permutation } = factors;
  const x = matrices("luSolve", factors.lu, true);
  const n = x.shape.at(-1)!;
  const isVector = b.rank === 1 || (b.rank === x.rank - 1 && String(b.shape) === String(x.shape.slice(0, -1)));
  const right = isVector ? b.unsqueeze(-1) : b;
  if (right.rank < 2 || right.shape.at(-2) !== n) throw new RangeError(`luSolve: B ${formatShape(b.shape)} does not fit factors ${formatShape(x.shape)}; want ${n} rows`); // biome-ignore format: one thought
  const p = permutation.oneHot(n, x.dtype);
  const unit = { unitDiagonal: true };
  const y = options.transposed
    ? ops.mT(p).matmul(solveTriangular(ops.mT(x), solveTriangular(ops.mT(x), right), { upper: true, ...unit }))
    : solveTriangular(x, solveTriangular(x, p.matmul(right.cast(x.dtype)), unit), { upper: true });
  return isVector ? y.squeeze(-1) : y;
}

export interface CholeskyFactorOptions {
  /** The factor is upper: A = Uᵀ U. Default false: A = L Lᵀ. */
  readonly upper?: boolean;
}

const CHOLESKY_FACTOR_OPTIONS: Checks<CholeskyFactorOptions> = { upper: flag };

/** X with A X = B from the Cholesky factor of A. B as in {@link solve}. */
export function choleskySolve(factor: Tensor, b: Tensor, options: CholeskyFactorOptions = {}): Tensor {
  checkOptions("choleskySolve", options, CHOLESKY_FACTOR_OPTIONS);
  check("choleskySolve: b", b, aTensor);
  const x = matrices("choleskySolve", factor, true);
  const lower = options.upper ? ops.mT(x) : x;
  return solveTriangular(ops.mT(lower), solveTriangular(lower, b), { upper: true });
}

/** A⁻¹ from the Cholesky factor of A. */
export function choleskyInverse(factor: Tensor, options: CholeskyFactorOptions = {}): Tensor {
  const x = matrices("choleskyInverse", factor, true);
  return choleskySolve(x, ops.identityLike(x), options);
}

/**
 * The first n columns of H₁H₂⋯H_k with Hᵢ = I - τᵢvᵢvᵢᵀ: vᵢ is column i of `v` [..., m, n] below the diagonal, 1 on it and 0 above; τ [..., k], k <= n.
 * As I - V T Vᵀ (Schreiber & Van Loan 1989), T = (I + diag(τ) S)⁻¹ diag(τ) with S the part of VᵀV above the diagonal.
 */
export function householderProduct(v: Tensor, tau: Tensor): Tensor {
  const x = matrices("householderProduct", v, false);
  const [m, n] = x.shape.slice(-2) as [number, number];
  const k = tau instanceof Tensor ? tau.shape.at(-1) : undefined;
  if (m < n || k === undefined || k > n || String(tau.shape.slice(0, -1)) !== String(x.shape.slice(0, -2))) {
    throw new RangeError(`householderProduct: want v [..., m, n] with m >= n and tau [..., k] with k <= n, got ${formatShape(x.shape)} and ${tau instanceof Tensor ? formatShape(tau.shape) : String(tau)}`); // biome-ignore format: one thought
  }
  const own = x.narrow(-1, 0, k);
  const V = ops.lowerPart(own, 1).add(ops.identityLike(own));
  const gram = ops.mT(V).matmul(V);
  const d = tau.cast(x.dtype);
  const above = gram.sub(ops.lowerPart(gram));
  const T = solveTriangular(d.unsqueeze(-1).mul(above), ops.identityLike(gram).mul(d.unsqueeze(-1)), { upper: true, unitDiagonal: true });
  return ops.identityLike(x).sub(V.matmul(T).matmul(ops.mT(V).narrow(-1, 0, n)));
}

/**
 * Eigenvalues and eigenvectors of real matrices [..., n, n] as complex numbers, pairs [re, im] on the last axis: `values` [..., n, 2] and `vectors`
 * [..., n, n, 2], columns of length 1 whose largest element is real and positive. Conjugates stand together. Of values that coincide the
 * derivative is NaN; so it is for matrices without a basis of eigenvectors.
 */
export function eig(a: Tensor): { values: Tensor; vectors: Tensor } {
  const x = matrices("eig", a, true);
  const [re, im, vr, vi] = x.bindAll(primitives.eig, [x], undefined) as [Tensor, Tensor, Tensor, Tensor];
  const pair = (r: Tensor, i: Tensor): Tensor => r.unsqueeze(-1).concat([i.unsqueeze(-1)], -1);
  return { values: pair(re, im), vectors: pair(vr, vi) };
}

/** Eigenvalues of real matrices as in {@link eig}: [..., n, 2]. */
export function eigvals(a: Tensor): Tensor {
  return eig(matrices("eigvals", a, true)).values;
}
