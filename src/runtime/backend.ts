/**
 * @file What a backend is: a memory, and what turns a program into something that runs on it. The table of them is `backends.ts`.
 */

import type { Dtype, TypedArray } from "../base/dtype.ts";
import type { Watch } from "../base/passes.ts";
import type { Kernel, Program } from "../kernel/kernel.ts";
import type { Target } from "../kernel/target.ts";

/**
 * The bytes that programs work on, with one address space. Writes, copies and runs take effect in the order of the calls; a backend that defers
 * them keeps to that order.
 */
export interface Memory {
  /** Bytes that it has now. */
  readonly size: number;
  /** Bytes that it may grow to. */
  readonly most: number;
  /** Bytes at the start that are the backend's own. */
  readonly reserved: number;
  /** Grows by at least so many bytes; false if that cannot be. New bytes are 0. */
  grow(bytes: number): boolean;
  write(at: number, elements: TypedArray): void;
  /** Writes one number `n` times. */
  fill(dtype: Dtype, at: number, n: number, value: number): void;
  copy(from: number, to: number, bytes: number): void;
  /** Fills `into` with the elements from `at` on. Whoever calls it leaves them there unchanged until the promise resolves. */
  read(at: number, into: TypedArray): Promise<void>;
  /** The same at once. Absent where the host must wait for the elements. */
  readSync?(at: number, into: TypedArray): void;
}

/** What a program is loaded with. */
export interface Loading {
  /** Operations of one run, one for each multiply-add or element. */
  readonly work: number;
  /** Told of what becomes of the program. */
  readonly watch?: Watch<Kernel | Uint8Array> | undefined;
}

/** A program ready to run on the table of base addresses at `bindings`. */
export interface Loaded {
  (bindings: number): void;
  /** Has the other threads forget the program. */
  forget?(): void;
  /** Bytes of machine code. */
  codeBytes?: number;
}

export interface Backend<M extends Memory = Memory> {
  readonly name: string;
  /** The machine for which programs are planned. */
  readonly target: Target;
  /** Why it cannot be used on this host; undefined if it can. */
  obstacle(): string | undefined;
  /** Its memory, always the same. */
  memory(): M;
  load(program: Program, memory: M, loading: Loading): Loaded;
  /** The kernels of a program one by one, on one byte address per buffer: for the profiler. */
  kernels(program: Program, memory: M): ((...addresses: number[]) => void)[];
  /** The code of each kernel as text, where there is any to be seen. */
  listing?(program: Program, memory: M): readonly (string | undefined)[];
  /** What it makes use of here, for `nabla info`. */
  features(): readonly string[];
}
