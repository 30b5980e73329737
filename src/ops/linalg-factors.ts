/**
 * @file LU factors of any matrix and the eigenvectors of general ones, computed on the host in f64. Derivatives in forward form; the transposes follow.
 */

import { decomposeLU } from "../base/linalg.ts";
import { decomposeGeneral } from "../base/schur.ts";
import { tuple } from "../base/tuple.ts";
import { decomposition, identityLike, lowerPart, mT, solve, triangularSolve } from "./linalg.ts";
import { epsilonOf } from "./linalg-spectral.ts";
import type { Op } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** LU factorization. Results: L and U packed in one matrix [m, n], the order of rows [m], and the pivots [min(m, n)], integers. */
export const luFactor: Op<number, undefined> = decomposition<undefined>("luFactor", {
  doc: "P A = L U with partial pivoting: L (ones on its diagonal) below, U on and above the diagonal; the order of rows; which row was exchanged in each step",
  arity: 1,
  square: false,
  shapes: ([[m, n]]) => [[m, n], [m], [Math.min(m, n)]],
  run([a]) {
    const { lu, order, pivots } = decomposeLU(a!);
    return [lu, Float64Array.from(order), Float64Array.from(pivots)];
  },
  // With F = P dA and D = L⁻¹ F U⁻¹ of the leading square: dL = L·(D below the diagonal), dU = (D from the diagonal on)·U. Further rows of L and
  // further columns of U follow from their own blocks of F.
  jvp([dA], [A], [packed, order]) {
    const [m, n] = tuple(A!.shape.slice(-2), 2);
    const k = Math.min(m, n);
    const rows = order!.stopGradient().cast("i32").unsqueeze(-1).broadcastTo(dA!.shape);
    const F = dA!.takeAlongInside(rows, dA!.rank - 2);
    const square = packed!.narrow(-2, 0, k).narrow(-1, 0, k);
    const lower = (x: Tensor): Tensor => square.bind(triangularSolve, [square, x], { lower: true, unit: true });
    const timesInverseU = (x: Tensor): Tensor => mT(square.bind(triangularSolve, [mT(square), mT(x)], { lower: true }));
    const L = lowerPart(square, 1).add(identityLike(square));
    const U = square.sub(lowerPart(square, 1));
    const D = timesInverseU(lower(F.narrow(-2, 0, k).narrow(-1, 0, k)));
    const below = lowerPart(D, 1);
    const above = D.sub(below);
    const inside = lowerPart(L.matmul(below), 1).add(above.matmul(U));
    if (m > n) {
      const further = timesInverseU(F.narrow(-2, k, m - k)).sub(packed!.narrow(-2, k, m - k).matmul(above));
      return [inside.concat([further], -2), undefined, undefined];
    }
    if (n === m) return [inside, undefined, undefined];
    const further = lower(F.narrow(-1, k, n - k)).sub(below.matmul(packed!.narrow(-1, k, n - k)));
    return [inside.concat([further], -1), undefined, undefined];
  },
  samples: [
    [3, 3],
    [4, 2],
    [2, 4],
  ].map(([m, n]) => ({ operands: [{ shape: [2, m!, n!], dtype: "f64" as const }], params: undefined })),
});

/** Eigenvalues [n] and eigenvectors [n, n] (columns) of a general matrix. Four results: real and imaginary parts of both. */
export const eig: Op<number, undefined> = decomposition<undefined>("eig", {
  doc: "eigenvalues and eigenvectors (columns, of length 1, their largest element real) of a real matrix: real parts, imaginary parts, real and imaginary parts of the vectors; the derivatives of repeated values are NaN",
  arity: 1,
  square: true,
  shapes: ([[n]]) => [[n], [n], [n, n], [n, n]],
  run([a]) {
    const { re, im, vectorsRe, vectorsIm } = decomposeGeneral(a!);
    return [re, im, vectorsRe, vectorsIm];
  },
  // With X = V⁻¹ dA V: dλ = diag X, and dV = V (F ∘ X), Fᵢⱼ = 1/(λⱼ - λᵢ), less what changes a vector's length and its largest element's direction.
  jvp([dA], _, [re, im, vr, vi]) {
    if (dA!.size === 0) return [undefined, undefined, undefined, undefined];
    const [xr, xi] = leftDivided(vr!, vi!, dA!.matmul(vr!), dA!.matmul(vi!));
    const { fr, fi, tied } = gaps(re!, im!);
    const nan = (x: Tensor): Tensor => tied.where(Number.NaN, x);
    const diagonalOf = (x: Tensor): Tensor => identityLike(x).mul(x).sum(-1);
    const [yr, yi] = [fr.mul(xr).sub(fi.mul(xi)), fr.mul(xi).add(fi.mul(xr))];
    const [ur, ui] = [vr!.matmul(yr).sub(vi!.matmul(yi)), vr!.matmul(yi).add(vi!.matmul(yr))];
    const along = vr!.mul(ur).add(vi!.mul(ui)).sum(-2, { keepDims: true });
    const size = vr!.square().add(vi!.square()).stopGradient();
    const largest = size.iotaLike(-2).eq(size.argmax(-2, { keepDims: true }).broadcastTo(size.shape));
    const top = largest.where(vr!, 0).sum(-2, { keepDims: true });
    const turn = largest.where(ui, 0).sum(-2, { keepDims: true }).mul(top.recip());
    const columns = (x: Tensor): Tensor => tied.unsqueeze(-2).broadcastTo(x.shape).where(Number.NaN, x);
    return [
      nan(diagonalOf(xr)),
      nan(diagonalOf(xi)),
      columns(ur.sub(along.mul(vr!)).add(turn.mul(vi!))),
      columns(ui.sub(along.mul(vi!)).sub(turn.mul(vr!))),
    ];
  },
  samples: [],
});

/** V⁻¹ Y of complex matrices, as one real system of twice the size. */
function leftDivided(vr: Tensor, vi: Tensor, yr: Tensor, yi: Tensor): [Tensor, Tensor] {
  const n = vr.shape.at(-1)!;
  const wide = vr.concat([vi.neg()], -1).concat([vi.concat([vr], -1)], -2);
  const x = wide.bind(solve, [wide, yr.concat([yi], -2)]);
  return [x.narrow(-2, 0, n), x.narrow(-2, n, n)];
}

/** 1/(λⱼ - λᵢ) off the diagonal and 0 on it; `tied` marks eigenvalues that rounding cannot distinguish. */
function gaps(re: Tensor, im: Tensor): { fr: Tensor; fi: Tensor; tied: Tensor } {
  const apart = (x: Tensor): Tensor => x.unsqueeze(-2).sub(x.unsqueeze(-1));
  const [dr, di] = [apart(re), apart(im)];
  const off = dr.iotaLike(-1).ne(dr.iotaLike(-2));
  const square = dr.square().add(di.square());
  const scale = re.square().add(im.square()).max(-1, { keepDims: true }).unsqueeze(-1).stopGradient();
  const tie = square.le(scale.mul((8 * epsilonOf(re)) ** 2)).and(off);
  const known = off.and(tie.not());
  const safe = known.where(square, 1);
  return { fr: known.where(dr.div(safe), 0), fi: known.where(di.neg().div(safe), 0), tied: tie.any(-2) };
}
