/**
 * @file The hash of a region: equal programs have equal texts, and whatever changes what is computed changes the text.
 */
import { describe, expect, test } from "vitest";
import type { Type } from "../../src/base/shape.ts";
import { cond, customJvp, scan } from "../../src/function/control.ts";
import { copy } from "../../src/ops/elementwise.ts";
import type { Region } from "../../src/ops/op.ts";
import { closeRegion, placeholderOf, substitute } from "../../src/ops/region.ts";
import { record, type Tensor } from "../../src/ops/tensor.ts";
import { merge } from "../../src/optimize/merge.ts";
import { hashRegion, paramsKey } from "../../src/tape/hash.ts";
import { printRegion } from "../../src/tape/print.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";

const vector: Type = { shape: [4], dtype: "f32" };

/** The hash of a function of fresh inputs. */
function hashOf(fn: (...x: Tensor[]) => Tensor | Tensor[], types: readonly Type[] = [vector, vector]): string {
  const inputs = types.map((t) => placeholderOf(t));
  return hashRegion(closeRegion(inputs, [fn(...inputs)].flat(), inputs[0]!.source.serial).region);
}

const base = (x: Tensor, y: Tensor): Tensor => x.mul(y).add(2).sum();

describe("equal", () => {
  test("the same program recorded twice", () => {
    expect(hashOf(base)).toBe(hashOf(base));
  });

  test("with other names", () => {
    expect(hashOf((x, y) => x.named("a").mul(y.named("b")).named("c").add(2).sum().named("d"))).toBe(hashOf(base));
  });

  test("with unused work beside it", () => {
    const busy = (x: Tensor, y: Tensor): Tensor => {
      x.exp().sum();
      return base(x, y);
    };
    expect(hashOf(busy)).toBe(hashOf(base));
  });

  test("with regions recorded apart", () => {
    const loop = (x: Tensor): Tensor => scan((h: Tensor, v: Tensor) => [h.add(v).sin(), null], x.select(0, 0), x)[0];
    expect(hashOf(loop)).toBe(hashOf(loop));
  });

  test("a custom rule of the same content: how it is differentiated is not what it computes", () => {
    const square = (x: Tensor): Tensor =>
      customJvp(
        (v: Tensor) => v.mul(v),
        ([v], [dv]) => ({ value: v.mul(v), tangent: v.mul(dv).mul(2) }),
      )(x);
    expect(hashOf(square)).toBe(hashOf(square));
  });
});

describe("different", () => {
  test.each<[string, (x: Tensor, y: Tensor) => Tensor | Tensor[], (readonly Type[])?]>([
    ["another op", (x, y) => x.mul(y).sub(2).sum()],
    ["another constant", (x, y) => x.mul(y).add(3).sum()],
    ["the other operand order", (x, y) => y.mul(x).add(2).sum()],
    ["one input twice", (x) => x.mul(x).add(2).sum()],
    ["other parameters", (x, y) => x.mul(y).add(2).reshape([2, 2]).sum(0).sum()],
    ["one more output", (x, y) => [base(x, y), x]],
    ["another result of the same list", (x, y) => x.mul(y).add(2)],
    [
      "another dtype",
      base,
      [
        { shape: [4], dtype: "f64" },
        { shape: [4], dtype: "f64" },
      ],
    ],
    [
      "another shape",
      base,
      [
        { shape: [5], dtype: "f32" },
        { shape: [5], dtype: "f32" },
      ],
    ],
  ])("%s", (_, fn, types) => {
    expect(hashOf(fn, types)).not.toBe(hashOf(base));
  });

  test("constants that differ only in sign, or are not numbers", () => {
    const hashes = [0, -0, Number.NaN, Infinity, -Infinity, 1e-45].map((c) => hashOf((x) => x.mul(c)));
    expect(new Set(hashes).size).toBe(6);
  });

  test("reductions over other axes", () => {
    const square: Type = { shape: [3, 3], dtype: "f32" };
    expect(hashOf((x) => x.sum(0), [square])).not.toBe(hashOf((x) => x.sum(1), [square]));
  });

  test("regions that compute something else, or run the other way", () => {
    const loop =
      (f: (v: Tensor) => Tensor, reverse = false) =>
      (x: Tensor) =>
        scan((h: Tensor, v: Tensor) => [f(h.add(v)), null], x.select(0, 0), x, { reverse })[0];
    const all = [loop((v) => v.sin()), loop((v) => v.cos()), loop((v) => v.sin(), true)].map((f) => hashOf(f));
    expect(new Set(all).size).toBe(3);
    const choice = (a: (v: Tensor) => Tensor, b: (v: Tensor) => Tensor) => (x: Tensor) => cond(x.sum().gt(0), a, b, x);
    const [sin, cos] = [(v: Tensor) => v.sin(), (v: Tensor) => v.cos()];
    expect(hashOf(choice(sin, cos))).not.toBe(hashOf(choice(cos, sin)));
  });

  test("which of two results is used", () => {
    expect(hashOf((x) => x.reshape([2, 2]).maxWithIndex(0).values.cast("i32"))).not.toBe(
      hashOf((x) => x.reshape([2, 2]).maxWithIndex(0).indices),
    );
  });
});

test("parameters: by content, numbers exactly, objects of a class by identity", () => {
  class Box {}
  const box = new Box();
  expect(paramsKey({ a: [1, -0, "s"], b: undefined })).toBe("{a:[1,-0,s],b:undefined}");
  expect(paramsKey(box)).toBe(paramsKey(box));
  expect(paramsKey(box)).not.toBe(paramsKey(new Box()));
});

describe("the axis that the plan is asked to put in lanes", () => {
  const copies = (...lanes: (number | undefined)[]): Region => {
    const x = placeholderOf({ shape: [8, 8], dtype: "f32" });
    return { inputs: [x], outputs: lanes.map((axis) => record(copy, [x], undefined, [], { lanes: axis })[0]!) };
  };
  const axesIn = (region: Region): (number | undefined)[] => tapeOfRegion(region).map(({ lanes }) => lanes);

  test("is part of the hash and of the printed list", () => {
    const texts = [undefined, 0, 1].map((axis) => hashRegion(copies(axis)));
    expect(new Set(texts).size).toBe(3);
    expect(printRegion(copies(1))).toContain("copy %0 lanes 1");
  });

  test("keeps instructions apart that differ in it, and merges those that do not", () => {
    expect(axesIn(merge(copies(0, 0, 1, undefined)))).toEqual([0, 1, undefined]);
  });

  test("stays when operands are replaced", () => {
    const { inputs, outputs } = copies(1);
    const z = placeholderOf(inputs[0]!);
    expect(axesIn({ inputs: [z], outputs: substitute(outputs, new Map([[inputs[0]!, z]])) })).toEqual([1]);
  });
});
