/** @file Tables as text: comma, semicolon or tab between cells, quotes around cells that hold one (RFC 4180), with or without a head. */
import { type Classes, type Column, classesOf, counted, type OwnTable } from "./table.ts";

/** A column whose cells are numbers, but for so many of them. */
const MOST_GAPS = 0.1;

/** Rows of cells. @throws {Error} for a quote that does not end. */
export function cellsOf(text: string, separator: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const space = String.raw`[^\S${separator}\r\n]*`;
  // A cell in quotes or a plain one, and what ends it: the separator, the line, or the text.
  const cell = new RegExp(
    String.raw`(?:${space}"([^"]*(?:""[^"]*)*)"${space}|((?!${space}")[^${separator}\r\n]*))(${separator}|\r\n|\n|\r|$)`,
    "gy",
  );
  while (cell.lastIndex < text.length) {
    const at = cell.lastIndex;
    const found = cell.exec(text);
    if (!found) throw new Error(`line ${text.slice(0, at).split("\n").length}: a quote that does not end, or text after one`);
    row.push(found[1]?.replaceAll('""', '"') ?? found[2]!.trim());
    if (found[3] === separator) continue;
    if (row.some((each) => each !== "")) rows.push(row);
    row = [];
  }
  // The text ended with a separator: an empty cell follows it.
  if (row.length > 0) rows.push([...row, ""]);
  return rows;
}

const isNumber = (cell: string): boolean => cell !== "" && Number.isFinite(Number(cell));

/** The columns of a text. @throws {Error} for a text that is no table. */
export function tableOfCsv(name: string, text: string): OwnTable {
  const plain = text.replace(/^\uFEFF/, "");
  if (plain.includes("\0")) throw new Error(`${name} is no text; want CSV, npy, npz, idx, images, safetensors or a saved page`);
  const start = plain.slice(0, plain.search(/[\r\n]|$/));
  const separator = ["\t", ";", ","].find((each) => start.includes(each)) ?? ",";
  const cells = cellsOf(plain, separator);
  const width = cells[0]?.length ?? 0;
  const hasHead = cells[0]?.every((cell) => !isNumber(cell)) ?? false;
  const rows = (hasHead ? cells.slice(1) : cells).filter((row) => row.length === width);
  const odd = cells.length - Number(hasHead) - rows.length;
  if (rows.length < 2)
    throw new Error(`${name} has ${counted(rows.length)} of ${width} cells; want at least 2, of two numbers and a class`);
  const names = hasHead ? cells[0]! : Array.from({ length: width }, (_, i) => `column ${i + 1}`);
  const columns: Column[] = [];
  const classes: Classes[] = [];
  for (const [i, title] of names.entries()) {
    const column = rows.map((row) => row[i]!);
    const numbers = column.filter(isNumber).length;
    const isNumeric = numbers > 0 && numbers >= (1 - MOST_GAPS) * rows.length;
    if (isNumeric) columns.push({ name: title, values: Float64Array.from(column, (cell) => (isNumber(cell) ? Number(cell) : Number.NaN)) });
    const isWhole = column.every((cell) => !isNumber(cell) || Number.isInteger(Number(cell)));
    const found = !isNumeric || isWhole ? classesOf(title, column) : undefined;
    if (found) classes.push(found);
  }
  return {
    name,
    rows: rows.length,
    columns,
    classes,
    pixels: false,
    note: odd > 0 ? `${counted(odd)} with another number of cells left out` : "",
  };
}
