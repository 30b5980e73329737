/**
 * @file The printed list: one line per instruction, names kept, regions indented below their owner.
 */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { checkpoint, cond, scan } from "../../src/function/control.ts";
import { grad } from "../../src/function/derivative.ts";
import { show } from "../../src/function/show.ts";
import { zeros } from "../../src/ops/create.ts";
import { closeRegion, placeholderOf } from "../../src/ops/region.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { formatParams, printRegion } from "../../src/tape/print.ts";

const matrix = (label?: string): Tensor => placeholderOf({ shape: [2, 3], dtype: "f32" }, label);
const print = (inputs: readonly Tensor[], ...outputs: Tensor[]): string => printRegion(closeRegion(inputs, outputs, 0).region);

describe("a region", () => {
  test("shows types, operands, parameters, and constants in place", () => {
    const x = matrix("x");
    expect(print([x], x.add(1).sum([1]).reshape([1, 2]))).toMatchInlineSnapshot(`
      "tape(x: f32[2,3]) {
        %0: f32[2,3] = broadcast 1 {shape=[2,3], axes=[]}
        %1: f32[2,3] = add x %0
        %2: f32[2] = sum %1 {axes=[1]}
        %3: f32[1,2] = reshape %2 {shape=[1,2]}
        return %3
      }"
    `);
  });

  test("numbers what has no name, and primes a name that is taken", () => {
    const [x, y] = [matrix("x"), matrix("x")];
    expect(print([x, y], x.mul(y).named("x").exp())).toMatchInlineSnapshot(`
      "tape(x: f32[2,3], x': f32[2,3]) {
        x'': f32[2,3] = mul x x'
        %0: f32[2,3] = exp x''
        return %0
      }"
    `);
  });

  test("shows all results of an instruction on one line", () => {
    const x = matrix("x");
    const { values, indices } = x.maxWithIndex(1);
    expect(print([x], values.named("top"), indices)).toMatchInlineSnapshot(`
      "tape(x: f32[2,3]) {
        top: f32[2], %0: i32[2] = maxWithIndex x {axis=1}
        return top, %0
      }"
    `);
  });

  test("shows the regions of a loop and of a choice below their owner", () => {
    const [x, p] = [matrix("x"), placeholderOf({ shape: [], dtype: "bool" }, "p")];
    const [h] = scan((s: Tensor, row: Tensor) => [s.mul(row), null], zeros([3]).named("start"), x);
    const y = cond(
      p,
      (v: Tensor) => v.sin(),
      (v: Tensor) => v.neg(),
      h.named("h"),
    );
    expect(print([x, p], y)).toMatchInlineSnapshot(`
      "tape(x: f32[2,3], p: bool[]) {
        h: f32[3] = scan 0 x {consts=0, carry=1, length=2, reverse=false}
          region0(start: f32[3], x': f32[3]) {
            %0: f32[3] = mul start x'
            return %0
          }
        %1: f32[3] = cond p h
          region0(h': f32[3]) {
            %2: f32[3] = sin h'
            return %2
          }
          region1(h'': f32[3]) {
            %3: f32[3] = neg h''
            return %3
          }
        return %1
      }"
    `);
  });
});

describe("show", () => {
  test("names arguments by parameter or path, cells by their own name, and gradients after what they are of", () => {
    const b = new Cell(zeros([3]), "b");
    const loss = ({ w }: { w: Tensor }, x: Tensor): Tensor => x.matmul(w).add(b).named("z").tanh().sum().named("L");
    expect(show(grad(loss), { w: zeros([2, 3]) }, zeros([4, 2]).named("x"))).toMatchInlineSnapshot(`
      "grad(loss)(w: f32[2,3], x: f32[4,2], b: f32[3]) {
        %0: f32[4,3] = broadcast b {shape=[4,3], axes=[1]}
        %1: f32[4,3] = dot x w {ij,jk->ik}
        z: f32[4,3] = add %1 %0
        %2: f32[4,3] = tanh z
        %3: f32[4,3] = mul %2 %2
        dz: f32[4,3] = sub 1 %3
        dw: f32[2,3] = dot x dz {ij,ik->jk}
        return dw
      }"
    `);
  });

  test("names the parameters of a plain function", () => {
    expect(
      show(
        function area(width: Tensor, height: Tensor) {
          return width.mul(height);
        },
        zeros([]),
        zeros([]),
      ),
    ).toMatch(/^area\(width: f32\[\], height: f32\[\]\) \{/);
  });

  test("does not take a checkpoint or a custom rule apart", () => {
    const f = checkpoint((x: Tensor) => x.sin().exp());
    expect(show((x: Tensor) => f(x), zeros([2]))).toMatchInlineSnapshot(`
      "tape(x: f32[2]) {
        %0: f32[2] = checkpoint x
          region0(x': f32[2]) {
            %1: f32[2] = sin x'
            %2: f32[2] = exp %1
            return %2
          }
        return %0
      }"
    `);
  });
});

test("parameters print without what is undefined, functions by their name", () => {
  const rule = (): void => {};
  expect(formatParams({ axis: 1, size: undefined, list: [1, 2], rule, inner: { a: 1 } })).toBe(
    " {axis=1, list=[1,2], rule=rule, inner=(a=1)}",
  );
  expect(formatParams(undefined)).toBe("");
});
