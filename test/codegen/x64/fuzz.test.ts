/** @file Random kernels as machine code: the same bits as the interpreter gives. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TypedArray } from "../../../src/base/dtype.ts";
import type { Machine } from "../../../src/codegen/x64/extension.ts";
import { AVX2_MACHINE, AVX512_MACHINE } from "../../../src/codegen/x64/target.ts";
import * as k from "../../../src/kernel/build.ts";
import type { Expr, Kernel } from "../../../src/kernel/kernel.ts";
import { printKernel } from "../../../src/kernel/print.ts";
import { verifyKernel } from "../../../src/kernel/verify.ts";
import { sized } from "../../size.ts";
import { randomData, randomKernel } from "../random-kernel.ts";
import { interpreted } from "../run.ts";
import { executed, level, obstacle } from "./run.ts";

/** Where two results differ; NaNs are equal, zeros of different sign are not. */
function difference(a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): string | undefined {
  for (let n = 0; n < a.length; n++) {
    for (let i = 0; i < a[n]!.length; i++) if (!Object.is(a[n]![i], b[n]![i])) return `b${n}[${i}]: ${a[n]![i]} and ${b[n]![i]}`;
  }
  return undefined;
}

/** Sums that an inner loop adds up and an outer one sets to 0, more of them than vector registers. */
function manySums(count: number, lanes: number): Kernel {
  const sums = Array.from({ length: count }, () => k.bind(k.splat(k.float(0), lanes)));
  const at = (i: Expr, n: number): Expr => k.load(0, "f32", k.add(i, k.int(n)), { lanes });
  const outer = k.forLoop(3, (i) => [
    ...sums.map(({ variable }) => k.set(variable, k.splat(k.float(0), lanes))),
    // In the innermost loop the sums count for more than the 0 that they begin with, which then has no register either.
    k.forLoop(5, (j) => [
      k.forLoop(2, (l) => sums.map(({ variable }, n) => k.set(variable, k.add(variable, k.mul(at(i, n), at(k.add(j, l), 2 * n)))))),
    ]),
  ]);
  const stores = sums.map(({ variable }, n) => k.store(1, k.int(lanes * n), variable));
  const buffers = [
    { dtype: "f32", length: 2 * count + 32, written: false },
    { dtype: "f32", length: lanes * count, written: true },
  ] as const;
  return { name: "manySums", buffers, body: [...sums.map((s) => s.statement), outer, ...stores] };
}

/** Lanes of vectors, and whether there are vectors of f64. */
const VECTORS: Readonly<Record<string, readonly (readonly [number, boolean])[]>> = {
  avx512: [
    [16, false],
    [8, true],
    [8, false],
    [4, true],
  ],
  avx2: [
    [8, false],
    [4, true],
    [4, false],
  ],
};
const MACHINES: readonly (readonly [string, Machine])[] = [
  ["avx2", AVX2_MACHINE],
  ...(level === "avx512" ? ([["avx512", AVX512_MACHINE]] as const) : []),
];

describe.skipIf(obstacle !== undefined).each(MACHINES)(`random kernels in machine code of %s (${obstacle ?? level})`, (name, machine) => {
  it.each(VECTORS[name]!)("of %i lanes, with vectors of f64: %s, give the same bits as interpreted", (lanes, doubles) => {
    const property = fc.property(fc.integer(), (seed) => {
      const kernel = randomKernel(seed, { lanes, doubles, host: false });
      verifyKernel(kernel);
      const data = randomData(kernel, seed);
      const found = difference(executed(kernel, data, machine, seed % 2 === 0), interpreted(kernel, data));
      if (found) throw new Error(`seed ${seed}: ${found}\n${printKernel(kernel)}`);
    });
    fc.assert(property, { numRuns: sized(12, 500), endOnFailure: true });
  });

  it("keep more sums than there are registers, and begin them anew", () => {
    const kernel = manySums(48, machine.target.lanes.f32);
    verifyKernel(kernel);
    const data = randomData(kernel, 3);
    expect(difference(executed(kernel, data, machine), interpreted(kernel, data))).toBeUndefined();
  });

  it.each([
    ["loads", (i: Expr) => [k.store(1, i, k.load(0, "f32", k.load(2, "i32", i)))]],
    ["stores", (i: Expr) => [k.store(1, k.load(2, "i32", i), k.load(0, "f32", i))]],
    ["vectors", (i: Expr) => [k.store(1, k.load(2, "i32", i, { lanes: 4 }), k.load(0, "f32", i, { lanes: 4 }))]],
  ] as const)("say which access is outside of its buffer, and make none: %s", (what, body) => {
    const [length, step] = [16, what === "vectors" ? 4 : 1];
    const buffers = (["f32", "f32", "i32"] as const).map((dtype, n) => ({ dtype, length, written: n === 1 }));
    const kernel: Kernel = { name: "lookUp", buffers, body: [k.forLoop(length, (i) => body(i), { step })] };
    const run = (index: number): TypedArray[] => {
      const at = Int32Array.from({ length }, (_, i) => (i === 5 ? index : i));
      return executed(kernel, [new Float32Array(length).fill(7), new Float32Array(length), at], machine);
    };
    expect([...run(3)[1]!].filter((n) => n === 7).length).toBeGreaterThan(14);
    for (const index of [-1, 16, 2 ** 31 - 1, -(2 ** 31)])
      expect(() => run(index)).toThrow(
        `kernel lookUp ${what === "loads" ? "loads from" : "stores to"} an index outside buffer b${what === "loads" ? 0 : 1} of 16 elements`,
      );
  });

  it("do something", () => {
    const kernel = randomKernel(7, { lanes: machine.target.lanes.f32, host: false });
    const data = randomData(kernel, 7);
    expect(difference(executed(kernel, data, AVX512_MACHINE), data)).toBeDefined();
  });
});
