/**
 * @file Values and derivatives at the edges of functions: zeros, infinities, denormals, ties, removable singularities, bytes and integers, empty and
 * scalar shapes. Expected numbers are limits from one side, or PyTorch's.
 */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { cummax, cumprod, diff } from "../../src/math/cumulative.ts";
import * as F from "../../src/math/index.ts";
import { gather, indexSelect, nonzero, scatter } from "../../src/math/indexing.ts";
import { lerp, lgamma, logAddExp, logit, polygamma, sinc } from "../../src/math/pointwise.ts";
import { keyOf, uniform } from "../../src/math/random.ts";
import { linspace, meshgrid, rot90 } from "../../src/math/rearrange.ts";
import { logSumExp, median, norm, quantile, topk } from "../../src/math/statistics.ts";
import { eye, ones, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, LBFGS, Newton } from "../../src/optim/index.ts";
import { Cell } from "../../src/runtime/cell.ts";

const [INF, NAN] = [Number.POSITIVE_INFINITY, Number.NaN];
const f32 = (...x: number[]): Tensor => tensor(Float32Array.from(x));
const i32 = (...x: number[]): Tensor => tensor(Int32Array.from(x));
const read = (x: Tensor): number[] => [...x.dataSync()];
const slope = (f: (x: Tensor) => Tensor, ...x: number[]): number[] => read(grad((t: Tensor) => f(t).sum())(f32(...x)));
const second = (f: (x: Tensor) => Tensor, ...x: number[]): number[] => slope((t) => grad((u: Tensor) => f(u).sum())(t), ...x);
function close(got: readonly number[], want: readonly number[], tolerance = 1e-6): void {
  expect(got).toHaveLength(want.length);
  got.forEach((g, i) => {
    const same = Object.is(g, want[i]) || g === want[i] || Math.abs(g - want[i]!) <= tolerance * (Math.abs(want[i]!) + 1e-30);
    expect(same, `[${i}]: ${g}, expected ${want[i]}`).toBe(true);
  });
}

describe("zero times infinity", () => {
  const steep: Record<string, [f: (x: Tensor) => Tensor, at: number, slopeAt4: number]> = {
    sqrt: [(x) => x.sqrt(), 0, 0.25],
    log: [(x) => x.log(), 0, 0.25],
    log2: [(x) => x.log2(), 0, 0.25 / Math.LN2],
    recip: [(x) => x.recip(), 0, -1 / 16],
    quotient: [(x) => x.operand(1).div(x), 0, -1 / 16],
    power: [(x) => x.pow(0.5), 0, 0.25],
    exp: [(x) => x.exp(), 1000, Math.exp(4)],
    sinh: [(x) => x.sinh(), 1000, Math.cosh(4)],
    acosh: [(x) => x.acosh(), 1, 1 / Math.sqrt(15)],
    sine: [(x) => x.sin(), INF, Math.cos(4)],
    lgamma: [(x) => lgamma(x), 0, 1.2561176684318],
  };
  for (const [name, [f, at, want]] of Object.entries(steep))
    test(`what where does not choose sends nothing: ${name}`, () => {
      close(
        slope((x) => x.eq(at).where(0, f(x)), at, 4),
        [0, want],
        2e-6,
      );
    });

  test("entropy of any softmax, sums of exponentials of infinities, lengths of zeros", () => {
    const logits = Array.from({ length: 40 }, (_, i) => i * 0.31);
    expect(slope((x) => F.entropy(F.softmax(x, -1, { temperature: 0.1 })), ...logits).every(Number.isFinite)).toBe(true);
    close(
      slope((x) => F.entropy(x), 1e-40, 0.5),
      [-Math.log(1e-40) - 1, Math.LN2 - 1],
      1e-4,
    );
    close(
      slope((x) => logSumExp(x), -INF, -INF),
      [0.5, 0.5],
    );
    close(
      slope((x) => logSumExp(x), -INF, 1),
      [0, 1],
    );
    close(
      slope((x) => logSumExp(x), INF, 1),
      [1, 0],
    );
    expect(read(logSumExp(f32(-INF, -INF)))).toEqual([-INF]);
    expect(slope((x) => F.weightNorm(x.reshape([2, 2]), f32(1, 1)), 0, 0, 3, 4).every(Number.isFinite)).toBe(true);
    expect(slope((x) => F.spectralNorm(x.reshape([2, 2])), 0, 0, 0, 0)).toEqual([0, 0, 0, 0]);
    expect(F.klDiv(f32(-INF), f32(0)).itemSync()).toBe(0);
  });
});

describe("removable singularities", () => {
  test("sinc, and sums of two exponentials, to the second derivative", () => {
    close(slope(sinc, 0, 1e-4, 0.1), [0, -3.2898680885e-4, -0.3257513]);
    close(second(sinc, 0, 1e-4), [-(Math.PI ** 2) / 3, -(Math.PI ** 2) / 3], 1e-5);
    close(
      second((x) => logAddExp(x, f32(1, 2)), 1, 3),
      [0.25, 0.19661193],
    );
    close(
      slope((x) => logAddExp(x, f32(-INF, -INF, INF, 0)), -INF, 0, INF, INF),
      [0.5, 1, 0.5, 1],
    );
  });
  test("differences that cancel", () => {
    close(read(F.tanhShrink(f32(1e-3, 0.1, 0.149, 0.16))), [3.333332e-10, 3.3200538e-4, 1.0929449e-3, 1.3515073e-3], 2e-4);
    close(read(F.logCoshLoss(f32(1e-3, -0.4, 0.6), zeros([3]), { reduction: "none" })), [4.99999917e-7, 0.07795356, 0.17013527], 2e-6);
    close(read(logit(tensor(Float64Array.of(0.5, 0.5 + 1e-9, 0.1)))), [0, 4e-9, Math.log(1 / 9)], 1e-6);
  });
  test("polygamma ends for every argument", () => {
    expect(read(polygamma(1, tensor(Float64Array.of(-INF, -1e15 + 0.5))))[0]).toBeNaN();
    close(read(polygamma(1, tensor(Float64Array.of(-0.5, -1.5, -1e15 + 0.5)))), [8.93480220054468, 9.37924664498912, Math.PI ** 2], 1e-12);
    expect(second(lgamma, -INF)[0]).toBeNaN();
  });
});

describe("values", () => {
  test("means of ones are 1", () => {
    for (let n = 1; n <= 60; n++) expect(ones([n]).mean().itemSync()).toBe(1);
  });
  test("norm layers of values whose squares overflow", () => {
    const x = f32(1e20, -1e20, 2e20, 0);
    const want = [0.4472136, -1.3416408, 1.3416408, -0.4472136];
    close(read(F.layerNorm(x, 4)), want);
    close(read(F.batchNorm(x.reshape([4, 1])).y), want);
    close(
      read(F.rmsNorm(x, 4)),
      [1, -1, 2, 0].map((v) => v * Math.sqrt(4 / 6)),
    );
    close(read(F.groupNorm(x.reshape([1, 4]), 1)), want);
  });
  test("quantiles of infinities", () => {
    close(read(quantile(f32(-INF, 1, INF, INF), [0.1, 0.5, 0.9])), [-INF, INF, INF]);
    expect(quantile(i32(1, 2), 0.5).itemSync()).toBe(1.5);
  });
  test("uniform numbers stay below the bound", () => {
    const x = uniform(keyOf(1), [200000], { low: 1000, high: 1001 });
    expect(x.max().itemSync()).toBeLessThan(1001);
    expect(x.min().itemSync()).toBeGreaterThanOrEqual(1000);
  });
  test("positions beyond 2²⁴ and below the padding", () => {
    const wide = 4200;
    const x = tensor(Float32Array.from({ length: wide }, (_, i) => i)).broadcastTo([1, 1, wide, wide]);
    close(read(F.gridSample(x, tensor([[[[0.5, 0.9999]]]]), { alignCorners: true })), [(wide - 1) * 0.75]);
    const bottom = f32(-INF, -INF, -INF, -INF).reshape([1, 1, 2, 2]);
    expect(read(F.maxPoolWithIndices(bottom, [2, 2], { padding: 1 }).indices)).toEqual([0, 1, 2, 3]);
  });
  test("CTC of no frames", () => {
    const none = F.ctcLoss(zeros([0, 2, 3]), tensor([[1], [1]], { dtype: "i32" }), i32(0, 0), i32(0, 1), { reduction: "none" });
    expect(read(none).map((v) => v + 0)).toEqual([0, INF]);
    const some = F.ctcLoss(zeros([2, 1, 3]), tensor([[1]], { dtype: "i32" }), i32(0), i32(0), { reduction: "none" });
    expect(read(some).map((v) => v + 0)).toEqual([0]);
  });
  test("optimizers keep small squares and the rate of f64, and say where Newton cannot go", () => {
    const cell = new Cell(tensor(Float64Array.of(1)));
    const adam = new Adam([cell], { lr: 0.1, eps: 1e-30 });
    adam.step([tensor(Float64Array.of(1e-20))]);
    expect(cell.value.itemSync()).toBeCloseTo(0.9, 9);
    expect(adam.lr).toBe(0.1);
    const flat = new Cell(tensor(Float64Array.of(1, 2)));
    const singular = new Newton([flat], () => flat.value.sum().square());
    expect(() => singular.step()).toThrow(/singular.*damping/);
    expect(read(flat.value)).toEqual([1, 2]);
    const saddle = new Newton([flat], () =>
      flat.value
        .mul(tensor(Float64Array.of(1, -1)))
        .mul(flat.value)
        .sum(),
    );
    saddle.step();
    expect(saddle.isDefinite).toBe(false);
    const state = new LBFGS([new Cell(zeros([1000]))]).stateDict();
    expect(state.get("moves")?.shape).toEqual([0, 1000]);
  });
});

describe("integers and bytes", () => {
  const x = i32(-3, -1, 0, 2, 5);
  const floats: Record<string, (x: Tensor) => Tensor> = {
    norm: (t) => norm(t),
    normalize: (t) => F.normalize(t, { axis: 0 }),
    cdist: (t) => F.cdist(t.unsqueeze(1), t.unsqueeze(1)),
    cosine: (t) => F.cosineSimilarity(t, t.add(1), { axis: 0 }),
    softsign: F.softsign,
    hardSigmoid: F.hardSigmoid,
    hardSwish: F.hardSwish,
    celu: (t) => F.celu(t, { alpha: 2 }),
    softmax: (t) => F.softmax(t, 0, { temperature: 2 }),
    average: (t) => F.avgPool1d(t.reshape([1, 1, 5]), 2),
    adaptive: (t) => F.adaptiveAvgPool1d(t.reshape([1, 1, 5]), 2),
    interpolate: (t) => F.interpolate(t.reshape([1, 1, 5]), { size: 7, mode: "linear" }),
    lerp: (t) => lerp(t, 9, 0.25),
    logAddExp: (t) => logAddExp(t, 1),
    mean: (t) => t.mean(),
    standard: (t) => t.std(),
    layerNorm: (t) => F.layerNorm(t, 5),
    median: (t) => median(t),
  };
  for (const [name, fn] of Object.entries(floats))
    test(`${name} of integers is that of floats`, () => {
      close(read(fn(x)), read(fn(x.cast("f32"))));
    });

  test("bytes: one promotion, whatever is done", () => {
    const bits = tensor([true, false, true, true, true, false]);
    expect([bits.max(), bits.min(), bits.prod(), bits.sum()].map((t) => t.itemSync())).toEqual([1, 0, 0, 4]);
    const bytes = tensor(Uint8Array.of(200, 100, 3));
    const run = compile((t: Tensor) => [t.gt(50).where(t, t.add(1).cast("u8")), t.concat([t]), t.add(t), t.cumsum(0), t.maximum(150)]);
    const [chosen, twice, sum, running, most] = run(bytes) as [Tensor, Tensor, Tensor, Tensor, Tensor];
    expect([chosen, twice, sum, running, most].map((t) => t.dtype)).toEqual(["u8", "u8", "i32", "i32", "u8"]);
    expect([chosen, twice, sum, running, most].map(read)).toEqual([
      [200, 100, 4],
      [200, 100, 3, 200, 100, 3],
      [400, 200, 6],
      [200, 300, 303],
      [200, 150, 150],
    ]);
    expect(read(scatter(bytes, 0, i32(0), bytes.narrow(0, 2, 1)))).toEqual([3, 100, 3]);
    expect(read(F.maxPool1d(i32(-5, -3, -4).reshape([1, 1, 3]), 2, { padding: 1, stride: 1 }))).toEqual([-5, -3, -3, -4]);
  });
});

describe("shapes and indices", () => {
  test("what does not lie within is refused by name", () => {
    const x = f32(1, 2, 3);
    expect(() => x.narrow(0, 0, -1)).toThrow(/narrow: -1 elements from 0/);
    expect(() => x.narrow(0, 2, 2)).toThrow(/narrow: 2 elements from 2/);
    expect(() => x.select(0, 3)).toThrow(/select: there is no element 3/);
    expect(() => rot90(ones([2, 2]), 1, [1, 1])).toThrow(/rot90: axes/);
    expect(() => x.take(i32(3))).toThrow(/take: index 3 at position 0 is out of range/);
    expect(() => scatter(x, 0, i32(-4), 1)).toThrow(/scatter: index -4/);
  });
  test("negative indices count from the end, in programs too", () => {
    const x = f32(1, 2, 3);
    const run = compile((t: Tensor, i: Tensor) => [t.take(i), gather(t, 0, i), indexSelect(t, 0, i), scatter(t, 0, i, 9)]);
    expect(run(x, i32(-1, 0)).map(read)).toEqual([
      [3, 1],
      [3, 1],
      [3, 1],
      [9, 2, 9],
    ]);
    expect(read(x.narrow(0, -2, 2))).toEqual([2, 3]);
  });
  test("empty tensors and scalars", () => {
    expect(diff(zeros([0])).shape).toEqual([0]);
    expect(nonzero(tensor(3)).shape).toEqual([1, 0]);
    expect(nonzero(tensor(0)).shape).toEqual([0, 0]);
    expect(F.lpPool1d(f32(NAN, 1, 3, 4).reshape([1, 1, 4]), 2, 2).dataSync()[0]).toBeNaN();
    const scalar = tensor(3);
    const same = [
      F.softmax(scalar, 0).mul(3),
      scalar.sum(-1),
      scalar.cumsum(0),
      scalar.sort().values,
      cumprod(scalar, 0),
      median(scalar, 0),
    ];
    for (const y of [...same, cummax(scalar, -1).values, topk(scalar, 1).values, scalar.maxWithIndex(0).values, scalar.max(0)]) {
      expect(y.shape).toEqual([]);
      expect(y.itemSync()).toBe(3);
    }
    expect(() => scalar.sum(1)).toThrow(/axis 1 is out of range/);
  });
  test("sizes, dtypes and grids that were missing", () => {
    expect(read(eye(2, 3))).toEqual([1, 0, 0, 0, 1, 0]);
    expect(linspace(0, 1, 3, { dtype: "f64" }).dtype).toBe("f64");
    expect(read(linspace(0.1, 0.1, 7)).every((v) => v === Math.fround(0.1))).toBe(true);
    const [a, b] = meshgrid([f32(1, 2, 3), f32(4, 5)], { indexing: "xy" }) as [Tensor, Tensor];
    expect([a.toArray(), b.toArray()]).toEqual([
      [
        [1, 2, 3],
        [1, 2, 3],
      ],
      [
        [4, 4, 4],
        [5, 5, 5],
      ],
    ]);
    expect(F.cosineSimilarity(ones([3, 4]), ones([1, 4])).shape).toEqual([3]);
  });
});
