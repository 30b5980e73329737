/** @file A chart of curves and dots over linear or logarithmic axes. */
import { ticksIn } from "../../figures/axis.ts";
import { type Box, curveThrough, linesAcross, signedTick } from "./axes.ts";
import type { Palette } from "./palette.ts";

export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly isLog?: boolean;
  /** Default: round numbers, or powers of ten. */
  readonly ticks?: readonly number[];
}

export interface ChartCurve {
  readonly xs: readonly number[];
  readonly ys: readonly number[];
  readonly colour: string;
  readonly dash?: number[];
  readonly alpha?: number;
}

export interface ChartDot {
  readonly x: number;
  readonly y: number;
  readonly colour: string;
  readonly radius?: number;
  readonly isHollow?: boolean;
}

export interface Chart {
  readonly x: Axis;
  readonly y: Axis;
  readonly curves?: readonly ChartCurve[];
  readonly dots?: readonly ChartDot[];
  /** Bars from the lower edge: left and right end, height. */
  readonly bars?: readonly (readonly [from: number, to: number, y: number])[];
  readonly xName?: string;
}

const LEFT = 44;
const RIGHT = 12;
const TOP = 8;
const BOTTOM = 24;

const scaled = ({ isLog }: Axis, v: number): number => (isLog ? Math.log10(v) : v);

const share = (axis: Axis, v: number): number => {
  const [low, high] = [scaled(axis, axis.low), scaled(axis, axis.high)];
  return (scaled(axis, v) - low) / (high - low);
};

function ticksOf(axis: Axis, count: number): readonly number[] {
  if (axis.ticks) return axis.ticks;
  if (!axis.isLog) return ticksIn(axis, count);
  const [low, high] = [Math.ceil(Math.log10(axis.low) - 1e-9), Math.floor(Math.log10(axis.high) + 1e-9)];
  return Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
}

export function chart(ctx: CanvasRenderingContext2D, { width, height }: Box, drawn: Chart, palette: Palette): void {
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  ctx.lineJoin = "round";
  const x = (v: number): number => LEFT + share(drawn.x, v) * (width - LEFT - RIGHT);
  const y = (v: number): number => height - BOTTOM - share(drawn.y, v) * (height - TOP - BOTTOM);
  linesAcross(ctx, { width, left: LEFT, right: RIGHT, gap: 7 }, ticksOf(drawn.y, 5), y, palette, signedTick);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const tick of ticksOf(drawn.x, 5)) {
    if (drawn.xName && x(tick) > width - RIGHT - 46) continue;
    ctx.fillText(signedTick(tick), x(tick), height - 7);
  }
  ctx.textAlign = "right";
  if (drawn.xName) ctx.fillText(drawn.xName, width - RIGHT, height - 7);
  ctx.save();
  ctx.beginPath();
  ctx.rect(LEFT - 1, TOP - 1, width - LEFT - RIGHT + 2, height - TOP - BOTTOM + 2);
  ctx.clip();
  ctx.fillStyle = palette.highInk;
  ctx.globalAlpha = 0.42;
  for (const [from, to, at] of drawn.bars ?? []) ctx.fillRect(x(from), y(at), Math.max(1, x(to) - x(from) - 1), height - BOTTOM - y(at));
  for (const { xs, ys, colour, dash = [], alpha = 1 } of drawn.curves ?? []) {
    ctx.globalAlpha = alpha;
    curveThrough(ctx, xs, ys, x, y, colour, dash);
  }
  ctx.globalAlpha = 1;
  ctx.restore();
  for (const dot of drawn.dots ?? []) disc(ctx, x(dot.x), Math.max(TOP, Math.min(height - BOTTOM, y(dot.y))), dot, palette);
}

function disc(ctx: CanvasRenderingContext2D, x: number, y: number, { colour, radius = 4, isHollow }: ChartDot, palette: Palette): void {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = isHollow ? palette.paper : colour;
  ctx.strokeStyle = isHollow ? colour : palette.paper;
  ctx.lineWidth = 1.5;
  ctx.fill();
  ctx.stroke();
}
