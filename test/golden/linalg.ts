/**
 * @file Adapters of the golden group `linalg`.
 */
import { eye, linalg, type Tensor } from "nabla";
import type { Group } from "./adapter.ts";

const one = (m: Tensor): Tensor => eye(m.shape.at(-1)!);
/** M Mᵀ + I/2 */
const definite = (m: Tensor): Tensor => {
  const product = m.matmul(linalg.matrixTranspose(m));
  return product.add(one(product).mul(0.5));
};

export const linalgGroup: Group = {
  adapters: {
    svdvals: ({ A }) => linalg.svdvals(A!),
    svd_low_rank: ({ A }, { rank }) => linalg.lowRank(A!, rank),
    pinv: ({ A }) => linalg.pinv(A!),
    matrix_rank: ({ A }) => linalg.matrixRank(A!),
    cholesky: ({ M }) => linalg.cholesky(definite(M!)),
    inv: ({ A }) => linalg.inverse(A!),
    det: ({ A }) => linalg.det(A!),
    slogdet: ({ A }) => ({ ...linalg.slogdet(A!) }),
    logdet: ({ M }) => linalg.logdet(definite(M!)),
    solve: ({ A, B, b }) => linalg.solve(A!, (B ?? b)!),
    eigvalsh: ({ M }) => linalg.eigh(M!.add(linalg.matrixTranspose(M!)).mul(0.5)).values,
    solve_triangular: ({ A, B }, { upper }) => linalg.solveTriangular(A!, B!, { upper }),
    eigh_sqrtm: ({ M }) => linalg.spectralFunction(definite(M!), (w) => w.sqrt()),
    qr({ A }) {
      const { q, r } = linalg.qr(A!);
      return { Q: q, R: r };
    },
    lstsq: ({ A, B }) => linalg.lstsq(A!, B!),
    matrix_exp: ({ A }) => linalg.matrixExp(A!),
    matrix_power: ({ A }, { n }) => linalg.matrixPower(A!, n),
    trace: ({ A }) => linalg.trace(A!),
    matrix_norm: ({ A }, { ord }) => linalg.matrixNorm(A!, ord),
    cond: ({ A }, { p }) => linalg.conditionNumber(A!, p),
    multi_dot: ({ a, b, c }) => linalg.multiDot([a!, b!, c!]),
    pca: ({ X }) => linalg.principalVariances(X!),
  },
};
