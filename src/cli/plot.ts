/** @file A curve over a logarithmic axis in a terminal. */
import { BrailleCanvas } from "./braille.ts";

export interface PlotOptions {
  /** Characters. Default 60 and 12. */
  readonly width?: number;
  readonly height?: number;
  /** x to mark with a line below. */
  readonly mark?: number;
}

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
  const canvas = new BrailleCanvas(width, height);
  for (let i = 1; i < points.length; i++) canvas.line(column(xs[i - 1]!), row(ys[i - 1]!), column(xs[i]!), row(ys[i]!));

  const ends = [high.toPrecision(3), low.toPrecision(3)] as const;
  const labels = [ends[0], ...new Array<string>(height - 2).fill(""), ends[1]];
  const margin = Math.max(...ends.map((label) => label.length));
  const at = (x: number): number => Math.floor(column(x) / 2);
  return [...canvas.rows(labels, margin), ...axis(left, right, at, width, margin, mark)].join("\n");
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
