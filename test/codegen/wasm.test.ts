/**
 * @file Compiled kernels and programs: what the property tests do not reach.
 */
import { describe, expect, it } from "vitest";
import { features, instantiate } from "../../src/codegen/wasm/instantiate.ts";
import { compileProgram } from "../../src/codegen/wasm/program.ts";
import * as k from "../../src/kernel/build.ts";
import { interpret } from "../../src/kernel/interpret.ts";
import type { Buffer, Expr, Kernel, Program, Stmt } from "../../src/kernel/kernel.ts";
import { blank, compiled, interpreted } from "./run.ts";

function f32(length: number, written = false): Buffer {
  return { dtype: "f32", length, written };
}

function map(length: number, f: (x: Expr) => Expr): Kernel {
  const body = [k.forLoop(length, (i) => [k.store(1, i, f(k.load(0, "f32", i)))])];
  return { name: "map", buffers: [f32(length), f32(length, true)], body };
}

/** Runs a program by the interpreter and compiled, over equal memories; `data` lies at byte 64, the table of bindings at 0. */
function runBoth(program: Program, bindings: readonly number[], data: readonly number[]): [Float32Array, Float32Array] {
  const results = [false, true].map((compile) => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    new Uint32Array(memory.buffer, 0, bindings.length).set(bindings);
    new Float32Array(memory.buffer, 64, data.length).set(data);
    if (compile) instantiate(compileProgram(program, { sharedMemory: false, relaxed: false }), memory).main(0);
    else interpret(program, memory, 0);
    return new Float32Array(memory.buffer, 64, 64);
  });
  return results as [Float32Array, Float32Array];
}

describe("programs", () => {
  const twice = map(4, (x) => k.mul(x, k.float(2)));

  it("call kernels on bindings and offsets", () => {
    const program: Program = {
      kernels: [twice],
      bindings: 2,
      steps: [
        {
          kind: "call",
          kernel: 0,
          args: [
            { binding: 0, offset: 0 },
            { binding: 1, offset: 16 },
          ],
        },
        { kind: "copy", from: { binding: 1, offset: 16 }, to: { binding: 0, offset: 4 }, bytes: 12 },
      ],
    };
    const [expected, got] = runBoth(program, [64, 128], [1, 2, 3, 4]);
    expect([...got.subarray(0, 4)]).toEqual([1, 2, 4, 6]);
    expect([...got.subarray(20, 24)]).toEqual([2, 4, 6, 8]);
    expect(got).toEqual(expected);
  });

  it.each([false, true])("loop with strides, reverse %s", (reverse) => {
    // x[outer, inner + 1] = 2 x[outer, inner]: the order shows.
    const call = (from: number): Program["steps"][number] => ({
      kind: "call",
      kernel: 0,
      args: [
        { binding: 0, offset: from, strides: [64, 16] },
        { binding: 0, offset: from + 16, strides: [64, 16] },
      ],
    });
    const inner: Program["steps"][number] = { kind: "loop", length: 3, reverse, body: [call(0)] };
    const program: Program = { kernels: [twice], bindings: 1, steps: [{ kind: "loop", length: 2, reverse: false, body: [inner] }] };
    const [expected, got] = runBoth(
      program,
      [64],
      Array.from({ length: 32 }, (_, i) => i + 1),
    );
    expect(got).toEqual(expected);
    expect([...got.subarray(0, 16)]).toEqual(
      reverse ? [1, 2, 3, 4, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24] : [1, 2, 3, 4, 2, 4, 6, 8, 4, 8, 12, 16, 8, 16, 24, 32],
    );
  });

  it("branch on a byte", () => {
    const copy = (offset: number): Program["steps"][number] => ({
      kind: "copy",
      from: { binding: 0, offset },
      to: { binding: 0, offset: 8 },
      bytes: 4,
    });
    const program: Program = {
      kernels: [],
      bindings: 1,
      steps: [{ kind: "branch", predicate: { binding: 0, offset: 0 }, then: [copy(4)], otherwise: [copy(0)] }],
    };
    for (const first of [0, 1 + 2 ** -23]) {
      const [expected, got] = runBoth(program, [64], [first, 5, 7]);
      expect(got).toEqual(expected);
      expect(got[2]).toBe(first === 0 ? 0 : 5);
    }
  });

  it("share equal kernels and export every one", () => {
    const a = compileProgram({ kernels: [twice], steps: [], bindings: 0 }, { sharedMemory: false, relaxed: false });
    const again = map(4, (x) => k.mul(x, k.float(2)));
    const b = compileProgram({ kernels: [twice, again], steps: [], bindings: 0 }, { sharedMemory: false, relaxed: false });
    expect(b.length - a.length).toBeLessThan(8);
    expect(instantiate(b, new WebAssembly.Memory({ initial: 1 })).kernels).toHaveLength(2);
  });
});

describe("kernels", () => {
  const check = (kernel: Kernel, fill: (i: number) => number): void => {
    const data = blank(kernel);
    for (const array of data) for (let i = 0; i < array.length; i++) array[i] = fill(i);
    expect(compiled(kernel, data)).toEqual(interpreted(kernel, data));
  };

  it("run in shared memory", () => {
    const kernel = map(8, (x) => k.add(x, k.float(1)));
    expect(compiled(kernel, [new Float32Array(8).fill(2), new Float32Array(8)], { shared: true })[1]).toEqual(new Float32Array(8).fill(3));
  });

  it("compute f64 through the host", () => {
    const x = (i: Expr) => k.load(0, "f64", i);
    const body = [
      k.forLoop(8, (i) => [
        k.store(1, i, k.pow(k.add(k.exp(x(i)), k.fma(k.sin(x(i)), k.erf(x(i)), k.constant(2, "f64"))), k.log1p(k.abs(x(i))))),
      ]),
    ];
    check(
      {
        name: "f64",
        buffers: [
          { dtype: "f64", length: 8, written: false },
          { dtype: "f64", length: 8, written: true },
        ],
        body,
      },
      (i) => i / 3 - 1,
    );
  });

  it("pad a convolution with masked loads, before and after the buffer", () => {
    const row = (i: Expr, tap: Expr): Expr => {
      const at = k.add(k.add(i, tap), k.int(-3));
      const lanes = k.add(at, k.ramp(4));
      return k.load(0, "f32", at, { lanes: 4, mask: k.and(k.le(k.int(0), lanes), k.lt(lanes, k.int(16))) });
    };
    const sum = (i: Expr): Stmt[] =>
      k.letIn(k.splat(k.float(0), 4), (acc) => [
        k.forLoop(7, (tap) => [k.set(acc, k.add(k.mul(row(i, tap), k.load(1, "f32", tap)), acc))]),
        k.store(2, i, acc),
      ]);
    check({ name: "conv", buffers: [f32(16), f32(7), f32(16, true)], body: [k.forLoop(16, sum, { step: 4 })] }, (i) => i + 1);
  });

  it("reverse, where a pointer runs backwards from the end", () => {
    const body = [k.forLoop(9, (i) => [k.store(1, i, k.load(0, "f32", k.sub(k.int(8), i)))])];
    check({ name: "reverse", buffers: [f32(9), f32(9, true)], body }, (i) => i);
  });

  it("take the row of a table by a loaded index", () => {
    const body = [
      k.forLoop(4, (i) =>
        k.letIn(k.load(1, "i32", i), (row) => [
          k.forLoop(8, (j) => [k.store(2, k.add(k.mul(i, k.int(8)), j), k.load(0, "f32", k.add(k.mul(row, k.int(8)), j), { lanes: 4 }))], {
            step: 4,
          }),
        ]),
      ),
    ];
    const buffers: Buffer[] = [f32(24), { dtype: "i32", length: 4, written: false }, f32(32, true)];
    check({ name: "take", buffers, body }, (i) => i % 3);
  });

  it("splat a load in one instruction, and sum it by columns", () => {
    const body = k.letIn(k.splat(k.float(0), 4), (acc) => [
      k.forLoop(8, (i) => [k.set(acc, k.fma(k.splat(k.load(0, "f32", i), 4), k.load(1, "f32", k.mul(i, k.int(4)), { lanes: 4 }), acc))]),
      k.store(2, k.int(0), acc),
    ]);
    check({ name: "gemv", buffers: [f32(8), f32(32), f32(4, true)], body }, (i) => i);
  });

  it("probes the engine", () => {
    expect(features().simd).toBe(true);
  });
});
