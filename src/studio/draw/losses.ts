/** @file The losses of a run: training solid, test dashed, and where the run is. */
import { logTicksIn, type Range, rangeOf, ticksIn, tickText } from "../../figures/axis.ts";
import type { Palette } from "./palette.ts";

export interface Box {
  readonly width: number;
  readonly height: number;
}

const LEFT = 44;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 20;

/** The area of a chart, and where steps and losses are in it. */
interface Frame extends Box {
  readonly ctx: CanvasRenderingContext2D;
  readonly palette: Palette;
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
  const frame = frameOf(ctx, box, rows, end, palette);
  ctx.clearRect(0, 0, box.width, box.height);
  ctx.font = "11px system-ui, sans-serif";
  ctx.strokeStyle = palette.rule;
  ctx.fillStyle = palette.soft;
  ctx.lineWidth = 1;
  lossAxis(frame);
  stepAxis(frame);
  ctx.lineWidth = 1.5;
  ctx.setLineDash([4, 3]);
  curve(frame, rows, 2, palette.soft);
  ctx.setLineDash([]);
  curve(frame, rows, 1, palette.ink);
  if (end > 0 && step < end) {
    ctx.strokeStyle = palette.highInk;
    line(ctx, [frame.x(step), TOP], [frame.x(step), box.height - BOTTOM]);
  }
}

function frameOf(ctx: CanvasRenderingContext2D, { width, height }: Box, rows: ArrayLike<number>, end: number, palette: Palette): Frame {
  const values: number[] = [];
  for (let i = 0; i < rows.length; i += 3) values.push(rows[i + 1]!, rows[i + 2]!);
  const positive = values.filter(isShown).map(Math.log10);
  const { low, high }: Range = positive.length > 0 ? rangeOf(positive) : { low: -2, high: 0 };
  const pad = Math.max(0.08, (high - low) * 0.06);
  const lastStep = Math.max(1, end);
  return {
    ctx,
    palette,
    width,
    height,
    lastStep,
    range: { low: low - pad, high: high + pad },
    x: (s) => LEFT + (s / lastStep) * (width - LEFT - RIGHT),
    y: (v) => TOP + ((high + pad - Math.log10(v)) / (high - low + 2 * pad)) * (height - TOP - BOTTOM),
  };
}

/** Returns true for a loss that has a place on a logarithmic axis. */
const isShown = (loss: number): boolean => loss > 0 && Number.isFinite(loss);

function line(ctx: CanvasRenderingContext2D, [x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number]): void {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

/** At most five ticks of the loss, with lines across. */
function lossAxis({ ctx, width, range, y }: Frame): void {
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  const powers = logTicksIn(range);
  // A range without a round power of ten has ordinary round numbers.
  const ticks = powers.length > 1 ? powers : ticksIn({ low: 10 ** range.low, high: 10 ** range.high }, 3);
  for (const tick of ticks.length > 5 ? ticks.filter((_, i) => i % Math.ceil(ticks.length / 5) === 0) : ticks) {
    const py = Math.round(y(tick)) + 0.5;
    line(ctx, [LEFT, py], [width - RIGHT, py]);
    ctx.fillText(tickText(tick), LEFT - 6, py);
  }
}

function stepAxis({ ctx, width, height, lastStep, x }: Frame): void {
  ctx.textBaseline = "alphabetic";
  for (const tick of ticksIn({ low: 0, high: lastStep }, 4, 1)) {
    const at = x(tick);
    ctx.textAlign = at > width - RIGHT - 20 ? "right" : at < LEFT + 10 ? "left" : "center";
    ctx.fillText(tick >= 1000 ? `${tickText(tick / 1000)}k` : tickText(tick), at, height - 5);
  }
}

/** Draws a column of the rows; a loss without a place on the axis breaks the line. */
function curve({ ctx, x, y }: Frame, rows: ArrayLike<number>, column: number, colour: string): void {
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
