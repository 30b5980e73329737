/**
 * @file The interface of a backend: a memory, and a loader that makes a program callable on it. The table of backends is `backends.ts`.
 */

import type { Dtype, TypedArray } from "../base/dtype.ts";
import type { Watch } from "../base/passes.ts";
import type { Kernel, Program } from "../kernel/kernel.ts";
import type { Target } from "../kernel/target.ts";

/**
 * The memory of a backend, with one address space of bytes. Writes, copies and runs take effect in the order of the calls; a backend that defers them must
 * keep that order.
 */
export interface Memory {
  /** Its current size in bytes. */
  readonly size: number;
  /** The most bytes that it may grow to. */
  readonly most: number;
  /** Bytes at the start that the backend uses itself. */
  readonly reserved: number;
  /** Grows by at least `bytes`, with zeros; returns false if it cannot. */
  grow(bytes: number): boolean;
  write(at: number, elements: TypedArray): void;
  /** Fills `n` elements from address `at` on with one number. */
  fill(dtype: Dtype, at: number, n: number, value: number): void;
  copy(from: number, to: number, bytes: number): void;
  /** Reads elements from address `at` on into `into`. The caller must not let them be overwritten until the promise resolves. */
  read(at: number, into: TypedArray): Promise<void>;
  /** The same, synchronously. Absent if the host must wait for the elements. */
  readSync?(at: number, into: TypedArray): void;
}

/** Options of loading a program. */
export interface Loading {
  /** Operations of one run: multiply-adds of products, and one per element of other results. */
  readonly work: number;
  /** Called with each kernel and with the code, after each pass. */
  readonly watch?: Watch<Kernel | Uint8Array> | undefined;
}

/** A loaded program. It is called with the address of the table of base addresses. */
export interface Loaded {
  (bindings: number): void;
  /** Makes the other threads release the program. */
  forget?(): void;
  /** Bytes of machine code. */
  codeBytes?: number;
}

/** A backend: what programs are compiled for and run on. */
export interface Backend<M extends Memory = Memory> {
  readonly name: string;
  /** The target that programs are planned for. */
  readonly target: Target;
  /** The reason why this host cannot run the backend; undefined if it can. */
  obstacle(): string | undefined;
  /** The memory of the backend; every call returns the same one. */
  memory(): M;
  load(program: Program, memory: M, loading: Loading): Loaded;
  /** The kernels of a program as functions of one byte address per buffer, for the profiler. */
  kernels(program: Program, memory: M): ((...addresses: number[]) => void)[];
  /** The code of each kernel as text, if the backend can show it. */
  listing?(program: Program, memory: M): readonly (string | undefined)[];
  /** The features of this host that it uses, for `nabla info`. */
  features(): readonly string[];
}
