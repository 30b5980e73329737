/** @file What a net expects over x, how sure it is, and the points that it has learnt from. */
import { type Range, ticksIn } from "../../figures/axis.ts";
import { type Box, curveThrough, linesAcross, signedTick } from "./axes.ts";
import type { Palette } from "./palette.ts";

const LEFT = 34;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 24;

export interface DrawnBand {
  readonly x: readonly number[];
  readonly mean: readonly number[];
  readonly model: readonly number[];
  readonly all: readonly number[];
}

export interface BandFrame {
  readonly x: readonly [low: number, high: number];
  readonly y: readonly [low: number, high: number];
}

const scales = ({ width, height }: Box, { x, y }: BandFrame) => ({
  toX: (v: number): number => LEFT + ((v - x[0]) / (x[1] - x[0])) * (width - LEFT - RIGHT),
  toY: (v: number): number => TOP + ((y[1] - v) / (y[1] - y[0])) * (height - TOP - BOTTOM),
});

/** From pixels to the chart's numbers. */
export const bandAt = ({ width, height }: Box, { x, y }: BandFrame, px: number, py: number): [number, number] => [
  x[0] + ((px - LEFT) / (width - LEFT - RIGHT)) * (x[1] - x[0]),
  y[1] - ((py - TOP) / (height - TOP - BOTTOM)) * (y[1] - y[0]),
];

/** From the chart's numbers to pixels. */
export const bandPixels = (box: Box, frame: BandFrame, x: number, y: number): [number, number] => {
  const { toX, toY } = scales(box, frame);
  return [toX(x), toY(y)];
};

function axes(ctx: CanvasRenderingContext2D, box: Box, frame: BandFrame, palette: Palette): void {
  const { width, height } = box;
  const { toX, toY } = scales(box, frame);
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  ctx.lineJoin = "round";
  const range = ([low, high]: readonly [number, number]): Range => ({ low, high });
  linesAcross(ctx, { width, left: LEFT, right: RIGHT, gap: 7 }, ticksIn(range(frame.y), 5), toY, palette, signedTick);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const tick of ticksIn(range(frame.x), 6)) ctx.fillText(signedTick(tick), toX(tick), height - 7);
}

/** An upright line at the place that is asked about. */
function asked(ctx: CanvasRenderingContext2D, { height }: Box, x: number, palette: Palette): void {
  ctx.strokeStyle = palette.soft;
  ctx.lineWidth = 1;
  ctx.setLineDash([3, 3]);
  ctx.beginPath();
  ctx.moveTo(x, TOP);
  ctx.lineTo(x, height - BOTTOM);
  ctx.stroke();
  ctx.setLineDash([]);
}

export interface DrawnPoints {
  /** Pairs of x and y. */
  readonly points: readonly number[];
  readonly chosen: number;
  /** The place that is asked about. */
  readonly at: number;
}

/** The mean, two deviations of what the net does not know, and two with the noise. */
export function band(
  ctx: CanvasRenderingContext2D,
  box: Box,
  frame: BandFrame,
  drawn: DrawnBand | undefined,
  { points, chosen, at }: DrawnPoints,
  palette: Palette,
): void {
  axes(ctx, box, frame, palette);
  const { toX, toY } = scales(box, frame);
  ctx.save();
  ctx.beginPath();
  ctx.rect(LEFT, TOP, box.width - LEFT - RIGHT, box.height - TOP - BOTTOM);
  ctx.clip();
  if (drawn) {
    const { x, mean, model, all } = drawn;
    for (const [deviations, alpha] of [
      [all, 0.16],
      [model, 0.3],
    ] as const) {
      ctx.beginPath();
      for (const [i, v] of x.entries()) ctx.lineTo(toX(v), toY(mean[i]! + 2 * deviations[i]!));
      for (let i = x.length - 1; i >= 0; i--) ctx.lineTo(toX(x[i]!), toY(mean[i]! - 2 * deviations[i]!));
      ctx.closePath();
      ctx.globalAlpha = alpha;
      ctx.fillStyle = palette.highInk;
      ctx.fill();
      ctx.globalAlpha = 1;
    }
    curveThrough(ctx, x, mean, toX, toY, palette.highInk, []);
  }
  asked(ctx, box, toX(at), palette);
  for (let k = 0; k < points.length / 2; k++) {
    ctx.beginPath();
    ctx.arc(toX(points[2 * k]!), toY(points[2 * k + 1]!), k === chosen ? 6 : 4, 0, 2 * Math.PI);
    ctx.fillStyle = palette.lowInk;
    ctx.strokeStyle = k === chosen ? palette.ink : palette.paper;
    ctx.lineWidth = 1.5;
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

/** Deviations over x: what the net does not know, and the noise of the points. */
export function deviations(
  ctx: CanvasRenderingContext2D,
  box: Box,
  { x, model }: DrawnBand,
  noise: number,
  at: number,
  palette: Palette,
): void {
  const frame: BandFrame = { x: [x[0]!, x.at(-1)!], y: [0, Math.max(0.05, noise, ...model) * 1.08] };
  axes(ctx, box, frame, palette);
  const { toX, toY } = scales(box, frame);
  curveThrough(ctx, [x[0]!, x.at(-1)!], [noise, noise], toX, toY, palette.lowInk, [5, 4]);
  curveThrough(ctx, x, model, toX, toY, palette.highInk, []);
  asked(ctx, box, toX(at), palette);
}
