/** @file Memory budgets act inside loops: what a scan stacks for its backward pass is made again stretch by stretch, with the same values. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { cond, scan } from "../../src/function/control.ts";
import { grad } from "../../src/function/derivative.ts";
import { whileLoop } from "../../src/function/while.ts";
import { fromArray, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const random = (shape: readonly number[], seed = 1): Tensor =>
  fromArray(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => 0.3 * Math.sin(12.9898 * (i + 1) * seed)),
    { shape, dtype: "f32" },
  );
const D = 8;
const w = random([D, D], 3);
const x = random([60, 4, D], 5);

/** A step that keeps several inner values. */
const step = (h: Tensor, v: Tensor, s: Tensor): Tensor => h.matmul(v).add(s).tanh().exp().sin().matmul(v).tanh();

/** Gradients in a weight, by loops of different kinds. */
const LOOPS: Record<string, (v: Tensor) => Tensor> = {
  "a loop": grad((v: Tensor) => scan((h: Tensor, s: Tensor) => [step(h, v, s), null], zeros([4, D]), x)[0].sum()),
  "a loop in reverse that stacks results": grad((v: Tensor) => {
    const [h, ys] = scan((c: Tensor, s: Tensor) => [step(c, v, s), c.mul(s)], zeros([4, D]), x, { reverse: true });
    return h.sum().add(ys.square().sum());
  }),
  "a loop in a loop": grad((v: Tensor) =>
    scan(
      (c: Tensor, part: Tensor) => [scan((h: Tensor, s: Tensor) => [step(h, v, s), null], c, part)[0], null],
      zeros([4, D]),
      x.reshape([6, 10, 4, D]),
    )[0].sum(),
  ),
  "a loop in a branch": (v) =>
    cond(
      v.sum().gt(-100),
      (u: Tensor) => grad((t: Tensor) => scan((h: Tensor, s: Tensor) => [step(h, t, s), null], zeros([4, D]), x)[0].sum())(u),
      (u: Tensor) => u,
      v,
    ),
  "a loop in steps of an outer one without end": (v) => {
    const loss = (t: Tensor): Tensor => scan((h: Tensor, s: Tensor) => [step(h, t, s), null], zeros([4, D]), x)[0].sum();
    const [, end] = whileLoop(
      ([i]: [Tensor, Tensor]) => i.lt(2),
      ([i, u]: [Tensor, Tensor]): [Tensor, Tensor] => [i.add(1), u.sub(grad(loss)(u).mul(0.01))],
      [fromArray(Int32Array.of(0), { shape: [], dtype: "i32" }), v],
    );
    return end;
  },
};

describe.each(Object.entries(LOOPS))("%s", (_, fn) => {
  test("fits into less, the tighter the more work, and comes to the same values", () => {
    const free = compile(fn);
    const want = [...free(w).dataSync()];
    let work = free.footprint.work;
    for (const part of [0.8, 0.55]) {
      const memory = Math.floor(part * (free.footprint.scratch - x.size * 4) + x.size * 4);
      const tight = compile(fn, { memory });
      const got = [...tight(w).dataSync()];
      for (const [i, v] of got.entries()) expect(v).toBeCloseTo(want[i]!, 4);
      expect(tight.footprint.scratch).toBeLessThanOrEqual(memory);
      expect(tight.footprint.work).toBeGreaterThanOrEqual(work);
      work = tight.footprint.work;
    }
    expect(work).toBeGreaterThan(free.footprint.work);
    expect(work).toBeLessThan(2 * free.footprint.work);
  });
});

test('"sqrt" keeps about the root of the steps', () => {
  const fn = LOOPS["a loop"]!;
  const [free, root] = [compile(fn), compile(fn, { memory: "sqrt" })];
  const want = [...free(w).dataSync()];
  for (const [i, v] of [...root(w).dataSync()].entries()) expect(v).toBeCloseTo(want[i]!, 4);
  expect(root.footprint.scratch).toBeLessThan(0.5 * free.footprint.scratch);
});
