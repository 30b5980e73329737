/**
 * @file A backend in a few lines, for tests: it interprets kernels on bytes of its own, and reads of them take 10 ms, as from another device.
 */
import { type Dtype, type TypedArray, viewOf } from "../../src/base/dtype.ts";
import { interpret } from "../../src/kernel/interpret.ts";
import { WASM, withLanes } from "../../src/kernel/target.ts";
import type { Backend, Memory } from "../../src/runtime/backend.ts";
import { interpretedKernels } from "../../src/runtime/interpreter.ts";

const bytesOf = ({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);

class ToyMemory implements Memory {
  buffer: ArrayBuffer = new ArrayBuffer(1 << 16);
  readonly most: number = 1 << 24;
  readonly reserved: number = 64;
  get size(): number {
    return this.buffer.byteLength;
  }
  grow(bytes: number): boolean {
    const old = new Uint8Array(this.buffer);
    this.buffer = new ArrayBuffer(old.length + bytes);
    new Uint8Array(this.buffer).set(old);
    return true;
  }
  write(at: number, elements: TypedArray): void {
    new Uint8Array(this.buffer).set(bytesOf(elements), at);
  }
  fill(dtype: Dtype, at: number, n: number, value: number): void {
    viewOf(dtype, this.buffer, at, n).fill(value);
  }
  copy(from: number, to: number, bytes: number): void {
    new Uint8Array(this.buffer).copyWithin(to, from, from + bytes);
  }
  /** What lies there when the time is over. */
  async read(at: number, into: TypedArray): Promise<void> {
    await new Promise((done) => setTimeout(done, 10));
    bytesOf(into).set(new Uint8Array(this.buffer, at, into.byteLength));
  }
}

const memory = new ToyMemory();

export const toy: Backend<ToyMemory> = {
  name: "toy",
  target: withLanes(WASM, 8),
  obstacle: () => undefined,
  memory: () => memory,
  load: (program) => (bindings) => interpret(program, memory, bindings),
  kernels: (program) => interpretedKernels(program, memory),
  features: () => ["slow reads"],
};
