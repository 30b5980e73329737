/** @file Parquet, read by the package hyparquet, which is loaded when it is needed. */
import type { Cell, Table } from "./table.ts";

/** The bytes of a Parquet file as a table. @throws {Error} for a damaged file, and for columns of lists or bytes. */
export async function readParquet(bytes: Uint8Array, what = "parquet"): Promise<Table> {
  const { parquetReadObjects } = await import("hyparquet");
  const own = new Uint8Array(bytes).buffer; // its own buffer: a Node Buffer is a piece of a larger one
  const file = { byteLength: own.byteLength, slice: (start: number, end?: number) => own.slice(start, end) };
  const records = await parquetReadObjects({ file, compressors: await compressors() }).catch((error: Error) => {
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
