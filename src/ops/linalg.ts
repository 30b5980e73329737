/**
 * @file Decompositions and solvers on matrices in the last two axes, computed on the host in f64. Derivatives after Giles (2008), "Collected
 * matrix derivative results for forward and reverse mode algorithmic differentiation", in forward form; the transposes follow.
 */

import { isFloat } from "../base/dtype.ts";
import * as algebra from "../base/linalg.ts";
import * as functions from "../base/matrix-functions.ts";
import { formatShape, formatType, type Shape, sizeOf, type Type } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import { sumOf } from "./elementwise.ts";
import { expandAll, type HostArray, type Lowering, type Maybe, type Op, type Sample } from "./op.ts";
import type { Tensor } from "./tensor.ts";

const lead = (shape: Shape): number[] => [...shape.slice(0, -2)];

/** Checks that operands are batches of float matrices with the same leading axes. */
function checkMatrices(name: string, operands: readonly Type[], square: boolean): void {
  for (const x of operands) {
    const [m, n] = x.shape.slice(-2);
    if (x.shape.length < 2 || !isFloat(x.dtype) || (x === operands[0] && square && m !== n)) {
      throw new TypeError(
        `${name}: want ${square ? "square " : ""}float matrices in the last two axes, got ${operands.map(formatType).join(" and ")}`,
      );
    }
    if (x.shape.at(-2) !== operands[0]!.shape.at(-2)) {
      throw new RangeError(
        `${name}: a right side of ${x.shape.at(-2)} rows does not fit ${formatShape(operands[0]!.shape)}; want ${operands[0]!.shape.at(-2)}`,
      );
    }
    if (String(lead(x.shape)) !== String(lead(operands[0]!.shape))) {
      throw new TypeError(`${name}: leading axes differ: ${operands.map((t) => formatShape(t.shape)).join(" and ")}`);
    }
  }
}

/** Runs `fn` on every matrix of a batch. */
function perMatrix(fn: (x: algebra.Matrix[], params: unknown) => (algebra.Matrix | Float64Array)[]): Lowering<unknown> {
  return {
    kind: "host",
    run(x, y, params) {
      const batch = sizeOf(lead(x[0]!.shape));
      for (let b = 0; b < batch; b++) {
        fn(
          x.map((t) => matrixAt(t, b)),
          params,
        ).forEach((result, i) => {
          const elements = result instanceof Float64Array ? result : result.data;
          y[i]!.data.set(elements, b * elements.length);
        });
      }
    },
  };
}

function matrixAt({ shape, data }: HostArray, b: number): algebra.Matrix {
  const [rows, columns] = tuple(shape.slice(-2), 2);
  const n = rows * columns;
  return algebra.matrix(rows, columns, Float64Array.from(data.subarray(b * n, (b + 1) * n)));
}

type Size = readonly [rows: number, columns: number];

const matrixSize = ({ shape }: Type): Size => [shape.at(-2)!, shape.at(-1)!];

/** The definition of an op on matrices. */
export interface Definition<P> {
  readonly doc: string;
  readonly arity: 1 | 2;
  readonly square: boolean;
  /** Shapes of the results without the leading axes, from the sizes of the matrices. An op with one operand gets its size twice. */
  shapes(x: readonly [first: Size, second: Size], params: P): number[][];
  run(x: algebra.Matrix[], params: P): (algebra.Matrix | Float64Array)[];
  jvp(dx: readonly Maybe[], x: readonly Tensor[], y: readonly Tensor[], params: P): Maybe[];
  /** For ops that are linear in their second operand. */
  transpose?(ct: Tensor, x: readonly Tensor[], params: P): Maybe[];
  readonly samples: readonly Sample<P>[];
}

/* @__NO_SIDE_EFFECTS__ */
export function decomposition<P>(name: string, def: Definition<P>): Op<number, P> {
  const op: Op<number, P> = {
    name,
    doc: def.doc,
    arity: def.arity,
    mergeable: true,
    type(operands, params) {
      checkMatrices(name, operands, def.square);
      const x = operands[0]!;
      const sizes = [matrixSize(x), matrixSize(operands[1] ?? x)] as const;
      return def.shapes(sizes, params).map((shape) => ({ shape: [...lead(x.shape), ...shape], dtype: x.dtype }));
    },
    derivative: {
      kind: "jvp",
      jvp: (dx, x, y, { params }) => ({ y, dy: dx.some((d) => d) ? def.jvp(dx, x, y, params) : y.map(() => undefined) }),
      ...(def.transpose ? { transpose: ([ct], x, { params }) => (ct ? def.transpose!(ct, x, params) : x.map(() => undefined)) } : {}),
    },
    // Leading axes are batches already.
    batch: (x, mapped, { params }, n) => x[0]!.bindAll(op, expandAll(x, mapped, n), params),
    lower: perMatrix(def.run as (x: algebra.Matrix[], params: unknown) => (algebra.Matrix | Float64Array)[]),
    cost: "compute",
    samples: def.samples,
  };
  return op;
}

// ---- pieces of formulas -------------------------------------------------------------------------------------------------------------

/** Xᵀ of every matrix. */
export function mT(x: Tensor): Tensor {
  return x.moveAxis(-1, -2);
}

/** A mask that is 1 where i >= j + offset, for row i and column j, and 0 elsewhere. */
function triangleMask(x: Tensor, offset: number): Tensor {
  return x.iotaLike(-2).ge(x.iotaLike(-1).add(offset));
}

/** The elements with i >= j + offset; the others are 0. */
export function lowerPart(x: Tensor, offset = 0): Tensor {
  return triangleMask(x, offset).where(x, x.like(0));
}

/** The diagonal of every matrix. */
export function diagonal(x: Tensor): Tensor {
  return x.iotaLike(-2).eq(x.iotaLike(-1)).where(x, x.like(0)).sum(-1);
}

/** Identity matrices in the shape of x. */
export function identityLike(x: Tensor): Tensor {
  return x.iotaLike(-2).eq(x.iotaLike(-1)).cast(x.dtype);
}

// ---- primitives ---------------------------------------------------------------------------------------------------------------------

export const cholesky: Op<number, undefined> = decomposition<undefined>("cholesky", {
  doc: "lower L with A = L Lᵀ; only the lower triangle of A is read; NaN where A is not positive definite",
  arity: 1,
  square: true,
  shapes: ([[n]]) => [[n, n]],
  run: ([a]) => [algebra.cholesky(a!)],
  // dL = L Φ(L⁻¹ dA L⁻ᵀ), Φ the lower triangle with half the diagonal (Giles 2008, §3.2).
  jvp([dA], _, [L]) {
    const symmetric = lowerPart(dA!).add(mT(lowerPart(dA!, 1)));
    const left = L!.bind(triangularSolve, [L!, symmetric], { lower: true });
    const inner = mT(L!.bind(triangularSolve, [L!, mT(left)], { lower: true }));
    return [L!.matmul(lowerPart(inner).sub(identityLike(inner).mul(inner).mul(0.5)))];
  },
  samples: [],
});

/** Parameters of the solver of triangular systems. */
interface Triangle {
  readonly lower: boolean;
  /** True if the diagonal counts as ones and is not read. */
  readonly unit?: boolean;
}

export const triangularSolve: Op<number, Triangle> = decomposition<Triangle>("triangularSolve", {
  doc: "X with T X = B, T the lower or upper triangle of A, with ones on the diagonal if `unit`",
  arity: 2,
  square: true,
  shapes: ([, [rows, columns]]) => [[rows, columns]],
  run: ([a, b], { lower, unit = false }) => [algebra.solveTriangular(a!, b!, { lower, unit })],
  jvp([dA, dB], [A], [X], params) {
    const least = params.unit ? 1 : 0;
    const part = dA && (params.lower ? lowerPart(dA, least) : mT(lowerPart(mT(dA), least)));
    const right = minus(dB, part?.matmul(X!));
    return [right && A!.bind(triangularSolve, [A!, right], params)];
  },
  transpose: (ct, [A], { lower, unit }) => [
    undefined,
    ct.bind(triangularSolve, [mT(A!), ct], { lower: !lower, ...(unit === undefined ? {} : { unit }) }),
  ],
  samples: [],
});

/** a - b; either may be a symbolic zero. */
function minus(a: Maybe, b: Maybe): Maybe {
  return a && b ? a.sub(b) : (a ?? b?.neg());
}

export const solve: Op<number, undefined> = decomposition<undefined>("solve", {
  doc: "X with A X = B, by LU decomposition with partial pivoting",
  arity: 2,
  square: true,
  shapes: ([, [rows, columns]]) => [[rows, columns]],
  run: ([a, b]) => [algebra.solveLU(algebra.decomposeLU(a!), b!)],
  // A dX = dB - dA X
  jvp([dA, dB], [A], [X]) {
    const right = minus(dB, dA?.matmul(X!));
    return [right && A!.bind(solve, [A!, right])];
  },
  transpose: (ct, [A]) => [undefined, ct.bind(solve, [mT(A!), ct])],
  samples: [
    {
      operands: [
        { shape: [2, 3, 3], dtype: "f64" },
        { shape: [2, 3, 2], dtype: "f64" },
      ],
      params: undefined,
    },
  ],
});

export const slogdet: Op<number, undefined> = decomposition<undefined>("slogdet", {
  doc: "sign of the determinant, and the logarithm of its absolute value",
  arity: 1,
  square: true,
  shapes: () => [[], []],
  run([a]) {
    const { lu, sign } = algebra.decomposeLU(a!);
    let logarithm = 0;
    let s = sign;
    for (let i = 0; i < lu.rows; i++) {
      const pivot = lu.data[i * lu.rows + i]!;
      s *= Math.sign(pivot);
      logarithm += Math.log(Math.abs(pivot));
    }
    return [Float64Array.of(s), Float64Array.of(logarithm)];
  },
  // d log|det A| = tr(A⁻¹ dA)
  jvp: ([dA], [A]) => [undefined, diagonal(A!.bind(solve, [A!, dA!])).sum(-1)],
  samples: [{ operands: [{ shape: [2, 3, 3], dtype: "f64" }], params: undefined }],
});

export const det: Op<number, undefined> = decomposition<undefined>("det", {
  doc: "the determinant; its derivative is the adjugate, at singular matrices too",
  arity: 1,
  square: true,
  shapes: () => [[]],
  run([a]) {
    const { lu, sign } = algebra.decomposeLU(a!);
    let product = sign;
    for (let i = 0; i < lu.rows; i++) product *= lu.data[i * lu.rows + i]!;
    return [Float64Array.of(product)];
  },
  // d det A = tr(adj(A) dA), Jacobi's formula.
  jvp: ([dA], [A]) => [
    mT(A!.bind(adjugate, [A!]))
      .mul(dA!)
      .sum([-2, -1]),
  ],
  samples: [{ operands: [{ shape: [2, 3, 3], dtype: "f64" }], params: undefined }],
});

export const adjugate: Op<number, undefined> = decomposition<undefined>("adjugate", {
  doc: "the transpose of the cofactors, det(A)·A⁻¹ where that exists; its derivative at singular matrices is NaN",
  arity: 1,
  square: true,
  shapes: ([[n]]) => [[n, n]],
  run: ([a]) => [functions.adjugate(a!)],
  // adj A = det(A) A⁻¹: d adj A = tr(adj(A) dA) A⁻¹ - A⁻¹ dA adj(A).
  jvp([dA], [A], [Y]) {
    const inverse = A!.bind(solve, [A!, identityLike(A!)]);
    const trace = mT(Y!).mul(dA!).sum([-2, -1]).unsqueeze(-1).unsqueeze(-1);
    return [inverse.mul(trace).sub(A!.bind(solve, [A!, dA!]).matmul(Y!))];
  },
  samples: [{ operands: [{ shape: [2, 3, 3], dtype: "f64" }], params: undefined }],
});

/** Which singular values count as zero. */
export interface Tolerances {
  /** Singular values up to the larger of `absolute` and `relative` × the largest singular value count as zero. */
  readonly absolute: number;
  /** As a share of the largest singular value. */
  readonly relative: number;
}

/** The X of least norm that minimizes ‖A X - B‖, by the SVD in f64. B = I gives the Moore–Penrose inverse. */
export const leastSquares: Op<number, Tolerances> = decomposition<Tolerances>("leastSquares", {
  doc: "the X of least norm that minimizes ‖A X - B‖; its derivative keeps the rank of A",
  arity: 2,
  square: false,
  shapes: ([[, n], [, columns]]) => [[n, columns]],
  run: ([a, b], tolerances) => [functions.leastSquares(a!, b!, tolerances)],
  // Golub & Pereyra (1973), eq. 4.12, with A⁺ applied as least squares: dX = A⁺(dB - dA X) + A⁺A⁺ᵀ dAᵀ(B - A X) + (I - A⁺A) dAᵀ A⁺ᵀ X.
  jvp([dA, dB], [A, B], [X], params) {
    const apply = (a: Tensor, b: Tensor): Tensor => a.bind(leastSquares, [a, b], params);
    const direct = minus(dB, dA?.matmul(X!));
    const first = direct && apply(A!, direct);
    if (!dA) return [first];
    const T = mT(A!);
    const residual = mT(dA).matmul(B!.sub(A!.matmul(X!)));
    const outside = mT(dA).matmul(apply(T, X!));
    return [first!.add(apply(A!, apply(T, residual))).add(outside.sub(apply(A!, A!.matmul(outside))))];
  },
  transpose: (ct, [A], params) => [undefined, ct.bind(leastSquares, [mT(A!), ct], params)],
  samples: [
    [4, 3],
    [2, 3],
  ].map(([m, n]) => ({
    operands: [
      { shape: [2, m!, n!], dtype: "f64" as const },
      { shape: [2, m!, 2], dtype: "f64" as const },
    ],
    params: { absolute: 0, relative: 1e-13 },
  })),
});

/** [[A, E], [0, A]]. A matrix function of it has the function's derivative at A along E as its upper right block (Higham 2008, §3.2). */
function blocks(a: Tensor, e: Tensor): Tensor {
  return a.concat([e], -1).concat([a.like(0).concat([a], -1)], -2);
}

function upperRight(x: Tensor): Tensor {
  const n = x.shape.at(-1)! / 2;
  return x.narrow(-2, 0, n).narrow(-1, n, n);
}

export const matrixExp: Op<number, undefined> = decomposition<undefined>("matrixExp", {
  doc: "eᴬ, by scaling and squaring as the norm asks",
  arity: 1,
  square: true,
  shapes: ([[n]]) => [[n, n]],
  run: ([a]) => [functions.matrixExp(a!)],
  jvp: ([dA], [A]) => [A!.bind(matrixExpSlope, [A!, dA!])],
  samples: [{ operands: [{ shape: [2, 3, 3], dtype: "f64" }], params: undefined }],
});

/** The derivative of eᴬ along E, linear in E. */
export const matrixExpSlope: Op<number, undefined> = decomposition<undefined>("matrixExpSlope", {
  doc: "the derivative of eᴬ along E",
  arity: 2,
  square: true,
  shapes: ([[n]]) => [[n, n]],
  run: ([a, e]) => [functions.matrixExpSlope(a!, e!)],
  jvp([dA, dE], [A, E]) {
    const direct = dE && A!.bind(matrixExpSlope, [A!, dE]);
    const turn = dA && upperRight(A!.bind(matrixExpSlope, [blocks(A!, E!), blocks(dA, dA.like(0))]));
    return [sumOf(direct, turn)];
  },
  transpose: (ct, [A]) => [undefined, ct.bind(matrixExpSlope, [mT(A!), ct])],
  samples: [
    {
      operands: [
        { shape: [2, 3, 3], dtype: "f64" },
        { shape: [2, 3, 3], dtype: "f64" },
      ],
      params: undefined,
    },
  ],
});

export const qr: Op<number, undefined> = decomposition<undefined>("qr", {
  doc: "reduced A = Q R with the diagonal of R not negative",
  arity: 1,
  square: false,
  shapes: ([[m, n]]) => [
    [m, Math.min(m, n)],
    [Math.min(m, n), n],
  ],
  run([a]) {
    const { q, r } = algebra.decomposeQR(a!);
    return [q, r];
  },
  // With Z = Qᵀ dA R⁻¹ and the skew Ω = tril(Z, -1) - tril(Z, -1)ᵀ: dQ = Q(Ω - Z) + dA R⁻¹, dR = (Z - Ω) R.
  // Of a wide matrix the first columns decide Q; the others follow from Qᵀ A.
  jvp([dA], [A], [Q, R]) {
    const [m, n] = tuple(A!.shape.slice(-2), 2);
    const k = Math.min(m, n);
    const square = R!.narrow(-1, 0, k);
    const right = mT(R!.bind(triangularSolve, [mT(square), mT(dA!.narrow(-1, 0, k))], { lower: true }));
    const z = mT(Q!).matmul(right);
    const below = lowerPart(z, 1);
    const skew = below.sub(mT(below));
    const dQ = Q!.matmul(skew.sub(z)).add(right);
    const dR = z.sub(skew).matmul(square);
    if (m >= n) return [dQ, dR];
    const rest = (x: Tensor): Tensor => x.narrow(-1, k, n - k);
    return [
      dQ,
      dR.concat(
        [
          mT(dQ)
            .matmul(rest(A!))
            .add(mT(Q!).matmul(rest(dA!))),
        ],
        -1,
      ),
    ];
  },
  samples: [4, 2].map((rows) => ({ operands: [{ shape: [2, rows, 3], dtype: "f64" as const }], params: undefined })),
});
