/**
 * @file Parquet, read by the package hyparquet, which is loaded when it is needed. The counts in a file's footer are checked before; inside a page
 * the package believes what it reads, so that a file from a stranger can make it run out of memory.
 */
import type { Cell, Table } from "./table.ts";

/** The bytes of a Parquet file as a table. @throws {Error} for a damaged file, and for columns of lists or bytes. */
export async function readParquet(bytes: Uint8Array, what = "parquet"): Promise<Table> {
  const { parquetMetadata, parquetReadObjects } = await import("hyparquet");
  const own = new Uint8Array(bytes).buffer; // its own buffer: a Node Buffer is a piece of a larger one
  const file = { byteLength: own.byteLength, slice: (start: number, end?: number) => own.slice(start, end) };
  const read = async (): Promise<Record<string, unknown>[]> => {
    const metadata = parquetMetadata(own);
    checkCounts(metadata);
    return parquetReadObjects({ file, metadata, compressors: await compressors() });
  };
  const records = await read().catch((error: Error) => {
    throw new Error(`${what}: not a Parquet file, or a damaged one: ${error.message.split("\n", 1)[0]}`);
  });
  if (records.length === 0) throw new Error(`${what}: there is no row of data`);
  const columns = Object.keys(records[0]);
  const rowName = (row: number): string => `row ${row + 1}`;
  const cell = (value: unknown, row: number, column: string): Cell => {
    if (value === null || value === undefined) return null;
    if (typeof value === "bigint" || value instanceof Date) return Number(value);
    if (typeof value === "object")
      throw new Error(`${what}, ${rowName(row)}: column "${column}" holds lists or bytes; want numbers or texts`);
    return value as Cell;
  };
  return { what, columns, rows: records.map((record, row) => columns.map((column) => cell(record[column], row, column))), rowName };
}

/** Numbers of rows that agree with each other: the package fills up to what they say, whatever that is. */
function checkCounts({ num_rows: rows, row_groups: groups }: import("hyparquet").FileMetaData): void {
  const inGroups = groups.reduce((sum, group) => sum + group.num_rows, 0n);
  if (rows !== inGroups) throw new Error(`the file has ${rows} rows, its groups ${inGroups}`);
  for (const { num_rows: n, columns } of groups)
    for (const { meta_data: column } of columns)
      if (column && (column.num_values < n || n < 0n)) throw new Error(`a group of ${n} rows has a column of ${column.num_values} values`);
}

type Decompress = (input: Uint8Array) => Uint8Array;

/** What hyparquet does not unpack itself (Snappy), from Node where it is there. */
async function compressors(): Promise<Record<string, Decompress>> {
  const zlib = (await import("node:zlib").catch(() => undefined)) as
    | (typeof import("node:zlib") & { zstdDecompressSync?: Decompress })
    | undefined;
  if (!zlib) return {};
  const { gunzipSync, brotliDecompressSync, zstdDecompressSync } = zlib;
  return {
    GZIP: (x) => gunzipSync(x),
    BROTLI: (x) => brotliDecompressSync(x),
    ...(zstdDecompressSync && { ZSTD: (x) => zstdDecompressSync(x) }),
  };
}
