/** @file Twenty thousand of everything in one list, where the fast suite has 1,200: `npm run test:nightly`. */
import { expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { concatenate, fromArray, ones, stack } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const N = 20_000;
const pairs = (): Tensor[] => Array.from({ length: N }, (_, i) => fromArray(Float32Array.of(i, 1), { shape: [2], dtype: "f32" }));
const long = (x: Tensor): Tensor => Array.from({ length: N }, (_, i) => i).reduce((y) => y.sin(), x);

test("operands of one concatenation", () => {
  expect(concatenate(pairs()).dataSync()[2 * (N - 1)]).toBe(N - 1);
  expect(stack(pairs(), 1).dataSync()[N - 1]).toBe(N - 1);
});

test("terms of a sum, and arguments of one program", () => {
  const add = compile((xs: Tensor[]) => xs.reduce((a, b) => a.add(b)));
  expect(add(pairs()).dataSync()[1]).toBe(N);
});

test("instructions of a chain: run, differentiated, batched", () => {
  const x = ones([4]);
  expect(compile(long)(x).dataSync()[0]).toBeGreaterThan(0);
  expect(grad((v: Tensor) => long(v).sum())(x).dataSync()[0]).toBeGreaterThan(0);
  expect(vmap(long)(ones([3, 2])).shape).toEqual([3, 2]);
});
