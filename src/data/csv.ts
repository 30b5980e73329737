/**
 * @file CSV (RFC 4180 and its relatives with other delimiters), parsed piece by piece by the package csv-parse, which is loaded when it is needed, so
 * that a file may be larger than the longest text.
 */
import {
  bytes,
  type Checks,
  check,
  checkOptions,
  type Expectation,
  expectation,
  flag,
  fn,
  listOf,
  naturalNumber,
  oneOf,
  text,
} from "../base/check.ts";
import { type Budget, budgetOf, READ_LIMITS, type ReadLimits } from "../formats/budget.ts";
import { brief } from "../formats/clean.ts";
import { isMissing, isMostlyNumbers } from "./cells.ts";
import { cellReader, type NumberFormat, otherFormat } from "./number-format.ts";
import type { Table } from "./table-type.ts";

export interface CsvOptions extends NumberFormat {
  /** Default: of comma, semicolon, tab and bar the one that the first line has most of. */
  readonly delimiter?: string;
  /**
   * Whether the first line has the names of the columns. Default: it does if none of its cells is a number, or if its numbers count up by one, at
   * least three of them (0, 1, 2 of a data frame; 2019, 2020, 2021), and those of the second line do not.
   */
  readonly header?: boolean;
  /**
   * Whether a column holds texts, in which a number in another format is no error. Default: columns with more than one text among five values do.
   */
  readonly isText?: (column: string) => boolean;
  /** Default "utf-8"; "latin1" is what many programs of western Europe write (with the signs of Windows-1252). */
  readonly encoding?: "utf-8" | "latin1";
}

const character = expectation("one character", (value) => typeof value === "string" && [...value].length === 1);

export const CSV_OPTIONS: Checks<CsvOptions> = {
  delimiter: character,
  header: flag,
  isText: fn,
  encoding: oneOf("utf-8", "latin1"),
  decimal: oneOf("point", "comma"),
  thousands: text,
  currency: text,
  na: listOf(text),
};

const contents: Expectation = expectation(
  "a text, the bytes of a file, or pieces of them",
  (value) =>
    text.holds(value) ||
    bytes.holds(value) ||
    typeof (value as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator] === "function",
);

/** A CSV text, its bytes, or pieces of them, as a table of texts. @throws {Error} one line for whatever is no table. */
export async function readCsv(
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
  what = "csv",
  options: CsvOptions & ReadLimits = {},
  fileBytes = 0,
): Promise<Table> {
  check("readCsv: content", content, contents);
  check("readCsv: what", what, text);
  checkOptions("readCsv", options, { ...CSV_OPTIONS, ...READ_LIMITS });
  check("readCsv: fileBytes", fileBytes, naturalNumber);
  const size = typeof content === "string" ? content.length : content instanceof Uint8Array ? content.length : fileBytes;
  const budget = budgetOf(options, what, size);
  const pieces =
    typeof content === "string" ? [content] : decoded(content instanceof Uint8Array ? windows(content) : content, what, options);
  const { records, lines } = await parse(pieces, what, options, budget);
  if (records.length === 0) throw new Error(`${what}: the file is empty`);
  const first = records[0];
  const header = options.header ?? isHeader(first, records[1] ?? []);
  if (records.length === 1 && header) throw new Error(`${what}: there is a header, but no row of data`);
  const ragged = records.findIndex((record) => record.length !== first.length);
  if (ragged >= 0)
    throw new Error(
      `${what}, line ${lines[ragged]}: expected ${first.length} cells as in the first line, got ${records[ragged].length}; is there a delimiter too many, or a quote missing?`,
    );
  const skipped = Number(header);
  const columns = first.map((name, i) => (header ? name.trim() : `column ${i + 1}`));
  const rows = skipped ? records.slice(1) : records;
  const rowName = (row: number): string => `line ${lines[row + skipped]}`;
  for (const [c, row] of readCells(rows, options)) {
    if (options.isText?.(columns[c]) || isTextColumn(rows, c)) continue;
    throw new Error(`${what}, ${rowName(row)}: column "${brief(columns[c])}" ${otherFormat(rows[row][c], options)}`);
  }
  return { what, columns, rows, rowName, header };
}

/** Brings cells to what the rest of the program reads; gives the columns with numbers in another format, and the first row of each that has one. */
function readCells(rows: string[][], options: NumberFormat): Map<number, number> {
  const foreign = new Map<number, number>();
  const read = cellReader(options);
  if (!read) return foreign;
  for (const [r, row] of rows.entries())
    for (let c = 0; c < row.length; c++) {
      const cell = read(row[c]);
      if (cell !== undefined) row[c] = cell;
      else if (!foreign.has(c)) foreign.set(c, r);
    }
  return foreign;
}

function isTextColumn(rows: readonly (readonly string[])[], column: number): boolean {
  const cells = rows.map((row) => row[column]).filter((cell) => !isMissing(cell));
  return !isMostlyNumbers(cells);
}

const isNumber = (cell: string): boolean => cell.trim() !== "" && Number.isFinite(Number(cell));

function isHeader(first: readonly string[], second: readonly string[]): boolean {
  return !first.some(isNumber) || (countsUp(first) && !countsUp(second));
}

/** Whether the numbers among some cells are at least three, each the one before and one. */
function countsUp(cells: readonly string[]): boolean {
  const numbers = cells.filter(isNumber).map(Number);
  return numbers.length >= 3 && numbers.every((n, i) => i === 0 || n === numbers[i - 1] + 1);
}

const WINDOW = 2 ** 20;

function* windows(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += WINDOW) yield bytes.subarray(at, at + WINDOW);
}

/** Bytes as text, piece by piece. */
async function* decoded(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  what: string,
  { encoding = "utf-8" }: CsvOptions,
): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let first = true;
  const decode = (piece?: Uint8Array): string => {
    try {
      return piece ? decoder.decode(new Uint8Array(piece), { stream: true }) : decoder.decode();
    } catch {
      throw new Error(`${what}: not UTF-8 text; save it as "CSV UTF-8", or read it with --encoding latin1`);
    }
  };
  for await (const piece of pieces) {
    if (first && ((piece[0] === 0xff && piece[1] === 0xfe) || (piece[0] === 0xfe && piece[1] === 0xff)))
      throw new Error(`${what}: UTF-16 text; save it as "CSV UTF-8"`);
    first = false;
    yield decode(piece);
  }
  yield decode();
}

function guessDelimiter(text: string): string {
  const line = text
    .slice(0, WINDOW)
    .replace(/^\ufeff/, "")
    .split(/\r\n|\n|\r/, 1)[0]
    .replaceAll(/"[^"]*"/g, "");
  const count = (delimiter: string): number => line.split(delimiter).length;
  return [",", ";", "\t", "|"].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}

/** What a row and a cell take of memory beside their text. */
const BYTES_PER_ROW = 64;
const BYTES_PER_CELL = 32;

interface Records {
  readonly records: string[][];
  /** The line of each record, from 1; the last one where quoted cells span several. */
  readonly lines: number[];
}

async function parse(
  pieces: Iterable<string> | AsyncIterable<string>,
  what: string,
  { delimiter }: CsvOptions,
  budget: Budget,
): Promise<Records> {
  const { parse: parser } = await import("#csv-parse");
  const found: Records = { records: [], lines: [] };
  const make = (text: string): ReturnType<typeof parser> =>
    parser({
      bom: true,
      delimiter: delimiter ?? guessDelimiter(text),
      info: true,
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      skip_empty_lines: true,
    });
  let failure: Error | undefined;
  const drain = (stream: ReturnType<typeof parser>): void => {
    try {
      for (let next = stream.read() as Parsed | null; next; next = stream.read() as Parsed | null) {
        budget.claim(BYTES_PER_ROW + next.record.reduce((sum, cell) => sum + BYTES_PER_CELL + cell.length, 0), "its rows");
        found.records.push(next.record);
        found.lines.push(next.info.lines);
      }
    } catch (error) {
      stream.destroy(error as Error);
    }
  };
  let stream: ReturnType<typeof parser> | undefined;
  let ended: Promise<void> | undefined;
  for await (const piece of pieces) {
    if (stream === undefined) {
      const made = make(piece);
      stream = made;
      made
        .on("readable", () => drain(made))
        .on("error", (error) => {
          failure ??= error;
        });
      ended = new Promise((done) => made.on("close", done));
    }
    if (!failure) await new Promise<void>((done) => stream!.write(piece, () => done()));
    if (failure) throw faultOf(failure, what);
  }
  stream?.end();
  await ended;
  if (failure) throw faultOf(failure, what);
  return found;
}

interface Parsed {
  readonly record: string[];
  readonly info: { readonly lines: number };
}

function faultOf(error: Error, what: string): Error {
  return error.message.startsWith(`${what}:`) ? error : new Error(`${what}: not a CSV file: ${brief(error.message)}`);
}
