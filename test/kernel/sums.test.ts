/** @file Long sums in blocks: what the pass makes of a loop, and how exact sums of many f32 are. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import * as k from "../../src/kernel/build.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { printKernel } from "../../src/kernel/print.ts";
import { blockSums } from "../../src/kernel/sums.ts";
import { verifyKernel } from "../../src/kernel/verify.ts";
import { tensor } from "../../src/ops/create.ts";
import { interpreted } from "../codegen/run.ts";

/** y[0] = Σ x[i], one after another. */
function sumKernel(n: number): Kernel {
  const sum = k.bind(k.float(0));
  const loop = k.forLoop(n, (i) => [k.set(sum.variable, k.add(sum.variable, k.load(0, "f32", i)))]);
  return {
    name: "sum",
    buffers: [
      { dtype: "f32", length: n, written: false },
      { dtype: "f32", length: 1, written: true },
    ],
    body: [sum.statement, loop, k.store(1, k.int(0), sum.variable)],
  };
}

describe("long sums", () => {
  test("short loops stay as they are, long ones become loops over blocks and a rest", () => {
    const short = sumKernel(100);
    expect(blockSums(short.body)).toEqual(short.body);
    const long = sumKernel(263);
    const blocked = { ...long, body: blockSums(long.body) };
    verifyKernel(blocked);
    expect(printKernel(blocked)).toMatchInlineSnapshot(`
      "kernel sum(b0: f32[263], b1: mut f32[1])
      let t0 = 0
      let t1 = 0
      for i < 256 step 128 {
        for j < 128 {
          t0 = t0 + b0[i + j]
        }
        t1 = t1 + t0
        t0 = 0
      }
      for i = 256 < 263 {
        t0 = t0 + b0[i]
      }
      t1 = t1 + t0
      t0 = 0
      t0 = t1 + t0
      b1[0] = t0"
    `);
  });

  test.each([129, 256, 5000, 99991])("the blocks of %i numbers add up to what the plain loop adds up", (n) => {
    const plain = sumKernel(n);
    const x = Float32Array.from({ length: n }, (_, i) => (i % 7) - 2);
    const blocked = { ...plain, body: blockSums(plain.body) };
    const run = (kernel: Kernel): number => interpreted(kernel, [x, new Float32Array(1)])[1]![0]!;
    expect(run(blocked)).toBe(run(plain));
  });

  test.each([
    [[1_000_003], [0]],
    [[100_000, 8], [0]],
    [[8, 70_001], [1]],
    [
      [64, 5, 40, 41],
      [0, 2, 3],
    ],
  ])("the mean of %j over %j keeps its digits", (shape, axes) => {
    const n = shape.reduce((a, b) => a * b, 1);
    const x = Float32Array.from({ length: n }, (_, i) => ((i * 48271) % 2147483647) / 2147483647);
    const got = tensor(x, { shape }).mean(axes).dataSync();
    const want = tensor(Float64Array.from(x), { shape }).mean(axes).dataSync();
    got.forEach((g, i) => {
      expect(Math.abs(g / want[i]! - 1)).toBeLessThan(5e-7);
    });
  });
});
