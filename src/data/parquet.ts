/**
 * @file Parquet through the package hyparquet. Inside a page the package believes what it reads, so each page is unpacked and checked here before it
 * decodes it: sizes against the budget, runs of equal values against the number of values. Columns go by their positions, never by their names.
 */
import type { CompressionCodec, FileMetaData, SchemaElement } from "hyparquet";
import { type Budget, budgetFor, type ReadLimits } from "../formats/budget.ts";
import { brief } from "../formats/clean.ts";
import { isUnsupported, unsupported } from "../formats/unsupported.ts";
import { decompressors } from "./parquet-codecs.ts";
import { checkRuns, dataHeader } from "./parquet-runs.ts";
import type { Cell, Table } from "./table.ts";
import { structEnd } from "./thrift.ts";

/** A flat column of the file. */
interface Leaf {
  readonly name: string;
  readonly element: SchemaElement;
  /** Position among all leaves, which is that of its chunks in each row group. */
  readonly index: number;
}

/** What a row takes of memory beside its cells, and a cell. */
const BYTES_PER_ROW = 64;
const BYTES_PER_CELL = 32;

/**
 * The bytes of a Parquet file as a table. Columns that pandas made of an index are left out.
 * @throws {Error} for a damaged file, for columns of lists or bytes, and beyond `limits`.
 */
export async function readParquet(bytes: Uint8Array, what = "parquet", limits: ReadLimits = {}): Promise<Table> {
  const budget = budgetFor("readParquet", bytes, what, limits);
  const file: Bytes = { size: bytes.length, slice: async (from, to) => bytes.subarray(from, to) };
  const { columns, groups, read } = await openParquet(file, what, () => budget);
  const rowCount = groups.reduce((sum, n) => sum + n, 0);
  budget.claim(rowCount * (BYTES_PER_ROW + BYTES_PER_CELL * columns.length), `${rowCount} rows of ${columns.length} columns`);
  const rows: Cell[][] = Array.from({ length: rowCount }, () => new Array<Cell>(columns.length).fill(null));
  for (const c of columns.keys())
    for (const g of groups.keys())
      await read(g, c, (row, cell) => {
        rows[row]![c] = cell;
      });
  return { what, columns, rows, rowName: (row) => `row ${row + 1}` };
}

/** A file of which ranges can be read. */
export interface Bytes {
  readonly size: number;
  slice(from: number, to: number): Promise<Uint8Array>;
}

/** A Parquet file of which row groups are read column by column. */
export interface OpenedParquet {
  readonly columns: readonly string[];
  /** Rows of each group. */
  readonly groups: readonly number[];
  /** Tells the cells of a column in a group. Rows count from the start of the file. */
  read(group: number, column: number, tell: (row: number, cell: Cell) => void): Promise<void>;
}

/** Opens a file; each call that reads may allocate what `allowed` gives. @throws {Error} as `readParquet`. */
export async function openParquet(file: Bytes, what: string, allowed: () => Budget): Promise<OpenedParquet> {
  const orExplain = async <T>(work: (budget: Budget) => Promise<T>): Promise<T> => {
    const budget = allowed();
    try {
      return await work(budget);
    } catch (error) {
      if (budget.left < 0) throw error;
      const reason = brief((error as Error).message.split("\n", 1)[0]);
      if (isUnsupported(error)) throw new Error(`${what}${reason.startsWith("row") ? "," : ":"} ${reason}`);
      throw new Error(`${what}: not a Parquet file, or a damaged one: ${reason}`);
    }
  };
  return orExplain(async (opening) => {
    const metadata = await footer(file, opening);
    if (checkCounts(metadata) === 0) throw unsupported("there is no row of data");
    const leaves = flatColumns(metadata);
    return {
      columns: leaves.map(({ name }) => name),
      groups: metadata.row_groups.map(({ num_rows: n }) => Number(n)),
      read: (group, column, tell) => orExplain((budget) => readColumn(file, metadata, leaves[column]!, group, tell, budget)),
    };
  });
}

/** What the parsed footer takes of memory, per byte. */
const FOOTER_COST = 32;

async function footer(file: Bytes, budget: Budget): Promise<FileMetaData> {
  const { parquetMetadata } = await import("hyparquet");
  const end = file.size - 8;
  const mark = await file.slice(Math.max(0, end), file.size);
  if (end < 4 || String.fromCharCode(...mark.subarray(-4)) !== "PAR1") throw new Error("parquet file invalid (footer != PAR1)");
  const length = new DataView(mark.buffer, mark.byteOffset, mark.byteLength).getUint32(0, true);
  if (length > end) throw new Error(`its footer should have ${length} bytes, the file has ${file.size}`);
  const bytes = await file.slice(end - length, file.size);
  structEnd(bytes.subarray(0, length), 0);
  budget.claim(FOOTER_COST * length, "its footer");
  return parquetMetadata(bytes, { geoparquet: false });
}

/** The number of rows, which groups and columns must agree on. */
function checkCounts({ num_rows: rows, row_groups: groups }: FileMetaData): number {
  const inGroups = groups.reduce((sum, group) => sum + group.num_rows, 0n);
  if (rows !== inGroups || groups.some(({ num_rows: n }) => n < 0n)) throw new Error(`the file has ${rows} rows, its groups ${inGroups}`);
  return Number(rows);
}

/** The columns that make a table. @throws {Error} for a column of lists or structures. */
function flatColumns({ schema, key_value_metadata: pairs = [] }: FileMetaData): Leaf[] {
  const index = pandasIndex(pairs.find(({ key }) => key === "pandas")?.value);
  const leaves: Leaf[] = [];
  let nested = 0;
  for (const element of schema.slice(1)) {
    if (element.num_children || nested > 0 || element.repetition_type === "REPEATED")
      throw unsupported(`row 1: column "${element.name}" holds lists or bytes; want numbers or texts`);
    nested = 0;
    leaves.push({ name: element.name, element, index: leaves.length });
  }
  const kept = leaves.filter(({ name }) => !index.includes(name));
  return kept.length > 0 ? kept : leaves;
}

/** Names of the columns that hold a data frame's index (pandas, "Storing pandas DataFrame objects in Apache Parquet format"). */
function pandasIndex(text: string | undefined): string[] {
  try {
    const { index_columns: columns } = JSON.parse(text ?? "{}") as { index_columns?: unknown };
    return Array.isArray(columns) ? columns.filter((name): name is string => typeof name === "string") : [];
  } catch {
    return [];
  }
}

/** Tells a column's values in a group, page by page. */
async function readColumn(
  file: Bytes,
  { row_groups: groups }: FileMetaData,
  leaf: Leaf,
  g: number,
  tell: (row: number, cell: Cell) => void,
  budget: Budget,
): Promise<void> {
  const name = brief(leaf.name);
  const group = groups[g]!;
  let row = groups.slice(0, g).reduce((n, { num_rows: rows }) => n + Number(rows), 0);
  const end = row + Number(group.num_rows);
  const chunk = group.columns[leaf.index]?.meta_data;
  if (!chunk) throw new Error(`column "${name}" is not in every group`);
  const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
  const stop = start + Number(chunk.total_compressed_size);
  if (!(start >= 0 && stop >= start && stop <= file.size))
    throw new Error(`column "${name}" lies at bytes ${start} to ${stop} of ${file.size}`);
  for await (const values of pages(await file.slice(start, stop), leaf, chunk.codec, end - row, budget))
    for (let i = 0; i < values.length; i++) tell(row++, cellOf(values[i], row, name));
  if (row !== end) throw new Error(`column "${name}" has ${row} values, its groups so far ${end} rows`);
}

function cellOf(value: unknown, row: number, column: string): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === "bigint" || value instanceof Date) return Number(value);
  if (typeof value === "object") throw unsupported(`row ${row}: column "${column}" holds lists or bytes; want numbers or texts`);
  return value as Cell;
}

/** How many values a page says it has, where `left` are left. */
function valuesOf(header: PageHeader, left: number): number {
  const isDictionary = header.type === "DICTIONARY_PAGE";
  const values = (isDictionary ? header.dictionary_page_header : dataHeader(header))?.num_values ?? 0;
  if (!(values >= 0)) throw new Error(`a page of ${values} values`);
  if (!isDictionary && values > left) throw new Error(`a page of ${values} values where ${left} are left`);
  return values;
}

/** The values of the pages of a column's chunk, `count` in all. */
async function* pages(
  chunk: Uint8Array,
  { name, element }: Leaf,
  codec: CompressionCodec,
  count: number,
  budget: Budget,
): AsyncGenerator<ArrayLike<unknown>> {
  const [{ parquetHeader, readPage }, { DEFAULT_PARSERS, convert }, { deltaBinaryUnpack }] = await Promise.all([
    import("hyparquet/src/column.js"),
    import("hyparquet/src/convert.js"),
    import("hyparquet/src/delta.js"),
  ]);
  const unpack = (await decompressors())(codec);
  const asTheyAre = { jsonFromBytes: textOf, geometryFromBytes: same, geographyFromBytes: same };
  const root = { element: { name: "root" }, children: [], count: 2, path: [] } as never;
  const decoder = {
    pathInSchema: [name],
    type: element.type!,
    element,
    schemaPath: [root, { element, children: [], count: 1, path: [name] } as never],
    codec: "UNCOMPRESSED" as const,
    parsers: { ...DEFAULT_PARSERS, ...asTheyAre },
  };
  let dictionary: Parameters<typeof readPage>[3];
  let left = count;
  for (let at = 0; left > 0; ) {
    const after = structEnd(chunk, at);
    const header = parquetHeader({ view: new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength), offset: at });
    const { compressed_page_size: packed, uncompressed_page_size: size } = header;
    if (!(packed >= 0 && size >= 0 && after + packed <= chunk.length)) throw new Error(`a page of column "${brief(name)}" is cut off`);
    const isDictionary = header.type === "DICTIONARY_PAGE";
    const values = valuesOf(header, left);
    budget.claim(size + BYTES_PER_CELL * values, `column "${brief(name)}"`);
    const page = unpackPage(chunk.subarray(after, after + packed), header, unpack);
    checkRuns(page, header, element, budget, deltaBinaryUnpack);
    const plain = { ...header, compressed_page_size: page.length, uncompressed_page_size: page.length };
    if (header.data_page_header_v2) plain.data_page_header_v2 = { ...header.data_page_header_v2, is_compressed: false };
    const reader = { view: new DataView(page.buffer, page.byteOffset, page.byteLength), offset: 0 };
    const { data } = readPage(reader, plain, decoder, dictionary, undefined, 0);
    at = after + packed;
    if (isDictionary) dictionary = data && convert(data, decoder);
    else if (data) {
      if (data.length !== values) throw new Error(`a page of column "${brief(name)}" has ${data.length} values, it claims ${values}`);
      left -= values;
      yield data;
    }
    // The page itself stays on the account: else a small file of many pages could have gigabytes unpacked, one after another.
    if (!isDictionary) budget.release(BYTES_PER_CELL * values);
  }
}

const same = (bytes: Uint8Array): Uint8Array => bytes;
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.slice());

type PageHeader = ReturnType<typeof import("hyparquet/src/column.js").parquetHeader>;

/** A page as it was before compression; of the second version's, levels are not compressed. */
function unpackPage(packed: Uint8Array, header: PageHeader, unpack: (input: Uint8Array, size: number) => Uint8Array): Uint8Array {
  const { uncompressed_page_size: size, data_page_header_v2: second } = header;
  if (!second) return unpack(packed, size);
  const levels = second.definition_levels_byte_length + second.repetition_levels_byte_length;
  if (!(levels >= 0 && levels <= packed.length && levels <= size)) throw new Error("a page's levels reach beyond it");
  const page = new Uint8Array(size);
  page.set(packed.subarray(0, levels));
  const values = packed.subarray(levels);
  const unpacked = second.is_compressed === false ? values : unpack(values, size - levels);
  if (unpacked.length !== size - levels) throw new Error(`a page of ${size} bytes unpacks to ${unpacked.length + levels}`);
  page.set(unpacked, levels);
  return page;
}
