/** @file Points of two classes: discs for 1, diamonds for 0; filled for training, hollow for the test. */
import type { Palette } from "./palette.ts";

export interface Place {
  /** Pixels of the drawing's side, and half the side of the square that it shows. */
  readonly side: number;
  readonly extent: number;
}

/** From coordinates to pixels. */
export const toPixels = ({ side, extent }: Place, x: number, y: number): [number, number] => [
  ((x / extent + 1) * side) / 2,
  ((1 - y / extent) * side) / 2,
];

/** From pixels to coordinates. */
export const fromPixels = ({ side, extent }: Place, px: number, py: number): [number, number] => [
  ((2 * px) / side - 1) * extent,
  (1 - (2 * py) / side) * extent,
];

/** One point's outline. */
export function mark(ctx: CanvasRenderingContext2D, label: number, px: number, py: number, r: number): void {
  ctx.beginPath();
  if (label > 0.5) ctx.arc(px, py, r, 0, 2 * Math.PI);
  else {
    const d = r * 1.25;
    ctx.moveTo(px, py - d);
    ctx.lineTo(px + d, py);
    ctx.lineTo(px, py + d);
    ctx.lineTo(px - d, py);
    ctx.closePath();
  }
}

/** Points as rows of x, y, label, 1 for the test. */
export function points(
  ctx: CanvasRenderingContext2D,
  place: Place,
  rows: ArrayLike<number>,
  palette: Palette,
  r: number,
  withTest: boolean,
): void {
  ctx.lineWidth = 1;
  for (let i = 0; i < rows.length; i += 4) {
    const isTest = rows[i + 3]! > 0;
    if (isTest && !withTest) continue;
    const [px, py] = toPixels(place, rows[i]!, rows[i + 1]!);
    const label = rows[i + 2]!;
    mark(ctx, label, px, py, r);
    const colour = label > 0.5 ? palette.highInk : palette.lowInk;
    ctx.fillStyle = isTest ? palette.paper : colour;
    ctx.strokeStyle = isTest ? colour : palette.paper;
    ctx.lineWidth = isTest ? 1.5 : 1;
    ctx.fill();
    ctx.stroke();
  }
}
