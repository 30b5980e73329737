/** @file Pieces of rail, line by line: a picture of each, how probably it is defective, and what is done to it. */
import type { Box } from "./axes.ts";
import type { Palette } from "./palette.ts";

export interface DrawnSegments {
  /** One picture after another, values around 0. */
  readonly pixels: Float32Array;
  /** Pixels on a side. */
  readonly side: number;
  readonly defect: readonly number[];
  readonly perLine: number;
  /** What is done, in a few letters, or nothing. */
  readonly work: readonly string[];
  readonly threshold: number;
  readonly chosen: number;
}

const LEFT = 16;
const GAP = 4;

interface Frame {
  readonly each: number;
  readonly row: number;
  readonly picture: number;
}

function frameOf({ width, height }: Box, count: number, perLine: number): Frame {
  const lines = Math.ceil(count / perLine);
  const each = (width - LEFT) / perLine;
  const row = height / lines;
  return { each, row, picture: Math.min(each - GAP, row - 30) };
}

/** The segment under a place. */
export function segmentAt(box: Box, count: number, perLine: number, x: number, y: number): number {
  const { each, row } = frameOf(box, count, perLine);
  const within = (v: number, most: number): number => Math.max(0, Math.min(most, Math.floor(v)));
  return within(y / row, count / perLine - 1) * perLine + within((x - LEFT) / each, perLine - 1);
}

/** What is done, in the corner of a picture whose right and lower edges these are. */
function badge(ctx: CanvasRenderingContext2D, text: string, right: number, bottom: number, palette: Palette): void {
  ctx.textAlign = "right";
  ctx.font = "600 11px system-ui, sans-serif";
  const width = ctx.measureText(text).width + 6;
  ctx.fillStyle = palette.ink;
  ctx.fillRect(right - width, bottom - 15, width, 15);
  ctx.fillStyle = palette.paper;
  ctx.fillText(text, right - 3, bottom - 4);
}

/** @param scratch A canvas for one picture, before it is stretched. */
export function segments(
  ctx: CanvasRenderingContext2D,
  box: Box,
  drawn: DrawnSegments,
  scratch: HTMLCanvasElement,
  palette: Palette,
): void {
  const { pixels, side, defect, perLine, work, threshold, chosen } = drawn;
  const { each, row, picture } = frameOf(box, defect.length, perLine);
  ctx.clearRect(0, 0, box.width, box.height);
  scratch.width = scratch.height = side;
  const into = scratch.getContext("2d")!;
  ctx.textBaseline = "alphabetic";
  for (const [i, p] of defect.entries()) {
    const [x, y] = [LEFT + (i % perLine) * each + (each - picture) / 2, Math.floor(i / perLine) * row];
    const image = into.createImageData(side, side);
    const bytes = new Uint32Array(image.data.buffer);
    for (let k = 0; k < bytes.length; k++) {
      const grey = Math.max(0, Math.min(255, Math.round(128 + 95 * pixels[i * side * side + k]!)));
      bytes[k] = ((255 << 24) | (grey << 16) | (grey << 8) | grey) >>> 0;
    }
    into.putImageData(image, 0, 0);
    ctx.drawImage(scratch, x, y + 2, picture, picture);
    const isOver = p > threshold;
    ctx.strokeStyle = i === chosen ? palette.ink : isOver ? palette.lowInk : palette.rule;
    ctx.lineWidth = i === chosen ? 3 : isOver ? 2 : 1;
    ctx.beginPath();
    ctx.rect(x, y + 2, picture, picture);
    ctx.stroke();
    // The chance of a defect as a bar, with its number.
    ctx.fillStyle = palette.rule;
    ctx.fillRect(x, y + picture + 6, picture, 4);
    ctx.fillStyle = isOver ? palette.lowInk : palette.highInk;
    ctx.fillRect(x, y + picture + 6, picture * p, 4);
    ctx.textAlign = "left";
    ctx.font = "11px system-ui, sans-serif";
    ctx.fillStyle = palette.soft;
    ctx.fillText(p.toFixed(2), x, y + picture + 23);
    if (work[i]) badge(ctx, work[i], x + picture, y + 2 + picture, palette);
  }
  ctx.textAlign = "left";
  ctx.font = "600 12px system-ui, sans-serif";
  ctx.fillStyle = palette.soft;
  for (let line = 0; line < defect.length / perLine; line++) ctx.fillText("ABCDEFGH"[line]!, 0, line * row + picture / 2 + 6);
}
