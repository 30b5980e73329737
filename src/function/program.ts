/**
 * @file One program of a compiled function: a lowered recording, together with the state that it depends on. The program may run only while that state is
 * unchanged.
 */
import { byteSize } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { fromStorage, isTensor } from "../ops/create.ts";
import { placeholderOf } from "../ops/region.ts";
import { storageOf, type Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { compileRegion, type Making } from "../runtime/compile.ts";
import { computeCells } from "../runtime/evaluate.ts";
import { cellsOf, type Executable } from "../runtime/executable.ts";
import { notice, noticing } from "../runtime/notice.ts";
import { type AnyFunction, leavesOf, withLeaves } from "./capture.ts";
import type { Cached } from "./programs.ts";
import { type Recording, recordFunction } from "./recording.ts";
import { type Change, Snapshot } from "./snapshot.ts";

/** Machine code, kernels and tables take about this many bytes for each byte of WebAssembly code (measured on steps of an MLP and of LeNet). */
const BYTES_PER_CODE = 16;

const typeOf = ({ shape, dtype }: Type): Type => ({ shape, dtype });

/** A program that a compiled function may run. */
export class Program implements Cached {
  readonly executable: Executable;
  readonly bytes: number;
  readonly #cells: readonly Cell[];
  /** The cells that the program reads. */
  readonly #read: readonly Cell[];
  /** The structure of the result, with placeholders for tensors, so that it does not keep the recorded list alive. */
  readonly #result: unknown;
  readonly #types: readonly Type[];
  readonly #guards: readonly { readonly read: () => unknown; readonly value: unknown }[];
  readonly #fields: Snapshot;

  private constructor(recording: Recording, noticed: Iterable<object>, making: Making) {
    this.executable = compileRegion(recording.region, recording, { ...making, remember: true });
    this.#cells = cellsOf(recording);
    this.#read = this.executable.readOf(this.#cells);
    const { leaves } = leavesOf(recording.result);
    this.#types = leaves.map(typeOf);
    this.#result = withLeaves(
      recording.result,
      this.#types.map((type) => placeholderOf(type)),
    );
    this.#guards = recording.guards.map((read) => ({ read, value: read() }));
    this.#fields = new Snapshot(noticed);
    const constants = recording.constants.reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * byteSize(dtype), 0);
    this.bytes = constants + BYTES_PER_CODE * this.executable.codeBytes;
  }

  /** Records `fn` on arguments like `args` and compiles the recording. `noticed` are modules and optimizers among the arguments. */
  static make(
    fn: AnyFunction,
    args: readonly unknown[],
    noticed: readonly object[],
    making: Making,
    look?: (recording: Recording) => void,
  ): Program {
    const { result: recording, noticed: found } = noticing(() => {
      noticed.forEach(notice);
      return recordFunction(fn, args);
    });
    look?.(recording);
    return new Program(recording, found, making);
  }

  /** Returns true if nothing has changed that the recording read: modes, fields of modules and optimizers. */
  holds(): boolean {
    for (const { read, value } of this.#guards) if (!Object.is(read(), value)) return false;
    return this.#fields.holds();
  }

  /** The first field that has changed since the recording, if any. */
  change(): Change | undefined {
    return this.#fields.change();
  }

  /** Runs on the tensors of the arguments and returns the function's result. */
  run(leaves: readonly Tensor[]): unknown {
    computeCells(this.#read);
    const results = this.executable.run(leaves.map(storageOf), this.#cells);
    if (isTensor(this.#result)) return fromStorage(results[0]!, this.#types[0]!);
    return withLeaves(
      this.#result,
      results.map((storage, i) => fromStorage(storage, this.#types[i]!)),
    );
  }

  dispose(): void {
    this.executable.dispose();
  }
}
