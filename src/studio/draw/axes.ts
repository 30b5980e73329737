/** @file What charts share: lines across at the ticks, steps below, and curves. */
import { logTicksIn, type Range, ticksIn, tickText } from "../../figures/axis.ts";
import type { Palette } from "./palette.ts";

/** The size of a chart, in pixels. */
export interface Box {
  readonly width: number;
  readonly height: number;
}

/** Pixels to the left and right of a chart's area. */
export interface Sides {
  readonly left: number;
  readonly right: number;
}

/** A tick with a minus sign. */
export const signedTick = (tick: number): string => tickText(tick).replaceAll("-", "−");

/** Lines across the area at the ticks, with their texts `gap` pixels to the left of it. Sets the colours and the alignment of texts. */
export function linesAcross(
  ctx: CanvasRenderingContext2D,
  { width, left, right, gap }: Pick<Box, "width"> & Sides & { readonly gap: number },
  ticks: readonly number[],
  y: (value: number) => number,
  palette: Palette,
  text: (tick: number) => string = tickText,
): void {
  ctx.lineWidth = 1;
  ctx.strokeStyle = palette.rule;
  ctx.fillStyle = palette.soft;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  for (const tick of ticks) {
    const at = Math.round(y(tick)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(left, at);
    ctx.lineTo(width - right, at);
    ctx.stroke();
    ctx.fillText(text(tick), left - gap, at);
  }
}

/** Steps to `end` from 0, or from `from`, below the area, thousands as k, with their base line `lift` pixels above the edge. */
export function stepsBelow(
  ctx: CanvasRenderingContext2D,
  { width, height, left, right, lift }: Box & Sides & { readonly lift: number },
  end: number,
  count: number,
  x: (step: number) => number,
  from = 0,
): void {
  ctx.textBaseline = "alphabetic";
  for (const tick of ticksIn({ low: from, high: end }, count, 1)) {
    const at = x(tick);
    ctx.textAlign = at > width - right - 20 ? "right" : at < left + 10 ? "left" : "center";
    ctx.fillText(tick >= 1000 ? `${tickText(tick / 1000)}k` : tickText(tick), at, height - lift);
  }
}

/** At most `most` ticks of a logarithmic axis, whose range is in powers of ten; of a range without a round power, `plain` or so round numbers. */
export function logTicks(range: Range, plain: number, most: number): number[] {
  const powers = logTicksIn(range);
  const ticks = powers.length > 1 ? powers : ticksIn({ low: 10 ** range.low, high: 10 ** range.high }, plain);
  return ticks.filter((_, i) => i % Math.ceil(ticks.length / most) === 0);
}

/** A curve through points, in the chart's own units; `dash` as of a canvas, empty for a whole line. */
export function curveThrough(
  ctx: CanvasRenderingContext2D,
  xs: readonly number[],
  ys: readonly number[],
  x: (v: number) => number,
  y: (v: number) => number,
  colour: string,
  dash: number[],
): void {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2.25;
  ctx.setLineDash(dash);
  ctx.beginPath();
  for (const [i, v] of xs.entries()) ctx.lineTo(x(v), y(ys[i]!));
  ctx.stroke();
  ctx.setLineDash([]);
}
