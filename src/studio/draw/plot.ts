/** @file Lines over a common axis, with ticks on both. */
import { rangeOf, ticksIn } from "../../figures/axis.ts";
import { type Box, curveThrough, linesAcross, logTicks, signedTick } from "./axes.ts";
import type { Palette } from "./palette.ts";

export interface PlotLine {
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly colour: string;
  readonly dash?: number[];
}

export interface PlotOptions {
  readonly isLog?: boolean;
  /** Places that are marked by upright lines. */
  readonly marks?: readonly number[];
}

const LEFT = 52;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 24;

export function plot(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  lines: readonly PlotLine[],
  { isLog = false, marks = [] }: PlotOptions,
  palette: Palette,
): void {
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  ctx.lineJoin = "round";
  const scale = (v: number): number => (isLog ? Math.log10(v) : v);
  const across = rangeOf(lines.flatMap(({ x }) => x));
  const found = rangeOf(lines.flatMap(({ y }) => y.map(scale)));
  const pad = (found.high - found.low) * 0.06;
  const up = { low: found.low - pad, high: found.high + pad };
  const x = (v: number): number => LEFT + ((v - across.low) / (across.high - across.low)) * (width - LEFT - RIGHT);
  const y = (v: number): number => TOP + ((up.high - scale(v)) / (up.high - up.low)) * (height - TOP - BOTTOM);
  linesAcross(ctx, { width, left: LEFT, right: RIGHT, gap: 7 }, isLog ? logTicks(up, 4, 6) : ticksIn(up, 4), y, palette, signedTick);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const tick of ticksIn(across, 5)) ctx.fillText(signedTick(tick), x(tick), height - 7);
  ctx.strokeStyle = palette.soft;
  ctx.setLineDash([3, 3]);
  ctx.beginPath();
  for (const mark of marks) {
    ctx.moveTo(x(mark), TOP);
    ctx.lineTo(x(mark), height - BOTTOM);
  }
  ctx.stroke();
  for (const line of lines) curveThrough(ctx, line.x, line.y, x, y, line.colour, line.dash ?? []);
}
