/** @file Composites on tensors: einsum, indexing, rearrangement, cumulative and statistical functions, where golden data do not reach. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { grad } from "../../src/function/derivative.ts";
import { hessian } from "../../src/function/jacobian.ts";
import { cummax, cumprod, diff, logCumSumExp } from "../../src/math/cumulative.ts";
import { cross, einsum, kron, tensordot } from "../../src/math/einsum.ts";
import { gather, maskedSelect, nonzero, scatter, scatterAdd } from "../../src/math/indexing.ts";
import { atan2, digamma, erfc, erfinv, lgamma, logAddExp, mod, nanToNum, polygamma, sinc } from "../../src/math/pointwise.ts";
import { diagEmbed, diagonal, linspace, meshgrid, pad, roll, rot90, splitAt, tile, trace, tril } from "../../src/math/rearrange.ts";
import { type Interpolation, logSumExp, median, norm, quantile, topk } from "../../src/math/statistics.ts";
import { type Nested, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const f64 = (values: Nested): Tensor => tensor(values, { dtype: "f64" });
const i32 = (values: Nested): Tensor => tensor(values, { dtype: "i32" });
const list = (t: Tensor): number[] => [...t.dataSync()];
const range = (shape: number[]): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    { shape },
  );
const NAN = Number.NaN;
const INF = Number.POSITIVE_INFINITY;

function expectNear(t: Tensor, want: readonly number[], digits = 12): void {
  const got = list(t);
  expect(got.length).toBe(want.length);
  want.forEach((w, i) => {
    if (Number.isFinite(w)) expect(got[i]).toBeCloseTo(w, digits);
    else expect(got[i]).toBe(w);
  });
}

describe("einsum", () => {
  const [a, b] = [range([2, 3]), range([3, 4])];

  test("products, traces, transposes, sums, without an arrow and with dots", () => {
    expect(list(einsum("ij,jk", a, b))).toEqual(list(a.matmul(b)));
    expect(list(einsum("ji", a))).toEqual(list(a.transpose()));
    expect(einsum("ii", range([3, 3])).itemSync()).toBe(12);
    expect(list(einsum("...j,j...->...", range([2, 2, 3]), range([3])))).toEqual(list(range([2, 2, 3]).matmul(range([3]))));
    expect(list(einsum("b...i,b...j->b...ij", range([2, 1, 2]), range([2, 3, 2])))).toHaveLength(24);
    expect(list(einsum("iij->j", range([2, 2, 3])))).toEqual([9, 11, 13]);
    expect(list(einsum("ij->", a))).toEqual([15]);
    expect(list(einsum("i,j,k->ikj", range([2]), range([2]), range([2])))).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
  });

  test("axes of size 1 stretch; empty sums are 0", () => {
    expect(list(einsum("ij,ij->i", range([2, 1]), a))).toEqual([0, 12]);
    expect(list(einsum("ij,jk->ik", range([1, 0]), range([0, 2])))).toEqual([0, 0]);
  });

  test.each<[string, Tensor[], RegExp]>([
    ["ij,jk->ik", [a], /names 2 operands, got 1/],
    ["ijk->i", [a], /"ijk" does not fit operand 0, \[2, 3\]/],
    ["ij,jk->iz", [a, b], /"z", which no operand has/],
    ["ij,jk->ii", [a, b], /repeats a letter/],
    ["ij,kj->ik", [a, b], /"j" is 3 in one operand and 4 in another/],
    ["i1->i", [a], /is not letters/],
  ])("refuses %s", (equation, operands, message) => {
    expect(() => einsum(equation, ...operands)).toThrow(message);
  });

  test("its relatives", () => {
    expect(list(tensordot(range([2, 3]), range([3, 2]), 1))).toEqual(list(range([2, 3]).matmul(range([3, 2]))));
    expect(tensordot(range([2, 3]), range([2, 3])).itemSync()).toBe(55);
    expect(list(kron(f64([1, 2]), f64([1, 10])))).toEqual([1, 10, 2, 20]);
    expect(list(cross(f64([1, 0, 0]), f64([0, 1, 0])))).toEqual([0, 0, 1]);
  });
});

describe("indexing", () => {
  const x = range([3, 4]);

  test("gather and scatter with fewer indices than elements; the last write stays", () => {
    expect(list(gather(x, 1, i32([[3, 0]])))).toEqual([3, 0]);
    expect(list(scatterAdd(x.like(0), 1, i32([[1, 1]]), f64([[5, 6]])))).toEqual([0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const put = (src: Tensor): Tensor => scatter(f64([1, 2, 3]), 0, i32([1, 1]), src);
    expect(list(put(f64([8, 9])))).toEqual([1, 9, 3]);
    expect(list(grad((src: Tensor) => put(src).sum())(f64([8, 9])))).toEqual([0, 1]);
    expect(list(scatter(f64([1, 2, 3]), 0, i32([2]), 7))).toEqual([1, 2, 7]);
  });

  test("what depends on data is read at once", () => {
    expect(list(maskedSelect(x, x.rem(5).eq(0)))).toEqual([0, 5, 10]);
    expect(
      list(
        nonzero(
          f64([
            [0, 1],
            [2, 0],
          ]),
        ),
      ),
    ).toEqual([0, 1, 1, 0]);
    expect(nonzero(f64([0, 0])).shape).toEqual([0, 1]);
  });

  test("refuses indices that reach beyond the other axes", () => {
    expect(() => gather(x, 0, i32([[0, 0, 0, 0, 0]]))).toThrow(/gather: indices \[1, 5\] do not fit \[3, 4\] beside axis 0/);
  });
});

describe("rearrangement", () => {
  test("rolls by any amount, tiles in front, pads in every mode", () => {
    expect(list(roll(range([5]), -7))).toEqual([2, 3, 4, 0, 1]);
    expect(tile(range([2]), [2, 1, 3]).shape).toEqual([2, 1, 6]);
    const x = f64([1, 2, 3]);
    expect(list(pad(x, [[2, 2]], "reflect"))).toEqual([3, 2, 1, 2, 3, 2, 1]);
    expect(list(pad(x, [[2, 1]], "replicate"))).toEqual([1, 1, 1, 2, 3, 3]);
    expect(list(pad(x, [[1, 3]], "circular"))).toEqual([3, 1, 2, 3, 1, 2, 3]);
    expect(list(pad(x, [[-1, 1]], "constant", NAN))).toEqual([2, 3, NAN]);
    expect(() => pad(x, [[3, 0]], "reflect")).toThrow(/can add at most 2/);
    expect(() => pad(x, [[-2, -2]])).toThrow(/remove more/);
  });

  test("diagonals, triangles, turns", () => {
    const x = range([2, 3]);
    expect(list(diagonal(x, 1))).toEqual([1, 5]);
    expect(list(diagonal(x, -1))).toEqual([3]);
    expect(list(diagonal(x, 5))).toEqual([]);
    expect(list(diagEmbed(f64([1, 2]), -1))).toEqual([0, 0, 0, 1, 0, 0, 0, 2, 0]);
    expect(trace(x).itemSync()).toBe(4);
    expect(list(tril(x, -1))).toEqual([0, 0, 0, 3, 0, 0]);
    for (let k = 0; k < 4; k++) expect(list(rot90(rot90(x, k), 4 - k))).toEqual(list(x));
    expect(list(rot90(x))).toEqual([2, 5, 1, 4, 0, 3]);
  });

  test("pieces, grids, ranges", () => {
    expect(splitAt(range([5]), 2).map((t) => t.size)).toEqual([2, 2, 1]);
    expect(() => splitAt(range([5]), [2, 2])).toThrow(/do not add up to 5/);
    expect(meshgrid([range([2]), range([3])]).map(list)).toEqual([
      [0, 0, 0, 1, 1, 1],
      [0, 1, 2, 0, 1, 2],
    ]);
    expect(list(linspace(-1, 3, 5))).toEqual([-1, 0, 1, 2, 3]);
  });
});

describe("running and statistical functions", () => {
  test("products keep their derivative at zeros, also twice", () => {
    const x = f64([2, 0, 3]);
    expect(list(grad((z: Tensor) => z.prod())(x))).toEqual([0, 6, 0]);
    expect(list(grad((z: Tensor) => grad((w: Tensor) => w.prod())(z).sum())(x))).toEqual([3, 5, 2]);
    expect(list(cumprod(x, 0))).toEqual([2, 0, 0]);
    expect(list(grad((z: Tensor) => cumprod(z, 0).sum())(x))).toEqual([1, 8, 0]);
    expect(f64([]).prod().itemSync()).toBe(1);
  });

  test("running extremes take the last of equals and keep NaN; running logarithms begin at -∞", () => {
    const { values, indices } = cummax(f64([1, 3, 3, 2, NAN, 5]), 0);
    expect(list(values)).toEqual([1, 3, 3, 3, NAN, NAN]);
    expect(list(indices)).toEqual([0, 1, 2, 2, 4, 4]);
    expectNear(logCumSumExp(f64([-INF, 0, 0]), 0), [-INF, 0, Math.LN2]);
    expect(list(diff(f64([1, 4, 9])))).toEqual([3, 5]);
  });

  test("sorting is stable and puts NaN last (first when descending); so do the functions that sort", () => {
    const x = f64([2, NAN, 1, 2, -INF]);
    expect(list(x.argsort())).toEqual([4, 2, 0, 3, 1]);
    expect(list(x.argsort(0, { descending: true }))).toEqual([1, 0, 3, 2, 4]);
    expect(list(topk(x, 2, { largest: false }).values)).toEqual([-INF, 1]);
    expect(median(f64([4, 1, 3, 2])).itemSync()).toBe(2);
    expect(median(x).itemSync()).toBe(NAN);
    expect(list(quantile(f64([1, 2, 3, 4]), [0, 0.5, 1]))).toEqual([1, 2.5, 4]);
    expect(range([0, 3]).argsort(0).shape).toEqual([0, 3]);
    const large = tensor(Float32Array.from({ length: 20000 }, (_, i) => (i * 7919) % 20011));
    expect(list(large.sort().values)).toEqual(list(large).sort((a, b) => a - b));
  });

  test("a quantile between two elements is interpolated as wished", () => {
    const at = (interpolation: Interpolation, q: number): number => quantile(f64([4, 1, 2, 8]), q, 0, { interpolation }).itemSync();
    expect(["linear", "lower", "higher", "midpoint", "nearest"].map((name) => at(name as Interpolation, 0.25))).toEqual([
      1.75, 1, 2, 1.5, 2,
    ]);
    // Positions 1.5 and 0.5 of f64([0, 1, 2, 3]) and f64([0, 1]): a half goes to the even one.
    expect([at("nearest", 0.5), quantile(f64([0, 1]), 0.5, 0, { interpolation: "nearest" }).itemSync()]).toEqual([4, 0]);
    expect(at("midpoint", 1)).toBe(8);
    expect(() => at("cubic" as Interpolation, 0.5)).toThrow(/interpolation must be "linear".* got "cubic"/);
  });

  test("sums over nothing have their neutral elements", () => {
    const none = range([2, 0]);
    expect(list(logSumExp(none, 1))).toEqual([-INF, -INF]);
    expect(logSumExp(none, 1, { keepDims: true }).shape).toEqual([2, 1]);
    expect(list(norm(none, { axes: 1 }))).toEqual([0, 0]);
    expect(list(grad((x: Tensor) => logSumExp(x, 1).exp().sum())(none))).toEqual([]);
  });

  test("the slope of an angle is known near the origin, where the square of the distance underflows", () => {
    const angle = grad((p: Tensor) => atan2(p.narrow(0, 0, 1), p.narrow(0, 1, 1)).sum());
    for (const d of [1, 1e-30, 1e30])
      expect(list(angle(tensor([0, d]))).map((s) => s * d)).toEqual([expect.closeTo(1, 5), expect.closeTo(0, 5)]);
  });

  test("norms and logarithms of sums neither overflow nor lose what is small", () => {
    expectNear(norm(tensor([3e30, 4e30])).div(5e30), [1], 6);
    expectNear(norm(tensor([3e-30, 4e-30])).div(5e-30), [1], 6);
    expect(norm(f64([3, INF])).itemSync()).toBe(INF);
    expect(norm(f64([3, NAN])).itemSync()).toBe(NAN);
    expect(norm(f64([-3, 2]), { p: -INF }).itemSync()).toBe(2);
    expect(norm(f64([-3, 0]), { p: 0 }).itemSync()).toBe(1);
    expect(list(grad((x: Tensor) => norm(x, { p: 3 }))(f64([0, 0])))).toEqual([0, 0]);
    expect(logSumExp(f64([INF, 1])).itemSync()).toBe(INF);
    expect(logSumExp(f64([-INF, -INF])).itemSync()).toBe(-INF);
    expectNear(logSumExp(f64([1000, 1000])), [1000 + Math.LN2]);
  });
});

describe("powers and bounds", () => {
  const slope = (x: number[], p: number): number[] => list(grad((t: Tensor) => t.pow(p).sum())(f64(x)));

  test("a power that is constant has derivative 0, also where 0/0 or 0 · ∞ stands in the formula", () => {
    expect(slope([0, 1, NAN, INF, 5e-324], 0).map(Math.abs)).toEqual([0, 0, 0, 0, 0]);
    expect(slope([0, 2, -3], 1)).toEqual([1, 1, 1]);
    const inExponent = grad((p: Tensor) => f64([0, 0, 2]).pow(p).sum());
    expectNear(inExponent(f64([0, 2, 0])), [0, 0, Math.LN2]);
  });

  test("second derivatives at exponent 0", () => {
    const mixed = hessian((v: Tensor) => v.select(0, 0).pow(v.select(0, 1)))(f64([2, 0]));
    expectNear(mixed, [0, 0.5, 0.5, Math.LN2 ** 2]);
  });

  test("a lower bound above the upper one loses, as in NumPy and PyTorch", () => {
    expect(list(f64([-3, 0, 3]).clamp(1, -1))).toEqual([-1, -1, -1]);
    expect(list(f64([-3, 0.5, 3, NAN]).clamp(-1, 1))).toEqual([-1, 0.5, 1, NAN]);
  });
});

describe("functions of one element", () => {
  test("values known in closed form", () => {
    expectNear(
      lgamma(f64([0.5, 1, 2, 5, -0.5, 171])),
      [Math.log(Math.PI) / 2, 0, 0, Math.log(24), Math.log(2 * Math.sqrt(Math.PI)), 706.5730622457874],
      10,
    );
    expectNear(digamma(f64([1, 0.5, -0.5])), [-0.5772156649015329, -1.9635100260214235, 0.03648997397857652], 11);
    expectNear(polygamma(1, f64([1, 0.5])), [Math.PI ** 2 / 6, Math.PI ** 2 / 2], 11);
    expectNear(polygamma(2, f64([1])), [-2.4041138063191885], 11);
    expectNear(erfc(f64([0, 3, -3, 30])), [1, 2.209049699858544e-5, 1.9999779095030015, 0]);
    expectNear(erfinv(f64([0, 0.5, -0.999, 1])), [0, 0.4769362762044699, -2.326753765513525, INF], 11);
    expectNear(sinc(f64([0, 0.5])), [1, 2 / Math.PI]);
    expectNear(mod(f64([-7, 7, -6]), 3), [2, 1, 0]);
    expectNear(logAddExp(f64([INF, -INF, 0]), f64([INF, -INF, 0])), [INF, -INF, Math.LN2]);
    expectNear(nanToNum(f64([NAN, 1])), [0, 1]);
  });
});
