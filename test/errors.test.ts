/**
 * @file Wrong calls and what they say: op, what was expected, what came, and the remedy. One row each.
 */
import { describe, expect, test } from "vitest";
import "../src/runtime/evaluate.ts";
import { compile } from "../src/function/compile.ts";
import { cond, customVjp, scan } from "../src/function/control.ts";
import { backward, grad, jvp, valueAndGrad, vjp } from "../src/function/derivative.ts";
import { vmap } from "../src/function/vmap.ts";
import * as linalg from "../src/math/linalg.ts";
import { softmax } from "../src/math/softmax.ts";
import { ReLU, Sequential } from "../src/nn/index.ts";
import { arange, concatenate, full, stack, tensor, zeros } from "../src/ops/create.ts";
import type { Tensor } from "../src/ops/tensor.ts";
import { Cell } from "../src/runtime/cell.ts";
import { setBackend } from "../src/runtime/set-backend.ts";

const m = zeros([2, 3]);
const v = zeros([3]);
const bools = m.gt(0);
const ints = arange(3);
const cell = new Cell(zeros([2]), "w");
const sum = (x: Tensor): Tensor => x.sum();

const ROWS: readonly (readonly [what: string, call: () => unknown, message: RegExp])[] = [
  // shapes that do not match
  ["add", () => m.add(zeros([2])), /add: shapes \[2, 3\] and \[2\] do not broadcast.*reshape or unsqueeze/],
  ["add, with names", () => m.add(zeros([4, 1, 2]).named("bias")), /bias \[4, 1, 2\]/],
  ["mul", () => m.mul(zeros([4])), /mul: shapes/],
  ["maximum", () => m.maximum(zeros([2, 2])), /maximum: shapes/],
  ["eq", () => m.eq(zeros([5])), /eq: shapes/],
  ["where", () => bools.where(zeros([4]), m), /where: shapes \[2, 3\], \[4\], \[2, 3\] do not broadcast/],
  ["matmul, inner", () => m.matmul(m), /matmul: inner sizes differ: x is \[2, 3\], y is \[2, 3\]; 3 columns meet 2 rows/],
  ["matmul, vector", () => m.matmul(zeros([2])), /inner sizes differ/],
  ["matmul, scalar", () => m.matmul(2), /matmul: want at least vectors, got \[2, 3\] and \[\]; scale with mul/],
  ["matmul, batches", () => zeros([2, 2, 3]).matmul(zeros([3, 3, 2])), /matmul: shapes .* do not broadcast/],
  ["dot, letters", () => m.dot(zeros([2, 4]), "ij,jk->ik"), /dot: inner sizes differ.*"j"/],
  ["conv, rank", () => m.conv(zeros([1, 1, 1])), /conv: want an input \[batch, channels, \.\.\.size\], got \[2, 3\]/],
  ["conv, channels", () => zeros([1, 3, 5, 5]).conv(zeros([4, 2, 3, 3])), /needs 2 channels and has 3/],
  ["conv, groups", () => zeros([1, 4, 5, 5]).conv(zeros([3, 2, 3, 3]), { groups: 2 }), /conv:/],
  [
    "conv, kernel too large",
    () => zeros([1, 1, 3, 3]).conv(zeros([1, 1, 5, 5])),
    /a kernel of \[5, 5\] does not fit in \[3, 3\]; add padding/,
  ],
  ["conv, stride 0", () => zeros([1, 1, 3, 3]).conv(zeros([1, 1, 1, 1]), { stride: 0 }), /stride: want 2 integers >= 1/],
  [
    "conv, padding list",
    () => zeros([1, 1, 3, 3]).conv(zeros([1, 1, 1, 1]), { padding: [1, 1, 1] }),
    /padding: want 2 integers >= 0 .*got \[1, 1, 1\]/,
  ],
  ["concat", () => concatenate([m, zeros([2, 4, 1])]), /concat:/],
  ["concat, other axes", () => concatenate([m, zeros([3, 2])], 0), /along axis 0 the other axes and dtypes must agree/],
  ["stack of nothing", () => stack([]), /stack: got no tensors/],
  ["concatenate of nothing", () => concatenate([]), /got no tensors/],
  ["takeAlong", () => m.takeAlong(zeros([3, 1], "i32"), 1), /takeAlong: but for axis 1, indices \[3, 1\] must have the shape \[2, 3\]/],
  [
    "dot without letters",
    () => m.dot(v, undefined as never),
    /dot: spec must be the letters of the axes, such as "ij,jk->ik", got undefined; .*matmul/,
  ],
  ["a value that is assigned", () => Object.assign(cell, { value: v }), /w: f32\[2\]: value cannot be assigned; use set\(tensor\)/],
  [
    "axis of a scalar in vmap",
    () => vmap(sum)(tensor(1)),
    /vmap: argument 0: axis 0 is out of range for a tensor of rank 0; a scalar has no axes/,
  ],
  [
    "softmax, an option where the axis stands",
    () => softmax(m, { dim: 1 } as never),
    /softmax: axis must be an integer, got { dim }; the axis comes before the options/,
  ],
  [
    "Sequential of a list",
    () => new Sequential([new ReLU()] as never),
    /layer 0 must be a module .*layers are arguments of their own: new nn\.Sequential\(\.\.\.layers\)/,
  ],
  ["Sequential of a function", () => new Sequential(softmax as never), /for a function write a module/],
  // axes and sizes
  ["sum, axis", () => m.sum(2), /sum: axis 2 is out of range for a tensor of rank 2; use -2 to 1/],
  ["cumsum, options for an axis", () => m.cumsum({ axis: 0 } as never), /cumsum: axis must be an integer, got \{ axis \}/],
  ["sort, options for an axis", () => m.sort({ axis: 0 } as never), /^sort: axis must be an integer, got \{ axis \}/],
  ["sum, axis twice", () => m.sum([0, -2]), /name one axis twice/],
  ["max, axis", () => m.max(-3), /max: axis -3 is out of range/],
  ["max of nothing", () => zeros([0, 3]).max(0), /max: nothing to choose from along axes \[0\] of \[0, 3\]/],
  ["argmax of nothing", () => zeros([3, 0]).argmax(1), /axis 1 of \[3, 0\] is empty/],
  ["reshape, count", () => m.reshape([4, 2]), /reshape: \[2, 3\] has 6 elements, \[4, 2\] has 8/],
  ["reshape, two open sizes", () => m.reshape([-1, -1]), /at most one size may be -1/],
  ["reshape, no fit", () => m.reshape([4, -1]), /cannot hold/],
  ["transpose", () => m.transpose([0, 0]), /transpose: axes \[0, 0\] are not an order of the 2 axes/],
  ["squeeze", () => m.squeeze(0), /squeeze: axis 0 of \[2, 3\] has size 2, want 1/],
  ["broadcastTo", () => v.broadcastTo([3, 2]), /broadcastTo: \[3\] does not stretch to \[3, 2\]/],
  ["slice, rank", () => m.slice([0]), /slice: want one bound per axis/],
  ["slice, bounds", () => m.slice([0, 0], [3, 3]), /slice: 0:3:1 does not fit axis 0 of \[2, 3\]/],
  ["slice, negative step", () => v.slice([0], [3], [-1]), /step >= 1/],
  ["narrow", () => v.narrow(0, 2, 5), /does not fit axis 0/],
  ["pad, negative", () => v.pad([-1], [0]), /pad: want 1 widths >= 0.*use slice/],
  ["windows", () => v.windows([5], [1]), /windows: a window of \[5\].*does not fit in \[3\]/],
  ["flip", () => v.flip(1), /flip: axis 1 is out of range/],
  ["moveAxis", () => m.moveAxis(0, 5), /moveAxis: axis 5/],
  // dtypes and values
  ["exp of bools is a cast", () => m.neg().and(bools), /and: works on i32, u32, bool.*cast/],
  ["sum of an axis of what is no tensor", () => m.add("x" as unknown as number), /expected a tensor, a number or a parameter, got "x"/],
  ["null operand", () => m.add(null as unknown as number), /got null/],
  ["where needs a bool", () => m.where(m, m), /where: the condition must be bool, got f32\[2,3\]; compare first/],
  ["gather by floats", () => m.take(v), /gather: indices must be integers, got f32\[3\]/],
  ["ragged nesting", () => tensor([[1, 2], [3]]), /ragged nesting: element 0 has shape \[2\], element 1 has \[1\]/],
  ["not numbers", () => tensor(["a"] as unknown as number[]), /expected numbers or nested arrays of them, got string/],
  ["wrong count", () => tensor([1, 2, 3], { shape: [2, 2] }), /3 values do not fill the shape \[2, 2\], which has 4/],
  ["negative size", () => zeros([-1]), /\[-1\] is not a shape/],
  ["fractional size", () => full([1.5], 0), /sizes are non-negative integers/],
  ["item", () => m.itemSync(), /item: f32\[2,3\] has 6 elements, want exactly one; reduce it or use data/],
  // derivatives
  ["grad of a vector", () => grad((x: Tensor) => x.mul(2))(v), /grad: the function must return a float scalar, got f32\[3\]; reduce it/],
  ["grad of integers", () => grad(sum)(ints), /argument 0 holds no float tensor.*cast/],
  ["grad, argument number", () => grad(sum, { argument: 1 } as object)(v), /argument 1 is to be differentiated, but 1 were given/],
  ["valueAndGrad of nothing", () => valueAndGrad((_: Tensor) => undefined as unknown as Tensor)(v), /must return one scalar tensor, got 0/],
  ["backward of a vector", () => backward(() => cell.value, [cell]), /backward: the function must return a float scalar/],
  ["jvp, tangents", () => jvp(sum)([v], [m]), /jvp: tensor 0 is f32\[3\], its tangent or cotangent is f32\[2,3\]/],
  ["jvp, count", () => jvp(sum)([v], [] as unknown as [Tensor]), /1 tensors need as many tangents, got 0/],
  ["pullback", () => vjp(sum)(v).pullback(v), /pullback: .*they must have one type/],
  ["promise in grad", () => grad((async () => v.sum()) as unknown as (x: Tensor) => Tensor)(v), /grad: the function returned a promise/],
  [
    "forward through customVjp",
    () =>
      jvp(
        customVjp((x: Tensor) => x.sin(), {
          forward: (x: Tensor) => ({ value: x.sin(), residuals: x }),
          backward: (x: Tensor, ct: Tensor): [Tensor] => [ct.mul(x.cos())],
        }),
      )([v], [v]).tangent.dataSync(),
    /customVjp: this function knows only its backward rule/,
  ],
  // recording
  [
    "reading in compile",
    () => compile((x: Tensor) => (x.sum().itemSync() > 0 ? x : x.neg()))(v),
    /compile: .*cannot be read[\s\S]*where or cond[\s\S]*scan/,
  ],
  ["reading in grad", () => grad((x: Tensor) => x.mul(x.dataSync()[0]!).sum())(v), /cannot be read/],
  [
    "promise in compile",
    () => compile((async (x: Tensor) => x) as unknown as (x: Tensor) => Tensor)(v),
    /compile: the function returned a promise/,
  ],
  ["vmap, sizes", () => vmap((a: Tensor, b: Tensor) => a.add(b))(zeros([2]), zeros([3])), /vmap: argument 1 has 3 examples.*others have 2/],
  ["vmap, axis", () => vmap(sum, { inAxes: 2 })(m), /vmap: argument 0: axis 2/],
  ["vmap of nothing", () => vmap(sum, { inAxes: [null] })(m), /no tensor is mapped/],
  [
    "vmap writes a mapped value",
    () => vmap((x: Tensor) => cell.set(x.add(zeros([2]))))(m.slice([0, 0], [2, 2])),
    /vmap: w is set to a value that differs between the examples.*mean/,
  ],
  ["cell, type", () => cell.set(v), /set: w holds f32\[2\], got f32\[3\]; a cell keeps its shape and dtype/],
  [
    "scan, carry type",
    () => scan((c: Tensor) => [c.sum().expandFront(2), c] as const, v, undefined, { length: 2 }),
    /scan: carry 0 enters as f32\[3\] and leaves the body as f32\[2\]/,
  ],
  [
    "scan, length",
    () => scan((c: Tensor) => [c, c] as const, v, undefined),
    /scan: nothing stacked to loop over; give the number of steps/,
  ],
  [
    "scan, slices",
    () => scan((c: Tensor, x: [Tensor, Tensor]) => [c.add(x[0].sum()), c] as const, v, [m, v] as [Tensor, Tensor]),
    /want 2 slices along axis 0, got \[3\]/,
  ],
  [
    "scan, result",
    () => scan(((c: Tensor) => c) as unknown as (c: Tensor) => readonly [Tensor, Tensor], v, undefined, { length: 2 }),
    /must return \[carry, y\]/,
  ],
  [
    "cond, predicate",
    () =>
      cond(
        v.gt(0),
        () => v,
        () => v,
      ),
    /cond: the predicate must be a bool scalar, got bool\[3\]/,
  ],
  [
    "cond, branches",
    () =>
      cond(
        v.sum().gt(0),
        () => v,
        () => m as Tensor,
      ),
    /both branches must give values of the same types, got \(f32\[3\]\) and \(f32\[2,3\]\)/,
  ],
  ["backend", () => setBackend("cuda" as "wasm"), /no backend "cuda"; there are auto, wasm, interpreter/],
  // linear algebra
  ["solve, not square", () => linalg.solve(m, m), /solve: want square matrices, got \[2, 3\]/],
  ["cholesky, not square", () => linalg.cholesky(m), /cholesky: want square matrices/],
];

describe("wrong calls", () => {
  test.each(ROWS)("%s", (_, call, message) => {
    expect(call).toThrow(message);
    expect(call).not.toThrow(/internal:/);
  });
  test("there are at least sixty", () => expect(ROWS.length).toBeGreaterThanOrEqual(60));
});
