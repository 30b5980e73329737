/**
 * @file The interpreter as a backend: the kernel language run directly, over the memory of the WebAssembly backend, so that cells stay where they
 * are when one takes the place of the other.
 */
import { viewOf } from "../base/dtype.ts";
import { interpret, runKernel } from "../kernel/interpret.ts";
import type { Program } from "../kernel/kernel.ts";
import type { Backend } from "./backend.ts";
import { wasm } from "./wasm/backend.ts";
import { type LinearMemory, linearMemory } from "./wasm/memory.ts";

/** The kernels of a program, interpreted over the bytes of a memory. */
export function interpretedKernels(
  { kernels }: Program,
  memory: { readonly buffer: ArrayBufferLike },
): ((...addresses: number[]) => void)[] {
  return kernels.map((kernel) => (...addresses) => {
    runKernel(
      kernel,
      kernel.buffers.map(({ dtype, length }, i) => viewOf(dtype, memory.buffer, addresses[i]!, length)),
    );
  });
}

export const interpreter: Backend<LinearMemory> = {
  name: "interpreter",
  target: wasm.target,
  obstacle: () => undefined,
  memory: linearMemory,
  load: (program, memory) => (bindings) => interpret(program, memory, bindings),
  kernels: interpretedKernels,
  features: () => [],
};
