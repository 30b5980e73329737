/** @file Curves in a terminal: Braille dots, axes, and at the end of each its name. */
import { rangeOf, ticksIn, tickText } from "../figures/axis.ts";
import { type Curve, thinned } from "../figures/curves.ts";
import { BrailleCanvas } from "./braille.ts";

/** Columns and rows of the whole. */
export interface DrawOptions {
  readonly width?: number;
  readonly height?: number;
  readonly x?: string;
}

/** Curves over a linear axis, at most `width` columns wide (default 79, and never below 30). Nothing, if no curve has two points. */
export function drawCurves(given: readonly Curve[], { width = 79, height = 12, x = "" }: DrawOptions = {}): string {
  const curves = given.map((curve) => thinned(curve)).filter(({ points }) => points.filter(isFinitePoint).length > 1);
  if (curves.length === 0) return "";
  const all = curves.flatMap(({ points }) => points.filter(isFinitePoint));
  const [xs, ys] = [rangeOf(all.map(([at]) => at)), rangeOf(all.map(([, y]) => y))];
  const labelled = new Map([
    [0, ys.high],
    [(height - 1) >> 1, (ys.high + ys.low) / 2],
    [height - 1, ys.low],
  ]);
  const labels = Array.from({ length: height }, (_, i) => (labelled.has(i) ? tickText(Number(labelled.get(i)!.toPrecision(3))) : ""));
  const margin = Math.max(...labels.map((label) => label.length));
  const ends = Math.max(...curves.map(({ name }) => name.length));
  const columns = Math.max(30, width) - margin - 3 - ends;
  const column = (at: number): number => Math.round(((at - xs.low) / (xs.high - xs.low)) * (2 * columns - 1));
  const row = (y: number): number => Math.round(((ys.high - y) / (ys.high - ys.low)) * (4 * height - 1));
  const canvas = new BrailleCanvas(columns, height);
  for (const { points } of curves) {
    for (let i = 1; i < points.length; i++) {
      const [from, to] = [points[i - 1], points[i]];
      if (isFinitePoint(from) && isFinitePoint(to)) canvas.line(column(from[0]), row(from[1]), column(to[0]), row(to[1]));
    }
  }
  const names = namesByRow(curves, height, (y) => row(y) >> 2);
  const lines = canvas.rows(labels, margin).map((line, i) => `${line} ${names[i] ?? ""}`.trimEnd());
  return [
    ...lines,
    ...below(
      columns,
      margin,
      ticksIn(xs, Math.min(8, columns >> 3), all.every(([at]) => Number.isInteger(at)) ? 1 : 0),
      (at) => column(at) >> 1,
      x,
    ),
  ].join("\n");
}

const isFinitePoint = ([x, y]: readonly [number, number]): boolean => Number.isFinite(x) && Number.isFinite(y);

/** Names in the rows of the last points, or in the next free ones. */
function namesByRow(curves: readonly Curve[], height: number, rowOf: (y: number) => number): (string | undefined)[] {
  const names = new Array<string | undefined>(height).fill(undefined);
  const last = curves.map(({ name, points }) => ({ name, row: rowOf(points.findLast(isFinitePoint)![1]) })).sort((a, b) => a.row - b.row);
  for (const { name, row } of last) {
    const free = names.findIndex((taken, i) => i >= row && taken === undefined);
    const place = free >= 0 ? free : names.lastIndexOf(undefined);
    if (place >= 0) names[place] = name;
  }
  return names;
}

function below(columns: number, margin: number, ticks: readonly number[], at: (x: number) => number, name: string): string[] {
  const rule = new Array<string>(columns).fill("─");
  const text = new Array<string>(columns).fill(" ");
  for (const tick of ticks) {
    const label = tickText(tick);
    const start = Math.min(at(tick), columns - label.length);
    rule[at(tick)] = "┬";
    if (text.slice(Math.max(0, start - 1), start + label.length).some((c) => c !== " ")) continue;
    for (const [i, c] of [...label].entries()) text[start + i] = c;
  }
  const pad = " ".repeat(margin);
  return [`${pad} └${rule.join("")}`, `${pad}  ${text.join("").trimEnd()}${name && `  ${name}`}`];
}
