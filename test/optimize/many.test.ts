/** @file Thousands of operands, terms, arguments, results and cells: no kernel, no module and no walk has a limit below them. `test/nightly` has more of each. */
import { expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { Module } from "../../src/nn/module.ts";
import { concatenate, fromArray, ones, stack, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { clipByGlobalNorm } from "../../src/optim/clipping.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";
import { sized } from "../size.ts";

const N = 1200;
const pair = (i: number): Tensor => fromArray(Float32Array.of(i, i + 1), { shape: [2], dtype: "f32" });
const pairs = (n = N): Tensor[] => Array.from({ length: n }, (_, i) => pair(i));
const sum = (x: Tensor): number => [...x.dataSync()].reduce((a, b) => a + Number(b), 0);

test("concatenate and stack along any axis", () => {
  const first = concatenate(pairs()).dataSync();
  expect(first.length).toBe(2 * N);
  for (let i = 0; i < N; i++) expect([first[2 * i], first[2 * i + 1]]).toEqual([i, i + 1]);
  const last = stack(pairs(), 1).dataSync();
  for (let i = 0; i < N; i++) expect([last[i], last[N + i]]).toEqual([i, i + 1]);
});

test("the gradient through a stack reaches every operand", () => {
  const grads = grad((xs: Tensor[]) => stack(xs).square().sum())(pairs());
  expect(sum(grads[N - 1]!)).toBe(2 * (N - 1) + 2 * N);
});

test("clipByGlobalNorm", () => {
  // Of each gradient the norm takes a dozen instructions.
  const n = sized(400, N);
  const { grads, total } = clipByGlobalNorm(pairs(n), 1);
  const norm = Math.hypot(...Array.from({ length: n }, (_, i) => Math.hypot(i, i + 1)));
  expect(total.itemSync()).toBeCloseTo(norm, -2);
  expect(sum(grads[n - 1]!)).toBeCloseTo((2 * n - 1) / norm, 4);
});

test("sums, greatest elements and choices of as many terms", () => {
  expect(sum(pairs().reduce((a, b) => a.add(b)))).toBe(N * N);
  expect(sum(pairs().reduce((a, b) => a.maximum(b)))).toBe(2 * N - 1);
  expect(sum(pairs().reduce((a, b) => a.gt(b).where(a, b)))).toBe(2 * N - 1);
});

test("arguments, results and cells of one program", () => {
  const results = compile((xs: Tensor[]) => xs.map((x) => x.mul(2)))(pairs());
  expect(sum(results[N - 1]!)).toBe(2 * (2 * N - 1));
  const cells = pairs().map((x, i) => new Cell(x, `c${i}`));
  const step = compile(() => {
    for (const c of cells) c.set(c.value.add(1));
  });
  step();
  expect(sum(cells[N - 1]!.value)).toBe(2 * N + 1);
});

test("a long list forward and backward", () => {
  const long = (x: Tensor): Tensor => Array.from({ length: N }, (_, i) => i).reduce((y) => y.mul(0.999).add(0.001), x);
  expect(sum(long(ones([2])))).toBeCloseTo(2, 4);
  expect(sum(grad((x: Tensor) => long(x).sum())(ones([2])))).toBeCloseTo(2 * 0.999 ** N, 4);
});

test("a long chain of movement is cut", () => {
  const turned = (x: Tensor): Tensor => x.transpose([1, 0]).flip(0);
  const chain = compile((x: Tensor) => Array.from({ length: N }, (_, i) => i).reduce(turned, x));
  const x = tensor([
    [1, 2],
    [3, 4],
  ]);
  // A quarter of a turn each: after a multiple of four, everything is where it was.
  expect([...chain(x).dataSync()]).toEqual([1, 2, 3, 4]);
});

test("fields of a module that are linked in a long chain are looked at", () => {
  class Linked extends Module {
    next: unknown;
    forward(x: Tensor): Tensor {
      return x.mul(2);
    }
  }
  const model = new Linked();
  for (let i = 0; i < 5 * N; i++) model.next = { next: model.next };
  const f = compile((x: Tensor) => model.forward(x));
  expect(sum(f(ones([2])))).toBe(4);
  model.next = undefined;
  f(ones([2]));
  expect(f.recompilations).toBe(2);
});
