/**
 * @file Cells, the only mutable state. A cell holds a current tensor and can be set. Outside of recording it behaves like a variable. While a function is
 * recorded, reads and writes go to the innermost frame, which decides what they mean: an input and an output of a program, a carry of a loop, a fresh seed of
 * a derivative.
 */
import "../base/disposable.ts";
import { describe } from "../base/describe.ts";
import type { Dtype } from "../base/dtype.ts";
import { formatType, type Shape, sameType } from "../base/shape.ts";
import { zeros } from "../ops/create.ts";
import { showAs } from "../ops/display.ts";
import { notANumber, refuseIndexing, Tensor } from "../ops/tensor.ts";
import type { Block } from "./block.ts";

/** Decides what reading and writing cells means while a function is recorded. */
export interface Frame {
  readonly outer: Frame | undefined;
  /** The name of the transform that records, for messages: `compile`, `scan`, `vmap`. */
  readonly kind: string;
  read(cell: Cell): Tensor;
  write(cell: Cell, value: Tensor): void;
  /** Notes that the recorded function depends on `read()`. A cached program is used only while `read()` returns the same. */
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

/** Reads something that is not a tensor (a mode, a flag). A compiled function is recorded again when it changes. */
export function guarded<T>(read: () => T): T {
  top?.guard(read);
  return read();
}

let watcher: ((cell: Cell) => void) | undefined;

/** Runs `fn`; `note` is called with every cell whose value is read meanwhile. */
export function watchReads<T>(note: (cell: Cell) => void, fn: () => T): T {
  const before = watcher;
  watcher = note;
  try {
    return fn();
  } finally {
    watcher = before;
  }
}

/** Cells whose current tensor is pending and was read or set. They are computed together with the next value that is read. */
export const pendingCells: Set<Cell> = new Set();

/**
 * Who references a cell's tensor. Where its elements are follows from the tensor's storage and the cell's block (`residency.ts`).
 *
 * - `fresh`: `current` is the tensor that the cell was made with, and was never read.
 * - `owned`: only the cell references the tensor, so a program may overwrite its elements.
 * - `aliased`: code outside may reference the tensor, so its elements must survive the next run.
 * - `disposed`: the cell can be neither read nor set.
 */
export type CellState = "fresh" | "owned" | "aliased" | "disposed";

/** A variable: it holds a tensor of one shape and dtype, which `set` replaces. Compiled functions read and write it in place. */
export class Cell {
  readonly shape: Shape;
  readonly dtype: Dtype;
  label: string | undefined;
  /** The path of this cell in its module, such as `layers.0.weight`, for messages. Known once the parameters were listed. */
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

  /** @internal For the runtime: the tensor this cell holds outside any recording; it counts as aliased from now on. */
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
   * Frees the memory at once. From then on reading or setting the cell is an error, also in a compiled function. Tensors that were read from it keep their
   * elements. Calling it is never required: memory that nothing references is freed anyway, only later.
   */
  dispose(): void {
    if (this.state === "disposed") return;
    this.block?.release(this.state === "aliased");
    this.block = undefined;
    pendingCells.delete(this);
    this.state = "disposed";
    // This drops the reference to the elements of a typed array as well.
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
