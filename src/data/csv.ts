/** @file CSV (RFC 4180 and its relatives with other delimiters), parsed by the package csv-parse, which is loaded when it is needed. */
import type { Table } from "./table.ts";

export interface CsvOptions {
  /** Default: of comma, semicolon, tab and bar the one that the first line has most of. */
  readonly delimiter?: string;
  /** Whether the first line has the names of the columns. Default: it does unless one of its cells is a number. */
  readonly header?: boolean;
}

/** A CSV text, or the bytes of one in UTF-8, as a table of texts. @throws {Error} one line for whatever is no table. */
export async function readCsv(content: string | Uint8Array, what = "csv", options: CsvOptions = {}): Promise<Table> {
  const text = typeof content === "string" ? content : decode(content, what);
  const records = await parse(text, options.delimiter ?? guessDelimiter(text), what);
  if (records.length === 0) throw new Error(`${what}: the file is empty`);
  const first = records[0].record;
  const header = options.header ?? !first.some((cell) => cell.trim() !== "" && Number.isFinite(Number(cell)));
  const body = header ? records.slice(1) : records;
  if (body.length === 0) throw new Error(`${what}: there is a header, but no row of data`);
  const ragged = body.find(({ record }) => record.length !== first.length);
  if (ragged)
    throw new Error(
      `${what}, line ${ragged.line}: expected ${first.length} cells as in the first line, got ${ragged.record.length}; is there a delimiter too many, or a quote missing?`,
    );
  return {
    what,
    columns: first.map((name, i) => (header ? name.trim() : `column ${i + 1}`)),
    rows: body.map(({ record }) => record),
    rowName: (row) => `line ${body[row].line}`,
  };
}

function decode(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes));
  } catch {
    throw new Error(`${what}: not UTF-8 text; save it as "CSV UTF-8"`);
  }
}

function guessDelimiter(text: string): string {
  const line = text
    .slice(0, 100_000)
    .split(/\r?\n/, 1)[0]
    .replaceAll(/"[^"]*"/g, "");
  const count = (delimiter: string): number => line.split(delimiter).length;
  return [",", ";", "\t", "|"].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}

interface Line {
  readonly record: readonly string[];
  /** From 1; the last one of a record whose quoted cells span several. */
  readonly line: number;
}

async function parse(text: string, delimiter: string, what: string): Promise<Line[]> {
  const csv = await import("csv-parse/sync");
  const settings = { bom: true, delimiter, info: true, relax_column_count: true, skip_empty_lines: true } as const;
  try {
    const records = csv.parse(text, settings) as unknown as { record: string[]; info: { lines: number } }[];
    return records.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (error) {
    throw new Error(`${what}: not a CSV file: ${(error as Error).message}`);
  }
}
