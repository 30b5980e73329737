/** @file Random kernels as machine code: the same bits as the interpreter gives. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AVX512_MACHINE } from "../../../src/codegen/x64/target.ts";
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

  it("do something", () => {
    const kernel = randomKernel(7, { lanes: 16, host: false });
    const data = randomData(kernel, 7);
    expect(difference(executed(kernel, data, AVX512_MACHINE), data)).toBeDefined();
  });
});
