/**
 * @file Runs a function that reads cells on other tensors in their place.
 */
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { capture } from "./capture.ts";

/**
 * Runs `fn` as if the given cells held other tensors, which may even have another dtype. Writes of `fn` to cells are dropped; no cell changes.
 */
export function withCells<T>(values: ReadonlyMap<Cell, Tensor>, fn: () => T): T {
  return capture("withCells", fn, { read: (cell, outside) => values.get(cell) ?? outside() }).result;
}
