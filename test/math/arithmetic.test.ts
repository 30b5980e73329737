/** @file Arithmetic, grids, integrals and covariances: numbers of NumPy 2.4 and SciPy 1.17. Derivatives: test/slow/operators.test.ts. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { grad } from "../../src/function/derivative.ts";
import * as a from "../../src/math/arithmetic.ts";
import * as c from "../../src/math/calculus.ts";
import * as g from "../../src/math/grids.ts";
import { arange, type Nested, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { expectClose } from "../function/backends.ts";

const f64 = (values: Nested): Tensor => tensor(values, { dtype: "f64" });
const i32 = (values: Nested): Tensor => tensor(values, { dtype: "i32" });
const list = (t: Tensor): number[] => [...t.dataSync()];
const [NAN, INF] = [Number.NaN, Number.POSITIVE_INFINITY];

/** Computed by NumPy and SciPy. */
const WANT = {
  cov: [
    [1.7353948, -0.11493165, -1.28988045],
    [-0.11493165, 0.0631072, 0.1107961],
    [-1.28988045, 0.1107961, 1.3084983],
  ],
  covw: [
    [1.3764923704475, -0.1436925868887, -0.7700647075963],
    [-0.1436925868887, 0.0625448283039, 0.0854748636837],
    [-0.7700647075963, 0.0854748636837, 0.5755821852237],
  ],
  corr: [
    [1.0, -0.3472970065627, -0.8559802280264],
    [-0.3472970065627, 1.0, 0.3855657394894],
    [-0.8559802280264, 0.3855657394894, 1.0],
  ],
  trap: [-2.3548785, -1.375253],
  trapdx: [-0.15275, 0.23525, -0.32725, -0.0105, -0.4535, -0.14],
  ctrap: [
    [-0.3648, -0.605265, -0.815355, -0.9329865, -2.3548785],
    [0.49152, 0.689665, 0.3965075, -1.320517, -1.375253],
  ],
  g1: [-0.1822916666667, -3.3911790065639, -2.5250391685933, 2.1761892665255, -0.4483682756277, -0.0675241157556],
  g2: [3.0265956732305, -3.3911790065639, -2.5250391685933, 2.1761892665255, -0.4483682756277, 0.3133200441164],
  g4: [
    [0.581, -1.141, 1.527, 0.445, -2.167, 1.831],
    [6.325, 0.443, -2.51, -0.95, 1.649, 3.703],
  ],
  pdist: [
    2.5956673515688, 2.7853649671093, 4.7516734946753, 2.4786560874797, 0.6420537360689, 2.4437974547822, 1.1671576585877, 2.2056316555581,
    0.923141375955, 2.3363400865456,
  ],
  pdist1: [3.823, 4.16, 6.987, 3.552, 0.889, 3.164, 1.943, 3.371, 1.354, 3.679],
} as const;

const A = f64([
  [1.789, 0.437, 0.096, -1.863, -0.277],
  [-0.355, -0.083, -0.627, -0.044, -0.477],
  [-1.314, 0.885, 0.881, 1.71, 0.05],
]);
const y = f64([
  [-0.405, -0.545, -1.546, 0.982, -1.101, -1.185],
  [-0.206, 1.486, 0.237, -1.024, -0.713, 0.625],
]);
const xs = f64([0.161, 0.929, 1.159, 1.904, 3.881, 5.125]);
const flat = (values: unknown): number[] => [values].flat(9) as number[];

describe("statistics and calculus", () => {
  const weights = { correction: 0, fweights: i32([1, 2, 1, 3, 1]), aweights: f64([0.5, 1, 2, 1, 0.25]) };
  test.each<[string, Tensor, unknown]>([
    ["cov", c.cov(A), WANT.cov],
    ["cov of weights", c.cov(A, weights), WANT.covw],
    ["corrcoef", c.corrcoef(A), WANT.corr],
    ["trapezoid", c.trapezoid(y, { x: xs }), WANT.trap],
    ["trapezoid along axis 0", c.trapezoid(y, { dx: 0.5, axis: 0 }), WANT.trapdx],
    ["cumulativeTrapezoid", c.cumulativeTrapezoid(y, { x: xs }), WANT.ctrap],
    ["gradient", c.gradient(y.select(0, 0), { spacing: xs })[0]!, WANT.g1],
    ["gradient of order 2", c.gradient(y.select(0, 0), { spacing: xs, edgeOrder: 2 })[0]!, WANT.g2],
    ["gradient along an axis", c.gradient(y, { spacing: 0.5, axes: 1, edgeOrder: 2 })[0]!, WANT.g4],
    ["pdist", c.pdist(A.transpose()), WANT.pdist],
    ["pdist, p = 1", c.pdist(A.transpose(), { p: 1 }), WANT.pdist1],
    [
      "renorm",
      c.renorm(
        f64([
          [1, 1],
          [4, 4],
        ]),
        1,
        0,
        4,
      ),
      [1, 1, 2, 2],
    ],
    ["dist", c.dist(f64([3, 4]), f64([0, 0])), [5]],
  ])("%s", (_, got, want) => expectClose(list(got), flat(want), 1e-7));

  test("what is empty or one", () => {
    expect(c.trapezoid(f64([3])).itemSync()).toBe(0);
    expect(c.pdist(zeros([1, 3])).shape).toEqual([0]);
    expect(c.cov(f64([1, 2, 3])).itemSync()).toBe(1);
    expect(c.corrcoef(f64([1, 2])).itemSync()).toBe(1);
    expect(c.gradient(y).length).toBe(2);
    expect(() => c.gradient(f64([1]))).toThrow("gradient: want at least 2 samples along each axis, got [1]");
    expect(() => c.gradient(y, { spacing: [1] })).toThrow("gradient: want spacings for 2 axes, got 1");
    expect(() => c.trapezoid(y, { x: f64([1]) })).toThrow("trapezoid: want 6 places x");
    expect(() => c.cov(A, { fweights: i32([1]) })).toThrow("cov: want 5 weights");
    expect(() => c.renorm(A, 0, 0, 1)).toThrow("renorm: p must be a number above 0, got 0");
  });
});

describe("arithmetic", () => {
  test.each<[string, Tensor, number[]]>([
    ["copysign", a.copysign(f64([1, -2, 3]), f64([-0, 0, -1])), [-1, 2, -3]],
    ["signbit", a.signbit(f64([-0, 0, -1, NAN])), [1, 0, 1, 0]],
    ["nextafter", a.nextafter(f64([1, 0, -1]), f64([2, -1, 0])), [1 + 2 ** -52, -5e-324, -1 + 2 ** -53]],
    ["nextafter of f32", a.nextafter(tensor([1, 0]), 2), [1 + 2 ** -23, 2 ** -149]],
    ["mantissas", a.frexp(f64([1, 0.75, -10, 0, 5e-324, INF])).mantissa, [0.5, 0.75, -0.625, 0, 0.5, INF]],
    ["exponents", a.frexp(f64([1, 0.75, -10, 0, 5e-324, INF])).exponent, [1, 0, 4, 0, -1073, 0]],
    ["ldexp", a.ldexp(f64([0.5, 0.5, 1]), i32([-1073, 1024, 3])), [5e-324, 2 ** 1023, 8]],
    ["gcd", a.gcd(i32([12, 0, -4, 0]), i32([18, 5, 6, 0])), [6, 5, 2, 0]],
    ["lcm", a.lcm(i32([4, 0, -4]), i32([6, 5, 6])), [12, 0, 12]],
    ["heaviside", a.heaviside(f64([-1, 0, 2, NAN]), 0.5), [0, 0.5, 1, NAN]],
    ["xlogy", a.xlogy(f64([0, 0, 0, 1]), f64([0, INF, NAN, 1])), [0, 0, NAN, 0]],
    ["xlog1py", a.xlog1py(f64([0, 0, 2]), f64([-1, NAN, 0])), [0, NAN, 0]],
    ["logAddExp2", a.logAddExp2(f64([3, 1000, -INF]), f64([3, 1000, -INF])), [4, 1001, -INF]],
    ["floorDivide", a.floorDivide(i32([7, -7, 7, -7, 1]), i32([2, 2, -2, -2, 0])), [3, -4, -4, 3, 0]],
    ["floorDivide of floats", a.floorDivide(f64([7, -7]), 2), [3, -4]],
    ["trueDivide", a.trueDivide(i32([1, 3]), i32([2, 2])), [0.5, 1.5]],
    ["floatPower", a.floatPower(i32([2, 3]), -1), [0.5, 1 / 3]],
    ["isclose", a.isclose(f64([NAN, INF, 1, 1, INF]), f64([NAN, INF, INF, 1 + 1e-9, -INF]), { equalNaN: true }), [1, 1, 0, 1, 0]],
  ])("%s", (_, got, want) => expect(list(got)).toEqual(want));

  test("comparisons that are read at once", () => {
    expect([a.allclose(f64([1, 2]), f64([1, 2.1])), a.allclose(f64([1]), f64([1]).add(1e-9))]).toEqual([false, true]);
    expect([a.equal(f64([1]), f64([1])), a.equal(f64([1]), f64([[1]])), a.equal(f64([NAN]), f64([NAN]))]).toEqual([true, false, false]);
    expect(a.equal(zeros([0]), zeros([0]))).toBe(true);
    expect(() => a.gcd(f64([1]), 2)).toThrow("gcd: want integers, got f64");
    expect(() => a.xlogy(f64([1, 2]), f64([1, 2, 3]))).toThrow("shapes [2] and [3] do not broadcast");
  });

  test("xlogy at 0 has the slope log y", () => {
    expect(list(grad((x: Tensor) => a.xlogy(x, f64([2, 0])).sum())(f64([0, 0])))).toEqual([Math.log(2), 0]);
  });
});

describe("grids", () => {
  test.each<[string, Tensor, Nested]>([
    [
      "vander",
      g.vander(f64([1, 2, 3])),
      [
        [1, 1, 1],
        [4, 2, 1],
        [9, 3, 1],
      ],
    ],
    [
      "vander, ascending",
      g.vander(f64([2, 3]), { columns: 4, increasing: true }),
      [
        [1, 2, 4, 8],
        [1, 3, 9, 27],
      ],
    ],
    ["logspace", g.logspace(-1, 2, 4, { dtype: "f64" }), [0.1, 1, 10, 100]],
    [
      "blockDiag",
      g.blockDiag([
        i32([
          [1, 2],
          [3, 4],
        ]),
        i32([5, 6]),
        i32(7),
      ]),
      [
        [1, 2, 0, 0, 0],
        [3, 4, 0, 0, 0],
        [0, 0, 5, 6, 0],
        [0, 0, 0, 0, 7],
      ],
    ],
    [
      "cartesianProd",
      g.cartesianProd([i32([1, 2]), i32([4, 5])]),
      [
        [1, 4],
        [1, 5],
        [2, 4],
        [2, 5],
      ],
    ],
    [
      "combinations",
      g.combinations(i32([1, 2, 3])),
      [
        [1, 2],
        [1, 3],
        [2, 3],
      ],
    ],
    [
      "combinations with replacement",
      g.combinations(i32([1, 2]), 2, { withReplacement: true }),
      [
        [1, 1],
        [1, 2],
        [2, 2],
      ],
    ],
    [
      "trilIndices",
      g.trilIndices(3, 3),
      [
        [0, 1, 1, 2, 2, 2],
        [0, 0, 1, 0, 1, 2],
      ],
    ],
    [
      "triuIndices",
      g.triuIndices(4, 3, 1),
      [
        [0, 0, 1],
        [1, 2, 2],
      ],
    ],
    [
      "fliplr",
      g.fliplr(
        i32([
          [1, 2],
          [3, 4],
        ]),
      ),
      [
        [2, 1],
        [4, 3],
      ],
    ],
    [
      "flipud",
      g.flipud(
        i32([
          [1, 2],
          [3, 4],
        ]),
      ),
      [
        [3, 4],
        [1, 2],
      ],
    ],
    ["hstack", g.hstack([i32([1]), i32([2])]), [1, 2]],
    [
      "vstack",
      g.vstack([i32([1, 2]), i32([[3, 4]])]),
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [
      "dstack",
      g.dstack([i32([1, 2]), i32([3, 4])]),
      [
        [
          [1, 3],
          [2, 4],
        ],
      ],
    ],
    [
      "countNonzero",
      g.countNonzero(
        i32([
          [0, 3],
          [1, 1],
        ]),
        1,
      ),
      [1, 2],
    ],
  ])("%s", (_, got, want) => expect(got.toArray()).toEqual(want));

  test("pieces, and what is empty", () => {
    expect(g.tensorSplit(arange(7), 3).map(list)).toEqual([
      [0, 1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(g.tensorSplit(arange(7), [1, -1]).map(list)).toEqual([[0], [1, 2, 3, 4, 5], [6]]);
    expect(g.combinations(i32([1])).shape).toEqual([0, 2]);
    expect(g.vander(f64([1]), { columns: 0 }).shape).toEqual([1, 0]);
    expect(g.trilIndices(0, 3).shape).toEqual([2, 0]);
    expect(() => g.tensorSplit(arange(3), 0)).toThrow("tensorSplit: want at least one section, got 0");
    expect(() => g.combinations(A)).toThrow("combinations: want a vector");
    expect(() => g.blockDiag([])).toThrow("blockDiag: matrices must be a list of at least 1");
  });
});
