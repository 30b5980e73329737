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
  /** The outer axes that all groups share. Axes of one inner list are merged: every access steps through them with one stride. */
  readonly outer: readonly (readonly number[])[];
  /** How many rows along the last outer axis are computed together. */
  readonly block: number;
  /** Groups that sum over the rows, one result per slice; `slices` is their number. */
  readonly columns: ReadonlySet<Group>;
  readonly slices: number | undefined;
  readonly roots: readonly Tensor[];
  readonly stored: ReadonlySet<Tensor>;
  /** For values that only this kernel reads: the value that is later written into the same memory. */
  readonly inPlace: ReadonlyMap<Tensor, Tensor>;
  /** Returns true if `y` may be written over the buffer `x`, which has as many elements. */
  mayOverwrite(y: Tensor, x: Tensor): boolean;
}

/** Values computed by one loop nest over `shape`. */
export interface Group {
  readonly kind: "group";
  readonly shape: Shape;
  /** The layout of all roots. */
  readonly lanes: Lanes;
  /** The reduction that the nest computes first, if any; it is `roots[0]`. */
  readonly reduction: Instruction | undefined;
  /** Each is computed only from earlier ones and from buffers. */
  readonly roots: Tensor[];
  /** The roots that something outside the group reads; the others stay in registers. */
  readonly stored: Set<Tensor>;
}

/** An entry of the schedule: a group or a pass over rows becomes one kernel, the others become steps. */
export type Item = Group | Rows | Control;

/** An instruction that becomes steps of its own: a loop, a branch, a host call or a barrier. */
export interface Control {
  readonly kind: "control";
  readonly instruction: Instruction;
}

/** The result of fusion, for the scheduler and the writer of kernels. */
export interface Fusion {
  /** The machine that the kernels are for. */
  readonly target: Target;
  readonly items: Item[];
  /** The value whose buffer holds `value`: itself, or the value that it is an alias of. Undefined if it has no buffer. */
  bufferOf(value: Tensor): Tensor | undefined;
  /** The layout of a buffer. */
  lanesOf(buffer: Tensor): Lanes;
  /** The buffers that an item reads. */
  reads(item: Item): ReadonlySet<Tensor>;
  /** Returns true if the kernel that makes `y` may write it over the buffer `x`, which has as many elements. */
  mayOverwrite(item: Group | Rows, y: Tensor, x: Tensor): boolean;
}
