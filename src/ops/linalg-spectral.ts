/**
 * @file Eigenvalues and singular values of matrices in the last two axes, and functions of them, computed on the host in f64. Derivatives after Giles (2008),
 * "Collected matrix derivative results for forward and reverse mode algorithmic differentiation", in forward form; the transposes follow.
 */
import * as eigen from "../base/eigen.ts";
import * as algebra from "../base/linalg.ts";
import { sumOf } from "./elementwise.ts";
import { decomposition, diagonal, identityLike, mT } from "./linalg.ts";
import { expandAll, type Maybe, type Op } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** The distance from 1 to the next larger number of the dtype. */
export const epsilonOf = ({ dtype }: Tensor): number => (dtype === "f32" ? 2 ** -23 : 2 ** -52);

/** Pairwise differences of values, and which pairs rounding cannot distinguish: those closer than a few ULP of the largest value. */
function coincide(w: Tensor): { difference: Tensor; tie: Tensor; off: Tensor } {
  const difference = w.unsqueeze(-2).sub(w.unsqueeze(-1));
  const scale = w.abs().max(-1, { keepDims: true }).unsqueeze(-1).stopGradient();
  const off = difference.iotaLike(-1).ne(difference.iotaLike(-2));
  return { difference, off, tie: difference.abs().le(scale.mul(4 * epsilonOf(w))) };
}

/** 1 / (wⱼ - wᵢ) off the diagonal and 0 on it; NaN where values coincide, since their vectors are then arbitrary and have no derivative. */
function gaps(w: Tensor): Tensor {
  const { difference, tie, off } = coincide(w);
  const away = tie.where(difference.like(1), difference).recip();
  return off.where(tie.where(difference.like(Number.NaN), away), difference.like(0));
}

export const eigh: Op<number, undefined> = decomposition<undefined>("eigh", {
  doc: "eigenvalues (ascending) and eigenvectors (columns) of symmetric matrices; the mean of A and Aᵀ is taken; vectors of repeated values have the derivative NaN",
  arity: 1,
  square: true,
  shapes: ([[n]]) => [[n], [n, n]],
  run([a]) {
    const t = algebra.transposed(a!);
    const { values, vectors } = eigen.decomposeSymmetric(
      algebra.matrix(
        a!.rows,
        a!.rows,
        a!.data.map((x, i) => (x + t.data[i]!) / 2),
      ),
    );
    return [values, vectors];
  },
  // dw = diag(Vᵀ dA V), dV = V (F ∘ Vᵀ dA V) with Fᵢⱼ = 1/(wⱼ - wᵢ) (Giles 2008, §3.1).
  jvp([dA], [A], [w, V]) {
    if (A!.size === 0) return [undefined, undefined];
    const inner = turned(dA!, V!);
    return [diagonal(inner), V!.matmul(gaps(w!).mul(inner))];
  },
  samples: [],
});

/** Vᵀ X V of the symmetric part of X. */
function turned(x: Tensor, V: Tensor): Tensor {
  return mT(V)
    .matmul(x.add(mT(x)).mul(0.5))
    .matmul(V);
}

export const svd: Op<number, undefined> = decomposition<undefined>("svd", {
  doc: "reduced A = U diag(s) Vᵀ: U, s (descending) and Vᵀ; vectors of repeated values have the derivative NaN",
  arity: 1,
  square: false,
  shapes([[m, n]]) {
    const k = Math.min(m, n);
    return [[m, k], [k], [k, n]];
  },
  run([a]) {
    const { u, s, vt } = eigen.decomposeSVD(a!);
    return [u, s, vt];
  },
  // Townsend (2016), "Differentiating the singular value decomposition": P = Uᵀ dA V, ds = diag P. With Y and Z the symmetric and the skew part
  // of P: dU = U (Y/(sⱼ - sᵢ) + Z/(sⱼ + sᵢ)) + (I - U Uᵀ) dA V S⁻¹, and dV alike with -Z.
  jvp([dA], [A], [U, s, Vt]) {
    if (A!.size === 0) return [undefined, undefined, undefined];
    const V = mT(Vt!);
    const { P, symmetric, skew, outsideU, outsideV } = inSingularBasis(dA!, U!, V);
    const near = gaps(s!).mul(symmetric);
    const sums = s!.unsqueeze(-2).add(s!.unsqueeze(-1));
    const far = skew.mul(sums.recip());
    const inverse = s!.recip().unsqueeze(-2);
    return [
      sumOf(U!.matmul(near.add(far)), outsideU?.mul(inverse)),
      diagonal(P),
      mT(sumOf(V.matmul(near.sub(far)), outsideV?.mul(inverse))!),
    ];
  },
  samples: [
    { operands: [{ shape: [2, 4, 3], dtype: "f64" }], params: undefined },
    { operands: [{ shape: [2, 3], dtype: "f64" }], params: undefined },
  ],
});

/** A tangent dA in the basis of singular vectors. */
interface InBasis {
  /** Uᵀ dA V, and its symmetric and skew parts. */
  readonly P: Tensor;
  readonly symmetric: Tensor;
  readonly skew: Tensor;
  /** The parts of dA V outside the span of U's columns, and of dAᵀ U outside the span of V's; undefined if the columns span everything. */
  readonly outsideU: Maybe;
  readonly outsideV: Maybe;
}

/** Expresses a tangent dA in the basis of singular vectors. */
function inSingularBasis(dA: Tensor, U: Tensor, V: Tensor): InBasis {
  const right = dA.matmul(V);
  const P = mT(U).matmul(right);
  const k = P.shape.at(-1)!;
  return {
    P,
    symmetric: P.add(mT(P)).mul(0.5),
    skew: P.sub(mT(P)).mul(0.5),
    outsideU: U.shape.at(-2) === k ? undefined : right.sub(U.matmul(P)),
    outsideV:
      V.shape.at(-2) === k
        ? undefined
        : mT(dA)
            .matmul(U)
            .sub(V.matmul(mT(P))),
  };
}

// ---- functions of eigenvalues and singular values -----------------------------------------------------------------------------------

/**
 * Divided differences (gᵢ - gⱼ)/(wᵢ - wⱼ) for i ≠ j, of a function with values g and slopes h at w; 0 on the diagonal. Where the numerator is rounding error it is
 * the mean slope, the limit; where arguments coincide and values do not, NaN.
 */
function dividedDifferences(w: Tensor, g: Tensor, h: Tensor): Tensor {
  const [gi, gj, hi, hj] = [g.unsqueeze(-1), g.unsqueeze(-2), h.unsqueeze(-1), h.unsqueeze(-2)];
  const { difference, off } = coincide(w);
  const over = gj.sub(gi);
  const slope = hi.add(hj).mul(0.5);
  const size = gi
    .abs()
    .add(gj.abs())
    .add(slope.abs().mul(w.abs().max(-1, { keepDims: true }).unsqueeze(-1)));
  const isSlope = over
    .sub(slope.mul(difference))
    .abs()
    .le(size.mul(16 * epsilonOf(w)));
  const same = difference.eq(0);
  const quotient = same.where(difference.like(Number.NaN), over.div(same.where(difference.like(1), difference)));
  return off.where(isSlope.where(slope, quotient), difference.like(0));
}

/**
 * V diag(g) Vᵀ for operands (A, w, V, g, h): a function of the symmetric matrix A with eigenvalues w and eigenvectors V; the function has values g and slopes h at w.
 * Its derivative is that of the whole function, which is smooth even where the eigenvectors are not (Daleckii & Krein 1965).
 */
export const spectral: Op<5, undefined> = ofDecomposition<5>(
  "spectral",
  "V diag(g) Vᵀ of A, its eigenvalues and vectors, values g and slopes h of a function there; a function of A with the derivative of the whole",
  ([, , V, g]) => V!.mul(g!.unsqueeze(-2)).matmul(mT(V!)),
  ([dA, , , dg], [, w, V, g, h]) => {
    const inner = dA && dividedDifferences(w!, g!, h!).mul(turned(dA, V!));
    const along = dg && identityLike(V!).mul(dg.unsqueeze(-2));
    const sum = sumOf(inner, along);
    return sum && V!.matmul(sum).matmul(mT(V!));
  },
);

/** U diag(g) Vᵀ for operands (A, U, s, Vᵀ, g, h): an odd function of the singular values s of A, with values g and slopes h at s. */
export const singular: Op<6, undefined> = ofDecomposition<6>(
  "singular",
  "U diag(g) Vᵀ of A, its singular vectors and values, values g and slopes h of a function there; with the derivative of the whole",
  ([, U, , Vt, g]) => U!.mul(g!.unsqueeze(-2)).matmul(Vt!),
  ([dA, , , , dg], [, U, s, Vt, g, h]) => {
    const V = mT(Vt!);
    const along = dg && identityLike(Vt!.matmul(V)).mul(dg.unsqueeze(-2));
    if (!dA) return along && U!.matmul(along).matmul(Vt!);
    const { symmetric, skew, outsideU, outsideV } = inSingularBasis(dA, U!, V);
    const [gi, gj, si, sj] = [g!.unsqueeze(-1), g!.unsqueeze(-2), s!.unsqueeze(-1), s!.unsqueeze(-2)];
    const sums = si.add(sj);
    // For two singular values of 0 the limit is the slope there, since an odd function is 0 at 0.
    const none = sums.eq(0);
    const mean = none.where(
      gi
        .add(gj)
        .eq(0)
        .where(h!.unsqueeze(-1).add(sums.like(0)), Number.NaN),
      gi.add(gj).div(none.where(sums.like(1), sums)),
    );
    const inner = sumOf(dividedDifferences(s!, g!, h!).mul(symmetric).add(mean.mul(skew)), along)!;
    const zero = s!.eq(0);
    const ratio = zero.where(g!.eq(0).where(h!, Number.NaN), g!.div(zero.where(s!.like(1), s!))).unsqueeze(-2);
    const inside = U!.matmul(inner).matmul(Vt!);
    const withU = sumOf(inside, outsideU?.mul(ratio).matmul(Vt!))!;
    return sumOf(withU, outsideV && U!.matmul(mT(outsideV.mul(ratio))))!;
  },
);

/** Defines an op on a matrix and its decomposition. `tangent` is the derivative by the matrix; tangents of the factors are not used. */
/* @__NO_SIDE_EFFECTS__ */
function ofDecomposition<N extends number>(
  name: string,
  doc: string,
  value: (x: readonly Tensor[]) => Tensor,
  tangent: (dx: readonly Maybe[], x: readonly Tensor[]) => Maybe,
): Op<N, undefined> {
  const op: Op<number, undefined> = {
    name,
    doc,
    arity: -1,
    mergeable: true,
    type: ([A]) => [{ shape: A!.shape, dtype: A!.dtype }],
    derivative: { kind: "jvp", jvp: (dx, x, y) => ({ y, dy: [tangent(dx, x)] }) },
    batch: (x, mapped, _, n) => x[0]!.bindAll(op, expandAll(x, mapped, n), undefined),
    lower: { kind: "expand", expand: (x) => [value(x)] },
    cost: "compute",
    samples: [],
  };
  return op as Op<N, undefined>;
}
