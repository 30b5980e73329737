/** @file Setting the cells of an optimizer from a saved state. */
import type { AnyTypedArray } from "../base/elements.ts";
import { formatShape, type Shape, sameShape } from "../base/shape.ts";
import { tensor } from "../ops/create.ts";
import { Cell } from "../runtime/cell.ts";

/** A cell, or elements as a file gives them. */
export type StateSource = Cell | { readonly shape: Shape; readonly data: AnyTypedArray };

/** @throws {Error} if names or shapes differ; then nothing is changed. */
export function loadCells(owner: string, cells: ReadonlyMap<string, Cell>, entries: ReadonlyMap<string, StateSource>): void {
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
  for (const [name, cell] of cells) setCell(cell, entries.get(name)!);
}

function setCell(cell: Cell, entry: StateSource): void {
  if (entry instanceof Cell) {
    cell.set(entry.value.cast(cell.dtype));
    return;
  }
  cell.set(tensor(entry.data, { shape: cell.shape, dtype: cell.dtype }));
}
