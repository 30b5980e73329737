/**
 * @file Property tests: the generated code and the interpreter agree on random kernels, and code motion keeps their meaning.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hoist, share } from "../../src/kernel/motion.ts";
import { printKernel } from "../../src/kernel/print.ts";
import { verifyKernel } from "../../src/kernel/verify.ts";
import { sized } from "../size.ts";
import { randomData, randomKernel } from "./random-kernel.ts";
import { compiled, interpreted } from "./run.ts";

/** Where two results differ; NaNs are equal, zeros of different sign are not. */
function difference(a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): string | undefined {
  for (let n = 0; n < a.length; n++) {
    for (let i = 0; i < a[n]!.length; i++) if (!Object.is(a[n]![i], b[n]![i])) return `b${n}[${i}]: ${a[n]![i]} and ${b[n]![i]}`;
  }
  return undefined;
}

const seeds = fc.integer();

describe("random kernels", () => {
  it("give the same bits compiled as interpreted", () => {
    const property = fc.property(seeds, (seed) => {
      const kernel = randomKernel(seed);
      const data = randomData(kernel, seed);
      const found = difference(compiled(kernel, data), interpreted(kernel, data));
      if (found) throw new Error(`seed ${seed}: ${found}\n${printKernel(kernel)}`);
    });
    fc.assert(property, { numRuns: sized(50, 2000), endOnFailure: true });
  });

  it("keep their meaning under hoist and share", () => {
    const property = fc.property(seeds, (seed) => {
      const kernel = randomKernel(seed);
      const data = randomData(kernel, seed);
      const moved = { ...kernel, body: share(hoist(kernel.body)) };
      verifyKernel(moved);
      const found = difference(interpreted(moved, data), interpreted(kernel, data));
      if (found) throw new Error(`seed ${seed}: ${found}\n${printKernel(kernel)}\n${printKernel(moved)}`);
    });
    fc.assert(property, { numRuns: sized(50, 2000), endOnFailure: true });
  });

  it("verify, and do something", () => {
    const kernel = randomKernel(7);
    expect(() => verifyKernel(kernel)).not.toThrow();
    expect(difference(interpreted(kernel, randomData(kernel, 7)), randomData(kernel, 7))).toBeDefined();
  });
});
