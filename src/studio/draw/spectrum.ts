/** @file Singular values as a histogram, with the law of random matrices over it; and what a 2 × 2 matrix makes of the unit circle. */
import { ticksIn, tickText } from "../../figures/axis.ts";
import type { SpectrumAnswer } from "../worker/spectra.ts";
import { type Box, linesAcross } from "./axes.ts";
import type { Palette } from "./palette.ts";

const LEFT = 44;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 24;
const BINS = 26;

/** Density of the values, beside that of the law; the law's ends, the line that 99 % stay below, and what lies beyond it. */
export function spectrum(ctx: CanvasRenderingContext2D, { width, height }: Box, answer: SpectrumAnswer, palette: Palette): void {
  const { values, upper, lower, density, line, outliers } = answer;
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  const end = 1.08 * Math.max(values[0]!, upper, line ?? 0, 1e-12);
  const each = end / BINS;
  const counts = new Array<number>(BINS).fill(0);
  for (const s of values) counts[Math.min(BINS - 1, Math.floor(s / each))]! += 1 / (values.length * each);
  // One bin of a law that is a point (orthogonal matrices) must not flatten the rest.
  const top = 1.1 * Math.max(...counts, ...density.map(([, d]) => d).filter(Number.isFinite), 1e-12);
  const x = (s: number): number => LEFT + (s / end) * (width - LEFT - RIGHT);
  const y = (d: number): number => height - BOTTOM - (d / top) * (height - TOP - BOTTOM);
  linesAcross(ctx, { width, left: LEFT, right: RIGHT, gap: 7 }, ticksIn({ low: 0, high: top }, 4), y, palette);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const tick of ticksIn({ low: 0, high: end }, 6)) ctx.fillText(tickText(tick), x(tick), height - 8);
  ctx.fillStyle = palette.highInk;
  ctx.globalAlpha = 0.42;
  for (const [i, count] of counts.entries()) if (count > 0) ctx.fillRect(x(i * each) + 0.5, y(count), x(each) - x(0) - 1, y(0) - y(count));
  ctx.globalAlpha = 1;
  ctx.strokeStyle = palette.lowInk;
  ctx.lineWidth = 2.25;
  ctx.beginPath();
  for (const [s, d] of density) ctx.lineTo(x(s), y(Math.min(d, top)));
  ctx.stroke();
  upright(ctx, x(upper), [], palette.lowInk, height);
  if (lower > 0) upright(ctx, x(lower), [], palette.lowInk, height);
  if (line !== undefined) upright(ctx, x(line), [3, 3], palette.soft, height);
  for (const { value } of outliers) {
    ctx.fillStyle = palette.ink;
    ctx.beginPath();
    ctx.moveTo(x(value), height - BOTTOM - 3);
    ctx.lineTo(x(value) - 5, height - BOTTOM - 13);
    ctx.lineTo(x(value) + 5, height - BOTTOM - 13);
    ctx.fill();
  }
}

function upright(ctx: CanvasRenderingContext2D, x: number, dash: number[], colour: string, height: number): void {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.25;
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(x, TOP);
  ctx.lineTo(x, height - BOTTOM);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** Length of the picture's side in units of the plane. */
const SIDE = 7;

export const planeToPixels = (side: number, v: number): number => side / 2 + (v * side) / SIDE;
export const pixelsToPlane = (side: number, at: number): number => ((at - side / 2) * SIDE) / side;

/** The unit circle, its image, the vector y and W y, and the columns of W. */
export function ellipse(ctx: CanvasRenderingContext2D, { width }: Box, matrix: readonly number[], angle: number, palette: Palette): void {
  const [a = 0, b = 0, c = 0, d = 0] = matrix;
  ctx.clearRect(0, 0, width, width);
  const at = (u: number, v: number): [number, number] => [planeToPixels(width, u), planeToPixels(width, -v)];
  ctx.lineWidth = 1;
  ctx.strokeStyle = palette.rule;
  for (let k = -3; k <= 3; k++) {
    ctx.beginPath();
    ctx.moveTo(...at(k, -SIDE / 2));
    ctx.lineTo(...at(k, SIDE / 2));
    ctx.moveTo(...at(-SIDE / 2, k));
    ctx.lineTo(...at(SIDE / 2, k));
    ctx.stroke();
  }
  const ring = (map: (u: number, v: number) => [number, number], colour: string, dash: number[]): void => {
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2;
    ctx.setLineDash(dash);
    ctx.beginPath();
    for (let i = 0; i <= 120; i++) {
      const t = (2 * Math.PI * i) / 120;
      ctx.lineTo(...at(...map(Math.cos(t), Math.sin(t))));
    }
    ctx.stroke();
    ctx.setLineDash([]);
  };
  ring((u, v) => [u, v], palette.soft, [4, 3]);
  ring((u, v) => [a * u + b * v, c * u + d * v], palette.highInk, []);
  const [u, v] = [Math.cos(angle), Math.sin(angle)];
  arrow(ctx, at(0, 0), at(a, c), palette.soft, 1.5);
  arrow(ctx, at(0, 0), at(b, d), palette.soft, 1.5);
  arrow(ctx, at(0, 0), at(u, v), palette.ink, 2);
  arrow(ctx, at(0, 0), at(a * u + b * v, c * u + d * v), palette.lowInk, 2.5);
  for (const [x, y] of [at(a, c), at(b, d)]) {
    ctx.fillStyle = palette.highInk;
    ctx.strokeStyle = palette.paper;
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.arc(x, y, 6, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
  }
}

function arrow(ctx: CanvasRenderingContext2D, from: [number, number], to: [number, number], colour: string, thickness: number): void {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = thickness;
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
  ctx.beginPath();
  ctx.moveTo(...to);
  for (const side of [-0.4, 0.4]) ctx.lineTo(to[0] - 10 * Math.cos(angle + side), to[1] - 10 * Math.sin(angle + side));
  ctx.fill();
}
