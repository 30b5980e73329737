/** @file A curve and what follows it, with the places of the units; and errors over the number of units on logarithmic axes. */
import { ticksIn } from "../../figures/axis.ts";
import { type Box, curveThrough, linesAcross, signedTick } from "./axes.ts";
import type { Palette } from "./palette.ts";

const LEFT = 44;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 24;

/** From the pen's pixels to the curve. */
export const penToCurve = ({ width, height }: Box, x: number, y: number, reach: number): readonly [x: number, y: number] => [
  (x - LEFT) / (width - LEFT - RIGHT),
  reach - ((y - TOP) / (height - TOP - BOTTOM)) * 2 * reach,
];

export interface DrawnApproximation {
  readonly x: readonly number[];
  /** What is followed; nothing where a net is shown alone. */
  readonly curve?: readonly number[];
  readonly value: readonly number[];
  readonly knots: readonly number[];
  readonly range: readonly [low: number, high: number];
}

export function approximation(ctx: CanvasRenderingContext2D, { width, height }: Box, drawn: DrawnApproximation, palette: Palette): void {
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  ctx.lineJoin = "round";
  const [low, high] = drawn.range;
  const x = (v: number): number => LEFT + v * (width - LEFT - RIGHT);
  const y = (v: number): number => TOP + ((high - v) / (high - low)) * (height - TOP - BOTTOM);
  linesAcross(ctx, { width, left: LEFT, right: RIGHT, gap: 7 }, ticksIn({ low, high }, 5), y, palette, signedTick);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) ctx.fillText(String(tick), x(tick), height - 7);
  ctx.fillStyle = palette.highInk;
  for (const knot of drawn.knots) ctx.fillRect(x(knot) - 1, height - BOTTOM - 6, 2, 6);
  const { curve } = drawn;
  if (curve) {
    // What lies between the two is the error.
    ctx.beginPath();
    for (const [i, v] of drawn.x.entries()) ctx.lineTo(x(v), y(curve[i]!));
    for (let i = drawn.x.length - 1; i >= 0; i--) ctx.lineTo(x(drawn.x[i]!), y(drawn.value[i]!));
    ctx.globalAlpha = 0.28;
    ctx.fillStyle = palette.lowInk;
    ctx.fill();
    ctx.globalAlpha = 1;
    curveThrough(ctx, drawn.x, curve, x, y, palette.ink, [5, 4]);
  }
  curveThrough(ctx, drawn.x, drawn.value, x, y, palette.highInk, []);
}

export interface DrawnErrors {
  readonly errors: readonly (readonly [units: number, error: number])[];
  /** The net that is shown. */
  readonly at: readonly [units: number, error: number];
}

/** Errors over units, both in powers; beside them the slope of a quarter for twice as many. */
export function errorsOverUnits(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  { errors, at }: DrawnErrors,
  palette: Palette,
): void {
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  ctx.lineJoin = "round";
  const logs = [...errors, at].map(([, error]) => Math.log10(Math.max(1e-7, error)));
  const [low, high] = [Math.floor(Math.min(...logs)), Math.max(Math.ceil(Math.max(...logs)), Math.floor(Math.min(...logs)) + 1)];
  const most = Math.log2(errors.at(-1)![0]);
  const x = (units: number): number => LEFT + 8 + (Math.log2(units) / most) * (width - LEFT - RIGHT - 16);
  const y = (error: number): number => TOP + ((high - Math.log10(Math.max(1e-7, error))) / (high - low)) * (height - TOP - BOTTOM);
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  linesAcross(ctx, { width, left: LEFT, right: RIGHT, gap: 7 }, ticks, y, palette, signedTick);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const [units] of errors) ctx.fillText(String(units), x(units), height - 7);
  ctx.save();
  ctx.beginPath();
  ctx.rect(LEFT, TOP, width - LEFT - RIGHT, height - TOP - BOTTOM);
  ctx.clip();
  const [first, start] = errors[2]!;
  curveThrough(ctx, [first, 64], [start, start * (first / 64) ** 2], x, y, palette.soft, [2, 4]);
  ctx.restore();
  curveThrough(
    ctx,
    errors.map(([units]) => units),
    errors.map(([, error]) => error),
    x,
    y,
    palette.highInk,
    [],
  );
  for (const [units, error] of errors) dot(ctx, x(units), y(error), 3, palette.highInk, palette.paper);
  dot(ctx, x(at[0]), y(at[1]), 6, palette.lowInk, palette.paper);
}

function dot(ctx: CanvasRenderingContext2D, x: number, y: number, radius: number, fill: string, edge: string): void {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = fill;
  ctx.strokeStyle = edge;
  ctx.lineWidth = 2;
  ctx.fill();
  ctx.stroke();
}
