/** @file Rows of text in columns. */

/** A line per row, its cells as wide as the widest of their column and two spaces apart: the first `left` columns flush left, the others right. */
export function columns(rows: readonly (readonly string[])[], left = 1): string[] {
  const width = (i: number): number => Math.max(...rows.map((row) => row[i]?.length ?? 0));
  const widths = Array.from({ length: Math.max(...rows.map((row) => row.length)) }, (_, i) => width(i));
  const pad = (cell: string, i: number): string => (i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!));
  return rows.map((row) => row.map(pad).join("  ").trimEnd());
}
