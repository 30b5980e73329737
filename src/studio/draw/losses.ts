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

/** @param rows [n, 3]: step, training loss, test loss. @param step Where the run is. @param end The last step. */
export function losses(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  rows: ArrayLike<number>,
  step: number,
  end: number,
  palette: Palette,
): void {
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  const values: number[] = [];
  for (let i = 0; i < rows.length; i += 3) values.push(rows[i + 1]!, rows[i + 2]!);
  const positive = values.filter((v) => v > 0 && Number.isFinite(v)).map(Math.log10);
  const range: Range = positive.length > 0 ? rangeOf(positive) : { low: -2, high: 0 };
  const pad = Math.max(0.08, (range.high - range.low) * 0.06);
  const y = (v: number): number =>
    TOP + ((range.high + pad - Math.log10(v)) / (range.high - range.low + 2 * pad)) * (height - TOP - BOTTOM);
  const last = Math.max(1, end);
  const x = (s: number): number => LEFT + (s / last) * (width - LEFT - RIGHT);
  ctx.strokeStyle = palette.rule;
  ctx.fillStyle = palette.soft;
  ctx.lineWidth = 1;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  const powers = logTicksIn({ low: range.low - pad, high: range.high + pad });
  // A range without a round power of ten has ordinary round numbers.
  const ticks = powers.length > 1 ? powers : ticksIn({ low: 10 ** (range.low - pad), high: 10 ** (range.high + pad) }, 3);
  for (const tick of ticks.length > 5 ? ticks.filter((_, i) => i % Math.ceil(ticks.length / 5) === 0) : ticks) {
    const py = Math.round(y(tick)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(LEFT, py);
    ctx.lineTo(width - RIGHT, py);
    ctx.stroke();
    ctx.fillText(tickText(tick), LEFT - 6, py);
  }
  ctx.textBaseline = "alphabetic";
  for (const tick of ticksIn({ low: 0, high: last }, 4, 1)) {
    const at = x(tick);
    ctx.textAlign = at > width - RIGHT - 20 ? "right" : at < LEFT + 10 ? "left" : "center";
    ctx.fillText(tick >= 1000 ? `${tickText(tick / 1000)}k` : tickText(tick), at, height - 5);
  }
  for (const [column, dash, colour] of [
    [2, [4, 3], palette.soft],
    [1, [], palette.ink],
  ] as const) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1.5;
    ctx.setLineDash([...dash]);
    ctx.beginPath();
    let drawing = false;
    for (let i = 0; i < rows.length; i += 3) {
      const value = rows[i + column]!;
      if (!(value > 0 && Number.isFinite(value))) {
        drawing = false;
        continue;
      }
      if (drawing) ctx.lineTo(x(rows[i]!), y(value));
      else ctx.moveTo(x(rows[i]!), y(value));
      drawing = true;
    }
    ctx.stroke();
  }
  ctx.setLineDash([]);
  if (end > 0 && step < end) {
    ctx.strokeStyle = palette.highInk;
    ctx.beginPath();
    ctx.moveTo(x(step), TOP);
    ctx.lineTo(x(step), height - BOTTOM);
    ctx.stroke();
  }
}
