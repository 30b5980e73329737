/** @file Cells of CSV files that are written here. */

/**
 * A cell of a CSV file (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe in front, so that opening a table of
 * predictions runs nothing (OWASP, "CSV Injection"). Numbers are written as they are.
 */
export function csvCell(value: string | number): string {
  const text = typeof value === "number" ? `${value}` : value.replace(/^(?=\s*[=+\-@＝＋－＠]|[\t\r])/, "'");
  return /[",\n\r;\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
