/**
 * @file Cells: the only state. A cell holds a current tensor and can be set. Outside recording it points at a tensor like a variable; while
 * a function is recorded, reads and writes go to the innermost frame, which decides what they mean: an input and an output of a program,
 * a carry of a loop, a fresh seed of a derivative.
 */
import "../base/disposable.ts";
import { describe } from "../base/describe.ts";
import type { Dtype } from "../base/dtype.ts";
import { formatType, type Shape, sameType } from "../base/shape.ts";
import { zeros } from "../ops/create.ts";
import { showAs } from "../ops/display.ts";
import { notANumber, refuseIndexing, Tensor } from "../ops/tensor.ts";
import type { Block } from "./block.ts";

/** What recording a function does with the cells it touches. */
export interface Frame {
  readonly outer: Frame | undefined;
  /** What the frame belongs to, for messages: `compile`, `scan`, `vmap`. */
  readonly kind: string;
  read(cell: Cell): Tensor;
  write(cell: Cell, value: Tensor): void;
  /** Notes that the recorded function depends on `read()`, so that a cached program is used only while it gives the same. */
  guard(read: () => unknown): void;
}

let top: Frame | undefined;

/** The innermost frame, if a function is being recorded. */
export function currentFrame(): Frame | undefined {
  return top;
}

/** Runs `fn` with `frame` innermost. */
export function withFrame<T>(frame: Frame, fn: () => T): T {
  const before = top;
  top = frame;
  try {
    return fn();
  } finally {
    top = before;
  }
}

/** Reads something that is not a tensor (a mode, a flag) so that a compiled function is recorded anew when it changes. */
export function guarded<T>(read: () => T): T {
  top?.guard(read);
  return read();
}

let watcher: ((cell: Cell) => void) | undefined;

/** Runs `fn`; `note` is told of every cell whose value is read meanwhile. */
export function watchReads<T>(note: (cell: Cell) => void, fn: () => T): T {
  const before = watcher;
  watcher = note;
  try {
    return fn();
  } finally {
    watcher = before;
  }
}

/** Cells that are to be computed with whatever is read first: their current tensor is pending, and was read or set. */
export const pendingCells: Set<Cell> = new Set();

/**
 * Who holds a cell's tensor. Where its elements are follows from the tensor's storage and the cell's block: see `residency.ts`.
 *
 * - `fresh`: `current` is what the cell was made with, and was never read.
 * - `owned`: nobody but the cell holds it, so that a program may overwrite it.
 * - `aliased`: someone outside may hold it, so that its elements must survive the next run.
 * - `disposed`: the cell can be neither read nor set.
 */
export type CellState = "fresh" | "owned" | "aliased" | "disposed";

/** A variable: it holds a tensor of one shape and dtype, which `set` replaces. Compiled functions read and write it in place. */
export class Cell {
  readonly shape: Shape;
  readonly dtype: Dtype;
  label: string | undefined;
  /** Where a module holds this cell, such as `layers.0.weight`, once its parameters were listed; for messages. */
  path: string | undefined = undefined;
  /** @internal The tensor this cell holds outside any recording; for the runtime. Use `value` and `set`. */
  current: Tensor;
  /** @internal For the runtime: this cell's block in the arena, once it had one. */
  block: Block | undefined = undefined;
  /** @internal For the runtime. */
  state: CellState = "fresh";

  /** @throws {TypeError} if `initial` is not a tensor. */
  constructor(initial: Tensor, label?: string) {
    checkTensor(new.target.name, initial);
    if (label !== undefined && typeof label !== "string")
      throw new TypeError(`${new.target.name}: want a string as the label, got ${describe(label)}`);
    this.shape = initial.shape;
    this.dtype = initial.dtype;
    this.label = label;
    this.current = initial;
  }

  /** The current tensor. @throws {Error} after `dispose`. */
  get value(): Tensor {
    if (this.state === "disposed") this.checkNotDisposed();
    watcher?.(this);
    return top ? top.read(this) : this.expose();
  }

  /** @throws {TypeError} always: a cell is changed by {@link set}. */
  set value(_: never) {
    throw new TypeError(`${this}: value cannot be assigned; use set(tensor)`);
  }

  /** @internal For the runtime: the tensor this cell holds outside any recording, for someone who keeps it. */
  expose(): Tensor {
    if (this.state !== "disposed") this.state = "aliased";
    if (!this.current.isComputed) pendingCells.add(this);
    return this.current;
  }

  /** Makes `value` the current tensor. @throws {TypeError} unless it has this cell's shape and dtype. @throws {Error} after `dispose`. */
  set(value: Tensor): void {
    this.checkNotDisposed();
    checkTensor(`set: ${this.label ?? "this cell"}`, value);
    if (!sameType(value, this)) {
      throw new TypeError(
        `set: ${this.label ?? "this cell"} holds ${formatType(this)}, got ${formatType(value)}; a cell keeps its shape and dtype`,
      );
    }
    if (top) {
      top.write(this, value);
      return;
    }
    if (value !== this.current && this.block?.vacate(this.state === "aliased") === false) this.block = undefined;
    if (this.state === "fresh") this.state = "owned";
    this.current = value;
    if (value.isComputed) pendingCells.delete(this);
    else pendingCells.add(this);
  }

  /** True after `dispose`. */
  get isDisposed(): boolean {
    return this.state === "disposed";
  }

  /**
   * Frees the memory at once; reading or setting the cell is an error from then on, also by a compiled function. Tensors that were read from it
   * keep their elements. It is never required: what nobody holds is freed anyway, if later.
   */
  dispose(): void {
    if (this.state === "disposed") return;
    this.block?.release(this.state === "aliased");
    this.block = undefined;
    pendingCells.delete(this);
    this.state = "disposed";
    // The elements of an array can go as well.
    this.current = zeros(this.shape, this.dtype);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal For the runtime. @throws {Error} after `dispose`. */
  checkNotDisposed(): void {
    if (this.state === "disposed")
      throw new Error(`${this} was disposed of and can be neither read nor set; dispose of it after its last use`);
  }

  toString(): string {
    return `${this.label ?? "cell"}: ${formatType(this)}`;
  }

  /**
   * A cell is no number, as a tensor is none.
   * @throws {TypeError} where JavaScript wants a number.
   */
  [Symbol.toPrimitive](hint: "number" | "string" | "default"): string {
    if (hint === "string") return this.toString();
    throw new TypeError(notANumber(this.toString()));
  }

  /** The elements as nested arrays. */
  toJSON(): unknown {
    return this.value.toArray();
  }
}

refuseIndexing(Cell.prototype);
showAs(Cell.prototype, (cell) => {
  const head = `${cell.constructor.name} ${cell.label ? `${cell.label}: ` : ""}${formatType(cell)}`;
  if (cell.isDisposed) return `${head} (disposed)`;
  if (!cell.current.isComputed) return `${head} (pending)`;
  try {
    return [head, ...cell.current.toString().split("\n").slice(1)].join("\n");
  } catch {
    return `${head} (lost)`;
  }
});

function checkTensor(what: string, value: unknown): void {
  if (!(value instanceof Tensor)) throw new TypeError(`${what}: want a tensor, got ${describe(value)}; make one with tensor(...)`);
}
