/**
 * @file A function of cells as a function of tensors.
 */
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { capture } from "./capture.ts";

/**
 * The result of `fn` when the given cells hold other tensors, which may even have another dtype. What `fn` writes to cells is dropped; no cell
 * changes.
 */
export function withCells<T>(values: ReadonlyMap<Cell, Tensor>, fn: () => T): T {
  return capture("withCells", fn, { read: (cell, outside) => values.get(cell) ?? outside() }).result;
}
