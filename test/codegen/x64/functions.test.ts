/** @file Functions that machine code calls in C's library of mathematics: values, edges, and what lives in registers meanwhile. */
import { describe, expect, test } from "vitest";
import type { TypedArray } from "../../../src/base/dtype.ts";
import type { Machine } from "../../../src/codegen/x64/extension.ts";
import { LIBRARY } from "../../../src/codegen/x64/routines.ts";
import { AVX2_MACHINE, AVX512_MACHINE } from "../../../src/codegen/x64/target.ts";
import * as k from "../../../src/kernel/build.ts";
import type { Expr, HostUnary, Kernel } from "../../../src/kernel/kernel.ts";
import { HOST } from "../../../src/kernel/scalar.ts";
import { executed, level, obstacle, system } from "./run.ts";

const MACHINES: readonly (readonly [string, Machine])[] = [
  ["avx2", AVX2_MACHINE],
  ...(level === "avx512" ? ([["avx512", AVX512_MACHINE]] as const) : []),
];
const without = obstacle ?? (typeof system !== "string" && system.functions.size === 0 ? "this system has no libm.so.6" : undefined);
const [NAN, INF] = [Number.NaN, Number.POSITIVE_INFINITY];
const EDGES = [
  0,
  -0,
  1,
  -1,
  2,
  -2,
  0.5,
  -0.5,
  3,
  -3,
  0.25,
  1e-8,
  -1e-8,
  1e-310,
  5e-324,
  2.5,
  -2.5,
  20,
  -20,
  1e5,
  -1e5,
  1e300,
  -1e300,
  INF,
  -INF,
  NAN,
];
const RANDOM = Array.from({ length: 400 }, (_, i) => Math.sin(i * 12.9898) * 10 ** ((i % 7) - 3));

/** All pairs of edges, and of random numbers; for a function of one operand the first of each. */
const PAIRS: readonly (readonly [number, number])[] = [
  ...EDGES.flatMap((x) => EDGES.map((y) => [x, y] as const)),
  ...RANDOM.map((x, i) => [x, RANDOM[(i * 7 + 1) % RANDOM.length]!] as const),
];

const BINARY: Readonly<Record<string, (x: Expr, y: Expr) => Expr>> = { pow: k.pow, rem: k.rem, atan2: k.atan2, hypot: k.hypot };

const call = (op: string, x: Expr, y: Expr): Expr => BINARY[op]?.(x, y) ?? k.host(op as HostUnary, x);

/** Two buffers to one, in vectors, and what is left one by one. */
function elementwise(dtype: "f32" | "f64", length: number, lanes: number, f: (x: Expr, y: Expr) => Expr): Kernel {
  const whole = length - (length % lanes);
  const body = (n: number) => (i: Expr) => [k.store(2, i, f(k.load(0, dtype, i, { lanes: n }), k.load(1, dtype, i, { lanes: n })))];
  const buffers = [0, 1, 2].map((i) => ({ dtype, length, written: i === 2 }));
  return {
    name: "elementwise",
    buffers,
    body: [k.forLoop(whole, body(lanes), { step: lanes }), k.forLoop(length, body(1), { from: whole })],
  };
}

describe.skipIf(without !== undefined).each(MACHINES)(
  `functions of the library, called by machine code of %s (${without ?? level})`,
  (_, machine) => {
    const compute = (dtype: "f32" | "f64", f: (x: Expr, y: Expr) => Expr): ArrayLike<number> => {
      const arrayOf = (numbers: readonly number[]): TypedArray => (dtype === "f32" ? Float32Array : Float64Array).from(numbers);
      const data = [arrayOf(PAIRS.map(([x]) => x)), arrayOf(PAIRS.map(([, y]) => y)), arrayOf(PAIRS.map(() => 0))];
      return executed(elementwise(dtype, PAIRS.length, machine.target.lanes[dtype], f), data, machine)[2]!;
    };

    test.each(Object.keys(LIBRARY))("%s of f64 is what it is in JavaScript", (op) => {
      const results = compute("f64", (x, y) => call(op, x, y));
      for (const [i, [x, y]] of PAIRS.entries()) {
        const wanted = HOST[op]!(x, y);
        // Up to 2.5, the host's erfc is 1 - erf.
        const least = op === "erfc" ? 4e-16 : 1e-323;
        const allowed = Number.isFinite(wanted) ? 2e-15 * Math.abs(wanted) + least : 0;
        if (!Object.is(results[i], wanted) && !(Math.abs(results[i]! - wanted) <= allowed))
          expect(`${op}(${x}, ${y}) = ${results[i]}`).toBe(`${op}(${x}, ${y}) = ${wanted}`);
      }
    });

    test.each(["pow", "rem", "atan2", "tan", "erfc"])("%s of f32 is that of f64, rounded", (op) => {
      const results = compute("f32", (x, y) => call(op, x, y));
      for (const [i, [x, y]] of PAIRS.entries()) {
        const wanted = Math.fround(HOST[op]!(Math.fround(x), Math.fround(y)));
        const allowed = Number.isFinite(wanted) ? 6e-8 * Math.abs(wanted) : 0;
        if (!Object.is(results[i], wanted) && !(Math.abs(results[i]! - wanted) <= allowed))
          expect(`${op}(${x}, ${y}) = ${results[i]}`).toBe(`${op}(${x}, ${y}) = ${wanted}`);
      }
    });

    test("change nothing else: more values than registers live across a call", () => {
      const factors = Array.from({ length: 40 }, (_, i) => i + 1);
      const f = (x: Expr, y: Expr): Expr => {
        const scaled = factors.map((n) => k.mul(x, k.splat(k.constant(n, "f64"), x.lanes)));
        const powers = k.pow(k.abs(y), k.splat(k.constant(0.75, "f64"), x.lanes));
        const masked = k.select(k.lt(x, y), powers, x);
        return scaled.reduce((sum, term) => k.add(sum, term), k.add(masked, k.rem(powers, k.splat(k.constant(INF, "f64"), x.lanes))));
      };
      const results = compute("f64", f);
      for (const [i, [x, y]] of PAIRS.entries()) {
        const power = Math.abs(y) ** 0.75;
        const wanted = factors.reduce((sum, n) => sum + x * n, (x < y ? power : x) + (power % INF));
        if (Number.isFinite(wanted)) expect(Math.abs(results[i]! - wanted)).toBeLessThanOrEqual(1e-14 * (820 * Math.abs(x) + 2 * power));
        else expect(results[i]).toBe(wanted);
      }
    });

    test("sines of large numbers are the library's too", () => {
      const results = compute("f32", (x) => k.sin(x));
      for (const [i, [x]] of PAIRS.entries()) {
        const wanted = Math.sin(Math.fround(x));
        if (Number.isFinite(wanted)) expect(Math.abs(results[i]! - wanted)).toBeLessThan(3e-7);
        else expect(results[i]).toBeNaN();
      }
    });
  },
);
