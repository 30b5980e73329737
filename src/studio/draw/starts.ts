/** @file Many starts: where they look, and how their losses fall onto the levels at which they end. */

import { LEVEL_NAMES, LEVELS, LOOKS_AT, levelOf } from "../worker/landscape-choice.ts";
import { type Box, linesAcross } from "./axes.ts";
import type { Palette } from "./palette.ts";
import { ball, pin } from "./terrain.ts";

const EDGE = 38;

/** Of levels, and of what is at none. */
export const levelColour = (level: number, { series, soft }: Palette): string => series[[2, 0, 1, 4][level] ?? -1] ?? soft;

export const degreesToPixel = (side: number, degrees: number): number => EDGE + (degrees / 360 + 0.5) * (side - EDGE - 8);

export interface DrawnStarts {
  /** Angles of each start, two by two, and its loss. */
  readonly places: Float32Array;
  readonly losses: Float32Array;
  readonly pins: readonly [a: number, b: number];
}

const turned = (side: number, degrees: number): number => side - degreesToPixel(side, degrees);

/** Where a start lies in the picture. */
export const startAt = ({ places }: Pick<DrawnStarts, "places">, side: number, i: number): [number, number] => [
  degreesToPixel(side, places[2 * i]!),
  turned(side, places[2 * i + 1]!),
];

export function starts(ctx: CanvasRenderingContext2D, { width: side }: Box, drawn: DrawnStarts, palette: Palette): void {
  ctx.clearRect(0, 0, side, side);
  ctx.font = "11px system-ui, sans-serif";
  ctx.strokeStyle = palette.rule;
  ctx.fillStyle = palette.soft;
  ctx.lineWidth = 1;
  ctx.textBaseline = "middle";
  for (const tick of [-180, -90, 0, 90, 180]) {
    const [x, y] = [degreesToPixel(side, tick), turned(side, tick)];
    ctx.beginPath();
    ctx.moveTo(x, 8);
    ctx.lineTo(x, side - EDGE);
    ctx.moveTo(EDGE, y);
    ctx.lineTo(side - 8, y);
    ctx.stroke();
    const text = `${tick}°`.replace("-", "−");
    ctx.textAlign = tick === 180 ? "right" : tick === -180 ? "left" : "center";
    ctx.fillText(text, Math.min(x, side - 3), side - EDGE / 2);
    ctx.textAlign = "right";
    if (Math.abs(tick) < 180) ctx.fillText(text, EDGE - 3, y);
  }
  for (const [i, loss] of drawn.losses.entries()) {
    const level = levelOf(loss);
    const [x, y] = startAt(drawn, side, i);
    ctx.globalAlpha = level < 0 ? 0.35 : 0.9;
    ctx.fillStyle = levelColour(level, palette);
    ctx.beginPath();
    ctx.arc(x, y, 3, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.globalAlpha = 1;
  for (const [k, i] of drawn.pins.entries()) if (i in drawn.losses) pin(ctx, startAt(drawn, side, i), "AB"[k]!, palette);
}

/** Losses over steps, which grow by factors; the levels across. */
export function falls(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  looks: readonly Float32Array[],
  shown: number,
  pins: readonly [a: number, b: number],
  palette: Palette,
): void {
  const [left, right, top, bottom] = [36, 12, 8, 24];
  const most = 0.62;
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  const x = (look: number): number => left + (look / (LOOKS_AT.length - 1)) * (width - left - right);
  const y = (loss: number): number => height - bottom - (Math.min(loss, most) / most) * (height - top - bottom);
  linesAcross(ctx, { width, left, right, gap: 6 }, LEVELS, y, palette, (level) => LEVEL_NAMES[LEVELS.indexOf(level as 0)]!);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const [i, step] of LOOKS_AT.entries())
    if (i % 3 === 1 || i === 0) ctx.fillText(step >= 1000 ? `${step / 1000}k` : String(step), x(i), height - 8);
  const last = looks.at(-1);
  if (!last) return;
  const fall = (i: number): void => {
    for (const [look, losses] of looks.entries()) {
      if (look === 0) ctx.moveTo(x(look), y(losses[i]!));
      else ctx.lineTo(x(look), y(losses[i]!));
    }
  };
  ctx.lineWidth = 1;
  ctx.globalAlpha = 0.22;
  for (let level = -1; level < LEVELS.length; level++) {
    ctx.strokeStyle = levelColour(level, palette);
    ctx.beginPath();
    // Each third: all of them would only be darker.
    for (let i = 0; i < last.length; i += 3) if (levelOf(last[i]!) === level) fall(i);
    ctx.stroke();
  }
  ctx.globalAlpha = 1;
  ctx.setLineDash([3, 3]);
  ctx.strokeStyle = palette.soft;
  ctx.beginPath();
  ctx.moveTo(x(shown), top);
  ctx.lineTo(x(shown), height - bottom);
  ctx.stroke();
  ctx.setLineDash([]);
  for (const [k, i] of pins.entries()) {
    if (!(i in last)) continue;
    ctx.strokeStyle = palette.ink;
    ctx.lineWidth = 2;
    ctx.beginPath();
    fall(i);
    ctx.stroke();
    const loss = looks[Math.min(shown, looks.length - 1)]![i]!;
    ball(ctx, [x(Math.min(shown, looks.length - 1)), y(loss)], levelColour(levelOf(loss), palette), palette);
    pin(ctx, [x(0) + 12 + 24 * k, y(looks[0]![i]!)], "AB"[k]!, palette);
  }
}
