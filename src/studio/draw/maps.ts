/** @file Maps of features as tiles, an image with what lies over it, and images with boxes. */
import type { Box } from "./axes.ts";
import type { Palette } from "./palette.ts";

/** Between two tiles, in pixels. */
const GAP = 4;

/** Where tiles lie in a row: as large as the box lets them be. */
export function tileAt({ width, height }: Box, count: number): { readonly size: number; readonly step: number } {
  const gap = count > 40 ? 1 : GAP;
  const size = Math.min(height, (width - gap * (count - 1)) / count);
  return { size, step: size + gap };
}

const colour = (pixel: number, opacity = 1): string => `rgba(${pixel & 255}, ${(pixel >> 8) & 255}, ${(pixel >> 16) & 255}, ${opacity})`;

export interface Square {
  readonly values: ArrayLike<number>;
  readonly side: number;
  /** The size that has the full colour. */
  readonly most: number;
}

/** A square of numbers as cells, from orange below 0 over grey to blue. */
export function cells(
  ctx: CanvasRenderingContext2D,
  [left, top, size]: readonly number[],
  { values, side, most }: Square,
  palette: Palette,
): void {
  const at = (i: number, from: number): number => Math.round(from + (i * size!) / side);
  const shade = (i: number): number => (most > 0 ? Math.round(127.5 + 127.5 * Math.max(-1, Math.min(1, values[i]! / most))) : 128);
  for (let r = 0; r < side; r++)
    // Neighbours of one shade are one rectangle: most of an image and of what ReLU gives is 0.
    for (let c = 0; c < side; ) {
      const start = c;
      const found = shade(r * side + c);
      while (c < side && shade(r * side + c) === found) c++;
      ctx.fillStyle = colour(palette.shades[found]!);
      const [x, y] = [at(start, left!), at(r, top!)];
      ctx.fillRect(x, y, at(c, left!) - x, at(r + 1, top!) - y);
    }
}

/** A frame that is seen on light and on dark. */
function frame(ctx: CanvasRenderingContext2D, [x, y, width, height]: readonly number[], palette: Palette): void {
  ctx.lineWidth = 4;
  ctx.strokeStyle = palette.paper;
  ctx.strokeRect(x!, y!, width!, height!);
  ctx.lineWidth = 2;
  ctx.strokeStyle = palette.ink;
  ctx.strokeRect(x!, y!, width!, height!);
}

export interface Chosen {
  readonly channel: number;
  readonly row: number;
  readonly column: number;
}

/** The maps of a layer in a row; the unit that is looked at has a frame, and its map too. */
export function mapRow(
  ctx: CanvasRenderingContext2D,
  box: Box,
  {
    values,
    channels,
    side,
    chosen,
  }: { readonly values: Float32Array; readonly channels: number; readonly side: number; readonly chosen: Chosen | undefined },
  palette: Palette,
): void {
  ctx.clearRect(0, 0, box.width, box.height);
  const { size, step } = tileAt(box, channels);
  const most = values.reduce((a, x) => Math.max(a, Math.abs(x)), 0);
  for (let c = 0; c < channels; c++)
    cells(ctx, [c * step, 0, size], { values: values.subarray(c * side * side, (c + 1) * side * side), side, most }, palette);
  if (!chosen) return;
  const left = chosen.channel * step;
  ctx.lineWidth = 2;
  ctx.strokeStyle = palette.ink;
  ctx.strokeRect(left + 1, 1, size - 2, size - 2);
  if (side > 1) frame(ctx, [left + (chosen.column * size) / side, (chosen.row * size) / side, size / side, size / side], palette);
}

/** Which unit a place in a row of maps is of; undefined between the maps. */
export function unitAt(box: Box, channels: number, side: number, x: number, y: number): Chosen | undefined {
  const { size, step } = tileAt(box, channels);
  const channel = Math.floor(x / step);
  const [column, row] = [x - channel * step, y].map((at) => Math.floor((at / size) * side)) as [number, number];
  return channel >= 0 && channel < channels && column < side && row >= 0 && row < side ? { channel, row, column } : undefined;
}

export interface Over {
  readonly image: ArrayLike<number>;
  readonly side: number;
  /** A heat over the image, of another side or the same. */
  readonly heat: ArrayLike<number>;
  /** First row and column of the box, and how many pixels on a side. */
  readonly field: { readonly row: number; readonly column: number; readonly size: number };
  /** The pixel that the pen is at; undefined while it is not used by key. */
  readonly pen: number | undefined;
}

/** The image, a heat over it and the field of a unit, in as much as it is inside. */
export function imageOver(ctx: CanvasRenderingContext2D, box: Box, { image, side, heat, field, pen }: Over, palette: Palette): void {
  const size = Math.min(box.width, box.height);
  ctx.clearRect(0, 0, box.width, box.height);
  cells(ctx, [0, 0, size], { values: image, side, most: 1 }, palette);
  const across = Math.sqrt(heat.length);
  const most = Array.from(heat).reduce((a, b) => Math.max(a, b), 0);
  const [r, g, b] = palette.low;
  for (let i = 0; i < heat.length && most > 0; i++) {
    ctx.fillStyle = `rgba(${r}, ${g}, ${b}, ${(0.85 * heat[i]!) / most})`;
    const each = size / across;
    const [x, y] = [Math.round((i % across) * each), Math.round(Math.floor(i / across) * each)];
    ctx.fillRect(x, y, Math.round(((i % across) + 1) * each) - x, Math.round((Math.floor(i / across) + 1) * each) - y);
  }
  const cut = (at: number): number => (Math.max(0, Math.min(side, at)) * size) / side;
  const [top, left] = [cut(field.row), cut(field.column)];
  frame(ctx, [left + 2, top + 2, cut(field.column + field.size) - left - 4, cut(field.row + field.size) - top - 4], palette);
  if (pen !== undefined)
    frame(ctx, [((pen % side) * size) / side, (Math.floor(pen / side) * size) / side, size / side, size / side], palette);
}
