/** @file Two nets against each other in the plane: what the critic says of every place, real points and made ones, and where the critic sends them. */
import type { Box } from "./axes.ts";
import { stretchedHeat, traceContour } from "./heat.ts";
import type { Palette } from "./palette.ts";
import { mark, toPixels } from "./points.ts";

export interface DrawnDuel {
  readonly real: ArrayLike<number>;
  readonly samples: ArrayLike<number>;
  readonly arrows: ArrayLike<number>;
  readonly map: Uint8Array;
  readonly cells: number;
}

export interface DrawnGaussians {
  readonly centers: readonly number[];
  readonly sigma: number;
  /** Whether samples are there, by Gaussian. */
  readonly found: readonly boolean[];
  /** The one that is chosen. */
  readonly chosen: number;
}

/** Pixels of the longest arrow. */
const LONGEST = 26;

export function criticPlane(
  ctx: CanvasRenderingContext2D,
  { width: side }: Box,
  drawn: DrawnDuel | undefined,
  gaussians: DrawnGaussians,
  { extent, withArrows }: { readonly extent: number; readonly withArrows: boolean },
  palette: Palette,
): void {
  const place = { side, extent };
  ctx.clearRect(0, 0, side, side);
  if (drawn) {
    criticMap(ctx, side, drawn, palette);
    const r = side > 320 ? 2.4 : 1.9;
    for (let i = 0; i < drawn.real.length; i += 2)
      spot(ctx, 1, toPixels(place, drawn.real[i]!, drawn.real[i + 1]!), r, palette.highInk, palette.paper);
    for (let i = 0; i < drawn.samples.length; i += 2)
      spot(ctx, 0, toPixels(place, drawn.samples[i]!, drawn.samples[i + 1]!), r, palette.lowInk, palette.paper);
    if (withArrows) arrows(ctx, place, drawn.arrows, palette);
  }
  rings(ctx, place, gaussians, palette);
}

/** What the critic says, and the line where it cannot tell. */
function criticMap(ctx: CanvasRenderingContext2D, side: number, { map, cells: n }: DrawnDuel, palette: Palette): void {
  stretchedHeat(ctx, side, n, map, palette.shades);
  ctx.strokeStyle = palette.ink;
  ctx.lineWidth = 1;
  ctx.setLineDash([3, 3]);
  ctx.beginPath();
  traceContour(ctx, side, n, map, 127.5);
  ctx.stroke();
  ctx.setLineDash([]);
}

function spot(
  ctx: CanvasRenderingContext2D,
  label: number,
  [x, y]: readonly [number, number],
  r: number,
  fill: string,
  edge: string,
): void {
  mark(ctx, label, x, y, r);
  ctx.fillStyle = fill;
  ctx.strokeStyle = edge;
  ctx.lineWidth = 0.6;
  ctx.fill();
  ctx.stroke();
}

/** Ways of samples, the longest of a fixed length. */
function arrows(ctx: CanvasRenderingContext2D, place: { side: number; extent: number }, all: ArrayLike<number>, palette: Palette): void {
  let most = 0;
  for (let i = 0; i < all.length; i += 4) most = Math.max(most, Math.hypot(all[i + 2]!, all[i + 3]!));
  if (!(most > 0)) return;
  ctx.strokeStyle = palette.ink;
  ctx.lineWidth = 1.25;
  ctx.beginPath();
  for (let i = 0; i < all.length; i += 4) {
    const [x, y] = toPixels(place, all[i]!, all[i + 1]!);
    const [dx, dy] = [(all[i + 2]! / most) * LONGEST, (-all[i + 3]! / most) * LONGEST];
    const length = Math.hypot(dx, dy);
    if (length < 1) continue;
    ctx.moveTo(x, y);
    ctx.lineTo(x + dx, y + dy);
    const head = Math.min(5, length / 2);
    for (const turn of [2.6, -2.6]) {
      const angle = Math.atan2(dy, dx) + turn;
      ctx.moveTo(x + dx, y + dy);
      ctx.lineTo(x + dx + head * Math.cos(angle), y + dy + head * Math.sin(angle));
    }
  }
  ctx.stroke();
}

/** Three deviations around each Gaussian: a whole line where samples are, else a dashed one. */
function rings(
  ctx: CanvasRenderingContext2D,
  place: { side: number; extent: number },
  { centers, sigma, found, chosen }: DrawnGaussians,
  palette: Palette,
): void {
  const radius = Math.max(9, (3 * sigma * place.side) / (2 * place.extent));
  for (let k = 0; k < centers.length / 2; k++) {
    const [x, y] = toPixels(place, centers[2 * k]!, centers[2 * k + 1]!);
    ctx.strokeStyle = palette.ink;
    ctx.lineWidth = k === chosen ? 2.5 : 1.25;
    ctx.setLineDash(found[k] ? [] : [3, 3]);
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.stroke();
  }
  ctx.setLineDash([]);
}
