/**
 * @file What small functions become: which kernels, and their text. A change of these prints is a change of generated code.
 */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { backward } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { printKernel } from "../../src/kernel/print.ts";
import { convTranspose2d } from "../../src/math/conv.ts";
import { softmax } from "../../src/math/softmax.ts";
import { zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { plan } from "../../src/runtime/fit.ts";
import { optimize } from "../../src/runtime/passes.ts";

/** Kernels and steps of a function on arguments of these shapes. */
function kernelsOf(fn: (...args: Tensor[]) => unknown, ...shapes: number[][]): { text: string; names: string[]; steps: string[] } {
  const recording = recordFunction(
    fn,
    shapes.map((shape) => zeros(shape)),
  );
  const cells = [...new Set([...recording.inputs, ...recording.outputs].filter((role) => typeof role !== "string"))];
  const { program } = plan(optimize(recording.region), recording, cells);
  return {
    text: program.kernels.map(printKernel).join("\n"),
    names: program.kernels.map((kernel) => kernel.name),
    steps: program.steps.map((step) => step.kind),
  };
}

test("an elementwise chain is one loop over vectors, the last of which overlaps", () => {
  expect(kernelsOf((x) => x!.mul(2).add(1).tanh(), [10]).text).toMatchInlineSnapshot(`
    "kernel tanh(b0: f32[10], b1: mut f32[10])
    for i < 8 step 4 {
      let t0 = tanh(b0[i:4] * 2 + 1)
      b1[i:4] = t0
    }
    let t1 = tanh(b0[6:4] * 2 + 1)
    b1[8] = t1.2
    b1[9] = t1.3"
  `);
});

test("a long elementwise loop does several vectors a turn, as its length divides; short ones, uneven ones and transpositions one", () => {
  const steps = (...shape: number[]) => kernelsOf((x) => x!.tanh(), shape).text.match(/step \d+/g);
  expect(steps(4096)).toEqual(["step 16"]);
  expect(steps(4104)).toEqual(["step 8"]);
  expect(steps(4100)).toEqual(["step 4"]);
  expect(steps(4080)).toEqual(["step 4"]);
  expect(kernelsOf((x) => x!.transpose().tanh(), [64, 64]).text.match(/step \d+/g)).toEqual(["step 16", "step 16", "step 4"]);
});

test("where rows are taken apart into pieces, each line of the cache is read at once", () => {
  expect(kernelsOf((x) => x!.reshape([512, 32, 4]).transpose([1, 0, 2]).neg(), [512, 128]).text).toMatchInlineSnapshot(`
    "kernel neg(b0: f32[65536], b1: mut f32[65536])
    for i < 32 step 4 {
      for j < 512 {
        let t0 = -b0[i * 4 + j * 128:4]
        let t1 = -b0[i * 4 + j * 128 + 4:4]
        let t2 = -b0[i * 4 + j * 128 + 8:4]
        let t3 = -b0[i * 4 + j * 128 + 12:4]
        b1[i * 2048 + j * 4:4] = t0
        b1[i * 2048 + j * 4 + 2048:4] = t1
        b1[i * 2048 + j * 4 + 4096:4] = t2
        b1[i * 2048 + j * 4 + 6144:4] = t3
      }
    }"
  `);
  const steps = (width: number) =>
    kernelsOf(
      (x) =>
        x!
          .reshape([512, 96 / width, width])
          .transpose([1, 0, 2])
          .neg(),
      [512, 96],
    ).text.match(/step \d+/g);
  expect(steps(8)).toEqual(["step 2"]);
  expect(steps(16)).toBe(null);
});

test("movement costs nothing: it becomes an index", () => {
  expect(kernelsOf((x) => x!.slice([1, 0], [3, 4]).transpose().neg(), [3, 4]).text).toMatchInlineSnapshot(`
    "kernel neg(b0: f32[12], b1: mut f32[8])
    for i < 4 {
      for j < 2 {
        let t0 = -b0[i + j * 4 + 4]
        b1[i * 2 + j] = t0
      }
    }"
  `);
});

test("contiguous axes merge into one loop, through reshapes too", () => {
  expect(kernelsOf((x) => x!.reshape([2, 3, 20]).exp(), [6, 20]).text).toMatchInlineSnapshot(`
    "kernel exp(b0: f32[120], b1: mut f32[120])
    for i < 120 step 4 {
      let t0 = exp(b0[i:4])
      b1[i:4] = t0
    }"
  `);
});

test("a sum along the last axis runs in vectors that are folded at the end", () => {
  expect(kernelsOf((x) => x!.sum(1), [2, 8]).text).toMatchInlineSnapshot(`
    "kernel sum(b0: f32[16], b1: mut f32[2])
    let t0 = 0
    let t1 = 0
    for i < 8 step 4 {
      t0 = t0 + b0[i:4]
      t1 = t1 + b0[i + 8:4]
    }
    let t2 = fold.add(t0)
    let t3 = fold.add(t1)
    b1[0] = t2
    b1[1] = t3"
  `);
});

test("a matrix product with bias and activation is one kernel", () => {
  const { names, text } = kernelsOf((x, w, b) => x!.matmul(w!).add(b!).relu(), [4, 8], [8, 16], [16]);
  expect(names).toEqual(["dot_relu"]);
  expect(text).toMatchInlineSnapshot(`
    "kernel dot_relu(b0: f32[32], b1: f32[128], b2: f32[16], b3: mut f32[64])
    for i < 4 step 2 {
      let t0 = 0
      let t1 = 0
      let t2 = 0
      let t3 = 0
      let t4 = 0
      let t5 = 0
      let t6 = 0
      let t7 = 0
      for j < 8 {
        t0 = fma(b0[i * 8 + j], b1[j * 16:4], t0)
        t4 = fma(b0[i * 8 + j + 8], b1[j * 16:4], t4)
        t1 = fma(b0[i * 8 + j], b1[j * 16 + 4:4], t1)
        t5 = fma(b0[i * 8 + j + 8], b1[j * 16 + 4:4], t5)
        t2 = fma(b0[i * 8 + j], b1[j * 16 + 8:4], t2)
        t6 = fma(b0[i * 8 + j + 8], b1[j * 16 + 8:4], t6)
        t3 = fma(b0[i * 8 + j], b1[j * 16 + 12:4], t3)
        t7 = fma(b0[i * 8 + j + 8], b1[j * 16 + 12:4], t7)
      }
      let t8 = t0
      let t9 = max(t8 + b2[0:4], 0)
      let t10 = t1
      let t11 = max(t10 + b2[4:4], 0)
      let t12 = t2
      let t13 = max(t12 + b2[8:4], 0)
      let t14 = t3
      let t15 = max(t14 + b2[12:4], 0)
      let t16 = t4
      let t17 = max(t16 + b2[0:4], 0)
      let t18 = t5
      let t19 = max(t18 + b2[4:4], 0)
      let t20 = t6
      let t21 = max(t20 + b2[8:4], 0)
      let t22 = t7
      let t23 = max(t22 + b2[12:4], 0)
      b3[i * 16:4] = t9
      b3[i * 16 + 4:4] = t11
      b3[i * 16 + 8:4] = t13
      b3[i * 16 + 12:4] = t15
      b3[i * 16 + 16:4] = t17
      b3[i * 16 + 20:4] = t19
      b3[i * 16 + 24:4] = t21
      b3[i * 16 + 28:4] = t23
    }"
  `);
});

test("softmax is a maximum, an exponential with its sum, and a quotient", () => {
  expect(kernelsOf((x) => softmax(x!), [8, 16]).names.length).toBeLessThanOrEqual(4);
});

test("an optimizer's update joins the kernel of the gradient it needs", () => {
  const w = new Cell(zeros([8, 4]), "w");
  const m = new Cell(zeros([8, 4]), "m");
  const { names, steps } = kernelsOf(
    (x) => {
      const { grads } = backward(() => x!.matmul(w).sum(), [w]);
      m.set(m.value.mul(0.9).add(grads[0]!));
      w.set(w.value.sub(m.value.mul(0.1)));
      return [];
    },
    [2, 8],
  );
  expect(names).toHaveLength(1);
  expect(steps).toEqual(["call"]);
});

test("what has nothing in common shares a kernel only while it is small", () => {
  const apart = (...[a, b, c, d]: Tensor[]): Tensor[] => [a!.mul(b!), c!.mul(d!)];
  const common = (...[a, b, c]: Tensor[]): Tensor[] => [a!.mul(b!), c!.mul(b!)];
  const sizes = (n: number): number[][] => Array<number[]>(4).fill([n]);
  expect(kernelsOf(apart, ...sizes(100)).steps).toHaveLength(1);
  expect(kernelsOf(apart, ...sizes(100_000)).steps).toHaveLength(2);
  expect(kernelsOf(common, ...sizes(100_000)).steps).toHaveLength(1);
});

test("equal layers share one kernel", () => {
  const { names, steps } = kernelsOf((x, a, b) => x!.matmul(a!).tanh().matmul(b!).tanh(), [4, 4], [4, 4], [4, 4]);
  expect(names).toHaveLength(1);
  expect(steps).toEqual(["call", "call"]);
});

test("loops are cut where a padding begins and ends, so that nothing is masked", () => {
  expect(kernelsOf((x) => x!.neg().pad([0, 2], [1, 1]).exp(), [2, 6]).text).toMatchInlineSnapshot(`
    "kernel exp(b0: f32[12], b1: mut f32[27])
    for i < 2 {
      for j < 2 {
        let t0 = exp(0)
        b1[i * 9 + j] = t0
      }
      let t1 = exp(-b0[i * 6:4])
      b1[i * 9 + 2:4] = t1
      let t2 = exp(-b0[i * 6 + 2:4])
      b1[i * 9 + 6] = t2.2
      b1[i * 9 + 7] = t2.3
      let t3 = exp(0)
      b1[i * 9 + 8] = t3
    }
    for i < 2 {
      let t4 = exp(0)
      b1[i + 18] = t4
    }
    let t5 = exp(0)
    b1[20:4] = t5
    let t6 = exp(0)
    b1[24] = t6.2
    b1[25] = t6.3
    let t7 = exp(0)
    b1[26] = t7"
  `);
});

test("what is put together is copied part by part", () => {
  const { text } = kernelsOf((x, y) => x!.concat([y!.exp()], 1).mul(2), [3, 8], [3, 5]);
  expect(text).not.toMatch(/select| if /);
});

test("a depthwise convolution by itself stays in rows; what a tile reads for several taps is written once", () => {
  const { text, names } = kernelsOf((x, w) => x!.conv(w!, { groups: 8 }), [4, 8, 18, 18], [8, 1, 3, 3]);
  expect(names).toEqual(["conv"]);
  expect(text).toMatchInlineSnapshot(`
    "kernel conv(b0: f32[10368], b1: f32[72], b2: mut f32[8192])
    for i < 4 {
      for j < 8 {
        for k < 16 step 4 {
          for l < 16 step 4 {
            let t0 = 0
            let t1 = 0
            let t2 = 0
            let t3 = 0
            for m < 3 {
              t0 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m:4], b1[j * 9 + m], t0)
              t1 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 18:4], b1[j * 9 + m], t1)
              t2 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 36:4], b1[j * 9 + m], t2)
              t3 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 54:4], b1[j * 9 + m], t3)
              t0 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 18:4], b1[j * 9 + m + 3], t0)
              t1 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 36:4], b1[j * 9 + m + 3], t1)
              t2 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 54:4], b1[j * 9 + m + 3], t2)
              t3 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 72:4], b1[j * 9 + m + 3], t3)
              t0 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 36:4], b1[j * 9 + m + 6], t0)
              t1 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 54:4], b1[j * 9 + m + 6], t1)
              t2 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 72:4], b1[j * 9 + m + 6], t2)
              t3 = fma(b0[i * 2592 + j * 324 + k * 18 + l + m + 90:4], b1[j * 9 + m + 6], t3)
            }
            let t4 = t0
            let t5 = t1
            let t6 = t2
            let t7 = t3
            b2[i * 2048 + j * 256 + k * 16 + l:4] = t4
            b2[i * 2048 + j * 256 + k * 16 + l + 16:4] = t5
            b2[i * 2048 + j * 256 + k * 16 + l + 32:4] = t6
            b2[i * 2048 + j * 256 + k * 16 + l + 48:4] = t7
          }
        }
      }
    }"
  `);
});

/** Names of the copies that a function makes to bring images into the lanes of vectors and back. */
const copiesOf = (fn: (...args: Tensor[]) => unknown, ...shapes: number[][]): string[] =>
  kernelsOf(fn, ...shapes).names.filter((name) => name.includes("copy"));

test("between other convolutions it is in lanes as they are: two copies, in and out", () => {
  const net = (x?: Tensor, v?: Tensor, w?: Tensor): Tensor => x!.conv(v!).relu().conv(w!, { groups: 8 }).relu().conv(v!);
  expect(copiesOf(net, [4, 8, 20, 20], [8, 8, 3, 3], [8, 1, 3, 3])).toHaveLength(2);
});

test("a 1x1 convolution by itself is a product of matrices; among others like it two copies serve three", () => {
  expect(copiesOf((x, w) => x!.conv(w!), [4, 8, 6, 6], [8, 8, 1, 1])).toHaveLength(0);
  const three = (x?: Tensor, w?: Tensor): Tensor => x!.conv(w!).relu().conv(w!).relu().conv(w!);
  expect(copiesOf(three, [4, 8, 6, 6], [8, 8, 1, 1])).toHaveLength(2);
});

test("one copy serves all convolutions that want a value in lanes", () => {
  expect(copiesOf((x, v, w) => [x!.conv(v!), x!.conv(w!)], [4, 8, 9, 9], [8, 8, 3, 3], [8, 8, 2, 2])).toHaveLength(1 + 2);
});

test("one copy serves all products that want a matrix in panels", () => {
  const products = (x?: Tensor, y?: Tensor, z?: Tensor): Tensor[] => [x!.dot(z!, "ki,kj->ij"), y!.dot(z!, "ki,kj->ij")];
  expect(copiesOf(products, [1024, 64], [1024, 96], [1024, 128])).toHaveLength(3);
});

test("the phases of a strided convolution's input gradient are woven without choices", () => {
  const { text } = kernelsOf((x, w) => convTranspose2d(x!, w!, { stride: 2 }), [8, 3, 3, 3], [3, 4, 6, 6]);
  expect(text).toContain("concat");
  expect(text).not.toMatch(/select| % | if /);
});
