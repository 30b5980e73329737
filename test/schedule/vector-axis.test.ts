/**
 * @file The axis of a vector where results need different ranges of terms: bounds of loops are scalars, so the vector goes along another axis. Vectors whose results are not contiguous once
 * went along the rows of images (the gradient of an image of 8 or 16 pixels): their kernels had loops within vectors, for which x64 wrote code that counted wrongly.
 */
import { describe, expect, test } from "vitest";
import { AVX2, AVX512 } from "../../src/codegen/x64/target.ts";
import { grad } from "../../src/function/derivative.ts";
import { type Target, WASM, withLanes } from "../../src/kernel/target.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import type { Axis } from "../../src/schedule/access.ts";
import type { Nest } from "../../src/schedule/tiling.ts";
import { vectorAxis } from "../../src/schedule/vector-axis.ts";
import { runOn, unprovedAccesses } from "./widths.ts";

const axis = (kind: Axis["kind"], extent: number): Axis => ({ kind, extent, parts: [extent], cuts: [] });

/** A sum over 3 taps of an image of 16 x 16 positions, whose columns are contiguous. */
function nestOf(target: Target, partial: Nest["access"]["partial"]): Nest {
  const loads = [[16], [1], [16]];
  const access = { axes: [axis("out", 16), axis("out", 16), axis("sum", 3)], loads, terms: loads, stores: [16, 1, 0], partial };
  return { access, target, reduces: true, mayKeepSum: true, lanes: target.lanes.f32, rowByRow: false, results: 256 };
}

describe.each([AVX512, AVX2, withLanes(WASM, 4, "overlap")])("$name", (target) => {
  const range = Array.from({ length: 16 }, () => 0);

  test("the vector goes along no axis whose results need different ranges of terms", () => {
    expect(vectorAxis(nestOf(target, []))).toBe(1);
    expect(vectorAxis(nestOf(target, [{ sum: 2, out: 1, low: range, high: range }]))).toBe(-1);
    expect(vectorAxis(nestOf(target, [{ sum: 2, out: 0, low: range, high: range }]))).toBe(1);
  });

  test("gradients of two convolutions on images whose rows are whole vectors, with channels in lanes", () => {
    const [n, c, side] = [1, 16, Math.max(8, target.lanes.f32)];
    const args = [normal(keyOf(1), [n, c, side, side]), normal(keyOf(2), [c, c, 3, 3]), normal(keyOf(3), [c, c, 3, 3])];
    const loss = (x: Tensor, [first, second]: readonly Tensor[]): Tensor => {
      const hidden = x.conv(first!, { padding: 1 }).relu();
      const y = hidden.conv(second!, { padding: 1 });
      return y.square().sum();
    };
    const gradients = ([x, ...w]: readonly Tensor[]): readonly Tensor[] => grad((given: Tensor[]) => loss(x!, given))(w) as Tensor[];
    // It verifies the kernels, and a loop within vectors is an error.
    const { results, kernels } = runOn(target, gradients, args);
    expect(unprovedAccesses(kernels)).toEqual([]);
    for (const [k, wanted] of gradients(args).entries()) {
      const [got, want] = [results[k]!, wanted.dataSync()];
      const most = Math.max(...Array.from(want, Math.abs));
      const off = Math.max(...Array.from(got, (v, i) => Math.abs(v - want[i]!)));
      expect(off / most).toBeLessThan(1e-5);
    }
  });
});
