/**
 * @file Linear algebra: what decompositions promise, for many shapes; derivatives against differences.
 */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { grad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { checkGradients } from "../../src/inspect/check.ts";
import * as linalg from "../../src/math/linalg.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import { arange, eye, stack, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

let seed = 0;
const draw = (...shape: number[]): Tensor => normal(keyOf(++seed), shape, { dtype: "f64" });
const mT = linalg.matrixTranspose;
const spd = (m: Tensor): Tensor => m.matmul(mT(m)).add(eye(m.shape.at(-1)!, "f64"));

function expectEqual(a: Tensor, b: Tensor, tolerance = 1e-10): void {
  expect(a.shape).toEqual(b.shape);
  const difference = a.sub(b).abs().max().itemSync();
  expect(difference).toBeLessThan(tolerance);
}

describe("large matrices go another way", () => {
  const orthonormal = (rows: Tensor): void => expectEqual(rows.matmul(mT(rows)), eye(rows.shape.at(-2)!, "f64"), 1e-13);
  /** Of full rank, of a third of it, and with columns that fall by 2⁻⁴⁰. */
  const kinds = (m: number, n: number): readonly [string, Tensor][] => [
    ["full rank", draw(m, n)],
    ["low rank", draw(m, n / 3).matmul(draw(n / 3, n))],
    [
      "falling columns",
      draw(m, n).mul(
        arange(n, "f64")
          .mul((-40 * Math.LN2) / n)
          .exp(),
      ),
    ],
  ];
  test.each([...kinds(45, 30), ...kinds(30, 30)])("svd: %s", (_, a) => {
    for (const x of [a, mT(a)]) {
      const { u, s, vt } = linalg.svd(x);
      expectEqual(u.mul(s.unsqueeze(-2)).matmul(vt), x, 1e-12);
      orthonormal(mT(u));
      orthonormal(vt);
      expect(
        s
          .narrow(0, 1, 29)
          .le(s.narrow(0, 0, 29))
          .all()
          .itemSync(),
      ).toBeTruthy();
    }
  });
  test("eigh, with repeated values; small singular values keep their digits", () => {
    for (const a of [spd(draw(40, 40)), eye(40, "f64").mul(3)]) {
      const { values, vectors } = linalg.eigh(a);
      expectEqual(vectors.mul(values.unsqueeze(-2)).matmul(mT(vectors)), a, 1e-11);
      orthonormal(mT(vectors));
    }
    const scale = arange(30, "f64").neg().exp();
    const { q } = linalg.qr(draw(30, 30));
    expectEqual(linalg.svdvals(q.mul(scale)).div(scale), scale.like(1), 1e-12);
  });
});

describe("what the decompositions promise", () => {
  for (const n of [1, 2, 5, 12]) {
    test(`n = ${n}`, () => {
      const a = draw(2, n, n);
      const l = linalg.cholesky(spd(a));
      expectEqual(l.matmul(mT(l)), spd(a));
      expectEqual(a.matmul(linalg.inverse(a)), eye(n, "f64").broadcastTo([2, n, n]), 1e-8);
      const b = draw(2, n, 3);
      expectEqual(a.matmul(linalg.solve(a, b)), b, 1e-8);
      expectEqual(l.matmul(linalg.solveTriangular(l, b)), b, 1e-8);
      const { values, vectors } = linalg.eigh(spd(a));
      expectEqual(vectors.mul(values.unsqueeze(-2)).matmul(mT(vectors)), spd(a), 1e-9);
      expectEqual(linalg.det(spd(a)).log(), values.log().sum(-1), 1e-9);
      expectEqual(linalg.matrixExp(a.mul(0.3)).matmul(linalg.matrixExp(a.mul(-0.3))), eye(n, "f64").broadcastTo([2, n, n]), 1e-9);
    });
  }
  for (const [m, n] of [
    [5, 3],
    [3, 5],
    [4, 4],
    [1, 6],
    [7, 1],
  ] as const) {
    test(`${m} x ${n}`, () => {
      const a = draw(m, n);
      const { q, r } = linalg.qr(a);
      expectEqual(q.matmul(r), a);
      expectEqual(mT(q).matmul(q), eye(Math.min(m, n), "f64"));
      const { u, s, vt } = linalg.svd(a);
      expectEqual(u.mul(s.unsqueeze(-2)).matmul(vt), a);
      expectEqual(mT(u).matmul(u), eye(Math.min(m, n), "f64"));
      expectEqual(a.matmul(linalg.pinv(a)).matmul(a), a);
      expectEqual(linalg.matrixNorm(a), s.mul(s).sum().sqrt());
    });
  }
});

test("a matrix of low rank has zero singular values and an orthonormal U all the same", () => {
  const a = draw(5, 2).matmul(draw(2, 4));
  const { u, s } = linalg.svd(a);
  expect([...s.dataSync()].filter((v) => v > 1e-12)).toHaveLength(2);
  expect(linalg.matrixRank(a).itemSync()).toBe(2);
  expectEqual(linalg.lowRank(a, 2), a);
  expectEqual(
    mT(linalg.svd(tensor(Float64Array.of(1, 0, 0, 0, 0, 0), { shape: [3, 2] })).u).matmul(
      linalg.svd(tensor(Float64Array.of(1, 0, 0, 0, 0, 0), { shape: [3, 2] })).u,
    ),
    eye(2, "f64"),
  );
  expect(u.shape).toEqual([5, 4]);
});

describe("derivatives (AD-5)", () => {
  const cases: Record<string, (m: Tensor) => unknown> = {
    cholesky: (m) => linalg.cholesky(spd(m)),
    inverse: (m) => linalg.inverse(m),
    det: (m) => linalg.det(m),
    solve: (m) => linalg.solve(m, mT(m).add(1)),
    "triangular, lower": (m) => linalg.solveTriangular(m.add(eye(3, "f64").mul(4)), m),
    "triangular, upper": (m) => linalg.solveTriangular(m.add(eye(3, "f64").mul(4)), m, { upper: true }),
    qr: (m) => linalg.qr(m),
    svdvals: (m) => linalg.svdvals(m),
    "svd, free of signs": (m) => linalg.lowRank(m, 2),
    eigenvalues: (m) => linalg.eigh(spd(m)).values,
    "square root": (m) => linalg.spectralFunction(spd(m), (w) => w.sqrt()),
    matrixExp: (m) => linalg.matrixExp(m),
    matrixPower: (m) => [linalg.matrixPower(m, 5), linalg.matrixPower(m, -2)],
    nuclear: (m) => linalg.matrixNorm(m, "nuc"),
    pinv: (m) => linalg.pinv(m.slice([0, 0], [3, 2])),
  };
  for (const [name, fn] of Object.entries(cases)) {
    test(name, () => {
      const report = checkGradients(fn, [draw(3, 3)], { tolerance: 1e-4 });
      expect(report.passed, String(report)).toBe(true);
    });
  }
});

test("norms of matrices: infinity by either name, a flat place at zero, no others", () => {
  const a = tensor(Float64Array.of(1, -2, 3, 4), { shape: [2, 2] });
  const norms = [1, -1, "inf", "-inf", Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const;
  expect(norms.map((ord) => linalg.matrixNorm(a, ord).itemSync())).toEqual([6, 4, 7, 3, 7, 3]);
  expect([...grad((x: Tensor) => linalg.matrixNorm(x))(a.like(0)).dataSync()]).toEqual([0, 0, 0, 0]);
  expect(() => linalg.matrixNorm(a, 3)).toThrow(/there is no norm 3; want "fro"/);
});

test("batches equal loops, under vmap too", () => {
  const a = draw(3, 2, 2);
  for (const fn of [linalg.inverse, linalg.det, (m: Tensor) => linalg.svdvals(m), (m: Tensor) => linalg.cholesky(spd(m))]) {
    const whole = fn(a);
    const mapped = vmap(fn)(a);
    for (let i = 0; i < 3; i++) {
      expectEqual(whole.select(0, i), fn(a.select(0, i)));
      expectEqual(mapped.select(0, i), fn(a.select(0, i)));
    }
  }
});

test("the cheapest order of a product", () => {
  const [a, b, c] = [draw(2, 8), draw(8, 3), draw(3, 5)];
  expectEqual(linalg.multiDot([a, b, c]), a.matmul(b).matmul(c));
});

describe("derivatives where values repeat: the whole is smooth, its parts are not", () => {
  const one = eye(3, "f64");
  const turnedBy = (values: number[]): Tensor => {
    const { q } = linalg.qr(draw(3, 3));
    return q.mul(tensor(Float64Array.from(values))).matmul(mT(q));
  };
  const smooth: Record<string, (m: Tensor) => unknown> = {
    pinv: (m) => linalg.pinv(m),
    lstsq: (m) => linalg.lstsq(m, tensor(Float64Array.of(1, 2, 3))),
    "tall lstsq": (m) => m,
    "wide pinv": (m) => linalg.pinv(m.concat([m.mul(2)], -1)),
    polar: (m) => linalg.polar(m),
    "tall polar": (m) => linalg.polar(m.concat([m.square()], -2)),
    "odd function": (m) => linalg.singularFunction(m, (s) => s.mul(s).mul(s)),
    "square root": (m) => linalg.spectralFunction(m, (w) => w.sqrt()),
    logarithm: (m) => linalg.spectralFunction(m, (w) => w.log()),
    cube: (m) => linalg.spectralFunction(m, (w) => w.mul(w).mul(w)),
    exponential: (m) => linalg.matrixExp(m),
    nuclear: (m) => linalg.matrixNorm(m, "nuc"),
  };
  for (const [name, fn] of Object.entries(smooth)) {
    test(name, () => {
      seed = 100;
      const fixed = draw(6, 2);
      const g = name === "tall lstsq" ? (m: Tensor) => linalg.lstsq(m.concat([m.mul(2)], -2), fixed) : fn;
      const points = [one, turnedBy([2, 2, 5]), turnedBy([3, 3 + 1e-9, 1])];
      const all = name === "cube" || name === "exponential" ? [...points, turnedBy([-1, 1, 1])] : points;
      const report = checkGradients(g as (m: Tensor) => unknown, [stack(all)], { tolerance: 1e-5, secondOrder: false, entries: 12 });
      expect(report.passed, String(report)).toBe(true);
    });
  }

  test("a function's own parameter has its derivative too", () => {
    const at = tensor(Float64Array.of(0.5));
    const report = checkGradients((p: Tensor) => linalg.spectralFunction(one.mul(2), (w) => w.pow(p)), [at]);
    expect(report.passed, String(report)).toBe(true);
  });

  test("what has no derivative is NaN, never a number", () => {
    const slope = (f: (m: Tensor) => Tensor, at: Tensor): number[] => [...grad((m: Tensor) => f(m).mul(draw(3, 3)).sum())(at).dataSync()];
    const none: [string, number[]][] = [
      ["eigenvectors", slope((m) => linalg.eigh(m).vectors, one)],
      ["left vectors", slope((m) => linalg.svd(m).u, one)],
      ["right vectors", slope((m) => linalg.svd(m).vt, one)],
      ["cut between equals", slope((m) => linalg.lowRank(m, 2), one)],
      ["polar of a singular matrix", slope((m) => linalg.polar(m), one.mul(tensor(Float64Array.of(1, 2, 0))))],
    ];
    for (const [what, values] of none) expect(values.some(Number.isNaN), what).toBe(true);
  });
});

test("the determinant has its derivative at singular matrices: the adjugate", () => {
  const ofRank = (rank: number): Tensor => (rank === 0 ? draw(3, 3).mul(0) : draw(3, rank).matmul(draw(rank, 3)));
  const report = checkGradients(linalg.det, [stack([0, 1, 2].map(ofRank))], { secondOrder: false });
  expect(report.passed, String(report)).toBe(true);
  const twoByTwo = tensor(Float64Array.of(1, 2, 2, 4), { shape: [2, 2] });
  const adjugate = [...grad((m: Tensor) => linalg.det(m))(twoByTwo).dataSync()];
  [4, -2, -2, 1].forEach((want, i) => {
    expect(adjugate[i]).toBeCloseTo(want, 12);
  });
});

test("a wide QR, unit triangles, broadcast right sides", () => {
  for (const fn of [(m: Tensor) => linalg.qr(m), (m: Tensor) => linalg.solveTriangular(m.narrow(1, 0, 3), m, { unitDiagonal: true })]) {
    const report = checkGradients(fn as (m: Tensor) => unknown, [draw(3, 5)], { tolerance: 1e-4 });
    expect(report.passed, String(report)).toBe(true);
  }
  const a = spd(draw(4, 3, 3));
  expectEqual(linalg.solve(a, eye(3, "f64")), linalg.inverse(a));
  expect(() => linalg.solve(draw(3, 3), draw(2))).toThrow(/solve: B \[2\] does not fit A \[3, 3\]/);
  expect(() => linalg.lstsq(draw(3, 2), draw(2, 2))).toThrow(/lstsq: B \[2, 2\] does not fit/);
});

test("exponentials of large and of zero norm, least squares in f32 without the loss of digits, empty matrices", () => {
  const turn = (t: number): Tensor => tensor(Float64Array.of(0, -t, t, 0), { shape: [2, 2] });
  const [t, y] = [1e5, linalg.matrixExp(turn(1e5)).dataSync()];
  expect(Math.abs(y[0]! - Math.cos(t))).toBeLessThan(1e-9);
  expectEqual(linalg.matrixExp(turn(0)), eye(2, "f64"));
  expect(linalg.matrixExp(tensor(Float64Array.of(700), { shape: [1, 1] })).itemSync() / Math.exp(700)).toBeCloseTo(1, 11);

  const a = draw(20, 3).mul(tensor(Float64Array.of(1, 1e-2, 1e-3)));
  const x = tensor(Float64Array.of(1, -2, 3));
  const found = linalg.lstsq(a.cast("f32"), a.cast("f32").cast("f64").matmul(x).cast("f32"));
  expectEqual(found.cast("f64"), x, 2e-4);

  const empty = a.narrow(0, 0, 0);
  expect(linalg.pinv(empty).shape).toEqual([3, 0]);
  expect(linalg.matrixRank(empty).itemSync()).toBe(0);
  expect(linalg.matrixRank(a.narrow(1, 0, 0)).itemSync()).toBe(0);
  expect(linalg.det(a.slice([0, 0], [0, 0])).itemSync()).toBe(1);
});

test("decompositions of extreme magnitudes and of NaN end", () => {
  const a = draw(4, 3);
  for (const scale of [1e-200, 1e200]) {
    const { u, s, vt } = linalg.svd(a.mul(scale));
    expectEqual(u.mul(s.div(scale).unsqueeze(-2)).matmul(vt), a);
  }
  const spoilt = a.add(tensor(Float64Array.of(0, Number.NaN, 0)));
  expect(linalg.svdvals(spoilt).isNaN().all().itemSync()).toBe(1);
  expect(
    linalg
      .eigh(spoilt.narrow(0, 0, 3))
      .values.isNaN()
      .all()
      .itemSync(),
  ).toBe(1);
});
