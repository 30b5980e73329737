/** @file Gradients through max pooling, which are 0 but at the maxima: the same as written out in loops, ties and all, on integers, where sums are exact. */
import fc from "fast-check";
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { maxPool2d } from "../../src/math/pool.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { optimize } from "../../src/runtime/passes.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import { sized } from "../size.ts";

let state = 3;
/** Small integers, so that maxima tie often. */
const draw = (shape: readonly number[]): Tensor => {
  const next = (): number => {
    state = (state * 48271) % 2147483647;
    return (state % 5) - 2;
  };
  return tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next), { shape });
};

interface Case {
  readonly n: number;
  readonly c: number;
  readonly o: number;
  readonly size: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly pool: readonly [number, number];
  readonly slope: number;
}

const at = (shape: readonly number[], ...index: number[]): number => index.reduce((sum, i, axis) => sum * shape[axis]! + i, 0);

/** dx, dw and db of Σ ct · maxPool(activation(conv(x, w) + b)), one cell after another. */
function inLoops({ n, c, o, size, kernel, stride, pool, slope }: Case, [x, w, b, ct]: readonly Float32Array[]): number[][] {
  const out = size.map((d, i) => Math.floor((d - kernel[i]!) / stride) + 1) as [number, number];
  const cells = out.map((d, i) => Math.floor(d / pool[i]!)) as [number, number];
  const [xs, ws] = [
    [n, c, ...size],
    [o, c, ...kernel],
  ];
  const [dx, dw, db] = [new Float64Array(x!.length), new Float64Array(w!.length), new Float64Array(o)];
  const eachTap = (i: number, q: number, h: number, v: number, f: (xAt: number, wAt: number) => void): void => {
    for (let k = 0; k < c; k++)
      for (let r = 0; r < kernel[0]; r++)
        for (let s = 0; s < kernel[1]; s++) f(at(xs, i, k, h * stride + r, v * stride + s), at(ws, q, k, r, s));
  };
  for (let i = 0; i < n; i++)
    for (let q = 0; q < o; q++)
      for (let p = 0; p < cells[0]; p++)
        for (let u = 0; u < cells[1]; u++) {
          let best = { value: Number.NEGATIVE_INFINITY, z: 0, h: 0, v: 0 };
          for (let r = 0; r < pool[0]; r++)
            for (let s = 0; s < pool[1]; s++) {
              const [h, v] = [p * pool[0] + r, u * pool[1] + s];
              let z = b![q]!;
              eachTap(i, q, h, v, (xAt, wAt) => {
                z += x![xAt]! * w![wAt]!;
              });
              const value = z > 0 ? z : slope * z;
              if (value > best.value) best = { value, z, h, v };
            }
          const g = ct![at([n, o, ...cells], i, q, p, u)]! * (best.z > 0 ? 1 : slope);
          db[q]! += g;
          eachTap(i, q, best.h, best.v, (xAt, wAt) => {
            dx[xAt]! += g * w![wAt]!;
            dw[wAt]! += g * x![xAt]!;
          });
        }
  return [dx, dw, db].map((d) => [...d]);
}

const net = ({ pool, stride, slope, o }: Case, x: Tensor, w: Tensor, b: Tensor): Tensor => {
  const z = x.conv(w, { stride }).add(b.reshape([o, 1, 1]));
  return maxPool2d(slope === 0 ? z.relu() : z.gt(0).where(z, z.mul(slope)), pool);
};

const cases: fc.Arbitrary<Case> = fc.record({
  n: fc.constantFrom(1, 3, 4, 8),
  c: fc.constantFrom(1, 2, 3, 4, 8),
  o: fc.constantFrom(2, 9, 16),
  size: fc.tuple(fc.integer({ min: 8, max: 14 }), fc.integer({ min: 8, max: 14 })),
  kernel: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 2, max: 5 })),
  stride: fc.constantFrom(1, 1, 2),
  pool: fc.constantFrom([2, 2], [2, 2], [2, 2], [2, 1], [3, 2], [2, 3]) as fc.Arbitrary<[number, number]>,
  slope: fc.constantFrom(0, 0, 0, 2),
});

test("gradients are those of the loops, to the last bit", () => {
  let used = 0;
  fc.assert(
    fc.property(cases, (one) => {
      const { n, c, o, size, kernel, stride, pool } = one;
      const out = size.map((d, i) => Math.floor((d - kernel[i]!) / stride) + 1);
      const [x, w, b] = [draw([n, c, ...size]), draw([o, c, ...kernel]), draw([o])];
      const ct = draw([n, o, ...out.map((d, i) => Math.floor(d / pool[i]!))]);
      const loss = (x: Tensor, w: Tensor, b: Tensor): Tensor => net(one, x, w, b).mul(ct).sum();
      const all = (x: Tensor, w: Tensor, b: Tensor): Tensor[] => [0, 1, 2].map((argument) => grad(loss, { argument })(x, w, b));
      const got = compile(all)(x, w, b);
      const want = inLoops(
        one,
        [x, w, b, ct].map((t) => t.dataSync() as Float32Array),
      );
      got.forEach((t, i) => {
        expect(
          [...t.dataSync()].map((v) => Number(v) + 0),
          ["dx", "dw", "db"][i],
        ).toEqual(want[i]!.map((v) => v + 0));
      });
      if (tapeOfRegion(optimize(recordFunction(all, [x, w, b]).region)).some((i) => i.op.name === "convWeightAt")) used++;
    }),
    { numRuns: sized(15, 150), seed: 4 },
  );
  expect(used).toBeGreaterThan(1);
});

test("large images, other dtypes and cells that overlap keep the dense gradient", () => {
  const uses = (size: number, dtype: "f32" | "f64", pool: number, stride: number): boolean => {
    const f = (x: Tensor, w: Tensor): Tensor => grad((w: Tensor) => maxPool2d(x.conv(w).relu(), pool, { stride }).square().sum())(w);
    const region = optimize(recordFunction(f, [zeros([4, 6, size, size], dtype), zeros([8, 6, 3, 3], dtype)]).region);
    return tapeOfRegion(region).some((i) => i.op.name === "convWeightAt");
  };
  expect(uses(14, "f32", 2, 2)).toBe(true);
  expect(uses(40, "f32", 2, 2)).toBe(false);
  expect(uses(14, "f64", 2, 2)).toBe(false);
  expect(uses(14, "f32", 3, 2)).toBe(false);
});
