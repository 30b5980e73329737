/**
 * @file Tape to tape with the same meaning: what simplification and merging remove, and what they must leave.
 */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { recordFunction } from "../../src/function/compile.ts";
import { checkpoint } from "../../src/function/control.ts";
import { grad } from "../../src/function/derivative.ts";
import { zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { optimize, tidy } from "../../src/runtime/compile.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import { verifyRegion } from "../../src/tape/verify.ts";

const opsOf = (fn: (...args: Tensor[]) => unknown, pass: typeof optimize, ...shapes: number[][]): string[] => {
  const region = pass(
    recordFunction(
      fn,
      shapes.map((s) => zeros(s)),
    ).region,
  );
  verifyRegion(region);
  return tapeOfRegion(region).map((i) => i.op.name);
};

test("neutral elements and movement that cancels disappear", () => {
  expect(opsOf((x) => x!.add(0).mul(1).div(1).neg().neg(), tidy, [3])).toEqual([]);
  expect(opsOf((x) => x!.transpose().transpose(), tidy, [3, 2])).toEqual([]);
  expect(opsOf((x) => x!.reshape([6]).reshape([2, 3]).exp(), tidy, [3, 2])).toEqual(["reshape", "exp"]);
  expect(opsOf((x) => x!.transpose([1, 2, 0]).transpose([1, 2, 0]), tidy, [2, 3, 4])).toEqual(["transpose"]);
});

test("a float product with zero stays, since 0 · NaN is NaN", () => {
  expect(opsOf((x) => x!.mul(0), tidy, [3])).toContain("mul");
});

test("equal work is done once, also with operands exchanged", () => {
  expect(opsOf((x, y) => x!.mul(y!).add(y!.mul(x!)), tidy, [3], [3])).toEqual(["mul", "add"]);
  expect(opsOf((x) => x!.exp().add(x!.exp()), tidy, [3]).filter((name) => name === "exp")).toHaveLength(1);
});

test("a checkpoint's recomputation is not merged with the first computation", () => {
  const block = (x: Tensor): Tensor => x.sin().exp().sin();
  const count = (fn: (x: Tensor) => unknown, name: string): number =>
    opsOf(fn as (...args: Tensor[]) => unknown, optimize, [3]).filter((n) => n === name).length;
  const both = (f: (x: Tensor) => Tensor) => (x: Tensor) => [f(x), grad((y: Tensor) => f(y).sum())(x)];
  expect(count(both(block), "exp")).toBe(1);
  expect(count(both(checkpoint(block)), "exp")).toBe(2);
});

test("definitions are expanded: only primitives with kernels are left", () => {
  expect(opsOf((x) => x!.maxWithIndex(0).indices, optimize, [3])).not.toContain("maxWithIndex");
});
