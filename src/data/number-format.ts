/** @file How numbers and gaps are written in a text: decimal commas, groups of thousands, currencies, spellings of "no value". */
import { numberOf } from "./cells.ts";

export interface NumberFormat {
  /** Between the whole and the rest of a number. Default "point". With "comma", a number with a point, such as 1.5, is an error in a column of numbers. */
  readonly decimal?: "point" | "comma";
  /** Between groups of three digits, such as "," or "." or " " or "'". Default: none. */
  readonly thousands?: string;
  /** A sign before or behind a number, such as "€" or "USD". Default: none. */
  readonly currency?: string;
  /** Texts that stand for no value, beside the usual ones (empty, NA, N/A, null, none, ?, NaN, ...). */
  readonly na?: readonly string[];
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

/**
 * Brings a cell to what the rest of the program reads: "1.234,50 €" to "1234.50", a gap to an empty text. It is undefined for what would be a number in
 * another format than the given one: 1.5 where decimals follow a comma. There is no reader if nothing is to be done.
 */
export function cellReader({ decimal, thousands, currency, na = [] }: NumberFormat): ((cell: string) => string | undefined) | undefined {
  if (thousands !== undefined && thousands === (decimal === "comma" ? "," : "."))
    throw new Error(`"${thousands}" cannot separate both thousands and decimals; give --decimal or --thousands another value`);
  const gaps = new Set(na.map((text) => text.trim().toLowerCase()));
  const format =
    decimal === "comma" || thousands !== undefined || currency !== undefined ? numberPattern(decimal, thousands, currency) : undefined;
  if (gaps.size === 0 && !format) return undefined;
  return (cell) => {
    if (gaps.size > 0 && gaps.has(cell.trim().toLowerCase())) return "";
    const parts = format?.exec(cell)?.groups;
    if (format && !parts && !Number.isNaN(numberOf(cell))) return undefined;
    if (!parts || (parts.whole === "" && parts.rest === undefined)) return cell;
    const whole = parts.whole.replaceAll(/\D/g, "");
    return `${parts.before || parts.after || ""}${whole || "0"}${parts.rest === undefined ? "" : `.${parts.rest || "0"}`}${parts.exponent ?? ""}`;
  };
}

/** What is wrong with a cell that the reader did not take. Only points can be left over: all else is a number in every format, or in none. */
export function otherFormat(cell: string, { thousands }: NumberFormat): string {
  const groups =
    thousands === "."
      ? "and points groups of three digits"
      : 'want a comma, or --thousands "." if points are between groups of three digits';
  return `is ${JSON.stringify(cell.slice(0, 40))}, a number with a point, but decimals follow a comma (--decimal comma): ${groups}; a column of texts is named --categorical, or left out (--ignore)`;
}

function numberPattern(decimal: NumberFormat["decimal"], thousands: string | undefined, currency: string | undefined): RegExp {
  const sign = currency === undefined ? "" : `(?:${escaped(currency)})?\\s*`;
  // A space may be any: the groups of French and Swiss numbers are divided by narrow ones.
  const separator = thousands === undefined ? undefined : thousands.trim() === "" ? "\\s" : escaped(thousands);
  const whole = separator === undefined ? "\\d*" : `(?:\\d{1,3}(?:${separator}\\d{3})+|\\d*)`;
  const point = decimal === "comma" ? "," : "\\.";
  return new RegExp(
    `^\\s*(?<before>[+-]?)\\s*${sign}(?<after>[+-]?)(?<whole>${whole})(?:${point}(?<rest>\\d*))?(?<exponent>e[+-]?\\d+)?\\s*${sign}$`,
    "i",
  );
}
