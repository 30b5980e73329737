/**
 * @file Runs one kernel through the interpreter and through WebAssembly on the same data.
 */
import { allocate, byteSize, type TypedArray, viewOf } from "../../src/base/dtype.ts";
import { features, instantiate } from "../../src/codegen/wasm/instantiate.ts";
import { compileProgram } from "../../src/codegen/wasm/program.ts";
import { runKernel } from "../../src/kernel/interpret.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { verifyKernel } from "../../src/kernel/verify.ts";

export function copyOf(data: TypedArray): TypedArray {
  return data.slice();
}

/** The buffers after the interpreter ran. */
export function interpreted(kernel: Kernel, data: readonly TypedArray[]): TypedArray[] {
  const buffers = data.map(copyOf);
  runKernel(kernel, buffers);
  return buffers;
}

/** The buffers after the compiled kernel ran. The first lies at address 0: pointers before a buffer would trap. */
export function compiled(kernel: Kernel, data: readonly TypedArray[], options: { relaxed?: boolean; shared?: boolean } = {}): TypedArray[] {
  verifyKernel(kernel);
  const shared = options.shared ?? false;
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 16, shared });
  let top = 0;
  const views = data.map((source, i) => {
    const { dtype, length } = kernel.buffers[i]!;
    const view = viewOf(dtype, memory.buffer, top, length);
    view.set(source as Float32Array);
    top += Math.ceil((length * byteSize(dtype)) / 8) * 8;
    return view;
  });
  const program = { kernels: [kernel], steps: [], bindings: 0 };
  const bytes = compileProgram(program, { sharedMemory: shared, relaxed: options.relaxed ?? features().relaxed });
  instantiate(bytes, memory).kernels[0]!(...views.map((v) => v.byteOffset));
  return views.map(copyOf);
}

/** Zeros for every buffer of a kernel. */
export function blank(kernel: Kernel): TypedArray[] {
  return kernel.buffers.map((b) => allocate(b.dtype, b.length));
}
