/**
 * @file Tables (CSV, Parquet) as data sets: columns are inferred to be numbers or categories, one is the label, rows are split at random, and
 * numbers are standardized as the training part has them. Each fault is an error that names row and column.
 */
import { type Checks, check, checkOptions, finite, flag, listOf, oneOf, share, text } from "../base/check.ts";
import { describeGap, inputNumberOf, isMissing, isMostlyNumbers, numberOf, textOf } from "./cells.ts";
import { checkTable } from "./check.ts";
import type { Dataset, Split } from "./dataset.ts";
import { encodeRow, rowWidth } from "./encode.ts";
import { type Column, fitStandardization, type Standardization, unitStandardization } from "./preprocessing.ts";
import { gatherRows, splitIndices } from "./split.ts";
import { namesText, tableNotes } from "./table-notes.ts";
import type { Table } from "./table-type.ts";

export type { Cell } from "./cells.ts";
export { columnWidth, encodeRecord } from "./encode.ts";
export type { Table } from "./table-type.ts";

export interface TableOptions {
  /** Name of the column to predict. Default: the one called target, label or class, else the last. */
  readonly label?: string;
  /** Default: classification for text, and for whole numbers with few values; else regression. */
  readonly task?: Dataset["task"];
  /** Columns to leave out. */
  readonly ignore?: readonly string[];
  /** Columns of numbers that are names for something: one input for each value. */
  readonly categorical?: readonly string[];
  /**
   * A cell without a value: "error" (default), "drop" its row, or fill it with the "mean" or "median" of its column's training rows; categories
   * get their most frequent value. A row without a label cannot be filled: it is dropped.
   */
  readonly missing?: "error" | "drop" | "mean" | "median";
  /** Share of the rows that test. Default 0.2. */
  readonly testShare?: number;
  /** Of the random split. Default 0. */
  readonly seed?: number;
  /** Whether inputs and regression targets get mean 0 and deviation 1. Default true. */
  readonly standardize?: boolean;
}

export const TABLE_OPTIONS: Checks<TableOptions> = {
  label: text,
  task: oneOf("classification", "regression"),
  ignore: listOf(text),
  categorical: listOf(text),
  missing: oneOf("error", "drop", "mean", "median"),
  testShare: share,
  seed: finite,
  standardize: flag,
};

/** A table as a data set: the two parts of a random split, stratified by class. `name` is the data set's. */
export function tableDataset(name: string, given: Table, options: TableOptions = {}): Dataset {
  check("tableDataset: name", name, text);
  checkTable("tableDataset: the table", given);
  checkOptions("tableDataset", options, TABLE_OPTIONS);
  const table = { ...given, columns: given.columns.map((column) => column.trim()) };
  const label = labelColumn(table, options);
  const inputs = table.columns.map((_, c) => c).filter((c) => c !== label && !options.ignore?.includes(table.columns[c]));
  if (inputs.length === 0) throw new Error(`${table.what}: no column is left for inputs beside the label "${table.columns[label]}"`);
  checkNames(table, options);
  const rows = usableRows(table, inputs, label, options);
  if (rows.length < 2) throw new Error(`${table.what}: want at least 2 rows of data, got ${rows.length}`);

  const target = encodeLabel(table, label, rows, options.task);
  const found = inputs.map((c) => inferColumn(table, c, rows, options));
  const parts = splitIndices({ targets: target.values, count: rows.length }, options.testShare ?? 0.2, { seed: options.seed });
  const columns = found.map((column, i) => filled(column, table, inputs[i], rows, parts[0], options.missing));
  const raw = encodeAll(table, rows, inputs, columns);
  const scaled = options.standardize !== false;
  const stats = scaled
    ? keepOneHot(fitStandardization(gatherRows(raw, parts[0], raw.length / rows.length), parts[0].length, rowWidth(columns)), columns)
    : undefined;
  const regression = target.classes.length === 0;
  const notes = tableNotes(table, columns, inputs, label, target.classes, rows.length);
  const units = scaled && regression ? fitStandardization(gatherRows(target.numbers, parts[0], 1), parts[0].length, 1) : undefined;
  const part = (indices: Int32Array): Split => ({
    inputs: gatherStandardized(raw, indices, rowWidth(columns), stats),
    targets: regression ? gatherStandardized(target.numbers, indices, 1, units) : gatherRows(target.values as Int32Array, indices, 1),
    count: indices.length,
  });
  return {
    name,
    train: part(parts[0]),
    test: part(parts[1]),
    classes: target.classes,
    inputShape: [rowWidth(columns)],
    task: regression ? "regression" : "classification",
    notes,
    preprocessing: { columns, label: table.columns[label], ...(stats && { inputs: stats }), ...(units && { targets: units }) },
  };
}

/** Rows of f64 numbers, standardized, as f32. */
function gatherStandardized(
  rows: Float64Array,
  indices: Int32Array,
  width: number,
  { mean, std }: Standardization = unitStandardization(width),
): Float32Array {
  const result = new Float32Array(indices.length * width);
  for (let i = 0, to = 0; i < indices.length; i++)
    for (let c = 0; c < width; c++) result[to++] = (rows[indices[i] * width + c] - mean[c]) / std[c];
  return result;
}

// ---- columns ------------------------------------------------------------------------------------------------------------------------

const USUAL_LABELS = ["target", "label", "class"];

export function labelColumn({ what, columns }: Table, { label }: TableOptions): number {
  if (columns.length < 2) throw new Error(`${what}: want at least 2 columns, inputs and a label, got ${columns.length}`);
  if (label !== undefined) {
    const at = columns.indexOf(label);
    if (at < 0) throw new Error(`${what}: no column "${label}" for the label; it has ${namesText(columns)}`);
    return at;
  }
  const usual = columns.findIndex((column) => USUAL_LABELS.includes(column.toLowerCase()));
  return usual >= 0 ? usual : columns.length - 1;
}

export function checkNames({ what, columns }: Table, { ignore = [], categorical = [] }: TableOptions): void {
  const known = new Set(columns);
  const unknown = [...ignore, ...categorical].find((name) => !known.has(name));
  if (unknown !== undefined) throw new Error(`${what}: no column "${unknown}"; it has ${namesText(columns)}`);
  const seen = new Set<string>();
  const twice = columns.find((name) => seen.size === seen.add(name).size);
  if (twice !== undefined) throw new Error(`${what}: two columns are called "${twice}"; rename one`);
}

/** Rows that train or test: all, those without a gap, or (if gaps are filled) those with a label. */
function usableRows(table: Table, inputs: readonly number[], label: number, { missing = "error" }: TableOptions): number[] {
  const wanted = missing === "mean" || missing === "median" ? [label] : [...inputs, label];
  const rows: number[] = [];
  for (const [row, cells] of table.rows.entries()) {
    const gap = wanted.find((c) => isMissing(cells[c]));
    if (gap === undefined) rows.push(row);
    else if (missing === "error")
      throw new Error(
        `${place(table, row, gap)} ${describeGap(cells[gap])}; give it a value, drop such rows (--missing drop), or fill them (--missing mean, median)`,
      );
  }
  return rows;
}

const place = ({ what, columns, rowName }: Table, row: number, column: number): string =>
  `${what}, ${rowName(row)}: column "${columns[column]}"`;

/** More values than these name the rows rather than describe them. */
const MANY_CATEGORIES = 100;

function inferColumn(table: Table, c: number, all: readonly number[], { categorical = [] }: TableOptions): Column {
  const name = table.columns[c];
  const rows = all.filter((row) => !isMissing(table.rows[row][c]));
  const cells = rows.map((row) => table.rows[row][c]);
  if (cells.length === 0) throw new Error(`${table.what}: column "${name}" has no value in any row; leave it out (--ignore)`);
  const texts = cells.findIndex((cell) => Number.isNaN(inputNumberOf(cell)));
  const named = categorical.includes(name);
  if (texts < 0 && !named) {
    const infinite = cells.findIndex((cell) => !Number.isFinite(Math.fround(inputNumberOf(cell))));
    if (infinite >= 0)
      throw new Error(
        `${place(table, rows[infinite], c)} is ${cells[infinite]}, beyond the range of f32; correct it, or leave the column out (--ignore)`,
      );
    return { name };
  }
  if (!named && isMostlyNumbers(cells))
    throw new Error(
      `${place(table, rows[texts], c)} is ${JSON.stringify(cells[texts])}, where most are numbers; correct it, or name the column categorical (--categorical)`,
    );
  const categories = [...new Set(cells.map(textOf))].sort();
  if (categories.length > MANY_CATEGORIES || (categories.length > 20 && 2 * categories.length > cells.length))
    throw new Error(
      `${table.what}: column "${name}" has ${categories.length} different texts in ${cells.length} rows; ${isWrittenOtherwise(categories) ? `if they are numbers, such as ${JSON.stringify(categories[0])}, say how they are written (--decimal, --thousands, --currency), else leave` : "leave"} it out (--ignore), or bring it to fewer`,
    );
  return { name, categories };
}

/** Whether most of these texts are numbers with groups, other decimals or a currency: "1,353.76", "12 000 USD", "3,50 €". */
function isWrittenOtherwise(texts: readonly string[]): boolean {
  const number = /^(?:\p{Sc}|[A-Z]{3}\s?)?\s*[+-]?\d+(?:[.,'\s]\d+)*\s*(?:\p{Sc}|[A-Z]{3})?$/u;
  return texts.filter((text) => number.test(text) && /[.,'\s]\d|\p{Sc}/u.test(text)).length >= 0.8 * texts.length;
}

/** The column with what fills its gaps, found in the training rows; `train` are positions in `rows`. */
function filled(
  column: Column,
  table: Table,
  c: number,
  rows: readonly number[],
  train: Int32Array,
  missing: TableOptions["missing"],
): Column {
  if (missing !== "mean" && missing !== "median") return column;
  const cells = Array.from(train, (i) => table.rows[rows[i]][c]).filter((cell) => !isMissing(cell));
  if (cells.length === 0)
    throw new Error(`${table.what}: column "${column.name}" has no value in the training rows to fill gaps with; leave it out (--ignore)`);
  if (column.categories) return { ...column, fill: mostFrequent(cells.map(textOf)) };
  const numbers = Float64Array.from(cells, inputNumberOf);
  return { ...column, fill: missing === "mean" ? meanOf(numbers) : medianOf(numbers) };
}

const meanOf = (values: Float64Array): number => fitStandardization(values, values.length, 1).mean[0];

function medianOf(values: Float64Array): number {
  const sorted = values.slice().sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The first of those that are most frequent, in the order of texts. */
function mostFrequent(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].reduce((best, next) => (next[1] > best[1] || (next[1] === best[1] && next[0] < best[0]) ? next : best))[0];
}

export interface Target {
  /** Class indices; f32 for regression, whose `numbers` are exact. */
  readonly values: Int32Array | Float32Array;
  readonly numbers: Float64Array;
  /** Empty for regression. */
  readonly classes: readonly string[];
}

/** The column that is predicted, as numbers: classes, or values. */
export function encodeLabel(table: Table, label: number, rows: readonly number[], task: Dataset["task"] | undefined): Target {
  const cells = rows.map((row) => table.rows[row][label]);
  const values = cells.map(numberOf);
  const text = values.findIndex((value) => !Number.isFinite(Math.fround(value)));
  const distinct = new Set(cells.map((cell, i) => (text < 0 ? values[i] : textOf(cell))));
  const few = distinct.size <= 2 || (distinct.size <= MANY_CATEGORIES && 5 * distinct.size <= rows.length);
  const asClasses = task === "classification" || (task === undefined && (text >= 0 || (few && values.every(Number.isInteger))));
  if (!asClasses) {
    if (text >= 0)
      throw new Error(`${place(table, rows[text], label)} is ${JSON.stringify(cells[text])}; a regression target must be a number`);
    return { values: Float32Array.from(values), numbers: Float64Array.from(values), classes: [] };
  }
  const order = [...distinct].sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1));
  const index = new Map(order.map((name, i) => [name, i]));
  const classes = order.map(String);
  const targets = Int32Array.from(cells, (cell, i) => index.get(text < 0 ? values[i] : textOf(cell))!);
  checkClasses(table, classes, targets, rows, table.columns[label]);
  return { values: targets, numbers: Float64Array.from(targets), classes };
}

function checkClasses(table: Table, classes: readonly string[], targets: Int32Array, rows: readonly number[], label: string): void {
  if (classes.length < 2)
    throw new Error(`${table.what}: the label "${label}" is ${JSON.stringify(classes[0])} in every row; want at least two classes`);
  const counts = new Int32Array(classes.length);
  for (const target of targets) counts[target]++;
  const single = counts.indexOf(1);
  if (single < 0) return;
  const row = table.rowName(rows[targets.indexOf(single)]);
  const all = counts.every((n) => n === 1)
    ? `every row has a "${label}" of its own; is it the label (--label), and a class (--task)?`
    : undefined;
  throw new Error(
    `${table.what}: ${all ?? `class "${classes[single]}" of "${label}" has one example (${row}), which cannot be in both parts; add some, or remove it`}`,
  );
}

// ---- rows ---------------------------------------------------------------------------------------------------------------------------

/** Values of all rows, before standardization. */
function encodeAll(table: Table, rows: readonly number[], from: readonly number[], columns: readonly Column[]): Float64Array {
  const width = rowWidth(columns);
  const values = new Float64Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    const cells = from.map((c) => table.rows[row][c]);
    encodeRow(values.subarray(i * width, (i + 1) * width), columns, cells);
  }
  return values;
}

/** Zeros and ones of categories stay what they are. */
function keepOneHot({ mean, std }: Standardization, columns: readonly Column[]): Standardization {
  const numeric = columns.flatMap(({ categories }) => (categories ? categories.map(() => false) : [true]));
  return { mean: mean.map((m, i) => (numeric[i] ? m : 0)), std: std.map((s, i) => (numeric[i] ? s : 1)) };
}
