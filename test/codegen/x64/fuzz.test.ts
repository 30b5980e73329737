/** @file Random kernels as machine code: the same bits as the interpreter gives. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AVX512_MACHINE } from "../../../src/codegen/x64/target.ts";
import * as k from "../../../src/kernel/build.ts";
import type { Expr, Kernel } from "../../../src/kernel/kernel.ts";
import { printKernel } from "../../../src/kernel/print.ts";
import { verifyKernel } from "../../../src/kernel/verify.ts";
import { sized } from "../../size.ts";
import { randomData, randomKernel } from "../random-kernel.ts";
import { interpreted } from "../run.ts";
import { executed, obstacle } from "./run.ts";

/** Where two results differ; NaNs are equal, zeros of different sign are not. */
function difference(a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): string | undefined {
  for (let n = 0; n < a.length; n++) {
    for (let i = 0; i < a[n]!.length; i++) if (!Object.is(a[n]![i], b[n]![i])) return `b${n}[${i}]: ${a[n]![i]} and ${b[n]![i]}`;
  }
  return undefined;
}

/** Sums that an inner loop adds up and an outer one sets to 0, more of them than vector registers. */
function manySums(count: number): Kernel {
  const sums = Array.from({ length: count }, () => k.bind(k.splat(k.float(0), 16)));
  const at = (i: Expr, n: number): Expr => k.load(0, "f32", k.add(i, k.int(n)), { lanes: 16 });
  const outer = k.forLoop(3, (i) => [
    ...sums.map(({ variable }) => k.set(variable, k.splat(k.float(0), 16))),
    // In the innermost loop the sums count for more than the 0 that they begin with, which then has no register either.
    k.forLoop(5, (j) => [
      k.forLoop(2, (l) => sums.map(({ variable }, n) => k.set(variable, k.add(variable, k.mul(at(i, n), at(k.add(j, l), 2 * n)))))),
    ]),
  ]);
  const stores = sums.map(({ variable }, n) => k.store(1, k.int(16 * n), variable));
  const buffers = [
    { dtype: "f32", length: 2 * count + 32, written: false },
    { dtype: "f32", length: 16 * count, written: true },
  ] as const;
  return { name: "manySums", buffers, body: [...sums.map((s) => s.statement), outer, ...stores] };
}

describe.skipIf(obstacle !== undefined)(`random kernels in machine code (${obstacle ?? "AVX-512"})`, () => {
  it.each([
    [16, false],
    [8, true],
    [8, false],
    [4, true],
  ])("of %i lanes, with vectors of f64: %s, give the same bits as interpreted", (lanes, doubles) => {
    const property = fc.property(fc.integer(), (seed) => {
      const kernel = randomKernel(seed, { lanes, doubles, host: false });
      verifyKernel(kernel);
      const data = randomData(kernel, seed);
      const found = difference(executed(kernel, data, AVX512_MACHINE), interpreted(kernel, data));
      if (found) throw new Error(`seed ${seed}: ${found}\n${printKernel(kernel)}`);
    });
    fc.assert(property, { numRuns: sized(12, 500), endOnFailure: true });
  });

  it("keep more sums than there are registers, and begin them anew", () => {
    const kernel = manySums(48);
    verifyKernel(kernel);
    const data = randomData(kernel, 3);
    expect(difference(executed(kernel, data, AVX512_MACHINE), interpreted(kernel, data))).toBeUndefined();
  });

  it("do something", () => {
    const kernel = randomKernel(7, { lanes: 16, host: false });
    const data = randomData(kernel, 7);
    expect(difference(executed(kernel, data, AVX512_MACHINE), data)).toBeDefined();
  });
});
