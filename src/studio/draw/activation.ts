/** @file An activation over z: the curve, its slope, the z of the run below them, and a mark that is dragged. */
import { ticksIn, tickText } from "../../figures/axis.ts";
import { type Box, curveThrough } from "./axes.ts";
import type { Palette } from "./palette.ts";

export interface ActivationDrawing {
  readonly z: readonly number[];
  readonly values: readonly number[];
  readonly slopes: readonly number[];
  readonly at: number;
  readonly value: number;
  readonly slope: number;
  /** Shares of z in bins over the same range. */
  readonly bins: ArrayLike<number>;
}

const LEFT = 40;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 24;

/** From z to pixels and back. */
export const zToPixels = (width: number, reach: number, z: number): number => LEFT + ((z + reach) / (2 * reach)) * (width - LEFT - RIGHT);
export const pixelsToZ = (width: number, reach: number, x: number): number => ((x - LEFT) / (width - LEFT - RIGHT)) * 2 * reach - reach;

export function activation(ctx: CanvasRenderingContext2D, { width, height }: Box, drawing: ActivationDrawing, palette: Palette): void {
  const { z, values, slopes, at, value, slope, bins } = drawing;
  const reach = z.at(-1)!;
  ctx.clearRect(0, 0, width, height);
  const low = Math.max(-2.5, Math.min(-0.25, ...values, ...slopes));
  const high = Math.min(6.5, Math.max(1.2, ...values, ...slopes));
  const x = (v: number): number => zToPixels(width, reach, v);
  const y = (v: number): number => TOP + ((high - v) / (high - low)) * (height - TOP - BOTTOM);
  ctx.font = "11px system-ui, sans-serif";
  ctx.lineWidth = 1;
  histogram(ctx, bins, x, reach, height - BOTTOM, (height - TOP - BOTTOM) * 0.4, palette);
  ctx.strokeStyle = palette.rule;
  ctx.fillStyle = palette.soft;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  for (const tick of ticksIn({ low, high }, 5)) {
    ctx.strokeStyle = tick === 0 ? palette.soft : palette.rule;
    line(ctx, LEFT, Math.round(y(tick)) + 0.5, width - RIGHT, Math.round(y(tick)) + 0.5);
    ctx.fillText(tickText(tick), LEFT - 6, y(tick));
  }
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const tick of [-6, -4, -2, 0, 2, 4, 6]) ctx.fillText(tickText(tick).replace("-", "−"), x(tick), height - 8);
  ctx.save();
  ctx.beginPath();
  ctx.rect(LEFT, TOP, width - LEFT - RIGHT, height - TOP - BOTTOM);
  ctx.clip();
  curveThrough(ctx, z, slopes, x, y, palette.lowInk, [6, 4]);
  curveThrough(ctx, z, values, x, y, palette.highInk, []);
  ctx.strokeStyle = palette.ink;
  ctx.setLineDash([2, 3]);
  line(ctx, x(at), TOP, x(at), height - BOTTOM);
  ctx.setLineDash([]);
  // The tangent: the best linear map at this place.
  ctx.globalAlpha = 0.6;
  line(ctx, x(at - 1.5), y(value - 1.5 * slope), x(at + 1.5), y(value + 1.5 * slope));
  ctx.globalAlpha = 1;
  for (const [v, colour] of [
    [slope, palette.lowInk],
    [value, palette.highInk],
  ] as const) {
    ctx.beginPath();
    ctx.arc(x(at), y(v), 5, 0, 2 * Math.PI);
    ctx.fillStyle = colour;
    ctx.strokeStyle = palette.paper;
    ctx.lineWidth = 2;
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

function histogram(
  ctx: CanvasRenderingContext2D,
  bins: ArrayLike<number>,
  x: (z: number) => number,
  reach: number,
  foot: number,
  most: number,
  palette: Palette,
): void {
  const top = Math.max(0.02, ...Array.from(bins));
  ctx.fillStyle = palette.rule;
  for (let i = 0; i < bins.length; i++) {
    const [from, to] = [x(-reach + (2 * reach * i) / bins.length), x(-reach + (2 * reach * (i + 1)) / bins.length)];
    const h = (bins[i]! / top) * most;
    ctx.fillRect(from + 0.5, foot - h, to - from - 1, h);
  }
}

function line(ctx: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}
