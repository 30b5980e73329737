/** @file How a gradient flows: its length at each layer between its bounds, and the gains that make it, on logarithmic axes. */
import { logTicksIn, rangeOf } from "../../figures/axis.ts";
import type { FlowAnswer } from "../worker/flow.ts";
import { type Box, linesAcross, signedTick } from "./axes.ts";
import type { Palette } from "./palette.ts";

const LEFT = 52;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 24;

/** Decades that bounds may lie beyond what was measured; what lies further is cut off. */
const BEYOND = 6;

/** From the number of a layer (from 1) to pixels, and back to the nearest. */
export const layerToPixels = (width: number, layers: number, layer: number): number =>
  LEFT + ((layer - 0.5) / layers) * (width - LEFT - RIGHT);
export const pixelsToLayer = (width: number, layers: number, x: number): number =>
  Math.min(layers, Math.max(1, Math.round(((x - LEFT) / (width - LEFT - RIGHT)) * layers + 0.5)));

interface Frame {
  readonly x: (layer: number) => number;
  readonly y: (value: number) => number;
  readonly low: number;
  readonly high: number;
}

/** Axes over the decades from low to high; the chosen layer is shaded. */
function frame(
  ctx: CanvasRenderingContext2D,
  box: Box,
  layers: number,
  chosen: number,
  low: number,
  high: number,
  palette: Palette,
): Frame {
  const { width, height } = box;
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  const x = (layer: number): number => layerToPixels(width, layers, layer);
  const y = (value: number): number =>
    TOP + ((high - Math.max(low - 1, Math.log10(Math.max(value, Number.MIN_VALUE)))) / (high - low)) * (height - TOP - BOTTOM);
  const each = (width - LEFT - RIGHT) / layers;
  ctx.fillStyle = palette.rule;
  ctx.globalAlpha = 0.45;
  ctx.fillRect(x(chosen) - each / 2, TOP, each, height - TOP - BOTTOM);
  ctx.globalAlpha = 1;
  const ticks = logTicksIn({ low, high });
  const every = Math.ceil(ticks.length / 6);
  const shown = ticks.filter((_, i) => i % every === 0);
  linesAcross(ctx, { width, left: LEFT, right: RIGHT, gap: 7 }, shown, y, palette, signedTick);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  const step = Math.ceil(layers / Math.max(1, Math.floor((width - LEFT - RIGHT) / 26)));
  for (let layer = 1; layer <= layers; layer += step) ctx.fillText(String(layer), x(layer), height - 8);
  return { x, y, low, high };
}

const logOf = (x: number): number => (x > 0 && Number.isFinite(x) ? Math.log10(x) : Number.NaN);

/** ‖δ‖ behind each layer, with the bounds around it. */
export function gradients(ctx: CanvasRenderingContext2D, box: Box, { layers }: FlowAnswer, chosen: number, palette: Palette): void {
  const own = rangeOf(layers.map(({ gradient }) => logOf(gradient)));
  const all = rangeOf(layers.flatMap(({ upper, lower }) => [logOf(upper), logOf(lower)]));
  const low = Math.max(Math.min(own.low, all.low), own.low - BEYOND) - 0.4;
  const high = Math.min(Math.max(own.high, all.high), own.high + BEYOND) + 0.4;
  const { x, y } = frame(ctx, box, layers.length, chosen, low, high, palette);
  clipped(ctx, box, () => {
    ctx.fillStyle = palette.rule;
    ctx.globalAlpha = 0.55;
    ctx.beginPath();
    for (const [i, { upper }] of layers.entries()) ctx.lineTo(x(i + 1), y(upper));
    for (let i = layers.length - 1; i >= 0; i--) ctx.lineTo(x(i + 1), y(layers[i]!.lower));
    ctx.fill();
    ctx.globalAlpha = 1;
    line(
      ctx,
      layers.map(({ upper }, i) => [x(i + 1), y(upper)]),
      palette.lowInk,
      [6, 4],
    );
    // A bound of 0 says nothing: its line ends where it is lost.
    const known = layers.flatMap(({ lower }, i) => (lower > 0 ? [[x(i + 1), y(lower)] as const] : []));
    line(ctx, known, palette.soft, [2, 3]);
    line(
      ctx,
      layers.map(({ gradient }, i) => [x(i + 1), y(gradient)]),
      palette.highInk,
      [],
    );
    if (layers.length <= 60)
      for (const [i, { gradient }] of layers.entries()) dot(ctx, x(i + 1), y(gradient), 3.5, palette.highInk, palette.paper);
  });
}

/** Gains of weights (●) and of activations (◆) at each layer, each between the least and the most that it can be. */
export function gains(ctx: CanvasRenderingContext2D, box: Box, { factors, layers }: FlowAnswer, chosen: number, palette: Palette): void {
  const shown = factors.filter(({ kind }) => kind !== "join");
  const own = rangeOf([0, ...shown.map(({ gain }) => logOf(gain))]);
  const all = rangeOf([0, ...shown.flatMap(({ low, high }) => [logOf(low), logOf(high)])]);
  const low = Math.max(Math.min(own.low, all.low), own.low - 1.5) - 0.15;
  const high = Math.min(Math.max(own.high, all.high), own.high + 1.5) + 0.15;
  const { x, y } = frame(ctx, box, layers.length, chosen, low, high, palette);
  const apart = Math.min(9, (box.width - LEFT - RIGHT) / layers.length / 5);
  clipped(ctx, box, () => {
    ctx.strokeStyle = palette.soft;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(LEFT, Math.round(y(1)) + 0.5);
    ctx.lineTo(box.width - RIGHT, Math.round(y(1)) + 0.5);
    ctx.stroke();
    for (const { layer, kind, gain, low: least, high: most, isBounded } of shown) {
      const isWeight = kind === "linear";
      const colour = isWeight ? palette.highInk : kind === "activation" ? palette.lowInk : palette.soft;
      const at = x(layer) + (isWeight ? -apart : kind === "activation" ? apart : 0);
      if (isBounded) {
        ctx.strokeStyle = colour;
        ctx.globalAlpha = 0.55;
        ctx.lineWidth = Math.min(5, Math.max(1.5, apart * 0.7));
        ctx.beginPath();
        ctx.moveTo(at, y(most));
        ctx.lineTo(at, y(least));
        ctx.stroke();
        ctx.globalAlpha = 1;
      }
      if (isWeight) dot(ctx, at, y(gain), Math.min(4.5, apart), colour, palette.paper);
      else diamond(ctx, at, y(gain), Math.min(5, apart + 0.5), colour, palette.paper);
    }
  });
}

function clipped(ctx: CanvasRenderingContext2D, { width, height }: Box, draw: () => void): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(LEFT, TOP, width - LEFT - RIGHT, height - TOP - BOTTOM);
  ctx.clip();
  draw();
  ctx.restore();
}

function line(ctx: CanvasRenderingContext2D, points: readonly (readonly [number, number])[], colour: string, dash: number[]): void {
  ctx.strokeStyle = colour;
  ctx.lineWidth = dash.length > 0 ? 1.5 : 2.25;
  ctx.setLineDash(dash);
  ctx.beginPath();
  for (const [px, py] of points) ctx.lineTo(px, py);
  ctx.stroke();
  ctx.setLineDash([]);
}

function dot(ctx: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: string, edge: string): void {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  fill(ctx, colour, edge);
}

function diamond(ctx: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: string, edge: string): void {
  ctx.beginPath();
  ctx.moveTo(x, y - radius);
  ctx.lineTo(x + radius, y);
  ctx.lineTo(x, y + radius);
  ctx.lineTo(x - radius, y);
  ctx.closePath();
  fill(ctx, colour, edge);
}

function fill(ctx: CanvasRenderingContext2D, colour: string, edge: string): void {
  ctx.fillStyle = colour;
  ctx.strokeStyle = edge;
  ctx.lineWidth = 1.25;
  ctx.fill();
  ctx.stroke();
}
