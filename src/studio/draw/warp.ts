/** @file The plane as the layers bend it: a lattice and the points, between two stages, turned in space where there are three coordinates. */
import type { Box } from "./axes.ts";
import type { Palette } from "./palette.ts";
import { mark } from "./points.ts";

export interface Turn {
  readonly yaw: number;
  readonly pitch: number;
}

/** Where the points are between stages: [n, 3], and half the side of the cube that holds them. */
export function between(
  stages: Float32Array,
  count: number,
  n: number,
  at: number,
): { places: Float32Array; extent: number; isFlat: boolean } {
  const first = Math.min(count - 1, Math.max(0, Math.floor(at)));
  const second = Math.min(count - 1, first + 1);
  const t = at - first;
  const places = new Float32Array(3 * n);
  const most = [0, 0];
  let depth = 0;
  // Of space the ball that holds the points, which keeps them in sight however it is turned.
  const sizeAt = (stage: number, i: number): number => {
    const at = stage * 3 * n + 3 * i;
    const [x, y, z] = [stages[at]!, stages[at + 1]!, stages[at + 2]!];
    return z === 0 ? Math.max(Math.abs(x), Math.abs(y)) : Math.hypot(x, y, z);
  };
  for (let i = 0; i < n; i++) {
    most[0] = Math.max(most[0]!, sizeAt(first, i));
    most[1] = Math.max(most[1]!, sizeAt(second, i));
  }
  for (let i = 0; i < 3 * n; i++) {
    const [a, b] = [stages[first * 3 * n + i]!, stages[second * 3 * n + i]!];
    places[i] = a + (b - a) * t;
    if (i % 3 === 2) depth = Math.max(depth, Math.abs(places[i]!));
  }
  const extent = Math.max(1e-6, most[0]! + (most[1]! - most[0]!) * t);
  return { places, extent, isFlat: depth < 1e-9 };
}

export interface WarpData {
  readonly stages: Float32Array;
  readonly count: number;
  /** Points of each stage: the lattice, then the points of the training. */
  readonly n: number;
  readonly side: number;
  readonly labels: ArrayLike<number>;
}

export function warp(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  data: WarpData,
  at: number,
  turn: Turn,
  palette: Palette,
): void {
  ctx.clearRect(0, 0, width, height);
  const { places, extent, isFlat } = between(data.stages, data.count, data.n, at);
  const scale = (Math.min(width, height) * (isFlat ? 0.44 : 0.46)) / extent;
  const [cy, sy, cp, sp] = isFlat ? [1, 0, 1, 0] : [Math.cos(turn.yaw), Math.sin(turn.yaw), Math.cos(turn.pitch), Math.sin(turn.pitch)];
  const project = (i: number): [number, number] => {
    const [x, y, z] = [places[3 * i]!, places[3 * i + 1]!, places[3 * i + 2]!];
    const [u, w] = [x * cy + z * sy, z * cy - x * sy];
    return [width / 2 + u * scale, height / 2 - (y * cp - w * sp) * scale];
  };
  axes(ctx, { width, height }, extent * scale, isFlat ? undefined : [cy, sy, cp, sp], palette);
  const { side } = data;
  ctx.lineWidth = 1;
  ctx.strokeStyle = palette.soft;
  ctx.globalAlpha = 0.55;
  ctx.beginPath();
  for (let r = 0; r < side; r += 2) {
    for (let c = 0; c < side; c++) line(ctx, project(r * side + c), c === 0);
    for (let c = 0; c < side; c++) line(ctx, project(c * side + r), c === 0);
  }
  ctx.stroke();
  ctx.globalAlpha = 1;
  for (let i = side * side; i < data.n; i++) {
    const label = data.labels[i - side * side]!;
    const [px, py] = project(i);
    mark(ctx, label, px, py, 3);
    ctx.fillStyle = label > 0.5 ? palette.highInk : palette.lowInk;
    ctx.strokeStyle = palette.paper;
    ctx.fill();
    ctx.stroke();
  }
}

function line(ctx: CanvasRenderingContext2D, [x, y]: [number, number], first: boolean): void {
  if (first) ctx.moveTo(x, y);
  else ctx.lineTo(x, y);
}

/** The axes of the plane, or of space. */
function axes(
  ctx: CanvasRenderingContext2D,
  { width, height }: Box,
  length: number,
  turned: readonly number[] | undefined,
  palette: Palette,
): void {
  ctx.strokeStyle = palette.rule;
  ctx.lineWidth = 1;
  const [cy, sy, cp, sp] = (turned ?? [1, 0, 1, 0]) as [number, number, number, number];
  const ends: readonly (readonly [number, number])[] = [[cy, sy * sp], [0, cp], ...(turned ? ([[sy, -cy * sp]] as const) : [])];
  ctx.beginPath();
  for (const [x, y] of ends) {
    ctx.moveTo(width / 2 - x * length, height / 2 + y * length);
    ctx.lineTo(width / 2 + x * length, height / 2 - y * length);
  }
  ctx.stroke();
}
