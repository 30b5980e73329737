/** @file A curve over a logarithmic axis in a terminal, in Braille dots: two columns and four rows of them in a character. */

export interface PlotOptions {
  /** Characters. Default 60 and 12. */
  readonly width?: number;
  readonly height?: number;
  /** x to mark with a line below. */
  readonly mark?: number;
}

// The dots of a Braille character by column and row, as bits above U+2800.
const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
];

/** y over log10 x, points joined by lines; the y axis is labelled at its ends, the x axis at the powers of ten. */
export function plotLogX(
  points: readonly (readonly [x: number, y: number])[],
  { width = 60, height = 12, mark }: PlotOptions = {},
): string {
  if (points.length < 2) throw new RangeError(`plotLogX: want at least 2 points, got ${points.length}`);
  const xs = points.map(([x]) => Math.log10(x));
  const ys = points.map(([, y]) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const column = (x: number): number => Math.round(((x - left) / (right - left || 1)) * (2 * width - 1));
  const row = (y: number): number => Math.round(((high - y) / (high - low || 1)) * (4 * height - 1));
  const cells = Array.from({ length: height }, () => new Array<number>(width).fill(0));
  for (let i = 1; i < points.length; i++) drawLine(cells, column(xs[i - 1]), row(ys[i - 1]), column(xs[i]), row(ys[i]));

  const labels = [high, low].map((y) => y.toPrecision(3));
  const margin = Math.max(...labels.map((label) => label.length));
  const lines = cells.map((line, i) => {
    const label = i === 0 ? labels[0] : i === height - 1 ? labels[1] : "";
    return `${label.padStart(margin)} ┤${line.map((dots) => String.fromCodePoint(0x2800 + dots)).join("")}`;
  });
  const at = (x: number): number => Math.floor(column(x) / 2);
  return [...lines, ...axis(left, right, at, width, margin, mark)].join("\n");
}

/** Joins two dots, in cells of 2 x 4 dots. */
export function drawLine(cells: number[][], x0: number, y0: number, x1: number, y1: number): void {
  const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
  for (let i = 0; i <= steps; i++) {
    const [x, y] = [Math.round(x0 + ((x1 - x0) * i) / steps), Math.round(y0 + ((y1 - y0) * i) / steps)];
    cells[y >> 2][x >> 1] |= DOTS[x & 1][y & 3];
  }
}

function axis(left: number, right: number, at: (x: number) => number, width: number, margin: number, mark?: number): string[] {
  const rule = new Array<string>(width).fill("─");
  const labels = new Array<string>(width + 8).fill(" ");
  for (let power = Math.ceil(left - 1e-9); power <= right + 1e-9; power++) {
    rule[at(power)] = "┬";
    [...`1e${power}`].forEach((character, i) => {
      labels[at(power) + i] = character;
    });
  }
  if (mark !== undefined) rule[at(Math.log10(mark))] = "▲";
  return [`${" ".repeat(margin)} └${rule.join("")}`, `${" ".repeat(margin)}  ${labels.join("").trimEnd()}`];
}
