/** @file How compiled functions print: short, and not as the library's code. */
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

test("a compiled function is its name and the number of its programs", () => {
  const step = (x: Tensor): Tensor => x.mul(2);
  const compiled = compile(step);
  expect([inspect(compiled), String(compiled), `${inspect([compiled])}`]).toEqual([
    "[compiled step: 0 programs]",
    "[compiled step: 0 programs]",
    "[ [compiled step: 0 programs] ]",
  ]);
  compiled(tensor([1]));
  expect(String(compiled)).toBe("[compiled step: 1 program]");
  compiled(tensor([1, 2]));
  expect(inspect(compiled)).toBe("[compiled step: 2 programs]");
});

test("without a name, and with several steps a call", () => {
  expect(String(compile((x: Tensor) => x))).toBe("[compiled function: 0 programs]");
  const step = (x: Tensor): Tensor => x.sum();
  const many = compile(step, { steps: 3 });
  many(tensor([1]));
  expect([inspect(many), String(many)]).toEqual(Array(2).fill("[compiled step, 3 steps a call: 1 program]"));
});
