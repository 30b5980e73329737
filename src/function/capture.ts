/**
 * @file capture: the one way to record a function. It runs the function inside a frame and returns its results and the cells that it touched; if the function
 * throws, no cell has changed. The caller chooses what a read gives. Writes stay in the frame until they are committed.
 */
import { fn as aFunction, check } from "../base/check.ts";
import { flatten, mapTree } from "../base/tree.ts";
import { Call } from "../ops/call.ts";
import { isTensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Cell, currentFrame, type Frame, withFrame } from "../runtime/cell.ts";

/** Any function. */
// biome-ignore lint/suspicious/noExplicitAny: a transform takes any function and gives its type back.
export type AnyFunction = (...args: any[]) => any;

const originals: WeakMap<AnyFunction, AnyFunction> = new WeakMap();

/** Notes that `made` is `fn` transformed, for names in printed lists: `grad(loss)`. */
export function derivedFrom<F extends AnyFunction>(fn: AnyFunction, kind: string, made: F): F {
  check(`${kind}: fn`, fn, aFunction);
  originals.set(made, fn);
  return Object.defineProperty(made, "name", { value: `${kind}(${fn.name})` });
}

/** Notes that `made` is the compiled form of `fn`. */
export function compiledFrom(fn: AnyFunction, made: AnyFunction): void {
  originals.set(made, fn);
}

/** The user's function behind any number of transforms. */
export function originalOf(fn: AnyFunction): AnyFunction {
  const inner = originals.get(fn);
  return inner ? originalOf(inner) : fn;
}

/** Leaves of trees are tensors; cells are state, not leaves. */
export const isCell = (x: unknown): x is Cell => x instanceof Cell;

/** A tree taken apart: its tensors in order, with their paths. */
export interface FlatTree {
  readonly leaves: Tensor[];
  readonly paths: string[];
  readonly structure: string;
}

/** The tensors of a tree. */
export function leavesOf(tree: unknown): FlatTree {
  return flatten(tree, isTensor, isCell);
}

/** The tree with its tensors replaced, in order. */
export function withLeaves<T>(tree: T, leaves: readonly Tensor[]): T {
  return mapTree(tree, isTensor, (_, i) => leaves[i]!, isCell) as T;
}

/** A recorded call of a function. */
export interface Capture<T> {
  readonly result: T;
  /** Tensors of the result. */
  readonly outputs: Tensor[];
  /** For each cell that was read, the tensor that the first read gave, in order of first reading. */
  readonly reads: Map<Cell, Tensor>;
  /** Last value written to each cell. */
  readonly writes: Map<Cell, Tensor>;
  readonly guards: (() => unknown)[];
}

/** What reads and writes of cells mean during a capture. */
export interface CaptureOptions {
  /** Returns what the first read of a cell gives; `outside` returns the value that it has outside. Default: that value. */
  readonly read?: (cell: Cell, outside: () => Tensor) => Tensor;
  /** Called before each write; throws if it is not allowed. */
  readonly checkWrite?: (cell: Cell, value: Tensor) => void;
}

/** A frame that records reads and writes. */
class CaptureFrame implements Frame {
  readonly outer: Frame | undefined = currentFrame();
  readonly kind: string;
  readonly reads: Map<Cell, Tensor> = new Map();
  readonly writes: Map<Cell, Tensor> = new Map();
  readonly guards: (() => unknown)[] = [];
  readonly #call: Call;
  readonly #options: CaptureOptions;

  constructor(call: Call, options: CaptureOptions) {
    this.kind = call.kind;
    this.#call = call;
    this.#options = options;
  }

  /** What reading a cell gives: the value that was written last, or that of the first read. */
  read(cell: Cell): Tensor {
    const written = this.writes.get(cell);
    if (written) return written;
    let value = this.reads.get(cell);
    if (!value) {
      const outside = (): Tensor => (this.outer ? this.outer.read(cell) : cell.expose());
      value = this.#options.read ? this.#call.own(this.#options.read(cell, outside)) : outside();
      this.reads.set(cell, value);
    }
    return value;
  }

  write(cell: Cell, value: Tensor): void {
    this.#options.checkWrite?.(cell, value);
    this.writes.set(cell, value);
  }

  guard(read: () => unknown): void {
    this.guards.push(read);
    this.outer?.guard(read);
  }
}

/** Runs `fn` while recording. `of` is the call, or the name of the transform, for messages. */
export function capture<T>(of: string | Call, fn: () => T, options: CaptureOptions = {}): Capture<T> {
  const call = typeof of === "string" ? new Call(of) : of;
  check(`${call.kind}: fn`, fn, aFunction);
  const frame = new CaptureFrame(call, options);
  try {
    const result = withFrame(frame, fn);
    refusePromises(call.kind, result);
    return { result, outputs: leavesOf(result).leaves, reads: frame.reads, writes: frame.writes, guards: frame.guards };
  } finally {
    call.ended = true;
  }
}

/** Throws if a recorded function returned a promise. */
function refusePromises(kind: string, result: unknown): void {
  const isPromise = (x: unknown): x is Promise<unknown> =>
    x instanceof Promise || (typeof x === "object" && x !== null && "then" in x && typeof x.then === "function");
  if (flatten(result, isPromise, (x) => isCell(x) || isTensor(x)).leaves.length > 0) {
    throw new TypeError(
      `${kind}: the function returned a promise. A recorded function must be synchronous: it runs once to record what it computes, so there is nothing to await. Read values outside of it`,
    );
  }
}

/** Performs the writes of a capture in the frame around it, or on the cells themselves if there is none. */
export function commit(writes: ReadonlyMap<Cell, Tensor>): void {
  for (const [cell, value] of writes) cell.set(value);
}

/** Marks results of one call, to be computed together when one of them is read. */
export function together(values: readonly Tensor[]): void {
  const pending = values.filter((v) => !v.isComputed);
  if (pending.length > 1) for (const v of pending) v.cohort = pending;
}
