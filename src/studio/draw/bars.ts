/** @file Bars side by side, with a line that they must reach. */
import { ticksIn } from "../../figures/axis.ts";
import { type Box, linesAcross } from "./axes.ts";
import type { Palette } from "./palette.ts";

const LEFT = 44;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 22;

export interface DrawnBars {
  readonly values: readonly number[];
  readonly names: readonly string[];
  /** Bars that reach it are blue, others orange. */
  readonly line: number;
  /** The least top of the axis. */
  readonly most: number;
  readonly chosen: number;
}

export function bars(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  { values, names, line, most, chosen }: DrawnBars,
  palette: Palette,
): void {
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  const high = Math.max(most, ...values);
  const y = (v: number): number => TOP + ((high - v) / high) * (height - TOP - BOTTOM);
  linesAcross(ctx, { width, left: LEFT, right: RIGHT, gap: 7 }, ticksIn({ low: 0, high }, 4), y, palette);
  const each = (width - LEFT - RIGHT) / Math.max(1, values.length);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const [k, value] of values.entries()) {
    const x = LEFT + k * each;
    ctx.fillStyle = value >= line ? palette.highInk : palette.lowInk;
    const top = Math.min(y(value), y(0) - 1.5);
    ctx.fillRect(x + each * 0.18, top, each * 0.64, y(0) - top);
    ctx.fillStyle = k === chosen ? palette.ink : palette.soft;
    ctx.fillText(names[k]!, x + each / 2, height - 7);
  }
  ctx.strokeStyle = palette.ink;
  ctx.lineWidth = 1;
  ctx.setLineDash([3, 3]);
  ctx.beginPath();
  ctx.moveTo(LEFT, y(line));
  ctx.lineTo(width - RIGHT, y(line));
  ctx.stroke();
  ctx.setLineDash([]);
}
