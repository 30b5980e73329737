/** @file A matrix as a picture of its numbers, with one row marked. */
import type { Box } from "./axes.ts";
import type { Palette } from "./palette.ts";

export interface DrawnMatrix {
  /** Row by row. */
  readonly values: readonly number[];
  readonly rows: number;
  readonly columns: number;
  readonly row: number;
}

export function convolutionMatrix(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  { values, rows, columns, row }: DrawnMatrix,
  palette: Palette,
): void {
  ctx.clearRect(0, 0, width, height);
  const [w, h] = [width / columns, height / rows];
  const most = Math.max(1e-12, ...values.map(Math.abs));
  const gap = Math.min(w, h) > 5 ? 1 : 0;
  for (const [i, value] of values.entries()) {
    const [r, c] = [Math.floor(i / columns), i % columns];
    ctx.fillStyle = value === 0 ? palette.rule : value < 0 ? palette.lowInk : palette.highInk;
    ctx.globalAlpha = value === 0 ? 0.35 : 0.3 + (0.7 * Math.abs(value)) / most;
    ctx.fillRect(c * w, r * h, w - gap, h - gap);
  }
  ctx.globalAlpha = 1;
  ctx.strokeStyle = palette.ink;
  ctx.lineWidth = 2;
  ctx.strokeRect(1, Math.max(1, row * h - 1), width - 2, Math.min(h + 1, height - row * h));
}
