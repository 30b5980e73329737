/**
 * @file Tables (CSV, Parquet) as data sets: columns are inferred to be numbers or categories, one is the label, rows are split at random, and
 * numbers are standardized as the training part has them. Each fault is an error that names row and column.
 */
import type { Dataset, Split } from "./dataset.ts";
import { type Column, type Preprocessing, type Standardization, standardize } from "./preprocessing.ts";
import { splitIndices, subset } from "./split.ts";

/** A cell: text from CSV; whatever the file has from others. */
export type Cell = string | number | boolean | null;

/** Named columns of one length. */
export interface Table {
  /** What errors call the file. */
  readonly what: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** Where row i stands, such as "line 7". */
  rowName(row: number): string;
}

export interface TableOptions {
  /** Name of the column to predict. Default: the one called target, label or class, else the last. */
  readonly label?: string;
  /** Default: classification for text, and for whole numbers with few values; else regression. */
  readonly task?: Dataset["task"];
  /** Columns to leave out. */
  readonly ignore?: readonly string[];
  /** Columns of numbers that are names for something: one input for each value. */
  readonly categorical?: readonly string[];
  /** A cell without a value: "error" (default), or "drop" its row. */
  readonly missing?: "error" | "drop";
  /** Share of the rows that test. Default 0.2. */
  readonly testShare?: number;
  /** Of the random split. Default 0. */
  readonly seed?: number;
  /** Whether inputs and regression targets get mean 0 and deviation 1. Default true. */
  readonly standardize?: boolean;
}

/** A table as a data set: the two parts of a random split, stratified by class. `name` is the data set's. */
export function tableDataset(name: string, table: Table, options: TableOptions = {}): Dataset {
  const label = labelColumn(table, options);
  const inputs = table.columns.map((_, c) => c).filter((c) => c !== label && !options.ignore?.includes(table.columns[c]));
  if (inputs.length === 0) throw new Error(`${table.what}: no column is left for inputs beside the label "${table.columns[label]}"`);
  checkNames(table, options);
  const rows = completeRows(table, [...inputs, label], options);
  if (rows.length < 2) throw new Error(`${table.what}: want at least 2 rows of data, got ${rows.length}`);

  const encoders = inputs.map((c) => inferColumn(table, c, rows, options));
  const target = encodeLabel(table, label, rows, options.task);
  const all: Split = { inputs: encodeRows(table, rows, inputs, encoders), targets: target.values, count: rows.length };
  const [first, second] = splitIndices(all, options.testShare ?? 0.2, { seed: options.seed });
  const task: Dataset["task"] = target.classes.length > 0 ? "classification" : "regression";
  const data: Dataset = {
    name,
    train: subset(all, first),
    test: subset(all, second),
    classes: target.classes,
    inputShape: [all.inputs.length / all.count],
    task,
    preprocessing: { columns: encoders },
  };
  return options.standardize === false ? data : keepOneHot(data, standardize(data, { targets: true }), encoders);
}

// ---- columns ------------------------------------------------------------------------------------------------------------------------

const USUAL_LABELS = ["target", "label", "class"];

function labelColumn({ what, columns }: Table, { label }: TableOptions): number {
  if (columns.length < 2) throw new Error(`${what}: want at least 2 columns, inputs and a label, got ${columns.length}`);
  if (label !== undefined) {
    const at = columns.indexOf(label);
    if (at < 0) throw new Error(`${what}: no column "${label}" for the label; it has ${columns.join(", ")}`);
    return at;
  }
  const usual = columns.findIndex((column) => USUAL_LABELS.includes(column.toLowerCase()));
  return usual >= 0 ? usual : columns.length - 1;
}

function checkNames({ what, columns }: Table, { ignore = [], categorical = [] }: TableOptions): void {
  const unknown = [...ignore, ...categorical].find((name) => !columns.includes(name));
  if (unknown !== undefined) throw new Error(`${what}: no column "${unknown}"; it has ${columns.join(", ")}`);
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`${what}: two columns are called "${twice}"; rename one`);
}

/** Texts that stand for no value at all, in lower case. */
const MISSING = ["", "na", "n/a", "null", "none", "?", "nan"];
const isMissing = (cell: Cell): boolean =>
  cell === null || (typeof cell === "number" ? Number.isNaN(cell) : MISSING.includes(String(cell).trim().toLowerCase()));

/** Rows with a value in each of the columns. */
function completeRows(table: Table, columns: readonly number[], { missing = "error" }: TableOptions): number[] {
  const rows: number[] = [];
  for (const [row, cells] of table.rows.entries()) {
    const gap = columns.find((c) => isMissing(cells[c]));
    if (gap === undefined) rows.push(row);
    else if (missing === "error")
      throw new Error(`${place(table, row, gap)} ${describeGap(cells[gap])}; give it a value, or drop such rows (missing: "drop")`);
  }
  return rows;
}

const place = ({ what, columns, rowName }: Table, row: number, column: number): string =>
  `${what}, ${rowName(row)}: column "${columns[column]}"`;
const describeGap = (cell: Cell): string =>
  cell === null || String(cell).trim() === "" ? "is empty" : `is ${JSON.stringify(cell)}, not a value`;

const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

/** The number that a cell holds; NaN for texts. */
function numberOf(cell: Cell): number {
  if (typeof cell === "string") return NUMBER.test(cell) ? Number(cell) : Number.NaN;
  return Number(cell);
}

/** A text in a column where this share are numbers is taken for a slip of the pen, not for a category. */
const MOSTLY_NUMBERS = 0.8;
/** More values than these name the rows rather than describe them. */
const MANY_CATEGORIES = 100;

function inferColumn(table: Table, c: number, rows: readonly number[], { categorical = [] }: TableOptions): Column {
  const name = table.columns[c];
  const cells = rows.map((row) => table.rows[row][c]);
  const texts = cells.findIndex((cell) => Number.isNaN(numberOf(cell)));
  const named = categorical.includes(name);
  if (texts < 0 && !named) {
    const infinite = cells.findIndex((cell) => !Number.isFinite(Math.fround(numberOf(cell))));
    if (infinite >= 0)
      throw new Error(
        `${place(table, rows[infinite], c)} is ${cells[infinite]}, beyond the range of f32; correct it, or leave the column out (ignore)`,
      );
    return { name };
  }
  const numbers = cells.filter((cell) => !Number.isNaN(numberOf(cell))).length;
  if (!named && numbers >= MOSTLY_NUMBERS * cells.length)
    throw new Error(
      `${place(table, rows[texts], c)} is ${JSON.stringify(cells[texts])}, where most are numbers; correct it, or name the column categorical`,
    );
  const categories = [...new Set(cells.map(String))].sort();
  if (categories.length > MANY_CATEGORIES || (categories.length > 20 && 2 * categories.length > cells.length))
    throw new Error(
      `${table.what}: column "${name}" has ${categories.length} different texts in ${cells.length} rows; leave it out (ignore), or bring it to fewer`,
    );
  return { name, categories };
}

interface Target {
  readonly values: Int32Array | Float32Array;
  /** Empty for regression. */
  readonly classes: readonly string[];
}

function encodeLabel(table: Table, label: number, rows: readonly number[], task: Dataset["task"] | undefined): Target {
  const cells = rows.map((row) => table.rows[row][label]);
  const values = cells.map(numberOf);
  const text = values.findIndex((value) => !Number.isFinite(Math.fround(value)));
  const distinct = new Set(cells.map((cell, i) => (text < 0 ? values[i] : String(cell))));
  const few = distinct.size <= 2 || (distinct.size <= MANY_CATEGORIES && 5 * distinct.size <= rows.length);
  const asClasses = task === "classification" || (task === undefined && (text >= 0 || (few && values.every(Number.isInteger))));
  if (!asClasses) {
    if (text >= 0)
      throw new Error(`${place(table, rows[text], label)} is ${JSON.stringify(cells[text])}; a regression target must be a number`);
    return { values: Float32Array.from(values), classes: [] };
  }
  const order = [...distinct].sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1));
  const index = new Map(order.map((name, i) => [name, i]));
  const classes = order.map(String);
  const targets = Int32Array.from(cells, (cell, i) => index.get(text < 0 ? values[i] : String(cell))!);
  checkClasses(table, classes, targets, rows, table.columns[label]);
  return { values: targets, classes };
}

function checkClasses(table: Table, classes: readonly string[], targets: Int32Array, rows: readonly number[], label: string): void {
  if (classes.length < 2)
    throw new Error(`${table.what}: the label "${label}" is ${JSON.stringify(classes[0])} in every row; want at least two classes`);
  const counts = new Int32Array(classes.length);
  for (const target of targets) counts[target]++;
  const single = counts.indexOf(1);
  if (single < 0) return;
  const row = table.rowName(rows[targets.indexOf(single)]);
  const all = counts.every((n) => n === 1) ? `every row has a "${label}" of its own; is it the label, and a class (task)?` : undefined;
  throw new Error(
    `${table.what}: ${all ?? `class "${classes[single]}" of "${label}" has one example (${row}), which cannot be in both parts; add some, or remove it`}`,
  );
}

// ---- rows ---------------------------------------------------------------------------------------------------------------------------

/** How many inputs a column makes. */
export function columnWidth({ categories }: Column): number {
  return categories?.length ?? 1;
}

function encodeRows(table: Table, rows: readonly number[], from: readonly number[], columns: readonly Column[]): Float32Array {
  const width = columns.reduce((n, column) => n + columnWidth(column), 0);
  const inputs = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries())
    encodeRow(
      inputs.subarray(i * width, (i + 1) * width),
      columns,
      from.map((c) => table.rows[row][c]),
    );
  return inputs;
}

function encodeRow(into: Float32Array, columns: readonly Column[], cells: readonly Cell[]): void {
  let at = 0;
  columns.forEach(({ name, categories }, i) => {
    const cell = cells[i];
    if (!categories) {
      into[at++] = numberOf(cell);
      return;
    }
    const category = categories.indexOf(String(cell));
    if (category < 0)
      throw new Error(`column "${name}" is ${JSON.stringify(cell)}, which training never saw; it knew ${categories.join(", ")}`);
    into[at + category] = 1;
    at += categories.length;
  });
}

/**
 * One example from the values of a row, by column name, as training encoded it: for predictions.
 * @throws {Error} for a column without a value, a text for a number, a category that training never saw.
 */
export function encodeRecord(record: Readonly<Record<string, Cell>>, { columns = [], inputs }: Preprocessing): Float32Array {
  const cells = columns.map(({ name, categories }) => {
    const cell = Object.hasOwn(record, name) ? record[name] : null;
    if (isMissing(cell)) throw new Error(`column "${name}" ${describeGap(cell)}; the model wants ${columns.map((c) => c.name).join(", ")}`);
    if (!categories && !Number.isFinite(numberOf(cell)))
      throw new Error(`column "${name}" is ${JSON.stringify(cell)}; the model wants a number`);
    return cell;
  });
  const values = new Float32Array(columns.reduce((n, column) => n + columnWidth(column), 0));
  encodeRow(values, columns, cells);
  return inputs ? values.map((value, i) => (value - inputs.mean[i]) / inputs.std[i]) : values;
}

/** Zeros and ones of categories stay what they are. */
function keepOneHot(before: Dataset, after: Dataset, columns: readonly Column[]): Dataset {
  const numeric = columns.flatMap((column) => new Array<boolean>(columnWidth(column)).fill(!column.categories));
  if (numeric.every(Boolean)) return after;
  const { mean, std } = after.preprocessing!.inputs!;
  const inputs: Standardization = { mean: mean.map((m, i) => (numeric[i] ? m : 0)), std: std.map((s, i) => (numeric[i] ? s : 1)) };
  const keep = (raw: Split, split: Split): Split => ({
    ...split,
    inputs: split.inputs.map((x, i) => (numeric[i % numeric.length] ? x : raw.inputs[i])),
  });
  return {
    ...after,
    train: keep(before.train, after.train),
    test: keep(before.test, after.test),
    preprocessing: { ...after.preprocessing, inputs },
  };
}
