/** @file Setting the cells of an optimizer from a saved state. */
import { describe } from "../base/describe.ts";
import type { AnyTypedArray } from "../base/elements.ts";
import { formatShape, type Shape, sameShape } from "../base/shape.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";

/** A cell, or elements as a file gives them. */
export type StateSource = Cell | { readonly shape: Shape; readonly data: AnyTypedArray };

/** @throws {Error} if names or shapes differ; then nothing is changed. */
export function loadCells(owner: string, cells: ReadonlyMap<string, Cell>, entries: ReadonlyMap<string, StateSource>): void {
  checkIsMap(owner, entries);
  const missing = [...cells.keys()].filter((name) => !entries.has(name));
  const unexpected = [...entries.keys()].filter((name) => !cells.has(name));
  const misshapen = [...cells].flatMap(([name, { shape }]) => {
    const entry = entries.get(name);
    return !entry || sameShape(entry.shape, shape) ? [] : [`${name} (want ${formatShape(shape)}, got ${formatShape(entry.shape)})`];
  });
  const faults = Object.entries({ missing, unexpected, misshapen }).filter(([, names]) => names.length > 0);
  if (faults.length > 0) {
    const text = faults.map(([fault, names]) => `${fault} ${names.join(", ")}`).join("; ");
    throw new Error(`loadStateDict: the entries do not fit ${owner}: ${text}; load the state of the same optimizer on the same parameters`);
  }
  // All are converted before any is set, so that one that cannot be changes nothing.
  const values = [...cells].map(([name, cell]) => [cell, valueFor(cell, entries.get(name)!)] as const);
  for (const [cell] of values) cell.checkNotDisposed();
  for (const [cell, value] of values) cell.set(value);
}

function checkIsMap(owner: string, entries: unknown): void {
  if (entries instanceof Map) return;
  throw new TypeError(
    `loadStateDict: ${owner} wants a Map from names to cells or arrays, as stateDict() gives it, got ${describe(entries)}`,
  );
}

function valueFor(cell: Cell, entry: StateSource): Tensor {
  if (entry instanceof Cell) return entry.value.cast(cell.dtype);
  return tensor(entry.data, { shape: cell.shape, dtype: cell.dtype });
}
