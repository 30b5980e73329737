/**
 * @file Cells: the only state. A cell holds a current tensor and can be set. Outside recording it points at a tensor like a variable; while
 * a function is recorded, reads and writes go to the innermost frame, which decides what they mean: an input and an output of a program,
 * a carry of a loop, a fresh seed of a derivative.
 */
import type { Dtype } from "../base/dtype.ts";
import { formatType, type Shape, sameType } from "../base/shape.ts";
import { showAs } from "../ops/display.ts";
import { notANumber, type Tensor } from "../ops/tensor.ts";

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

/** Cells whose current tensor has not been computed yet; reading any value computes them too. */
export const pendingCells: Set<Cell> = new Set();

/** A variable: it holds a tensor of one shape and dtype, which `set` replaces. Compiled functions read and write it in place. */
export class Cell {
  readonly shape: Shape;
  readonly dtype: Dtype;
  label: string | undefined;
  /** The tensor this cell holds outside any recording; for the runtime. Use `value` and `set`. */
  current: Tensor;
  /** For the runtime: the address of this cell's block in the arena, or -1. */
  block = -1;
  /** For the runtime: someone outside holds `current`, so its elements must survive the next run. */
  exposed = false;
  /** For the runtime: `current` is what the cell was made with, and was never read. */
  fresh = true;

  constructor(initial: Tensor, label?: string) {
    this.shape = initial.shape;
    this.dtype = initial.dtype;
    this.label = label;
    this.current = initial;
    if (!initial.isComputed) pendingCells.add(this);
  }

  /** The current tensor. */
  get value(): Tensor {
    return top ? top.read(this) : this.expose();
  }

  /** The tensor this cell holds outside any recording, for someone who keeps it. */
  expose(): Tensor {
    this.exposed = true;
    this.fresh = false;
    return this.current;
  }

  /** Makes `value` the current tensor. It must have this cell's shape and dtype. */
  set(value: Tensor): void {
    if (!sameType(value, this)) {
      throw new TypeError(
        `set: ${this.label ?? "this cell"} holds ${formatType(this)}, got ${formatType(value)}; a cell keeps its shape and dtype`,
      );
    }
    if (top) {
      top.write(this, value);
      return;
    }
    // The block will be overwritten: who holds the tensor before needs a copy.
    if (this.exposed && this.current !== value && this.current.isComputed) this.current.dataSync();
    this.fresh = false;
    this.current = value;
    if (value.isComputed) pendingCells.delete(this);
    else pendingCells.add(this);
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

showAs(Cell.prototype, (cell) => {
  const [, ...elements] = cell.current.toString().split("\n");
  const head = `${cell.constructor.name} ${cell.label ? `${cell.label}: ` : ""}${formatType(cell)}`;
  return [cell.current.isComputed ? head : `${head} (pending)`, ...elements].join("\n");
});
