/**
 * @file Rows of a table as inputs of a model, by the columns that training fitted. Values are f64 until they are standardized and f32 after:
 * an f32 holds no more than seven digits, so that timestamps or identifiers would become equal before their mean is taken off.
 */
import { check, object } from "../base/check.ts";
import { type Cell, describeGap, inputNumberOf, isMissing, numberOf, textOf } from "./cells.ts";
import { checkDescription, checkTable } from "./check.ts";
import type { DataDescription, Split } from "./dataset.ts";
import type { Column, Preprocessing } from "./preprocessing-types.ts";
import { namesText } from "./table-notes.ts";
import type { Table } from "./table-type.ts";

/** How many inputs a column makes. */
export function columnWidth({ categories }: Column): number {
  return categories?.length ?? 1;
}

/** How many inputs all columns make. */
export function rowWidth(columns: readonly Column[]): number {
  return columns.reduce((n, column) => n + columnWidth(column), 0);
}

/**
 * Writes the values of a row, a cell for each column, before standardization. A missing cell gets the column's `fill`.
 * @throws {Error} for a gap without `fill`, a text for a number, a category that training never saw.
 */
export function encodeRow(into: Float64Array, columns: readonly Column[], cells: readonly Cell[]): void {
  let at = 0;
  columns.forEach((column, i) => {
    const { name, categories, fill } = column;
    if (isMissing(cells[i]) && fill === undefined)
      throw new Error(`column "${name}" ${describeGap(cells[i])}; the model wants ${namesText(columns.map((c) => c.name))}`);
    const cell = isMissing(cells[i]) ? fill! : cells[i];
    if (categories) into[at + categoryOf(column, cell)] = 1;
    else into[at] = finiteOf(column, cell);
    at += columnWidth(column);
  });
}

function categoryOf({ name, categories = [] }: Column, cell: Cell): number {
  const category = categories.indexOf(textOf(cell));
  if (category >= 0) return category;
  const known = categories.length > 12 ? `${categories.slice(0, 12).join(", ")}, ...` : categories.join(", ");
  throw new Error(`column "${name}" is ${JSON.stringify(cell)}, which training never saw; it knew ${known}`);
}

function finiteOf({ name }: Column, cell: Cell): number {
  const value = inputNumberOf(cell);
  if (Number.isFinite(value)) return value;
  throw new Error(`column "${name}" is ${JSON.stringify(cell)}; the model wants a number`);
}

/** The inputs of one row as the model sees them. */
function encodeCells(cells: readonly Cell[], { columns = [], inputs }: Preprocessing): Float32Array {
  const values = new Float64Array(rowWidth(columns));
  encodeRow(values, columns, cells);
  return Float32Array.from(values, (value, i) => (inputs ? (value - inputs.mean[i]) / inputs.std[i] : value));
}

/**
 * One example from the values of a row, by column name, as training encoded it: for predictions.
 * @throws {Error} for a column without a value, a text for a number, a category that training never saw.
 */
export function encodeRecord(record: Readonly<Record<string, Cell>>, preprocessing: Preprocessing): Float32Array {
  check("encodeRecord: the record", record, object);
  check("encodeRecord: preprocessing", preprocessing, object);
  const { columns = [] } = preprocessing;
  return encodeCells(
    columns.map(({ name }) => (Object.hasOwn(record, name) ? (record[name] ?? null) : null)),
    preprocessing,
  );
}

// ---- whole tables -------------------------------------------------------------------------------------------------------------------

/** An example that the model cannot take: where it stands, and why. */
export interface Flagged {
  /** Position in the file, from 0, and its name there. */
  readonly index: number;
  readonly name: string;
  readonly reason: string;
}

/** A row as the model sees it, or why it cannot. */
export type EncodedRow = { readonly name: string } & ({ readonly values: Float32Array } | { readonly error: string });

/** Where the columns that a model wants stand in a table. @throws {Error} if one is not there. */
function positions({ what, columns: given }: Table, names: readonly string[]): number[] {
  const columns = given.map((name) => name.trim());
  const lacking = names.filter((name) => !columns.includes(name));
  if (lacking.length > 0)
    throw new Error(
      `${what}: has no column ${lacking.map((name) => `"${name}"`).join(", ")}, which the model wants; it has ${namesText(columns)}`,
    );
  return names.map((name) => columns.indexOf(name));
}

/** Columns of a table that the model does not look at. */
export function extraColumns({ columns }: Table, { columns: wanted = [], label }: Preprocessing): string[] {
  return columns.map((name) => name.trim()).filter((name) => name !== label && !wanted.some((column) => column.name === name));
}

/** The rows of a table for predictions. @throws {Error} if a column is not there; what is wrong with a row is in its place. */
export function encodeRows(table: Table, preprocessing: Preprocessing): EncodedRow[] {
  const at = positions(
    table,
    (preprocessing.columns ?? []).map(({ name }) => name),
  );
  return table.rows.map((row, i) => {
    const name = table.rowName(i);
    try {
      const cells = at.map((c) => row[c]);
      return { name, values: encodeCells(cells, preprocessing) };
    } catch (error) {
      return { name, error: (error as Error).message };
    }
  });
}

/**
 * A table as examples with targets, by the columns, statistics and classes of training. Rows with a gap, a text for a number, a category that
 * training never saw or no label are left out and flagged.
 * @throws {Error} if a column or the label is not there, a label is of no class that trained, or no row is left.
 */
export function encodeTable(table: Table, about: DataDescription): { readonly split: Split; readonly flagged: readonly Flagged[] } {
  checkTable("encodeTable: the table", table);
  checkDescription("encodeTable: the description", about);
  const { preprocessing = {}, task, inputShape } = about;
  const { label, targets } = preprocessing;
  if (label === undefined) throw new Error(`${table.what}: the model does not say which column is its label; name it with --label`);
  const [labelAt] = positions(table, [label]);
  const flagged: Flagged[] = [];
  const kept: { readonly values: Float32Array; readonly target: number }[] = [];
  for (const [index, row] of encodeRows(table, preprocessing).entries()) {
    const cell = table.rows[index][labelAt];
    const reason = "error" in row ? row.error : isMissing(cell) ? `label "${label}" ${describeGap(cell)}` : undefined;
    if (reason !== undefined) flagged.push({ index, name: row.name, reason });
    else if ("values" in row) kept.push({ values: row.values, target: targetOf(cell, `${table.what}, ${row.name}`, about) });
  }
  if (kept.length === 0) throw new Error(`${table.what}: no row can be measured: ${flagged[0]?.name}: ${flagged[0]?.reason}`);
  const inputs = new Float32Array(kept.length * inputShape[0]);
  for (const [i, { values }] of kept.entries()) inputs.set(values, i * inputShape[0]);
  const scaled = targets ? (y: number): number => (y - targets.mean[0]) / targets.std[0] : (y: number): number => y;
  const all =
    task === "classification" ? Int32Array.from(kept, ({ target }) => target) : Float32Array.from(kept, ({ target }) => scaled(target));
  return { split: { inputs, targets: all, count: kept.length }, flagged };
}

/** The class of a label, or its number. */
function targetOf(cell: Cell, where: string, { task, classes, preprocessing }: DataDescription): number {
  const value = numberOf(cell);
  if (task === "regression") {
    if (Number.isFinite(value)) return value;
    throw new Error(`${where}: label "${preprocessing?.label}" is ${JSON.stringify(cell)}; a regression target must be a number`);
  }
  const named = classes.indexOf(textOf(cell));
  const index = named >= 0 || Number.isNaN(value) ? named : classes.findIndex((name) => Number(name) === value);
  if (index >= 0) return index;
  throw new Error(
    `${where}: label "${preprocessing?.label}" is ${JSON.stringify(cell)}, a class that the model does not know; it knows ${classes.join(", ")}`,
  );
}
