/**
 * @file Tables in many Parquet files, or in files that are larger than memory: row groups are the shards, and are read when examples of them are wanted. Inputs are
 * numbers; the label alone is held in memory. A rank reads the row groups of its part of the batches.
 */
import { aPath, check, checkOptions } from "../base/check.ts";
import { Budget, READ_LIMITS, type ReadLimits } from "../formats/budget.ts";
import { unsupported } from "../formats/unsupported.ts";
import { type Cell, describeGap, inputNumberOf, isMissing } from "./cells.ts";
import type { Dataset, Split } from "./dataset.ts";
import { type OpenedParquet, openParquet } from "./parquet.ts";
import { fitStandardization, type Standardization, standardization, standardizeValues, unitStandardization } from "./preprocessing.ts";
import { bytesOfFile, digestOfShards, drawnSplit, drawTest, endsOf, nameOfShards, shardedSplit, shardParts, sizeOfFile } from "./shards.ts";
import { checkNames, encodeLabel, labelColumn, TABLE_OPTIONS, type TableOptions, type Target } from "./table.ts";

/** Row groups that are held decoded: those that a process alone reads from at a time. */
const HELD = 32;

/** A row group: its file, its number there, and its rows. */
interface Group {
  readonly path: string;
  readonly file: OpenedParquet;
  readonly number: number;
  readonly rows: number;
}

/** What is read of each row. */
interface Choice {
  readonly columns: readonly string[];
  /** Positions of the label and of the inputs among the columns. */
  readonly label: number;
  readonly inputs: readonly number[];
}

/**
 * Tables in Parquet shards as a data set. `path` is a folder of `.parquet` files (with `train`, `val` and `test` in the names or as folders, else rows are drawn
 * for tests), a pattern such as `part-{0000..0063}.parquet`, or one file.
 * @throws {Error} for a missing or damaged shard, other columns in one of them, texts among the inputs, cells without a value.
 */
export async function parquetShards(path: string, options: TableOptions & ReadLimits = {}): Promise<Dataset> {
  check("parquetShards: path", path, aPath);
  checkOptions("parquetShards", options, { ...TABLE_OPTIONS, ...READ_LIMITS });
  refuseGaps(path, options);
  const { maxBytes, testShare = 0.2, seed } = options;
  const parts = await shardParts(path, "parquet");
  const groups = await groupsOf(parts.train, { maxBytes });
  const choice = chosenColumns(groups[0]!, options);
  const target = await targetOf(path, groups, choice, options.task);
  const isRegression = target.classes.length === 0;
  const rows = new Rows(groups, choice);
  const drawn = parts.test ? undefined : drawTest(target.values, rows.shards, testShare, seed);
  const scales = options.standardize === false ? {} : await scalesOf(rows, target, drawn?.[0].chosen);
  const finished = (of: Rows, targets: Float64Array | Int32Array): Split =>
    shardedSplit(targets instanceof Int32Array ? targets : standardizedRows(targets, 1, scales.targets), of.shards, async (indices) =>
      standardizedRows(await of.read(indices), choice.inputs.length, scales.inputs),
    );
  const part = async (paths: readonly string[]): Promise<Split> => {
    const own = await groupsOf(paths, { maxBytes }, groups[0]);
    return finished(new Rows(own, choice), targetsOf(await labelsOf(own, choice), own, target.classes));
  };
  const whole = finished(rows, isRegression ? target.numbers : (target.values as Int32Array));
  const [train, test] = drawn ? drawn.map((draw) => drawnSplit(whole, draw)) : [whole, await part(parts.test!)];
  const label = choice.columns[choice.label]!;
  return {
    name: nameOfShards(path),
    train: train!,
    test: test!,
    ...(parts.validation && { validation: await part(parts.validation) }),
    classes: target.classes,
    inputShape: [choice.inputs.length],
    task: isRegression ? "regression" : "classification",
    preprocessing: { columns: choice.inputs.map((c) => ({ name: choice.columns[c]! })), label, ...scales },
    sha256: await digestOfShards(Object.values(parts).flat()),
    notes: [
      `${parts.train.length} shards, ${groups.length} row groups of ${Math.min(...rows.shards)} to ${Math.max(...rows.shards)} rows train`,
      `label: ${label}, ${isRegression ? "a number" : `${target.classes.length} classes`}; ${choice.inputs.length} inputs`,
    ],
  };
}

/** @throws {Error} for options of tables that are read whole. */
function refuseGaps(path: string, options: TableOptions): void {
  for (const name of ["missing", "categorical"] as const)
    if (options[name] !== undefined && options[name] !== "error")
      throw new Error(`${path}: ${name}: is for tables in one file, which are read whole; shards want numbers, a value in each cell`);
}

/** The labels of the rows that train, as numbers. */
async function targetOf(path: string, groups: readonly Group[], choice: Choice, task: Dataset["task"] | undefined): Promise<Target> {
  const cells = await labelsOf(groups, choice);
  const columns = [choice.columns[choice.label]!];
  const table = { what: path, columns, rows: cells.map((cell) => [cell]), rowName: (i: number) => rowName(groups, i) };
  return encodeLabel(table, 0, Array.from(cells.keys()), task);
}

/** Means and deviations of the inputs, and of targets that are numbers, over the chosen rows (default: all). */
async function scalesOf(
  rows: Rows,
  { classes, numbers }: Target,
  chosen: Int32Array | undefined,
): Promise<{ readonly inputs?: Standardization; readonly targets?: Standardization }> {
  const inputs = await rows.statistics(chosen);
  if (classes.length > 0) return { inputs };
  const own = chosen ? Float64Array.from(chosen, (i) => numbers[i]!) : numbers;
  return { inputs, targets: fitStandardization(own, own.length, 1) };
}

/** The row groups of some files, which have the same columns. */
async function groupsOf(paths: readonly string[], limits: ReadLimits, like?: Group): Promise<Group[]> {
  const groups: Group[] = [];
  for (const path of paths) {
    const size = await sizeOfFile(path);
    const source = { size, slice: (from: number, to: number) => bytesOfFile(path, from, to) };
    const file = await openParquet(source, path, () => new Budget(path, size, limits));
    for (const [number, rows] of file.groups.entries()) if (rows > 0) groups.push({ path, file, number, rows });
    const first = like ?? groups[0];
    if (first && file.columns.join() !== first.file.columns.join())
      throw new Error(
        `${path}: has the columns ${file.columns.join(", ")}, ${first.path} has ${first.file.columns.join(", ")}; want the same in all shards`,
      );
  }
  return groups;
}

function chosenColumns({ path, file }: Group, options: TableOptions): Choice {
  const table = { what: path, columns: file.columns, rows: [], rowName: String };
  const label = labelColumn(table, options);
  checkNames(table, options);
  const inputs = file.columns.flatMap((name, c) => (c === label || options.ignore?.includes(name) ? [] : [c]));
  if (inputs.length === 0) throw new Error(`${path}: no column is left for inputs beside the label "${file.columns[label]}"`);
  return { columns: file.columns, label, inputs };
}

async function labelsOf(groups: readonly Group[], { label, columns }: Choice): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const { file, number } of groups)
    await file.read(number, label, (row, cell) => {
      if (isMissing(cell))
        throw unsupported(`row ${row + 1}: column "${columns[label]}" ${describeGap(cell)}; the label wants a value in each row`);
      cells.push(cell);
    });
  return cells;
}

/** Labels of a part that does not train. @throws {Error} for a class that does not train. */
function targetsOf(cells: readonly Cell[], groups: readonly Group[], classes: readonly string[]): Int32Array | Float64Array {
  if (classes.length === 0) return Float64Array.from(cells, Number);
  const numbers = new Map(classes.map((name, i) => [name, i]));
  return Int32Array.from(cells, (cell, i) => {
    const number = numbers.get(String(typeof cell === "boolean" ? Number(cell) : cell).trim());
    if (number === undefined) throw new Error(`${rowName(groups, i)}: is of class ${JSON.stringify(cell)}, of which no row trains`);
    return number;
  });
}

function rowName(groups: readonly Group[], i: number): string {
  let left = i;
  for (const { path, rows, number, file } of groups) {
    if (left < rows) return `${path}, row ${left + 1 + file.groups.slice(0, number).reduce((a, b) => a + b, 0)}`;
    left -= rows;
  }
  return `row ${i + 1}`;
}

/** The inputs of the rows of some groups, as numbers. */
class Rows {
  /** Rows of each group. */
  readonly shards: Int32Array;
  readonly #groups: readonly Group[];
  readonly #choice: Choice;
  readonly #ends: Int32Array;
  readonly #held = new Map<number, Promise<Float64Array>>();

  constructor(groups: readonly Group[], choice: Choice) {
    this.shards = Int32Array.from(groups, ({ rows }) => rows);
    this.#groups = groups;
    this.#choice = choice;
    this.#ends = endsOf(this.shards);
  }

  /** Some rows, one after another. */
  async read(indices: Int32Array): Promise<Float64Array> {
    const width = this.#choice.inputs.length;
    const rows = new Float64Array(indices.length * width);
    for (const [k, i] of indices.entries()) {
      const g = this.#ends.findIndex((end) => i < end);
      const at = (i - this.#ends[g]! + this.shards[g]!) * width;
      rows.set((await this.#group(g)).subarray(at, at + width), k * width);
    }
    return rows;
  }

  /** Means and deviations of the columns, over the chosen rows (default: all), which are in order. One pass (Welford 1962). */
  async statistics(chosen?: Int32Array): Promise<Standardization> {
    const width = this.#choice.inputs.length;
    const [mean, square] = [new Float64Array(width), new Float64Array(width)];
    let [n, next] = [0, 0];
    for (const [g, end] of this.#ends.entries()) {
      const rows = await this.#group(g);
      for (let i = end - this.shards[g]!, at = 0; i < end; i++, at += width) {
        if (chosen && chosen[next] !== i) continue;
        next++;
        n++;
        for (let c = 0; c < width; c++) {
          const off = rows[at + c]! - mean[c]!;
          mean[c]! += off / n;
          square[c]! += off * (rows[at + c]! - mean[c]!);
        }
      }
    }
    return standardization(mean, square.map((s) => Math.sqrt(s / n))); // biome-ignore format: one thought
  }

  /** A group's rows; those that were read last are held. */
  #group(g: number): Promise<Float64Array> {
    const rows = this.#held.get(g) ?? this.#decoded(this.#groups[g]!);
    this.#held.delete(g);
    this.#held.set(g, rows);
    if (this.#held.size > HELD) this.#held.delete(this.#held.keys().next().value!);
    return rows;
  }

  async #decoded({ file, number, rows }: Group): Promise<Float64Array> {
    const { inputs, columns } = this.#choice;
    const values = new Float64Array(rows * inputs.length);
    const first = file.groups.slice(0, number).reduce((a, b) => a + b, 0);
    for (const [k, c] of inputs.entries())
      await file.read(number, c, (row, cell) => {
        const value = isMissing(cell) ? Number.NaN : inputNumberOf(cell);
        if (!Number.isFinite(Math.fround(value))) {
          const what = isMissing(cell) ? describeGap(cell) : `is ${JSON.stringify(cell)}, no number`;
          throw unsupported(`row ${row + 1}: column "${columns[c]}" ${what}; correct it, or leave the column out (--ignore)`);
        }
        values[(row - first) * inputs.length + k] = value;
      });
    return values;
  }
}

/** Rows of f64 numbers, standardized, as f32. */
function standardizedRows(rows: Float64Array, width: number, scale = unitStandardization(width)): Float32Array {
  return rows.length === 0 ? new Float32Array() : standardizeValues(rows, scale, rows.length / width);
}
