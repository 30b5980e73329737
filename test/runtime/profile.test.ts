/** @file The profile of a step: its kernels, what they compute and touch, and the least time the machine would need. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { scan } from "../../src/function/control.ts";
import { conv2d } from "../../src/math/conv.ts";
import { keyOf, uniform } from "../../src/math/random.ts";
import { zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { formatProfile, profile } from "../../src/runtime/profile.ts";

test("counts the operations and bytes of every kernel, and knows a least time", () => {
  const [a, b] = [uniform(keyOf(1), [64, 48]), uniform(keyOf(2), [48, 80])];
  const step = compile((x, y) => x.matmul(y).tanh().sum(0));
  step(a, b);
  const rows = profile(() => step(a, b));
  const product = rows.find((row) => row.name.startsWith("dot"))!;
  expect(product.bytes).toBe(4 * (64 * 48 + 48 * 80 + 64 * 80));
  expect(product.flops).toBe(2 * 64 * 48 * 80);
  for (const { ms, leastMs, calls } of rows) {
    expect(calls).toBe(1);
    expect(ms).toBeGreaterThan(0);
    expect(leastMs).toBeGreaterThan(0);
  }
  const [head, ...lines] = formatProfile(rows).split("\n");
  expect(head).toMatch(
    /ms {6}share {6}calls {4}GFLOP\/s {7}GB\/s {4}of peak {2}kernel \(\d+\.\d{3} ms in all, \d+\.\d{3} at the machine's peak\)/,
  );
  expect(lines.length).toBe(rows.length);
});

test("a kernel in a loop has the calls of its iterations", () => {
  const x = uniform(keyOf(3), [7, 32]);
  const step = compile((xs) => scan((h: Tensor, slice: Tensor) => [h.add(slice).tanh(), h], zeros([32]), xs)[0]);
  step(x);
  expect(Math.max(...profile(() => step(x)).map((row) => row.calls))).toBe(7);
});

test("taps that lie on padding and are left out do not count", () => {
  const [x, w] = [uniform(keyOf(4), [8, 16, 4, 4]), uniform(keyOf(5), [16, 16, 3, 3])];
  const step = compile((a, b) => conv2d(a, b, { padding: 1 }));
  step(x, w);
  const row = profile(() => step(x, w)).find(({ name }) => name.startsWith("conv"))!;
  // Along each axis 4 · 3 taps, but for the first of the first row and the last of the last.
  expect(row.text).toContain("within");
  expect(row.flops).toBe(2 * 8 * 16 * 16 * 10 * 10);
});

test("a program that runs many times is profiled once, with the calls of all its runs", () => {
  const x = uniform(keyOf(6), [4, 4]);
  const step = compile((a) => a.matmul(a).sum());
  step(x);
  const once = profile(() => step(x));
  const often = profile(() => {
    for (let i = 0; i < 50; i++) step(x);
  });
  expect(often.map(({ name }) => name)).toEqual(once.map(({ name }) => name));
  expect(often.map(({ calls }) => calls)).toEqual(once.map(({ calls }) => 50 * calls));
});
