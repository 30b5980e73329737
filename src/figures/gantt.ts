/** @file Who does what when: rows of blocks over equal spans of time, as SVG and as text. */
import { escaped, figure } from "./svg.ts";

/** A stretch of a row, from the start of a span to the end of another. Without a number of a colour it is only outlined. */
export interface Block {
  readonly from: number;
  /** The last span, included. Default `from`. */
  readonly to?: number;
  readonly text: string;
  readonly colour?: number;
}

export interface GanttRow {
  readonly name: string;
  readonly blocks: readonly Block[];
}

/** Rows over spans such as weeks or days. */
export interface Gantt {
  readonly title: string;
  /** Names of the spans. */
  readonly spans: readonly string[];
  readonly rows: readonly GanttRow[];
}

const CHARACTER = 7;
const ROW = 26;
const SIDE = 24;
const TOP = 64;

const px = (value: number): string => String(Number(value.toFixed(1)));

/** As SVG. @throws {RangeError} without a row or a span. */
export function ganttFigure({ title, spans, rows }: Gantt, width = 720): string {
  if (rows.length === 0 || spans.length === 0) throw new RangeError("ganttFigure: there is nothing to draw; want rows and spans");
  const left = SIDE + 12 + CHARACTER * Math.max(...rows.map(({ name }) => name.length));
  const each = (width - SIDE - left) / spans.length;
  const height = TOP + rows.length * ROW + 16;
  const rules = spans.map(
    (name, i) =>
      `<line class="rule" x1="${px(left + i * each)}" x2="${px(left + i * each)}" y1="${TOP - 8}" y2="${height - 12}"/><text x="${px(left + (i + 0.5) * each)}" y="${TOP - 14}" text-anchor="middle">${escaped(name)}</text>`,
  );
  const lines = rows.map(({ name, blocks }, r) => {
    const y = TOP + r * ROW;
    const boxes = blocks.map(({ from, to = from, text, colour }) => {
      const [x, wide] = [left + from * each + 1.5, (to - from + 1) * each - 3];
      const shape = `x="${px(x)}" y="${y}" width="${px(wide)}" height="${ROW - 5}" rx="3"`;
      const box =
        colour === undefined
          ? `<rect class="rule" ${shape} fill="none"/>`
          : `<g class="bar c${colour % 7}"><rect ${shape} fill-opacity="0.28"/><rect x="${px(x)}" y="${y}" width="3" height="${ROW - 5}"/></g>`;
      return `${box}<text class="label" x="${px(x + wide / 2)}" y="${y + (ROW - 5) / 2}" dy="0.35em" text-anchor="middle">${escaped(text)}</text>`;
    });
    return `<text x="${left - 12}" y="${y + (ROW - 5) / 2}" dy="0.35em" text-anchor="end">${escaped(name)}</text>${boxes.join("")}`;
  });
  const head = `<text class="title" x="${SIDE}" y="28">${escaped(title)}</text>`;
  return figure(title, width, height, `${head}${rules.join("")}${lines.join("")}`);
}

/** As text: a line for each row, a column for each span. */
export function ganttText({ title, spans, rows }: Gantt): string {
  const cells = rows.map(({ blocks }) =>
    spans.map((_, i) => {
      const block = blocks.find(({ from, to = from }) => i >= from && i <= to);
      return block === undefined ? "·" : i === block.from ? block.text : "─";
    }),
  );
  const wide = Math.max(...spans.map((name) => name.length), ...cells.flat().map((cell) => cell.length));
  const margin = Math.max(...rows.map(({ name }) => name.length));
  const line = (name: string, texts: readonly string[]): string =>
    `  ${name.padEnd(margin)}  ${texts.map((text) => text.padEnd(wide)).join(" ")}`.trimEnd();
  return [title, line("", spans), ...rows.map(({ name }, r) => line(name, cells[r]!))].join("\n");
}
