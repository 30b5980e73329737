/** @file What the fuser makes of a list: values that are computed together, and instructions that are steps of their own. */
import type { Shape } from "../base/shape.ts";
import type { Target } from "../kernel/target.ts";
import type { Instruction } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Lanes } from "./lanes.ts";

/** Groups computed row by row, in an order in which each can be computed from the ones before. */
export interface Rows {
  readonly kind: "rows";
  readonly groups: readonly Group[];
  /** The outer axes that all share, in runs that all accesses step through as through one axis. */
  readonly outer: readonly (readonly number[])[];
  /** Rows of the last outer axis that are computed together. */
  readonly block: number;
  /** Groups that add up the rows of each slice, and how many slices there are. */
  readonly columns: ReadonlySet<Group>;
  readonly slices: number | undefined;
  readonly roots: readonly Tensor[];
  readonly stored: ReadonlySet<Tensor>;
  /** For values that only this kernel reads: the one that is written over them. */
  readonly inPlace: ReadonlyMap<Tensor, Tensor>;
  /** Whether `y` may be written over the buffer `x`, which has the same elements. */
  mayOverwrite(y: Tensor, x: Tensor): boolean;
}

/** Values computed by one loop nest over `shape`. */
export interface Group {
  readonly kind: "group";
  readonly shape: Shape;
  /** How the elements of all roots lie. */
  readonly lanes: Lanes;
  /** The reduction that the nest computes first, if any; it is `roots[0]`. */
  readonly reduction: Instruction | undefined;
  /** In an order in which each can be computed from the ones before. */
  readonly roots: Tensor[];
  /** Those that others read from memory. */
  readonly stored: Set<Tensor>;
}

/** What becomes one kernel, or steps of its own. */
export type Item = Group | Rows | Control;

/** An instruction that the scheduler performs by itself: a loop, a branch, a barrier. */
export interface Control {
  readonly kind: "control";
  readonly instruction: Instruction;
}

export interface Fusion {
  /** The machine that the kernels are for. */
  readonly target: Target;
  readonly items: Item[];
  /** The value whose buffer holds a value: itself, or what it merely renames or reshapes. Undefined for values without a buffer. */
  bufferOf(value: Tensor): Tensor | undefined;
  /** How the elements of a buffer lie. */
  lanesOf(buffer: Tensor): Lanes;
  /** The buffers that an item reads. */
  reads(item: Item): ReadonlySet<Tensor>;
  /** Whether the kernel that makes `y` may write it over the buffer `x`, which has the same elements. */
  mayOverwrite(item: Group | Rows, y: Tensor, x: Tensor): boolean;
}
