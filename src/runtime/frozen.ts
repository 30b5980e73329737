/** @file Frozen cells, which are not trained for now: `backward` gives them zero gradients, and optimizers skip them. The flag is not part of the cell's value. */
import { type Cell, guarded } from "./cell.ts";

const frozen: WeakSet<Cell> = new WeakSet();
/** True if any cell was ever frozen: until then nothing has to be looked up. */
let used = false;

export function freeze(cell: Cell, on: boolean): void {
  if (on) frozen.add(cell);
  else frozen.delete(cell);
  used ||= on;
}

export const isFrozen = (cell: Cell): boolean => used && frozen.has(cell);

/** The frozen cells among the given ones. While a function is recorded, this becomes a guard: freezing another cell records it again. */
export function frozenAmong(cells: readonly Cell[]): ReadonlySet<Cell> {
  guarded(() => (used ? positions(cells).join() : ""));
  return new Set(used ? cells.filter((cell) => frozen.has(cell)) : []);
}

const positions = (cells: readonly Cell[]): number[] => cells.flatMap((cell, i) => (frozen.has(cell) ? [i] : []));
