/** @file A table of short texts as SVG, light or dark as the reader's system is. */
import { escaped, figure } from "./svg.ts";

const CHARACTER = 7.2;
const ROW = 22;
const GAP = 24;
const SIDE = 20;

/** A table with a title; all columns but the first stand at their right edge. */
export function tableFigure(title: string, rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, c) => CHARACTER * Math.max(0, ...rows.map((row) => (row[c] ?? "").length)));
  const rights = widths.map((_, c) => SIDE + widths.slice(0, c + 1).reduce((a, b) => a + b, 0) + c * GAP);
  const width = Math.ceil(Math.max((rights.at(-1) ?? 0) + SIDE, title.length * 8.2 + 2 * SIDE));
  const body = rows.map((row, i) => {
    const y = 64 + i * ROW;
    const cells = row.map((text, c) =>
      c === 0
        ? `<text x="${SIDE}" y="${y}">${escaped(text)}</text>`
        : `<text x="${rights[c]!.toFixed(1)}" y="${y}" text-anchor="end">${escaped(text)}</text>`,
    );
    return `<line class="rule" x1="${SIDE}" x2="${width - SIDE}" y1="${y + 7}" y2="${y + 7}"/>${cells.join("")}`;
  });
  return figure(title, width, 64 + rows.length * ROW, `<text class="title" x="${SIDE}" y="32">${escaped(title)}</text>${body.join("")}`);
}
