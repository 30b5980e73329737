/** @file Cells of tables: what counts as missing, as a number, as a text. Training and prediction read cells by the same rules. */

/** A cell: text from CSV; whatever the file has from others. */
export type Cell = string | number | boolean | null;

/** Texts that stand for no value at all, in lower case. */
const MISSING: ReadonlySet<string> = new Set(
  "|na|n/a|n.a.|null|none|nil|?|-|--|nan|-nan|nat|<na>|#n/a|#n/a n/a|#na|#null!|#div/0!|1.#ind|1.#qnan|-1.#ind|-1.#qnan".split("|"),
);

export const isMissing = (cell: Cell): boolean =>
  cell === null || (typeof cell === "number" ? Number.isNaN(cell) : MISSING.has(String(cell).trim().toLowerCase()));

export const describeGap = (cell: Cell): string =>
  cell === null || String(cell).trim() === "" ? "is empty" : `is ${JSON.stringify(cell)}, not a value`;

const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

/** A date of ISO 8601, with a time of day or without. */
const DATE = /^\s*\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?\s*$/;

/** The number that a cell holds; NaN for texts. */
export function numberOf(cell: Cell): number {
  if (typeof cell === "string") return NUMBER.test(cell) ? Number(cell) : Number.NaN;
  return Number(cell);
}

/** The same for inputs, where a date is a number too: its milliseconds since 1970, in UTC unless it names a zone. */
export function inputNumberOf(cell: Cell): number {
  const zone = typeof cell === "string" ? DATE.exec(cell) : null;
  if (!zone) return numberOf(cell);
  const text = String(cell).trim().replace(" ", "T");
  return Date.parse(zone[1] === undefined && text.length > 10 ? `${text}Z` : text);
}

/** A text in a column where this share are numbers is taken for a slip of the pen, not for a category. */
const MOSTLY_NUMBERS = 0.8;

/** Whether cells that have a value make a column of numbers, but for slips of the pen. */
export function isMostlyNumbers(cells: readonly Cell[]): boolean {
  return cells.filter((cell) => !Number.isNaN(inputNumberOf(cell))).length >= MOSTLY_NUMBERS * cells.length;
}

/** The text that a cell holds, without spaces around it: `a, b` in a file names the same values as `a,b`. */
export const textOf = (cell: Cell): string => String(cell).trim();
