/** @file Curves of several runs over their steps: smoothed, with what was measured behind them. */
import { type Range, rangeOf, ticksIn } from "../../figures/axis.ts";
import { type Box, linesAcross, logTicks, signedTick, stepsBelow } from "./axes.ts";
import type { Palette } from "./palette.ts";

export type Points = readonly (readonly [x: number, y: number])[];

export interface DrawnCurve {
  readonly points: Points;
  /** Place in the list of colours; from the seventh on they come again, dashed. */
  readonly series: number;
}

export interface CurveOptions {
  /** 0 for none, below 1. */
  readonly smoothing: number;
  readonly isLog: boolean;
  /** The first step. Default 0. */
  readonly from?: number;
}

const LEFT = 52;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 24;

/** The dashes of the curve at a place of the list. */
export const dashOf = (series: number, colours: number): number[] => [[], [7, 4], [2, 3]][Math.floor(series / colours) % 3]!;

/** An exponential mean over the points, divided by the weight that it has so far, so that it does not start at 0. Gaps are passed over. */
export function smoothed(points: Points, smoothing: number): Points {
  let [sum, weight] = [0, 0];
  return points.map(([x, y]): readonly [number, number] => {
    if (!Number.isFinite(y)) return [x, y];
    sum = smoothing * sum + (1 - smoothing) * y;
    weight = smoothing * weight + (1 - smoothing);
    return [x, sum / weight];
  });
}

export function curves(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  all: readonly DrawnCurve[],
  { smoothing, isLog, from = 0 }: CurveOptions,
  palette: Palette,
): void {
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  const scale = (v: number): number => (isLog ? (v > 0 ? Math.log10(v) : Number.NaN) : v);
  const range = padded(rangeOf(all.flatMap(({ points }) => points.map(([, y]) => scale(y)))));
  const end = Math.max(from + 1, ...all.map(({ points }) => points.at(-1)?.[0] ?? 1));
  const x = (step: number): number => LEFT + ((step - from) / (end - from)) * (width - LEFT - RIGHT);
  const y = (v: number): number => TOP + ((range.high - scale(v)) / (range.high - range.low)) * (height - TOP - BOTTOM);
  const sides = { left: LEFT, right: RIGHT };
  linesAcross(ctx, { width, ...sides, gap: 7 }, isLog ? logTicks(range, 4, 7) : ticksIn(range, 5), y, palette, signedTick);
  stepsBelow(ctx, { width, height, ...sides, lift: 8 }, end, 5, x, from);
  ctx.save();
  ctx.beginPath();
  ctx.rect(LEFT, TOP - 2, width - LEFT - RIGHT + 4, height - TOP - BOTTOM + 4);
  ctx.clip();
  ctx.lineJoin = "round";
  for (const { points, series } of all) {
    const colour = palette.series[series % palette.series.length]!;
    ctx.setLineDash([]);
    if (smoothing > 0) line(ctx, points, x, y, colour, 1, 0.28);
    ctx.setLineDash(dashOf(series, palette.series.length));
    line(ctx, smoothing > 0 ? smoothed(points, smoothing) : points, x, y, colour, 2, 1);
  }
  ctx.setLineDash([]);
  ctx.restore();
}

function padded({ low, high }: Range): Range {
  const pad = (high - low) * 0.05;
  return { low: low - pad, high: high + pad };
}

function line(
  ctx: CanvasRenderingContext2D,
  points: Points,
  x: (v: number) => number,
  y: (v: number) => number,
  colour: string,
  thickness: number,
  alpha: number,
): void {
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = thickness;
  ctx.globalAlpha = alpha;
  ctx.beginPath();
  let drawing = false;
  for (const [px, py] of points) {
    const at = y(py);
    if (!Number.isFinite(at)) {
      drawing = false;
      continue;
    }
    if (drawing) ctx.lineTo(x(px), at);
    else ctx.moveTo(x(px), at);
    drawing = true;
  }
  ctx.stroke();
  // One point alone has no line.
  if (points.length === 1 && Number.isFinite(y(points[0]![1]))) {
    ctx.beginPath();
    ctx.arc(x(points[0]![0]), y(points[0]![1]), 3, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.globalAlpha = 1;
}
