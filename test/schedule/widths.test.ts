/** @file Kernels for other machines than the one at hand mean the same: a few of each kind; all of them are in `test/slow/widths.test.ts`. */
import { describe, expect, test } from "vitest";
import { eachExpr, eachStmt, operandsOf } from "../../src/kernel/walk.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import { faultOfProgram, faultOfSample, runOn, SAMPLES, TARGETS, unprovedAccesses } from "./widths.ts";

describe.each(TARGETS)("$name", (target) => {
  test("samples of the registry in f32 give what they give in f64", () => {
    const some = SAMPLES.filter((_, i) => i % 29 === TARGETS.indexOf(target));
    expect(some.map((sample) => faultOfSample(sample, target)).filter(Boolean)).toEqual([]);
  });

  test("a random program gives what each step gives alone", () => {
    expect(faultOfProgram(TARGETS.indexOf(target), target)).toBeUndefined();
  });

  test("a packed product loads vectors, and every access is proved to be inside", () => {
    const [x, y] = [normal(keyOf(1), [64, 512]), normal(keyOf(2), [512, 64])];
    const { kernels } = runOn(target, ([a, b]) => [a!.matmul(b!)], [x, y]);
    let gathers = 0;
    for (const kernel of kernels.filter(({ name }) => name.includes("dot")))
      eachStmt(kernel.body, (s) => {
        eachExpr(operandsOf(s), (e) => {
          if (e.op === "load" && e.args[0]!.lanes > 1) gathers++;
        });
      });
    expect(kernels.length).toBeGreaterThan(1);
    expect(gathers).toBe(0);
    expect(unprovedAccesses(kernels)).toEqual([]);
  });
});
