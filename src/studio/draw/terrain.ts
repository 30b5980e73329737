/** @file A function of two variables as a map with contours, or as a surface that turns; and what moves on it. */
import type { Box } from "./axes.ts";
import { contour, stretchedHeat } from "./heat.ts";
import type { Palette } from "./palette.ts";
import { fromPixels, type Place, toPixels } from "./points.ts";

export interface DrawnWay {
  readonly at: readonly (readonly [x: number, y: number])[];
  readonly colour: string;
}

export interface Terrain {
  /** n × n heights, from 0 to 1, rows from the top. */
  readonly levels: Float64Array;
  /** Their colours, as places in the palette's list. */
  readonly shades: Uint8Array;
  readonly n: number;
  readonly reach: number;
}

/** How many lines of equal height. */
const CONTOURS = 14;

/** Values from 0 to 1, on a logarithmic scale on which half of the places lie below the middle: valleys and peaks are both seen. */
export function terrainOf(values: readonly number[], reach: number): Terrain {
  const sorted = Float64Array.from(values.filter(Number.isFinite)).sort();
  const low = sorted[0] ?? 0;
  const size = (sorted.at(-1) ?? 1) - low || 1;
  const middle = Math.max(1e-4, Math.min(0.49, (sorted[sorted.length >> 1]! - low) / size));
  const k = (1 - 2 * middle) / middle ** 2;
  const levels = Float64Array.from(values, (value) =>
    Number.isFinite(value) ? Math.log1p((k * (value - low)) / size) / Math.log1p(k) : 1,
  );
  // From the middle of the palette up: pale where it is low.
  return { levels, shades: Uint8Array.from(levels, (level) => 128 + 127 * level), n: Math.sqrt(values.length), reach };
}

/** The map's square: its values lie at the middles of cells. */
export const placeOf = ({ n, reach }: Pick<Terrain, "n" | "reach">, side: number): Place => ({ side, extent: (reach * n) / (n - 1) });

/** Coordinates of a pixel, on the grid of a two-hundredth of the reach. */
export function pixelToTerrain(terrain: Terrain, side: number, px: number, py: number): [number, number] {
  const cut = (v: number): number => {
    const share = Math.round(Math.max(-1, Math.min(1, v / terrain.reach)) * 200) / 200;
    return Number((share * terrain.reach).toPrecision(4));
  };
  const [x, y] = fromPixels(placeOf(terrain, side), px, py);
  return [cut(x), cut(y)];
}

/** The lines of equal height of a terrain, which stay while things move over them. */
const lines = new WeakMap<Terrain, readonly number[]>();

function linesOf(terrain: Terrain): readonly number[] {
  const { levels, n } = terrain;
  const found = lines.get(terrain) ?? Array.from({ length: CONTOURS - 1 }, (_, j) => contour(levels, n, (j + 1) / CONTOURS)).flat();
  lines.set(terrain, found);
  return found;
}

/** The map, with lines of equal height. */
export function terrainMap(ctx: CanvasRenderingContext2D, { width: side }: Box, terrain: Terrain, palette: Palette): void {
  const { shades, n } = terrain;
  ctx.clearRect(0, 0, side, side);
  stretchedHeat(ctx, side, n, shades, palette.shades);
  ctx.strokeStyle = palette.soft;
  ctx.lineWidth = 0.75;
  ctx.globalAlpha = 0.55;
  ctx.beginPath();
  const segments = linesOf(terrain);
  for (let i = 0; i < segments.length; i += 4) {
    ctx.moveTo((segments[i]! / n) * side, (segments[i + 1]! / n) * side);
    ctx.lineTo((segments[i + 2]! / n) * side, (segments[i + 3]! / n) * side);
  }
  ctx.stroke();
  ctx.globalAlpha = 1;
}

export type Project = (x: number, y: number) => [px: number, py: number];

/** Where a point of the map is drawn. */
export const onMap =
  (terrain: Terrain, side: number): Project =>
  (x, y) =>
    toPixels(placeOf(terrain, side), x, y);

/** Where a point of the surface is drawn when it is turned by `yaw`; and how far from the reader. */
function inSpace(
  { levels, n, reach }: Terrain,
  side: number,
  yaw: number,
): (x: number, y: number) => [px: number, py: number, depth: number] {
  const [c, s] = [Math.cos(yaw), Math.sin(yaw)];
  const height = (x: number, y: number): number => {
    const [col, row] = [(x / reach + 1) / 2, (1 - y / reach) / 2].map((v) => Math.max(0, Math.min(1, v)) * (n - 1)) as [number, number];
    const [j, i] = [Math.min(n - 2, Math.floor(col)), Math.min(n - 2, Math.floor(row))];
    const [a, b] = [col - j, row - i];
    const at = (r: number, q: number): number => levels[(i + r) * n + j + q]!;
    return (1 - b) * ((1 - a) * at(0, 0) + a * at(0, 1)) + b * ((1 - a) * at(1, 0) + a * at(1, 1));
  };
  return (x, y) => {
    const [u, v] = [(x * c - y * s) / reach, (x * s + y * c) / reach];
    return [side * (0.5 + 0.345 * u), side * (0.7 - 0.19 * v - 0.4 * height(x, y)), v];
  };
}

/** One line of the surface's grid is drawn for so many: it shows the shape. */
const LINE_EVERY = 4;

/** How the surface is seen. */
export interface Sight {
  readonly yaw: number;
  /** Whether it moves: a quarter of the quads is enough then, and takes a quarter of the time. */
  readonly isMoving: boolean;
}

/** The surface as a net of quads, those behind first. Gives where a point of it is drawn. */
export function terrainSurface(
  ctx: CanvasRenderingContext2D,
  { width: side }: Box,
  terrain: Terrain,
  { yaw, isMoving }: Sight,
  palette: Palette,
): Project {
  const { shades, reach } = terrain;
  const stride = isMoving && terrain.n % 2 === 1 ? 2 : 1;
  const n = (terrain.n - 1) / stride + 1;
  ctx.clearRect(0, 0, side, side);
  const at = inSpace(terrain, side, yaw);
  const axis = Array.from({ length: n }, (_, i) => reach * ((2 * i) / (n - 1) - 1));
  const corners = axis.toReversed().flatMap((y) => axis.map((x) => at(x, y)));
  // How far a quad lies is told by its first corner: all are alike.
  const quads = corners.flatMap(([, , depth], i) => (i % n < n - 1 && i < n * (n - 1) ? [[depth, i] as const] : []));
  quads.sort(([a], [b]) => b - a);
  ctx.lineWidth = 0.6;
  const lineTo = (ends: readonly number[], colour: string): void => {
    ctx.strokeStyle = colour;
    ctx.beginPath();
    for (const k of ends) ctx.lineTo(corners[k]![0], corners[k]![1]);
  };
  const colours: string[] = [];
  const colourOf = (shade: number): string => {
    const pixel = palette.shades[shade]!;
    colours[shade] ??= `rgb(${pixel & 255},${(pixel >> 8) & 255},${(pixel >> 16) & 255})`;
    return colours[shade];
  };
  for (const [, i] of quads) {
    const [row, column] = [stride * Math.floor(i / n), stride * (i % n)];
    const colour = colourOf(shades[row * terrain.n + column]!);
    ctx.fillStyle = colour;
    lineTo([i, i + 1, i + n + 1, i + n, i], colour);
    ctx.fill();
    ctx.stroke();
    for (const [isLine, end] of [
      [row % LINE_EVERY === 0, i + 1],
      [column % LINE_EVERY === 0, i + n],
    ] as const) {
      if (!isLine) continue;
      lineTo([i, end], palette.soft);
      ctx.stroke();
    }
  }
  return (x, y) => at(x, y).slice(0, 2) as [number, number];
}

/** A way down up to a step, with its steps as points where there are few. */
export function way(ctx: CanvasRenderingContext2D, project: Project, { at, colour }: DrawnWay, upTo: number, palette: Palette): void {
  const shown = at.slice(0, upTo + 1).map(([x, y]) => project(x, y));
  ctx.lineJoin = "round";
  for (const [style, width] of [
    [palette.paper, 4.5],
    [colour, 2],
  ] as const) {
    ctx.strokeStyle = style;
    ctx.lineWidth = width;
    ctx.beginPath();
    for (const point of shown) ctx.lineTo(...point);
    ctx.stroke();
  }
  ctx.fillStyle = colour;
  if (shown.length < 70)
    for (const [x, y] of shown) {
      ctx.beginPath();
      ctx.arc(x, y, 2.2, 0, 2 * Math.PI);
      ctx.fill();
    }
  if (shown.length > 0) ball(ctx, shown.at(-1)!, colour, palette);
}

export function ball(ctx: CanvasRenderingContext2D, [x, y]: readonly [number, number], colour: string, palette: Palette, r = 6): void {
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 2 * Math.PI);
  ctx.fillStyle = colour;
  ctx.strokeStyle = palette.paper;
  ctx.lineWidth = 2;
  ctx.fill();
  ctx.stroke();
}

/** A letter beside a point, with a halo. */
export function pin(ctx: CanvasRenderingContext2D, [x, y]: readonly [number, number], text: string, palette: Palette): void {
  ctx.font = "600 13px system-ui, sans-serif";
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ball(ctx, [x, y], palette.ink, palette, 10);
  ctx.fillStyle = palette.paper;
  ctx.fillText(text, x, y + 0.5);
}

/** Where a minimum lies. */
export function cross(ctx: CanvasRenderingContext2D, [x, y]: readonly [number, number], palette: Palette): void {
  ctx.strokeStyle = palette.ink;
  ctx.lineWidth = 1.75;
  ctx.beginPath();
  for (const side of [-1, 1]) {
    ctx.moveTo(x - 5, y - 5 * side);
    ctx.lineTo(x + 5, y + 5 * side);
  }
  ctx.stroke();
}

/** From a point, `dx` to the right and `dy` up. */
export function arrow(
  ctx: CanvasRenderingContext2D,
  [x, y]: readonly [number, number],
  dx: number,
  dy: number,
  colour: string,
  thickness = 2.5,
): void {
  const angle = Math.atan2(-dy, dx);
  const [px, py] = [x + dx, y - dy];
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = thickness;
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(px, py);
  ctx.stroke();
  ctx.beginPath();
  ctx.moveTo(px + 3 * Math.cos(angle), py + 3 * Math.sin(angle));
  for (const side of [-0.45, 0.45]) ctx.lineTo(px - 9 * Math.cos(angle + side), py - 9 * Math.sin(angle + side));
  ctx.fill();
}

/** The slope in every direction: as far from the middle as it is large, up in one colour and down in the other. The needle is u. */
export function dial(
  ctx: CanvasRenderingContext2D,
  { width: side }: Box,
  gradient: readonly [number, number],
  degrees: number,
  palette: Palette,
): void {
  const middle = side / 2;
  const r = 0.4 * side;
  ctx.clearRect(0, 0, side, side);
  ctx.strokeStyle = palette.rule;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.arc(middle, middle, r, 0, 2 * Math.PI);
  for (let k = 0; k < 24; k++) {
    const t = (k * Math.PI) / 12;
    for (const far of [k % 6 === 0 ? 0 : 0.95, 1]) {
      const [x, y] = [middle + far * r * Math.cos(t), middle + far * r * Math.sin(t)];
      if (far < 1) ctx.moveTo(x, y);
      else ctx.lineTo(x, y);
    }
  }
  ctx.stroke();
  const steep = Math.atan2(gradient[1], gradient[0]);
  for (const [sign, colour] of [
    [1, palette.highInk],
    [-1, palette.lowInk],
  ] as const) {
    // |cos| in polar coordinates: two circles.
    const [x, y] = [middle + (sign * r * Math.cos(steep)) / 2, middle - (sign * r * Math.sin(steep)) / 2];
    ctx.beginPath();
    ctx.arc(x, y, r / 2, 0, 2 * Math.PI);
    ctx.fillStyle = ctx.strokeStyle = colour;
    ctx.globalAlpha = 0.16;
    ctx.fill();
    ctx.globalAlpha = 1;
    ctx.lineWidth = 1.5;
    ctx.stroke();
    arrow(ctx, [middle, middle], sign * r * Math.cos(steep), sign * r * Math.sin(steep), colour, 2);
  }
  const t = (degrees * Math.PI) / 180;
  const share = Math.cos(t - steep);
  ctx.setLineDash([3, 4]);
  ctx.strokeStyle = palette.ink;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.moveTo(middle, middle);
  ctx.lineTo(middle + 1.08 * r * Math.cos(t), middle - 1.08 * r * Math.sin(t));
  ctx.stroke();
  ctx.setLineDash([]);
  ball(ctx, [middle + 1.08 * r * Math.cos(t), middle - 1.08 * r * Math.sin(t)], palette.ink, palette, 7);
  const reach = Math.abs(share) * r;
  ball(ctx, [middle + reach * Math.cos(t), middle - reach * Math.sin(t)], share < 0 ? palette.lowInk : palette.highInk, palette);
}
