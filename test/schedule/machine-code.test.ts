/** @file What machine code's targets ask for beyond those of WebAssembly: rows packed in blocks, operands transposed, sums cut within an image, channels in lanes. */
import { describe, expect, test } from "vitest";
import { AVX2, AVX512 } from "../../src/codegen/x64/target.ts";
import { vjp } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { type Target, WASM } from "../../src/kernel/target.ts";
import { eachExpr, eachStmt, operandsOf } from "../../src/kernel/walk.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { optimize } from "../../src/runtime/passes.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import { runOn } from "./widths.ts";

type Fn = (...x: Tensor[]) => Tensor[];

const drawn = (...shapes: readonly (readonly number[])[]): Tensor[] => shapes.map((shape, i) => normal(keyOf(i + 1), shape));

/** The kernels of a function, whose results are those in f64. */
function kernelsOf(target: Target, fn: Fn, args: readonly Tensor[]): readonly Kernel[] {
  const { results, kernels } = runOn(target, (x) => fn(...x), args);
  const wanted = fn(...args.map((x) => x.cast("f64"))).map((y) => y.dataSync());
  for (const [n, want] of wanted.entries()) {
    const size = Math.max(...Array.from(want, (y) => Math.abs(Number(y))));
    const error = Math.max(...Array.from(want, (y, i) => Math.abs(Number(y) - Number(results[n]![i]))));
    expect(error).toBeLessThan(2e-6 * size);
  }
  return kernels;
}

const optimized = (target: Target, fn: Fn, args: readonly Tensor[]) =>
  tapeOfRegion(optimize(recordFunction((x: readonly Tensor[]) => fn(...x), [args]).region, { target }));

/** How many expressions of an operation a kernel has. */
function count(kernel: Kernel, op: string): number {
  let found = 0;
  eachStmt(kernel.body, (s) =>
    eachExpr(operandsOf(s), (x) => {
      if (x.op === op) found++;
    }),
  );
  return found;
}

/** How many loops over parts of a sum a kernel has. */
function parts(kernel: Kernel): number {
  let found = 0;
  eachStmt(kernel.body, (s) => {
    if (s.kind === "for" && s.parallel === "inside") found++;
  });
  return found;
}

describe.each([AVX512, AVX2])("$name", (target) => {
  test("rows that are a power of two apart are packed in blocks that stay in the second cache", () => {
    const size = target.caches.panel / 1024;
    const args = drawn([2 * size, 1024], [1024, 64]);
    const product: Fn = (x, y) => [x!.matmul(y!)];
    const copies = (on: Target): string[] =>
      optimized(on, product, args)
        .filter((i) => i.op.name === "copy")
        .map((i) => i.results[0]!.shape.join());
    expect(copies(target)).toContain([2, 64, size, 16].join());
    expect(copies(WASM)).not.toContain([2, 64, size, 16].join());
    kernelsOf(target, product, args);
  });

  test("an operand whose vectors would go along the sum is transposed if it is read often, so that no lanes are added up", () => {
    const product: Fn = (x, w) => [x!.dot(w!, "ik,jk->ij")];
    const folds = (rows: number): number =>
      kernelsOf(target, product, drawn([rows, 64], [64, 64])).reduce((n, kernel) => n + count(kernel, "fold"), 0);
    expect(folds(64)).toBe(0);
    expect(folds(32)).toBeGreaterThan(0);
  });

  test("a transposition holds a square of vectors at a time", () => {
    const [kernel] = kernelsOf(target, (x) => [x!.transpose().neg()], drawn([80, 96]));
    const stores = (found = 0): number => {
      eachStmt(kernel!.body, (s) => {
        if (s.kind === "store") found++;
      });
      return found;
    };
    expect(stores()).toBe(target.lanes.f32);
  });

  test("a sum of few terms goes through its results in the order of memory, one of many does not", () => {
    const steps = (terms: number): number[] => {
      const [kernel] = kernelsOf(target, (x, y) => [x!.dot(y!, "ki,kj->ij")], drawn([terms, 40], [terms, 320]));
      const found: number[] = [];
      eachStmt(kernel!.body, (s) => {
        if (s.kind === "for" && s.parallel) found.push(s.to);
      });
      return found;
    };
    expect(steps(2)[0]).toBeLessThanOrEqual(40);
    expect(steps(target.tiling.fewTerms + 8)[0]).toBeGreaterThan(40);
  });

  test("the gradient of a weight is summed in parts of an image", () => {
    const gradient: Fn = (x, w, g) => [vjp((v: Tensor) => x!.conv(v))(w!).pullback(g!)[0]!];
    const args = drawn([2, 16, 30, 30], [16, 16, 3, 3], [2, 16, 28, 28]);
    const kernels = kernelsOf(target, gradient, args);
    expect(kernels.some((kernel) => kernel.name.includes("convWeight") && parts(kernel) === 2)).toBe(true);
  });

  test("channels are in lanes where those of all convolutions fill vectors, else images", () => {
    const network: Fn = (x, v, w) => [x!.conv(v!).relu().conv(w!)];
    const lanes = (channels: number): (number | undefined)[] => {
      const args = drawn([16, 3, 8, 8], [16, 3, 3, 3], [channels, 16, 3, 3]);
      kernelsOf(target, network, args);
      return optimized(target, network, args)
        .filter((i) => i.op.name === "conv")
        .map((i) => i.lanes);
    };
    expect(lanes(32)).toEqual([1, 1]);
    expect(lanes(10)).toEqual([0, 0]);
  });
});
