/** @file LU factors, general eigenvalues, solving with factors: what they promise for many shapes, numbers of SciPy, derivatives against differences. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { grad, jvp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { checkGradients } from "../../src/inspect/check.ts";
import * as fft from "../../src/math/fft.ts";
import * as linalg from "../../src/math/linalg-all.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import { eye, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose, f64 } from "../function/backends.ts";

let seed = 40;
const draw = (...shape: number[]): Tensor => normal(keyOf(++seed), shape, { dtype: "f64" });
const mT = linalg.matrixTranspose;
const A = f64([
  [2, -1, 3, 0.5],
  [1, 4, -2, 1],
  [-3, 0.25, 1, 2],
  [0.75, 1, -1, -2],
]);

describe("LU", () => {
  test.each([
    [3, 3],
    [5, 2],
    [2, 5],
    [1, 1],
    [4, 1],
    [0, 0],
    [0, 3],
  ])("%d x %d: A = P L U", (m, n) => {
    // biome-ignore format: one thought
    const a = draw(2, m, n);
    const { p, l, u } = linalg.lu(a);
    expect([p.shape, l.shape, u.shape]).toEqual([[2, m, m], [2, m, Math.min(m, n)], [2, Math.min(m, n), n]]); // biome-ignore format: one thought
    expectClose(p.matmul(l).matmul(u), a, 1e-12);
    expect(elements(l).every((x) => Math.abs(x) <= 1)).toBe(true);
    expectClose(p.matmul(mT(p)), eye(m, "f64").broadcastTo([2, m, m]));
  });

  test("numbers of SciPy; pivots give the permutation; singular matrices", () => {
    const { l, u } = linalg.lu(A.narrow(1, 0, 3));
    expectClose(l.select(0, 1), [-1 / 3, 1, 0], 1e-12);
    expectClose(u.select(0, 1), [0, 49 / 12, -5 / 3], 1e-12);
    const { pivots, permutation } = linalg.luFactor(A);
    expect([elements(pivots), elements(permutation)]).toEqual([[2, 1, 2, 3], [2, 1, 0, 3]]); // biome-ignore format: one thought
    const singular = linalg.lu(f64([[1, 2], [2, 4]])); // biome-ignore format: one thought
    expectClose(singular.u, [2, 4, 0, 0]);
    expect(linalg.luFactor(tensor([[1, 2], [3, 4]], { dtype: "i32" })).lu.dtype).toBe("f32"); // biome-ignore format: one thought
  });

  test("luSolve: vectors, batches, transposed; derivatives through the factors are those of solve", () => {
    const [a, b] = [draw(2, 3, 3), draw(2, 3, 2)];
    const factors = linalg.luFactor(a);
    expectClose(a.matmul(linalg.luSolve(factors, b)), b, 1e-10);
    expectClose(mT(a).matmul(linalg.luSolve(factors, b, { transposed: true })), b, 1e-10);
    expectClose(linalg.luSolve(linalg.luFactor(A), f64([1, 2, 3, 4])), linalg.solve(A, f64([1, 2, 3, 4])), 1e-12);
    const by = (solve: (x: Tensor) => Tensor) => grad((x: Tensor) => solve(x).square().sum())(a) as Tensor;
    expectClose(
      by((x) => linalg.luSolve(linalg.luFactor(x), b)),
      by((x) => linalg.solve(x, b)),
      1e-8,
    );
    const f = (x: Tensor): Tensor => linalg.luSolve(linalg.luFactor(x), b.select(0, 0));
    expectClose(vmap(f)(a), linalg.solve(a, b.select(0, 0)), 1e-10);
    expectClose(compile(f)(a), linalg.solve(a, b.select(0, 0)), 1e-10);
  });

  test.each([
    [3, 3],
    [4, 2],
    [2, 4],
  ])("derivatives of %d x %d, to the second order", (m, n) => {
    // biome-ignore format: one thought
    const weights = draw(m, n);
    const loss = (x: Tensor): Tensor => linalg.luFactor(x).lu.mul(weights).square().sum();
    expect(checkGradients(loss, [draw(m, n)]).passed).toBe(true);
  });
});

describe("eigenvalues of general matrices", () => {
  const residual = (a: Tensor): number => {
    const { values, vectors } = linalg.eig(a);
    const [vr, vi] = [fft.real(vectors), fft.imag(vectors)];
    const [lr, li] = [fft.real(values).unsqueeze(-2), fft.imag(values).unsqueeze(-2)];
    const re = a.matmul(vr).sub(lr.mul(vr).sub(li.mul(vi)));
    const im = a.matmul(vi).sub(lr.mul(vi).add(li.mul(vr)));
    return Math.max(re.abs().max().itemSync(), im.abs().max().itemSync()) / (a.abs().max().itemSync() || 1);
  };

  test("A v = λ v for many sizes, circular, repeated and badly scaled ones", () => {
    const special = [[[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[1, 1], [0, 1]], [[0, 0], [0, 0]], [[1, 1e6], [1e-6, -1]], [[1e200, 1e190], [-1e195, 2e200]]]; // biome-ignore format: one thought
    for (const a of [...[1, 2, 3, 7, 20].map((n) => draw(n, n)), ...special.map((m) => f64(m))]) expect(residual(a)).toBeLessThan(1e-13);
    expect(linalg.eigvals(zeros([2, 0, 0])).shape).toEqual([2, 0, 2]);
  });

  test("numbers of NumPy, conjugates together, vectors of length 1 whose largest element is real", () => {
    const { values, vectors } = linalg.eig(A);
    const want = [[3.495680480132756, 0], [1.6246819089512492, 2.98279602318307], [-1.7450442980352556, 0]] as const; // biome-ignore format: one thought
    const got = values.toArray() as number[][];
    for (const [re, im] of want)
      expect(
        got.some(([r, i]) => Math.hypot(r - re, i - im) < 1e-12),
        `${re} + ${im}i`,
      ).toBe(true);
    const first = got.findIndex(([, im]) => im > 0);
    expect(got[first + 1]).toEqual([got[first][0], -got[first][1]]);
    expectClose(vectors.square().sum([-1, 0]), [1, 1, 1, 1], 1e-12);
    expect(elements(linalg.eigvals(f64([[1, Number.NaN], [0, 1]]))).every(Number.isNaN)).toBe(true); // biome-ignore format: one thought
  });

  test("derivatives of values and vectors where they are distinct, NaN where they are not", () => {
    const weights = draw(4, 2);
    expect(checkGradients((x: Tensor) => linalg.eigvals(x).mul(weights).square().sum(), [A]).passed).toBe(true);
    const columns = draw(4, 4, 2);
    expect(checkGradients((x: Tensor) => linalg.eig(x).vectors.mul(columns).sum(), [A]).passed).toBe(true);
    const sum = grad((x: Tensor) => fft.real(linalg.eigvals(x)).sum())(A) as Tensor;
    expectClose(sum, eye(4, "f64"), 1e-10);
    const along = jvp(linalg.eigvals)([eye(2, "f64")], [draw(2, 2)]).tangent as Tensor;
    expect(elements(along).every(Number.isNaN)).toBe(true);
    expectClose(vmap(linalg.eigvals)(A.unsqueeze(0)), linalg.eigvals(A).unsqueeze(0));
    expectClose(compile(linalg.eigvals)(A), linalg.eigvals(A));
  });
});

test("choleskySolve and choleskyInverse, of lower and upper factors", () => {
  const a = draw(2, 3, 3);
  const spd = a.matmul(mT(a)).add(eye(3, "f64"));
  const l = linalg.cholesky(spd);
  const b = draw(2, 3, 2);
  expectClose(spd.matmul(linalg.choleskySolve(l, b)), b, 1e-10);
  expectClose(linalg.choleskySolve(mT(l), b, { upper: true }), linalg.choleskySolve(l, b), 1e-12);
  expectClose(linalg.choleskyInverse(l), linalg.inverse(spd), 1e-10);
  expect(checkGradients((x: Tensor) => linalg.choleskySolve(x, b.select(0, 0)).square().sum(), [l.select(0, 0)]).passed).toBe(true);
});

test("householderProduct: reflections one after another; τ = 0 leaves out", () => {
  const [v, tau] = [draw(4, 3), f64([0.5, 0, 1.25])];
  let want = eye(4, "f64");
  for (let i = 0; i < 3; i++) {
    const own = f64([0, 1, 2, 3].map((r) => (r < i ? 0 : r === i ? 1 : (v.toArray() as number[][])[r][i])));
    want = want.matmul(eye(4, "f64").sub(own.unsqueeze(1).matmul(own.unsqueeze(0)).mul(tau.select(0, i))));
  }
  expectClose(linalg.householderProduct(v, tau), want.narrow(1, 0, 3), 1e-12);
  expectClose(
    linalg.householderProduct(v, tau.narrow(0, 0, 2)),
    want
      .narrow(1, 0, 3)
      .mul(0)
      .add(linalg.householderProduct(v, f64([0.5, 0, 0]))),
    1e-12,
  );
  expect(checkGradients((x: Tensor) => linalg.householderProduct(x, tau).square().mul(v).sum(), [v]).passed).toBe(true);
});

test.each([
  [() => linalg.lu(zeros([3])), "lu: want matrices [..., m, n], got [3]"],
  [() => linalg.eig(zeros([2, 3])), "eig: want square matrices [..., n, n], got [2, 3]"],
  [() => linalg.luSolve(linalg.luFactor(A), zeros([3])), "luSolve: B [3] does not fit factors [4, 4]; want 4 rows"],
  [() => linalg.householderProduct(zeros([2, 3]), zeros([3])), "householderProduct: want v [..., m, n] with m >= n"],
  [() => linalg.choleskySolve(A, A, { lower: true } as object), "choleskySolve: there is no option lower"],
])("errors %#", (call, message) => {
  expect(call).toThrow(message);
});
