/** @file Special functions: numbers of mpmath over the whole range, edges, derivatives where no sample of the registry goes. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import * as special from "../../src/math/special.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose, f64 } from "../function/backends.ts";

type Row = readonly (number | "inf" | "-inf")[];
const { "made by": _, ...known } = JSON.parse(readFileSync(new URL("reference/special.json", import.meta.url), "utf8")) as Record<
  string,
  readonly Row[]
>;
const number = (x: number | string): number =>
  typeof x === "number" ? x : x === "inf" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
const { i0, i0e, i1, i1e, besselJ0, besselJ1, besselY0, besselY1, erfcx, ndtr, logNdtr, ndtri, igamma, igammac } = special;
const FUNCTIONS: Readonly<Record<string, (...x: Tensor[]) => Tensor>> = { i0, i0e, i1, i1e, besselJ0, besselJ1, besselY0, besselY1, erfcx, ndtr, logNdtr, ndtri, igamma, igammac }; // biome-ignore format: one thought

test.each(Object.entries(known))("%s: numbers of mpmath, in f64 to 2e-13 and in f32", (name, rows) => {
  const columns = Array.from({ length: rows[0].length - 1 }, (_, i) => f64(rows.map((row) => number(row[i]))));
  const want = rows.map((row) => number(row.at(-1)!));
  const y = elements(FUNCTIONS[name](...columns));
  want.forEach((w, i) => {
    // Bessel functions that oscillate: relative to their envelope.
    const envelope = /^bessel/.test(name) ? 0.1 / Math.sqrt(1 + Math.abs(number(rows[i][0]))) : 0;
    if (Object.is(y[i], w) || y[i] === w) return;
    expect(Math.abs(y[i] - w) / Math.max(Math.abs(w), envelope), `${name}(${rows[i].slice(0, -1)}) is ${y[i]}, want ${w}`).toBeLessThan(
      2e-13,
    );
  });
  const single = FUNCTIONS[name](...columns.map((c) => c.cast("f32")));
  expect(single.dtype).toBe("f32");
});

test("edges", () => {
  const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
  const at = (f: (x: Tensor) => Tensor, ...x: number[]): number[] => elements(f(f64(x)));
  expect(at(special.i0, inf, -inf, nan)).toEqual([inf, inf, nan]);
  expect(at(special.i1, inf, -inf, nan)).toEqual([inf, -inf, nan]);
  expect(at(special.i0e, inf, -inf)).toEqual([0, 0]);
  expect(at(special.erfcx, inf, -inf, -30, nan)).toEqual([0, inf, inf, nan]);
  expect(at(special.ndtr, inf, -inf, 0, nan)).toEqual([1, 0, 0.5, nan]);
  expect(at(special.logNdtr, inf, -inf, nan)).toEqual([-0, -inf, nan]);
  expect(at(special.ndtri, 0, 1, -1, 1.5, nan)).toEqual([-inf, inf, nan, nan, nan]);
  expect(at(special.besselJ0, 0, inf, nan)).toEqual([1, 0, nan]);
  expect(at(special.besselY1, 0, -1, inf)).toEqual([-inf, nan, 0]);
  const p = (a: number[], x: number[]): number[][] => [special.igamma, special.igammac].map((f) => elements(f(f64(a), f64(x))));
  expect(p([0, 1, 1, 2, -1, inf], [1, 0, inf, nan, 1, 3])).toEqual([[1, 0, 1, nan, nan, 0], [0, 1, 0, nan, nan, 1]]); // biome-ignore format: one thought
  expect(special.ndtr(tensor([0, 1], { dtype: "i32" })).dtype).toBe("f32");
  expect(special.i0(f64([]).reshape([0, 3])).shape).toEqual([0, 3]);
});

describe("derivatives at 0, at both ends, and where differences would cancel", () => {
  const slope = (f: (x: Tensor) => Tensor, x: number): number => (grad((t: Tensor) => f(t).sum())(f64([x])) as Tensor).itemSync();
  const second = (f: (x: Tensor) => Tensor, x: number): number => slope((t) => grad((u: Tensor) => f(u).sum())(t) as Tensor, x);
  test("Bessel functions", () => {
    expect([special.i0, special.i0e, special.i1, special.i1e, special.besselJ0, special.besselJ1].map((f) => slope(f, 0))).toEqual([
      0, 0, 0.5, 0.5, -0, 0.5,
    ]);
    expectClose(
      [special.i0, special.i1, special.besselJ0, special.besselJ1].map((f) => second(f, 0)),
      [0.5, 0, -0.5, 0],
      1e-12,
    );
    expectClose([0.3, 0.7, 20].map((x) => slope(special.i1e, x)), [0.3, 0.7, 20].map((x) => elements(special.i0e(f64([x])))[0] - (1 + 1 / x) * elements(special.i1e(f64([x])))[0]), 1e-12); // biome-ignore format: one thought
  });
  test("the normal distribution", () => {
    expectClose([slope(special.logNdtr, -40), slope(special.logNdtr, 40), slope(special.ndtr, 0)], [40.0249688472, 0, 0.3989422804], 1e-9);
    // -(1/x² - 3/(2x⁴) + ...)/√π at 40, which 2x·erfcx x - 2/√π has to six digits.
    expectClose([slope(special.erfcx, 40) * 1600], [(-1 + 1.5 / 1600 - 3.75 / 1600 ** 2 + 13.125 / 1600 ** 3) / Math.sqrt(Math.PI)], 1e-10);
    expectClose(slope(special.ndtri, 0.5), Math.sqrt(2 * Math.PI), 1e-12);
    expect(slope(special.ndtri, 0)).toBe(Number.POSITIVE_INFINITY);
  });
  test("incomplete gamma functions, by both operands", () => {
    const points = [[0.1, 0.05], [2, 7], [30, 25], [50, 80], [2e8, 2e8]]; // biome-ignore format: one thought
    for (const f of [special.igamma, special.igammac]) {
      const value = (a: number, x: number): number => elements(f(f64([a]), f64([x])))[0];
      for (const [a, x] of points) {
        const [da, dx] = grad(([p, y]: Tensor[]) => f(p, y).sum())([f64([a]), f64([x])]).map((t) => elements(t)[0]);
        const h = 1e-5 * Math.sqrt(a);
        expectClose([da * Math.sqrt(a), dx * Math.sqrt(a)], [((value(a + h, x) - value(a - h, x)) / 2 / h) * Math.sqrt(a), ((value(a, x + h) - value(a, x - h)) / 2 / h) * Math.sqrt(a)], a > 1e8 ? 1e-4 : 1e-7); // biome-ignore format: one thought
      }
    }
  });
});

test("incomplete gamma functions in a batch and compiled", () => {
  const [a, x] = [f64([[0.5, 2], [3, 30]]), f64([[1, 1], [4, 25]])]; // biome-ignore format: one thought
  const want = special.igamma(a, x);
  expectClose(vmap((p: Tensor, y: Tensor) => special.igamma(p, y))(a, x), want);
  expectClose(vmap((y: Tensor) => special.igamma(a.select(0, 0), y))(x).select(0, 0), want.select(0, 0));
  expectClose(compile((p: Tensor, y: Tensor) => special.igamma(p, y))(a, x), want);
  expectClose(special.igamma(a, x).add(special.igammac(a, x)), want.like(1), 1e-14);
});

test("multigammaln, xlogy and xlog1py: formulas, zeros and their derivatives, broadcasting", () => {
  expectClose(special.multigammaln(f64([3.5]), 3), [1.5 * Math.log(Math.PI) + [3.5, 3, 2.5].map((x) => elements(special.lgamma(f64([x])))[0]).reduce((a, b) => a + b)], 1e-12); // biome-ignore format: one thought
  expect(() => special.multigammaln(f64([1]), 0)).toThrow("multigammaln: p must be a positive integer, got 0");
  expect(elements(special.xlogy(f64([0, 0, 2, 0]), f64([0, 5, 1, Number.NaN])))).toEqual([0, 0, 0, Number.NaN]);
  expect(elements(special.xlog1py(f64([0, 3]), f64([-1, 0])))).toEqual([0, 0]);
  expect(special.xlogy(f64([[1], [2]]), f64([1, 2, 3])).shape).toEqual([2, 3]);
  const [dx, dy] = grad(([x, y]: Tensor[]) => special.xlogy(x, y).sum())([f64([0, 2]), f64([0, 4])]);
  expectClose([...elements(dx), ...elements(dy)], [0, Math.log(4), 0, 0.5], 1e-12);
  expect(() => special.i0(3 as unknown as Tensor)).toThrow("i0: want a tensor, got 3");
});
