/** @file What the generator refuses: instructions on registers of another kind, and kernels against the rules of the language where every access is checked. */
import { expect, test } from "vitest";
import { allocate } from "../../../src/codegen/x64/allocate.ts";
import { Builder } from "../../../src/codegen/x64/code.ts";
import type { FunctionWriter } from "../../../src/codegen/x64/function.ts";
import { compileProgram } from "../../../src/codegen/x64/program.ts";
import { AVX2_MACHINE, AVX512_MACHINE } from "../../../src/codegen/x64/target.ts";
import * as k from "../../../src/kernel/build.ts";
import type { Kernel } from "../../../src/kernel/kernel.ts";

const NOWHERE: FunctionWriter = { emit: () => {}, place: () => {}, jump: () => {}, call: () => {}, end: () => {} } as never;

test.each([AVX2_MACHINE, AVX512_MACHINE])("$target.name: an instruction on a register of another kind is an error", (machine) => {
  const written = (body: (code: Builder, g: number, v: number) => void): (() => number) => {
    const code = new Builder(machine.instructions);
    body(code, code.value("g"), code.value("v"));
    return () => allocate(code, machine.registers, NOWHERE);
  };
  expect(written((code, _, v) => code.emit("vmovaps", [v, v]))).not.toThrow();
  expect(written((code, g, v) => code.emit("vmovaps", [g, v]))).toThrow("internal: operand 0 of vmovaps is a register of another kind");
  expect(written((code, g, v) => code.emit("vmovups", [v, { base: g, displacement: 0 }]))).not.toThrow();
  expect(written((code, _, v) => code.emit("vmovups", [v, { base: v, displacement: 0 }]))).toThrow("operand 1 of vmovups");
  expect(written((code, g, v) => code.emit("mov.q", [g, v]))).toThrow("operand 1 of mov.q");
});

test.each([AVX2_MACHINE, AVX512_MACHINE])("$target.name: a loop within vectors becomes no code", (machine) => {
  const kernel: Kernel = k.inKernel(() => {
    const bound = (n: number) => k.add(k.ramp(4), k.int(n));
    const loop = k.forLoop(8, (i) => [k.store(1, i, k.load(0, "f32", i))], { within: [bound(0), bound(4)] });
    return { name: "bad", buffers: [false, true].map((written) => ({ dtype: "f32" as const, length: 8, written })), body: [loop] };
  });
  const made = (checkAll: boolean) => () =>
    compileProgram({ kernels: [kernel], steps: [], bindings: 0 }, { machine, arena: 0n, counters: 0n, reports: 0n, checkAll });
  expect(made(false)).toThrow("is a register of another kind");
  expect(made(true)).toThrow("a loop is within i32x4");
});
