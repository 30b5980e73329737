/** @file What the room Norm draws beside charts: a batch as columns of dots, weights between a ball and contours, a net under a mask, and sorted weights. */
import { ticksIn } from "../../figures/axis.ts";
import { DOT_REACH, FEATURES_SHOWN, MASKED, PLANE_REACH } from "../worker/norm-choice.ts";
import { type Box, linesAcross, signedTick } from "./axes.ts";
import type { Palette } from "./palette.ts";

const N = FEATURES_SHOWN;
const LEFT = 30;
const RIGHT = 6;
const TOP = 10;
const BOTTOM = 24;

const dotX = (width: number, j: number): number => LEFT + ((j + 0.5) / N) * (width - LEFT - RIGHT);
const dotY = (height: number, v: number): number => TOP + ((DOT_REACH - v) / (2 * DOT_REACH)) * (height - TOP - BOTTOM);

/** The feature and the value under the pointer. */
export const dotUnder = ({ width, height }: Box, px: number, py: number): readonly [feature: number, value: number] => [
  Math.max(0, Math.min(N - 1, Math.floor(((px - LEFT) / (width - LEFT - RIGHT)) * N))),
  DOT_REACH - ((py - TOP) / (height - TOP - BOTTOM)) * 2 * DOT_REACH,
];

export interface Dots {
  readonly values: readonly number[];
  readonly picked: readonly [example: number, feature: number];
  /** Centre and half height of each column's band; of one band over all columns where there is one. */
  readonly bands: readonly (readonly [centre: number, half: number])[];
  /** Whether bands stand for statistics that are not the batch's own. */
  readonly isDashed?: boolean;
}

export function dots(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  { values, picked, bands, isDashed }: Dots,
  palette: Palette,
): void {
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  const y = (v: number): number => dotY(height, v);
  linesAcross(ctx, { width, left: LEFT, right: RIGHT, gap: 6 }, ticksIn({ low: -DOT_REACH, high: DOT_REACH }, 6), y, palette, signedTick);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  const column = (width - LEFT - RIGHT) / N;
  for (let j = 0; j < N; j++) {
    ctx.fillStyle = j === picked[1] ? palette.ink : palette.soft;
    ctx.fillText(`${j + 1}`, dotX(width, j), height - 7);
  }
  ctx.setLineDash(isDashed ? [4, 3] : []);
  for (const [j, [centre, half]] of bands.entries()) {
    if (!Number.isFinite(centre + half)) continue;
    const [from, wide] = bands.length === N ? [dotX(width, j) - column * 0.42, column * 0.84] : [LEFT, width - LEFT - RIGHT];
    ctx.fillStyle = palette.highInk;
    ctx.strokeStyle = palette.highInk;
    ctx.globalAlpha = bands.length === N && j !== picked[1] ? 0.1 : 0.2;
    ctx.fillRect(from, y(centre + half), wide, y(centre - half) - y(centre + half));
    ctx.globalAlpha = 1;
    ctx.lineWidth = 1;
    if (isDashed) ctx.strokeRect(from, y(centre + half), wide, y(centre - half) - y(centre + half));
    ctx.lineWidth = 2.25;
    line(ctx, [from, y(centre)], [from + wide, y(centre)]);
  }
  ctx.setLineDash([]);
  const at = (i: number): [number, number] => [dotX(width, i % N), y(Math.max(-DOT_REACH, Math.min(DOT_REACH, values[i]!)))];
  ctx.strokeStyle = palette.lowInk;
  ctx.lineWidth = 1.75;
  ctx.beginPath();
  for (let j = 0; j < N; j++) ctx.lineTo(...at(picked[0] * N + j));
  ctx.stroke();
  for (const i of values.keys()) {
    const isOf = Math.floor(i / N) === picked[0];
    circle(ctx, at(i), isOf ? (i % N === picked[1] ? 7 : 5.5) : 4.5, isOf ? palette.lowInk : palette.highInk, palette.paper);
  }
}

function line(ctx: CanvasRenderingContext2D, from: readonly [number, number], to: readonly [number, number]): void {
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
}

function circle(ctx: CanvasRenderingContext2D, [x, y]: readonly [number, number], radius: number, fill: string, edge: string): void {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = fill;
  ctx.strokeStyle = edge;
  ctx.lineWidth = 1.5;
  ctx.fill();
  ctx.stroke();
}

export interface Plane {
  readonly kind: "l1" | "l2";
  readonly optimum: readonly number[];
  readonly weights: readonly number[];
  readonly path: readonly (readonly number[])[];
  /** The ball's size, and the loss of the contour that touches it. */
  readonly size: number;
  readonly loss: number;
  readonly correlation: number;
}

/** Contours of ½ (w - w*)ᵀ C (w - w*), the ball that the penalty amounts to, and the way of the optimum between them. */
export function plane(ctx: CanvasRenderingContext2D, { width, height }: Box, drawn: Plane, palette: Palette): void {
  ctx.clearRect(0, 0, width, height);
  const to = ([a = 0, b = 0]: readonly number[]): [number, number] => [
    ((a / PLANE_REACH + 1) * width) / 2,
    ((1 - b / PLANE_REACH) * height) / 2,
  ];
  const unit = width / (2 * PLANE_REACH);
  ctx.lineWidth = 1;
  ctx.strokeStyle = palette.rule;
  for (let at = -PLANE_REACH + 1; at < PLANE_REACH; at++) {
    line(ctx, to([at, -PLANE_REACH]), to([at, PLANE_REACH]));
    line(ctx, to([-PLANE_REACH, at]), to([PLANE_REACH, at]));
  }
  ctx.strokeStyle = palette.soft;
  line(ctx, to([0, -PLANE_REACH]), to([0, PLANE_REACH]));
  line(ctx, to([-PLANE_REACH, 0]), to([PLANE_REACH, 0]));
  ball(ctx, drawn, to, unit, palette);
  const [along, across] = [1 + drawn.correlation, 1 - drawn.correlation];
  const contour = (loss: number): void => {
    ctx.beginPath();
    ctx.ellipse(...to(drawn.optimum), Math.sqrt((2 * loss) / along) * unit, Math.sqrt((2 * loss) / across) * unit, -Math.PI / 4, 0, 7);
    ctx.stroke();
  };
  ctx.strokeStyle = palette.lowInk;
  ctx.globalAlpha = 0.35;
  for (const share of [0.15, 0.5, 1.1, 2, 3.2]) contour(share);
  ctx.globalAlpha = 1;
  ctx.lineWidth = 2;
  if (drawn.loss > 1e-6) contour(drawn.loss);
  ctx.strokeStyle = palette.ink;
  ctx.setLineDash([2, 3]);
  ctx.beginPath();
  for (const point of drawn.path) ctx.lineTo(...to(point));
  ctx.stroke();
  ctx.setLineDash([]);
  circle(ctx, to(drawn.optimum), 7, palette.lowInk, palette.paper);
  circle(ctx, to(drawn.weights), 6, palette.ink, palette.paper);
  ctx.fillStyle = palette.soft;
  ctx.font = "12px system-ui, sans-serif";
  ctx.textBaseline = "alphabetic";
  ctx.textAlign = "right";
  ctx.fillText("w₁", width - 6, height / 2 - 6);
  ctx.textAlign = "left";
  ctx.fillText("w₂", width / 2 + 6, 14);
}

function ball(
  ctx: CanvasRenderingContext2D,
  { kind, size }: Plane,
  to: (w: readonly number[]) => [number, number],
  unit: number,
  palette: Palette,
): void {
  ctx.beginPath();
  if (kind === "l2") ctx.arc(...to([0, 0]), size * unit, 0, 2 * Math.PI);
  else
    for (const corner of [
      [size, 0],
      [0, size],
      [-size, 0],
      [0, -size],
    ])
      ctx.lineTo(...to(corner));
  ctx.closePath();
  ctx.fillStyle = palette.highInk;
  ctx.strokeStyle = palette.highInk;
  ctx.globalAlpha = 0.16;
  ctx.fill();
  ctx.globalAlpha = 1;
  ctx.lineWidth = 2;
  ctx.stroke();
}

/** Weights in the order of their size: blue above 0, orange below, a hollow mark where one is exactly 0. */
export function sortedWeights(ctx: CanvasRenderingContext2D, { width, height }: Box, weights: readonly number[], palette: Palette): void {
  ctx.clearRect(0, 0, width, height);
  const sorted = [...weights].sort((a, b) => Math.abs(b) - Math.abs(a));
  const most = Math.max(1e-9, ...sorted.map(Math.abs));
  const each = width / Math.max(8, sorted.length);
  const middle = height / 2;
  ctx.strokeStyle = palette.rule;
  ctx.lineWidth = 1;
  line(ctx, [0, middle], [width, middle]);
  for (const [i, w] of sorted.entries()) {
    const x = i * each;
    const tall = (Math.abs(w) / most) * (middle - 4);
    ctx.fillStyle = w < 0 ? palette.lowInk : palette.highInk;
    if (w !== 0) ctx.fillRect(x + each * 0.15, w < 0 ? middle : middle - Math.max(1, tall), each * 0.7, Math.max(1, tall));
    else circle(ctx, [x + each / 2, middle], Math.max(1.5, Math.min(4, each * 0.3)), palette.paper, palette.ink);
  }
}

/** A net of inputs, hidden units and an output; what the mask drops is crossed out. */
export function maskedNet(ctx: CanvasRenderingContext2D, { width, height }: Box, mask: readonly boolean[], palette: Palette): void {
  ctx.clearRect(0, 0, width, height);
  const column = (count: number, x: number): [number, number][] =>
    Array.from({ length: count }, (_, i) => [x, ((i + 0.5) / count) * (height - 12) + 6]);
  const [inputs, hidden] = [column(MASKED.inputs, 26), column(MASKED.hidden, width / 2)];
  const output: [number, number] = [width - 26, height / 2];
  const isKept = (layer: number, i: number): boolean => mask[layer === 0 ? i : MASKED.inputs + i] ?? true;
  ctx.lineWidth = 1.25;
  const link = (from: [number, number], to: [number, number], isThere: boolean): void => {
    ctx.strokeStyle = isThere ? palette.highInk : palette.rule;
    ctx.globalAlpha = isThere ? 0.75 : 0.6;
    line(ctx, from, to);
  };
  for (const there of [false, true]) {
    for (const [j, to] of hidden.entries()) {
      for (const [i, from] of inputs.entries()) {
        const both = isKept(0, i) && isKept(1, j);
        if (both === there) link(from, to, both);
      }
      if (isKept(1, j) === there) link(to, output, there);
    }
  }
  ctx.globalAlpha = 1;
  for (const [layer, units] of [inputs, hidden].entries()) for (const [i, at] of units.entries()) unit(ctx, at, isKept(layer, i), palette);
  unit(ctx, output, true, palette);
}

function unit(ctx: CanvasRenderingContext2D, at: [number, number], isKept: boolean, palette: Palette): void {
  const r = 12;
  circle(ctx, at, r, isKept ? palette.highInk : palette.paper, isKept ? palette.paper : palette.soft);
  if (isKept) return;
  ctx.strokeStyle = palette.soft;
  const d = r * 0.5;
  line(ctx, [at[0] - d, at[1] - d], [at[0] + d, at[1] + d]);
  line(ctx, [at[0] - d, at[1] + d], [at[0] + d, at[1] - d]);
}
