/** @file Exponentials by the instruction that scales by powers of two, and code of several values side by side: the bits are those of the long way. */
import { describe, expect, test } from "vitest";
import type { Machine } from "../../../src/codegen/x64/extension.ts";
import { AVX512_MACHINE } from "../../../src/codegen/x64/target.ts";
import * as k from "../../../src/kernel/build.ts";
import type { Expr, Kernel } from "../../../src/kernel/kernel.ts";
import { WASM } from "../../../src/kernel/target.ts";
import { interpreted } from "../run.ts";
import { executed, level } from "./run.ts";

/** The same machine without the instruction. */
const PLAIN: Machine = { ...AVX512_MACHINE, target: { ...AVX512_MACHINE.target, native: WASM.native } };
const [INF, NAN] = [Number.POSITIVE_INFINITY, Number.NaN];
const SPECIAL = [0, -0, 1, -1, 88.72, 88.73, 89, 1e30, INF, -87.3, -87.4, -95, -103.9, -104, -1e30, -INF, NAN, 1e-30];
const N = 2048;
const X = Float32Array.from({ length: N }, (_, i) => SPECIAL[i] ?? -110 + (i * 205) / N);

/** `count` vectors a turn, each bound before the first is stored. */
function elementwise(f: (x: Expr) => Expr, count: number): Kernel {
  const body = (i: Expr) => {
    const at = Array.from({ length: count }, (_, n) => k.add(i, k.int(16 * n)));
    const values = at.map((index) => k.bind(f(k.load(0, "f32", index, { lanes: 16 }))));
    return [...values.map((v) => v.statement), ...values.map((v, n) => k.store(1, at[n]!, v.variable))];
  };
  const buffers = [false, true].map((written) => ({ dtype: "f32" as const, length: N, written }));
  return { name: "elementwise", buffers, body: [k.forLoop(N, body, { step: 16 * count })] };
}

const bits = (x: ArrayLike<number>): number[] => [...new Int32Array(Float32Array.from(x).buffer)];
const run = (f: (x: Expr) => Expr, count: number, machine: Machine): number[] =>
  bits(executed(elementwise(f, count), [X, new Float32Array(N)], machine)[1]!);

describe.skipIf(level !== "avx512")("with AVX-512", () => {
  test.each([
    ["exp", k.exp],
    ["exp of what is at most 0", (x: Expr) => k.exp(k.min(x, k.float(0)))],
    ["sigmoid", k.sigmoid],
  ] as const)("%s has the bits that it has without the instruction, one vector a turn or four", (_, f) => {
    const plain = run(f, 1, PLAIN);
    expect(run(f, 1, AVX512_MACHINE)).toEqual(plain);
    expect(run(f, 4, AVX512_MACHINE)).toEqual(plain);
  });

  test("scaling means what it means to the interpreter, down to the smallest numbers", () => {
    const f = (x: Expr): Expr => k.scale(k.float(1.3333334), x);
    const kernel = elementwise(f, 2);
    const ran = bits(executed(kernel, [X.map((x) => x * 1.4), new Float32Array(N)], AVX512_MACHINE)[1]!);
    expect(ran).toEqual(bits(interpreted(kernel, [X.map((x) => x * 1.4), new Float32Array(N)])[1] as Float32Array));
    expect(ran).toContain(1);
  });

  test("values that need each other stay in order", () => {
    const f = (x: Expr): Expr => k.fma(x, k.fma(x, k.fma(x, k.fma(x, k.add(x, k.float(1)), x), x), x), x);
    const body = (i: Expr) => {
      const a = k.bind(f(k.load(0, "f32", i, { lanes: 16 })));
      const b = k.bind(f(k.add(a.variable, k.load(0, "f32", i, { lanes: 16 }))));
      return [a.statement, b.statement, k.store(1, i, b.variable)];
    };
    const kernel: Kernel = { ...elementwise(f, 1), body: [k.forLoop(N, body, { step: 16 })] };
    const data = [X.map((_, i) => Math.sin(i)), new Float32Array(N)];
    const [, ran] = executed(kernel, data, AVX512_MACHINE);
    const [, wanted] = interpreted(kernel, data);
    for (const [i, y] of ran!.entries()) expect(Math.abs(y - wanted![i]!)).toBeLessThanOrEqual(1e-5 * (1 + Math.abs(y)));
  });
});
