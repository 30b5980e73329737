/** @file Runs one kernel as machine code, on buffers that lie between guards: what is written outside of them is noticed. */
import { byteSize, type TypedArray, viewOf } from "../../../src/base/dtype.ts";
import type { Machine } from "../../../src/codegen/x64/extension.ts";
import { compileProgram, REPORTS } from "../../../src/codegen/x64/program.ts";
import type { Kernel } from "../../../src/kernel/kernel.ts";
import { askProcessor, type Level } from "../../../src/runtime/x64/processor.ts";
import { openSystem, type System } from "../../../src/runtime/x64/system.ts";

export const system: System | string = openSystem();

/** The best that machine code can be here. */
export const level: Level | undefined = typeof system === "string" ? undefined : askProcessor(system).level;

/** Why machine code cannot run here; undefined if it can. */
export const obstacle: string | undefined = typeof system === "string" ? system : level ? undefined : "this processor has no AVX2";

const GUARD = 0xa5;

/** The buffers after the kernel ran. `listing` collects its code as text. */
export function executed(
  kernel: Kernel,
  data: readonly TypedArray[],
  machine: Machine,
  checkAll = false,
  listing?: Map<number, string>,
): TypedArray[] {
  if (typeof system === "string") throw new Error(system);
  const memory = new SharedArrayBuffer(1 << 16);
  new Uint8Array(memory).fill(GUARD);
  let top = 1024;
  const views = data.map((source, i) => {
    const { dtype, length } = kernel.buffers[i]!;
    const view = viewOf(dtype, memory, top, length);
    view.set(source as Float32Array);
    top += Math.ceil((length * byteSize(dtype)) / 8) * 8 + 64;
    return view;
  });
  const arena = system.addressOf(memory);
  const program = { kernels: [kernel], steps: [], bindings: 0 };
  const reports = new Int32Array(new SharedArrayBuffer(4 * REPORTS));
  const addresses = { arena, counters: 0n, reports: system.addressOf(reports.buffer), functions: system.functions };
  const { bytes, kernels, faults } = compileProgram(program, { machine, ...addresses, checkAll, listing });
  const list = new BigUint64Array(memory, 0, views.length);
  for (const [i, view] of views.entries()) list[i] = arena + BigInt(view.byteOffset);
  if (kernels[0] === undefined) throw new Error(`kernel ${kernel.name} is no machine code`);
  const code = system.place(bytes);
  try {
    code.entryOnAddress(kernels[0])(arena);
  } finally {
    code.release();
  }
  const fault = reports.find((n) => n !== 0);
  if (fault !== undefined) throw new Error(faults[fault]);
  const whole = new Uint8Array(memory);
  const inside = new Uint8Array(memory.byteLength);
  inside.fill(1, 0, 8 * views.length);
  for (const view of views) inside.fill(1, view.byteOffset, view.byteOffset + view.byteLength);
  const hit = whole.findIndex((byte, i) => byte !== GUARD && !inside[i]);
  if (hit >= 0) throw new Error(`byte ${hit} outside of all buffers was written`);
  return views.map((view) => view.slice());
}
