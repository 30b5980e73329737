/**
 * @file Accuracy of the f32 transcendentals, in units of the last place of the correctly rounded result, against double precision. Each is run
 * three ways: interpreted (fused), compiled with separate multiply-add, and compiled with the fused instruction where the engine has it.
 */
import { describe, expect, it } from "vitest";
import { features } from "../../src/codegen/wasm/instantiate.ts";
import * as k from "../../src/kernel/build.ts";
import type { Expr, Kernel } from "../../src/kernel/kernel.ts";
import { HOST } from "../../src/kernel/scalar.ts";
import { compiled, interpreted } from "../codegen/run.ts";

const N = 1 << 14;
const INF = Number.POSITIVE_INFINITY;
const SPECIAL: readonly number[] = [
  0,
  -0,
  1,
  -1,
  Number.NaN,
  INF,
  -INF,
  1e-45,
  -1e-45,
  1.2e-38,
  3e38,
  -3e38,
  1e4,
  -1e4,
  1e5,
  1e-5,
  3e-8,
  88.72,
  88.73,
  -87.4,
  -103.9,
  -104.1,
  0.5,
  2,
];

function kernelOf(f: (x: Expr) => Expr, lanes: number): Kernel {
  return {
    name: "map",
    buffers: [
      { dtype: "f32", length: N, written: false },
      { dtype: "f32", length: N, written: true },
    ],
    body: [k.forLoop(N, (i) => [k.store(1, i, f(k.load(0, "f32", i, { lanes })))], { step: lanes })],
  };
}

/** Special values, then a uniform sweep of the domain, then magnitudes down to 2⁻³⁰ uniform in the logarithm. */
function samples(low: number, high: number): Float32Array {
  const x = new Float32Array(N);
  const half = N / 2;
  for (let i = 0; i < half; i++) x[i] = low + ((high - low) * i) / half;
  for (let i = half; i < N; i++) x[i] = (low < 0 && i % 2 === 1 ? -1 : 1) * 2 ** (-30 + ((30 + Math.log2(high)) * (i - half)) / half);
  x.set(SPECIAL);
  return x;
}

/** The distance of `y` from the exact `exact`, in units of the last place of f32. */
function ulps(y: number, exact: number): number {
  const nearest = Math.fround(exact);
  if (Object.is(y, nearest) || y === nearest) return Math.abs(y) < INF && Number.isFinite(exact) ? Math.abs(y - exact) / unit(nearest) : 0;
  return Math.abs(y - exact) / unit(nearest);
}

function unit(nearest: number): number {
  return 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(nearest)))) - 23);
}

function worst(y: ArrayLike<number>, x: Float32Array, f: (x: number) => number): { error: number; at: number } {
  let found = { error: 0, at: 0 };
  for (const [i, argument] of x.entries()) {
    const error = ulps(y[i]!, f(argument));
    // NaN where a number should be is an error too.
    if (!(error <= found.error) && !Number.isNaN(f(argument))) found = { error, at: argument };
    if (Number.isNaN(f(argument)) !== Number.isNaN(y[i]!)) return { error: INF, at: argument };
  }
  return found;
}

type Row = readonly [name: string, f: (x: Expr) => Expr, low: number, high: number, fused: number, separate: number];

/** The bounds stated in math.ts: the second where multiply and add round separately. */
const FUNCTIONS: readonly Row[] = [
  ["exp", k.exp, -110, 95, 0.9, 1.15],
  ["exp below", (x) => k.exp(k.min(x, k.float(0))), -110, 1, 0.9, 1.15],
  ["expm1", k.expm1, -20, 90, 1.5, 1.6],
  ["log", k.log, 1e-3, 100, 0.85, 0.85],
  ["log1p", k.log1p, -0.999, 50, 1.4, 1.4],
  ["sin", k.sin, -100, 100, 1.6, 1.6],
  ["cos", k.cos, -100, 100, 1.6, 1.6],
  ["sin", k.sin, -15000, 15000, 2.5, 2.5],
  ["cos", k.cos, -15000, 15000, 2.5, 2.5],
  ["tanh", k.tanh, -10, 10, 1.5, 1.5],
  ["sigmoid", k.sigmoid, -110, 30, 2.6, 2.7],
  ["erf", k.erf, -5, 5, 1.05, 1.2],
];

describe.each(FUNCTIONS)("%s", (name, f, low, high, fused, separate) => {
  const x = samples(low, high);
  const exact = name === "exp below" ? (y: number): number => Math.exp(Math.min(y, 0)) : HOST[name]!;
  const run = (lanes: number, relaxed: boolean) => worst(compiled(kernelOf(f, lanes), [x, new Float32Array(N)], { relaxed })[1]!, x, exact);

  it(`interpreted is within ${fused} on [${low}, ${high}]`, () => {
    const found = worst(interpreted(kernelOf(f, 4), [x, new Float32Array(N)])[1]!, x, exact);
    expect(found.error, `at ${found.at}`).toBeLessThanOrEqual(fused);
  });

  it(`compiled is within ${fused} fused, ${separate} not`, () => {
    const plain = run(4, false);
    expect(plain.error, `at ${plain.at}`).toBeLessThanOrEqual(separate);
    const scalar = run(1, true);
    expect(scalar.error, `at ${scalar.at}`).toBeLessThanOrEqual(separate);
    if (!features().relaxed) return;
    const best = run(4, true);
    expect(best.error, `at ${best.at}`).toBeLessThanOrEqual(fused);
  });
});

it("keeps the sign of zero, small arguments and limits", () => {
  const x = new Float32Array(N);
  x.set([-0, 1e-30, INF, -INF, 1e4, -1e4]);
  const row = (f: (x: Expr) => Expr): number[] => [...compiled(kernelOf(f, 4), [x, new Float32Array(N)])[1]!.subarray(0, 6)];
  const tiny = Math.fround(1e-30);
  expect(row(k.tanh)).toEqual([-0, tiny, 1, -1, 1, -1]);
  expect(row(k.expm1)).toEqual([-0, tiny, INF, -1, INF, -1]);
  expect(row(k.erf)).toEqual([-0, Math.fround((tiny * 2) / Math.sqrt(Math.PI)), 1, -1, 1, -1]);
  expect(row(k.sigmoid)).toEqual([0.5, 0.5, 1, 0, 1, 0]);
  expect(row(k.log1p).slice(0, 4)).toEqual([-0, tiny, INF, Number.NaN]);
});

it("pow is C's, correctly rounded from double", () => {
  const kernel = kernelOf((x) => k.pow(x, k.float(3)), 4);
  const x = samples(-20, 20);
  expect(worst(compiled(kernel, [x, new Float32Array(N)])[1]!, x, (v) => v ** 3).error).toBeLessThanOrEqual(0.5001);
});
