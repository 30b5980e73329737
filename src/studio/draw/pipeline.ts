/** @file Stages of a net with their guessers, and who works when. */
import type { Slot } from "../worker/timeline.ts";
import type { Box } from "./axes.ts";
import type { Palette } from "./palette.ts";

const FONT = "system-ui, sans-serif";
const MINUS = (x: number): string => x.toFixed(2).replace("-", "−");

function label(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string, font = `12px ${FONT}`): void {
  ctx.font = font;
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

function arrow(
  ctx: CanvasRenderingContext2D,
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
  colour: string,
  dash: number[] = [],
): void {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5;
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.beginPath();
  for (const turn of [2.6, -2.6]) {
    ctx.moveTo(x1, y1);
    ctx.lineTo(x1 + 6 * Math.cos(angle + turn), y1 + 6 * Math.sin(angle + turn));
  }
  ctx.stroke();
}

export interface DrawnPipeline {
  readonly stages: number;
  /** By stage but the last. */
  readonly cosines: readonly number[];
  /** Share of the true gradient in what the stages learn from. */
  readonly lambda: number;
  /** Whether the guessers are told the class. */
  readonly withClass: boolean;
}

/** Stages in a row, their guessers below, and the cosine between guess and gradient as a bar from the middle of each guesser. */
export function pipeline(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  { stages, cosines, lambda, withClass }: DrawnPipeline,
  palette: Palette,
): void {
  ctx.clearRect(0, 0, width, height);
  ctx.textBaseline = "middle";
  ctx.textAlign = "center";
  const [left, right] = [30, 44];
  const each = (width - left - right) / stages;
  const box = Math.min(110, each * 0.7);
  const middle = (k: number): number => left + (k + 0.5) * each;
  const [top, stageHeight] = [16, 44];
  const guessTop = height - 76;
  const y = top + stageHeight / 2;
  label(ctx, "x", 9, y, palette.ink, `italic 15px ${FONT}`);
  label(ctx, "loss", width - 17, y, palette.ink);
  for (let k = 0; k <= stages; k++)
    arrow(
      ctx,
      [k === 0 ? 18 : middle(k - 1) + box / 2 + 2, y - 8],
      [k === stages ? width - 36 : middle(k) - box / 2 - 3, y - 8],
      palette.highInk,
    );
  // Back: the last stage knows its gradient; below it the truth comes as far as λ says.
  for (let k = stages; k > 0; k--) {
    const isTrue = k === stages || lambda > 0;
    if (isTrue)
      arrow(ctx, [k === stages ? width - 36 : middle(k) - box / 2 - 2, y + 9], [middle(k - 1) + box / 2 + 3, y + 9], palette.lowInk);
  }
  for (let k = 0; k < stages; k++) {
    const x = middle(k);
    rectangle(ctx, [x - box / 2, top, box, stageHeight], palette.paper, palette.ink);
    label(ctx, box > 62 ? `stage ${k + 1}` : String(k + 1), x, y, palette.ink, `600 13px ${FONT}`);
    if (k < stages - 1)
      guesser(ctx, { x, box, top: guessTop, from: top + stageHeight, cosine: cosines[k] ?? Number.NaN, isUsed: lambda < 1 }, palette);
  }
  if (stages > 1)
    label(
      ctx,
      withClass ? "guessers: see output and class" : "guessers: see the output",
      middle((stages - 2) / 2),
      height - 9,
      palette.soft,
    );
}

function rectangle(
  ctx: CanvasRenderingContext2D,
  [x, y, w, h]: readonly [number, number, number, number],
  fill: string,
  edge: string,
): void {
  ctx.beginPath();
  ctx.rect(x, y, w, h);
  ctx.fillStyle = fill;
  ctx.strokeStyle = edge;
  ctx.lineWidth = 1.5;
  ctx.fill();
  ctx.stroke();
}

interface DrawnGuesser {
  readonly x: number;
  readonly box: number;
  readonly top: number;
  /** The lower edge of its stage. */
  readonly from: number;
  readonly cosine: number;
  readonly isUsed: boolean;
}

function guesser(ctx: CanvasRenderingContext2D, { x, box, top, from, cosine, isUsed }: DrawnGuesser, palette: Palette): void {
  const height = 40;
  arrow(ctx, [x - box * 0.2, from + 3], [x - box * 0.2, top - 4], palette.highInk);
  if (isUsed) arrow(ctx, [x + box * 0.2, top - 3], [x + box * 0.2, from + 4], palette.lowInk, [4, 3]);
  rectangle(ctx, [x - box / 2, top, box, height], palette.paper, palette.soft);
  if (!Number.isFinite(cosine)) return;
  const half = box / 2 - 4;
  const reach = Math.max(-1, Math.min(1, cosine)) * half;
  ctx.globalAlpha = 0.32;
  ctx.fillStyle = cosine < 0 ? palette.lowInk : palette.highInk;
  ctx.fillRect(Math.min(x, x + reach), top + 4, Math.abs(reach), height - 8);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = palette.rule;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(x, top + 3);
  ctx.lineTo(x, top + height - 3);
  ctx.stroke();
  label(ctx, MINUS(cosine), x, top + height / 2, palette.ink, `600 13px ${FONT}`);
}

export interface DrawnTimeline {
  readonly slots: readonly Slot[];
  readonly stages: number;
  readonly count: number;
}

/** Who works when: a row for each stage, a column for each slot, the number of the batch in each. */
export function timelineChart(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  { slots, stages, count }: DrawnTimeline,
  palette: Palette,
): void {
  ctx.clearRect(0, 0, width, height);
  const [left, bottom] = [22, 4];
  const [w, h] = [(width - left - 2) / count, (height - bottom) / stages];
  ctx.textBaseline = "middle";
  ctx.textAlign = "center";
  for (let k = 0; k < stages; k++) {
    label(ctx, String(stages - k), 9, (k + 0.5) * h, palette.soft, `11px ${FONT}`);
    for (let slot = 0; slot < count; slot++) {
      ctx.strokeStyle = palette.rule;
      ctx.lineWidth = 1;
      ctx.beginPath();
      ctx.rect(left + slot * w + 0.5, k * h + 0.5, w - 1, h - 2);
      ctx.stroke();
    }
  }
  for (const { stage, slot, batch, kind } of slots) {
    const [x, y] = [left + slot * w, (stages - 1 - stage) * h];
    ctx.fillStyle = kind === "forward" ? palette.highInk : palette.lowInk;
    ctx.globalAlpha = 0.26;
    ctx.fillRect(x + 1, y + 1, w - 2, h - 3);
    ctx.globalAlpha = 1;
    if (h > 10) label(ctx, String(batch + 1), x + w / 2, y + h / 2, palette.ink, `11px ${FONT}`);
  }
}
