/**
 * @file What the verifier refuses.
 */
import { expect, it } from "vitest";
import * as k from "../../src/kernel/build.ts";
import type { Buffer, Kernel, Stmt } from "../../src/kernel/kernel.ts";
import { WASM, withLanes } from "../../src/kernel/target.ts";
import { verifyKernel } from "../../src/kernel/verify.ts";

const BUFFERS: readonly Buffer[] = [
  { dtype: "f32", length: 8, written: false },
  { dtype: "f32", length: 8, written: true },
  { dtype: "bool", length: 8, written: true },
];

function verify(body: readonly Stmt[], buffers = BUFFERS): void {
  verifyKernel({ name: "bad", buffers, body });
}

const zero = k.int(0);
const one = k.float(1);

it("accepts a correct kernel", () => {
  expect(() => verify([k.forLoop(8, (i) => [k.store(1, i, k.load(0, "f32", i))])])).not.toThrow();
});

it.each<[string, () => readonly Stmt[]]>([
  ["store to b0, which is only read", () => [k.store(0, zero, one)]],
  ["store to buffer b7, which does not exist", () => [k.store(7, zero, one)]],
  ["load from buffer b9, which does not exist", () => [k.store(1, zero, k.load(9, "f32", zero))]],
  ["load of i32 from f32 b0", () => [k.store(1, zero, k.cast(k.load(0, "i32", zero), "f32"))]],
  ["store of f32 to bool b2", () => [k.store(2, zero, one)]],
  ["is used where it is not bound", () => [k.store(1, zero, k.variable("f32"))]],
  ["is used where it is not bound", () => [k.ifThen(k.constant(1, "bool"), [k.bind(one).statement]), k.set(k.variable("f32"), one)]],
  ["set: f32 is given i32", () => k.letIn(one, (x) => [{ kind: "set", variable: x, value: zero }])],
  ["a loop counter is set", () => [k.forLoop(3, (i) => [k.set(i, zero)])]],
  ["positive step", () => [k.forLoop(3, () => [], { step: 0 })]],
  ["leaves iterations out is parallel", () => [k.forLoop(3, () => [], { within: [zero, zero], parallel: true })]],
  ["a loop is within f32", () => [k.forLoop(3, () => [], { within: [zero, one] })]],
  ["is used where it is not bound", () => [k.forLoop(3, () => [], { within: [zero, k.variable("i32")] })]],
  ["the condition of an if is not a scalar bool", () => [k.ifThen(k.int(1), [])]],
  ["add: f32, i32 cannot give f32", () => [k.store(1, zero, k.make("add", "f32", 1, [one, zero]))]],
  ["splat: f32x8 cannot give f32x4", () => [k.store(1, zero, k.make("splat", "f32", 4, [k.splat(one, 8)]))]],
  ["store: mask f32x4 for f32x4", () => [{ kind: "store", buffer: 1, index: zero, value: k.splat(one, 4), mask: k.splat(one, 4) }]],
])("refuses: %s", (message, body) => {
  expect(() => verify(body())).toThrow(message);
});

it("refuses empty buffers and shows the kernel", () => {
  expect(() => verify([], [{ dtype: "f32", length: 0, written: false }])).toThrow(/buffer b0 has length 0\nkernel bad\(/);
});

it("refuses a variable that is bound twice", () => {
  const { statement } = k.bind(one);
  expect(() => verify([statement, statement])).toThrow("is bound twice");
});

it("refuses vectors that the target has not", () => {
  const kernel = (lanes: number): Kernel => ({ name: "wide", buffers: BUFFERS, body: [k.store(1, zero, k.splat(one, lanes))] });
  expect(() => verifyKernel(kernel(4), WASM)).not.toThrow();
  expect(() => verifyKernel(kernel(8), WASM)).toThrow("wasm has no f32x8");
  expect(() => verifyKernel(kernel(8), withLanes(WASM, 8))).not.toThrow();
  const f64 = k.bind(k.splat(k.constant(1, "f64"), 4)).statement;
  expect(() => verifyKernel({ name: "f64", buffers: BUFFERS, body: [f64] }, WASM)).toThrow("wasm has no f64x4");
});
