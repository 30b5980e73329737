/**
 * @file What loading a state dict takes and tells: entries of several kinds, and the report of what did not fit.
 */

import { type AnyTypedArray, typedArrayName } from "../base/elements.ts";
import { formatShape, type Shape, sameShape } from "../base/shape.ts";
import { tensor } from "../ops/create.ts";
import { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";

/** Named elements, as a file gives them. Integers of 64 bits are narrowed to the cell's dtype. */
export interface ArrayEntry {
  readonly shape: Shape;
  readonly data: AnyTypedArray;
}

/** What a cell can be loaded from: another cell, a tensor, or elements with a shape as a file has them. */
export type StateEntry = Cell | Tensor | ArrayEntry;

/** An entry whose shape is not its cell's. */
export interface Misshapen {
  readonly name: string;
  /** Shape of the module's cell. */
  readonly expected: Shape;
  /** Shape of the entry. */
  readonly got: Shape;
}

/** What did not fit; all lists are empty after a perfect load. */
export interface LoadReport {
  /** Cells of the module for which there is no entry. */
  readonly missing: readonly string[];
  /** Entries for which the module has no cell. */
  readonly unexpected: readonly string[];
  /** Entries of another shape than the module's cell. */
  readonly misshapen: readonly Misshapen[];
}

// More names than this tell a reader nothing; the report has them all.
const SHOWN = 8;

/** Entries that do not fit a module; `report` lists them. */
export class StateDictError extends Error {
  readonly report: LoadReport;

  constructor(module: string, report: LoadReport) {
    super(`loadStateDict: the entries do not fit ${module}: ${faults(report)}; { strict: false } loads what fits`);
    this.name = "StateDictError";
    this.report = report;
  }
}

/** What did not fit, in words; empty if all did. */
export function faults(report: LoadReport): string {
  const misshapen = report.misshapen.map(({ name, expected, got }) => `${name} (want ${formatShape(expected)}, got ${formatShape(got)})`);
  const parts = [list("missing", report.missing), list("unexpected", report.unexpected), list("misshapen", misshapen)];
  return parts.filter((part) => part).join("; ");
}

function list(fault: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const rest = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  return `${fault} ${names.slice(0, SHOWN).join(", ")}${rest}`;
}

/** Compares names and shapes. A shared cell is found under any of its names; extra names of it are not unexpected. */
export function checkEntries(cells: readonly (readonly [string, Cell])[], entries: ReadonlyMap<string, StateEntry>): LoadReport {
  const names = new Map(cells);
  const found = new Set<Cell>();
  const first = new Map<Cell, string>();
  for (const [name, cell] of cells) {
    if (entries.has(name)) found.add(cell);
    if (!first.has(cell)) first.set(cell, name);
  }
  return {
    missing: [...first].flatMap(([cell, name]) => (found.has(cell) ? [] : [name])),
    unexpected: [...entries.keys()].filter((name) => !names.has(name)),
    misshapen: cells.flatMap(([name, cell]) => {
      const entry = entries.get(name);
      return entry && !sameShape(entry.shape, cell.shape) ? [{ name, expected: cell.shape, got: entry.shape }] : [];
    }),
  };
}

/** The entry's value in the cell's dtype. */
export function tensorFor(cell: Cell, entry: StateEntry): Tensor {
  if (entry instanceof Cell) return entry.value.cast(cell.dtype);
  if (entry instanceof Tensor) return entry.cast(cell.dtype);
  // Integers of 64 bits have no dtype of their own; other arrays are converted on the device.
  const wide = typedArrayName(entry.data)?.startsWith("Big");
  return tensor(entry.data, { shape: entry.shape, ...(wide && { dtype: cell.dtype }) }).cast(cell.dtype);
}
