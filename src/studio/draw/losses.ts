/** @file The losses of a run: training solid, test dashed, and where the run is. */
import { type Range, rangeOf } from "../../figures/axis.ts";
import { type Box, linesAcross, logTicks, stepsBelow } from "./axes.ts";
import type { Palette } from "./palette.ts";

const LEFT = 44;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 20;

/** Where steps and losses are in a chart. */
interface Frame {
  /** Logarithms to base 10 of the least and the greatest loss shown. */
  readonly range: Range;
  readonly lastStep: number;
  x(step: number): number;
  y(loss: number): number;
}

/** @param rows [n, 3]: step, training loss, test loss. @param step Where the run is. @param end The last step. */
export function losses(
  ctx: CanvasRenderingContext2D,
  box: Box,
  rows: ArrayLike<number>,
  step: number,
  end: number,
  palette: Palette,
): void {
  const frame = frameOf(box, rows, end);
  ctx.clearRect(0, 0, box.width, box.height);
  ctx.font = "11px system-ui, sans-serif";
  linesAcross(ctx, { width: box.width, left: LEFT, right: RIGHT, gap: 6 }, logTicks(frame.range, 3, 5), frame.y, palette);
  stepsBelow(ctx, { ...box, left: LEFT, right: RIGHT, lift: 5 }, frame.lastStep, 4, frame.x);
  ctx.lineWidth = 1.5;
  ctx.setLineDash([4, 3]);
  curve(ctx, frame, rows, 2, palette.soft);
  ctx.setLineDash([]);
  curve(ctx, frame, rows, 1, palette.ink);
  if (end > 0 && step < end) {
    ctx.strokeStyle = palette.highInk;
    ctx.beginPath();
    ctx.moveTo(frame.x(step), TOP);
    ctx.lineTo(frame.x(step), box.height - BOTTOM);
    ctx.stroke();
  }
}

function frameOf({ width, height }: Box, rows: ArrayLike<number>, end: number): Frame {
  const values: number[] = [];
  for (let i = 0; i < rows.length; i += 3) values.push(rows[i + 1]!, rows[i + 2]!);
  const positive = values.filter(isShown).map(Math.log10);
  const { low, high }: Range = positive.length > 0 ? rangeOf(positive) : { low: -2, high: 0 };
  const pad = Math.max(0.08, (high - low) * 0.06);
  const lastStep = Math.max(1, end);
  return {
    lastStep,
    range: { low: low - pad, high: high + pad },
    x: (s) => LEFT + (s / lastStep) * (width - LEFT - RIGHT),
    y: (v) => TOP + ((high + pad - Math.log10(v)) / (high - low + 2 * pad)) * (height - TOP - BOTTOM),
  };
}

/** Returns true for a loss that has a place on a logarithmic axis. */
const isShown = (loss: number): boolean => loss > 0 && Number.isFinite(loss);

/** Draws a column of the rows; a loss without a place on the axis breaks the line. */
function curve(ctx: CanvasRenderingContext2D, { x, y }: Frame, rows: ArrayLike<number>, column: number, colour: string): void {
  ctx.strokeStyle = colour;
  ctx.beginPath();
  let drawing = false;
  for (let i = 0; i < rows.length; i += 3) {
    const value = rows[i + column]!;
    if (!isShown(value)) drawing = false;
    else if (drawing) ctx.lineTo(x(rows[i]!), y(value));
    else {
      ctx.moveTo(x(rows[i]!), y(value));
      drawing = true;
    }
  }
  ctx.stroke();
}
