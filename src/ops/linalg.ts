/**
 * @file Decompositions and solvers on matrices in the last two axes, computed on the host in f64. Derivatives after Giles (2008), "Collected
 * matrix derivative results for forward and reverse mode algorithmic differentiation", in forward form; the transposes follow.
 */
import { isFloat } from "../base/dtype.ts";
import * as algebra from "../base/linalg.ts";
import { formatShape, formatType, type Shape, sizeOf, type Type } from "../base/shape.ts";
import type { HostArray, Lowering, Maybe, Op, Sample } from "./op.ts";
import type { Tensor } from "./tensor.ts";

const lead = (shape: Shape): number[] => [...shape.slice(0, -2)];

/** Batches of matrices of floats with the same leading axes. */
function checkMatrices(name: string, operands: readonly Type[], square: boolean): void {
  for (const x of operands) {
    const [m, n] = x.shape.slice(-2);
    if (x.shape.length < 2 || !isFloat(x.dtype) || (x === operands[0] && square && m !== n)) {
      throw new TypeError(
        `${name}: want ${square ? "square " : ""}float matrices in the last two axes, got ${operands.map(formatType).join(" and ")}`,
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
  const [rows, columns] = shape.slice(-2) as [number, number];
  const n = rows * columns;
  return algebra.matrix(rows, columns, Float64Array.from(data.subarray(b * n, (b + 1) * n)));
}

interface Definition<P> {
  readonly doc: string;
  readonly arity: 1 | 2;
  readonly square: boolean;
  /** Shapes of the results, without the leading axes, from the matrices' sizes. */
  shapes(x: readonly (readonly [rows: number, columns: number])[], params: P): number[][];
  run(x: algebra.Matrix[], params: P): (algebra.Matrix | Float64Array)[];
  jvp(dx: readonly Maybe[], x: readonly Tensor[], y: readonly Tensor[], params: P): Maybe[];
  /** For ops that are linear in their second operand. */
  transpose?(ct: Tensor, x: readonly Tensor[], params: P): Maybe[];
  readonly samples: readonly Sample<P>[];
}

function decomposition<P>(name: string, def: Definition<P>): Op<number, P> {
  const op: Op<number, P> = {
    name,
    doc: def.doc,
    arity: def.arity,
    mergeable: true,
    type(operands, params) {
      checkMatrices(name, operands, def.square);
      const sizes = operands.map((x) => x.shape.slice(-2) as unknown as readonly [number, number]);
      return def.shapes(sizes, params).map((shape) => ({ shape: [...lead(operands[0]!.shape), ...shape], dtype: operands[0]!.dtype }));
    },
    derivative: {
      kind: "jvp",
      jvp: (dx, x, y, { params }) => ({ y, dy: dx.some((d) => d) ? def.jvp(dx, x, y, params) : y.map(() => undefined) }),
      ...(def.transpose ? { transpose: ([ct], x, { params }) => (ct ? def.transpose!(ct, x, params) : x.map(() => undefined)) } : {}),
    },
    // Leading axes are batches already.
    batch: (x, mapped, { params }, n) =>
      x[0]!.bindAll(
        op,
        x.map((t, i) => (mapped[i] ? t : t.expandFront(n))),
        params,
      ),
    lower: perMatrix(def.run as (x: algebra.Matrix[], params: unknown) => (algebra.Matrix | Float64Array)[]) as Lowering<P>,
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

/** 1 where the row number compares so with the column number, else 0: `lower` keeps i >= j + offset. */
function triangleMask(x: Tensor, offset: number): Tensor {
  return x.iotaLike(-2).ge(x.iotaLike(-1).add(offset));
}

/** Elements with i >= j + offset, the others 0. */
export function lowerPart(x: Tensor, offset = 0): Tensor {
  return triangleMask(x, offset).where(x, x.like(0));
}

/** The diagonal of every matrix. */
export function diagonal(x: Tensor): Tensor {
  return x.iotaLike(-2).eq(x.iotaLike(-1)).where(x, x.like(0)).sum(-1);
}

/** Identity matrices in the shape of x. */
function identityLike(x: Tensor): Tensor {
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

export const triangularSolve: Op<number, { lower: boolean }> = decomposition<{ lower: boolean }>("triangularSolve", {
  doc: "X with T X = B, T the lower or upper triangle of A",
  arity: 2,
  square: true,
  shapes: ([, [rows, columns]]) => [[rows, columns]],
  run: ([a, b], { lower }) => [algebra.solveTriangular(a!, b!, { lower, unit: false })],
  jvp([dA, dB], [A], [X], params) {
    const part = dA && (params.lower ? lowerPart(dA) : mT(lowerPart(mT(dA))));
    const right = minus(dB, part?.matmul(X!));
    return [right && A!.bind(triangularSolve, [A!, right], params)];
  },
  transpose: (ct, [A], { lower }) => [undefined, ct.bind(triangularSolve, [mT(A!), ct], { lower: !lower })],
  samples: [],
});

/** a - b where either may be a symbolic zero. */
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
  jvp([dA], [A], [Q, R]) {
    const [m, n] = A!.shape.slice(-2) as [number, number];
    if (m < n) throw new RangeError(`qr: the derivative is defined for at least as many rows as columns, got ${formatShape(A!.shape)}`);
    const right = mT(R!.bind(triangularSolve, [mT(R!), mT(dA!)], { lower: true }));
    const z = mT(Q!).matmul(right);
    const below = lowerPart(z, 1);
    const skew = below.sub(mT(below));
    return [Q!.matmul(skew.sub(z)).add(right), z.sub(skew).matmul(R!)];
  },
  samples: [{ operands: [{ shape: [2, 4, 3], dtype: "f64" }], params: undefined }],
});

/** 1 / (wⱼ - wᵢ) off the diagonal, 0 on it and where values coincide. */
function gaps(w: Tensor): Tensor {
  const difference = w.unsqueeze(-2).sub(w.unsqueeze(-1));
  const equal = difference.eq(0);
  return equal.where(difference.like(0), equal.where(difference.like(1), difference).recip());
}

export const eigh: Op<number, undefined> = decomposition<undefined>("eigh", {
  doc: "eigenvalues (ascending) and eigenvectors (columns) of symmetric matrices; the mean of A and Aᵀ is taken",
  arity: 1,
  square: true,
  shapes: ([[n]]) => [[n], [n, n]],
  run([a]) {
    const t = algebra.transposed(a!);
    const { values, vectors } = algebra.decomposeSymmetric(
      algebra.matrix(
        a!.rows,
        a!.rows,
        a!.data.map((x, i) => (x + t.data[i]!) / 2),
      ),
    );
    return [values, vectors];
  },
  // dw = diag(Vᵀ dA V), dV = V (F ∘ Vᵀ dA V) with Fᵢⱼ = 1/(wⱼ - wᵢ) (Giles 2008, §3.1).
  jvp([dA], _, [w, V]) {
    const symmetric = dA!.add(mT(dA!)).mul(0.5);
    const inner = mT(V!).matmul(symmetric).matmul(V!);
    return [diagonal(inner), V!.matmul(gaps(w!).mul(inner))];
  },
  samples: [],
});

export const svd: Op<number, undefined> = decomposition<undefined>("svd", {
  doc: "reduced A = U diag(s) Vᵀ: U, s (descending) and Vᵀ",
  arity: 1,
  square: false,
  shapes([[m, n]]) {
    const k = Math.min(m, n);
    return [[m, k], [k], [k, n]];
  },
  run([a]) {
    const { u, s, vt } = algebra.decomposeSVD(a!);
    return [u, s, vt];
  },
  // Townsend (2016), "Differentiating the singular value decomposition": P = Uᵀ dA V, ds = diag P,
  // dU = U (F ∘ (P S + S Pᵀ)) + (I - U Uᵀ) dA V S⁻¹, dV alike, Fᵢⱼ = 1/(sⱼ² - sᵢ²).
  jvp([dA], _, [U, s, Vt]) {
    const V = mT(Vt!);
    const P = mT(U!).matmul(dA!).matmul(V);
    const F = gaps(s!.mul(s!));
    const rows = s!.unsqueeze(-1);
    const columns = s!.unsqueeze(-2);
    const dU = U!.matmul(F.mul(P.mul(columns).add(mT(P).mul(rows))));
    const dV = V.matmul(F.mul(P.mul(rows).add(mT(P).mul(columns))));
    const inverse = s!.eq(0).where(s!.like(0), s!.recip()).unsqueeze(-2);
    const outsideU = dA!.matmul(V).sub(U!.matmul(P)).mul(inverse);
    const outsideV = mT(dA!)
      .matmul(U!)
      .sub(V.matmul(mT(P)))
      .mul(inverse);
    return [dU.add(outsideU), diagonal(P), mT(dV.add(outsideV))];
  },
  samples: [
    { operands: [{ shape: [2, 4, 3], dtype: "f64" }], params: undefined },
    { operands: [{ shape: [2, 3], dtype: "f64" }], params: undefined },
  ],
});
