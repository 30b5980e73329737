/**
 * @file Images of another size: interpolation, shuffles of channels into pixels, and sampling at given places. Interpolation works axis by
 * axis: a result is a weighted sum of a few neighbours whose places and weights are known beforehand.
 */

import { check, checkOptions, positiveInteger } from "../base/check.ts";
import { checkIntegers, formatShape, sizeOf } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { floating, tensor } from "../ops/create.ts";
import { perAxis, type Tensor } from "../ops/tensor.ts";
import { AFFINE_GRID, GRID_SAMPLE_OPTIONS, INTERPOLATE_OPTIONS } from "./options.ts";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "./pool.ts";

/** How a pixel follows from its neighbours, by PyTorch's names. */
export type InterpolateMode = "nearest" | "nearest-exact" | "linear" | "bilinear" | "trilinear" | "bicubic" | "area";

/** Options of {@link interpolate}. */
export interface InterpolateOptions {
  /** Wanted size of the axes after [N, C]; this or `scaleFactor`. */
  readonly size?: number | readonly number[];
  readonly scaleFactor?: number | readonly number[];
  /** Default "nearest". "linear" serves any number of axes; "bilinear" and "trilinear" are PyTorch's names for two and three. */
  readonly mode?: InterpolateMode;
  /** Whether the corner elements, not the corners of the image, lie on each other. Default false. */
  readonly alignCorners?: boolean;
  /**
   * Of "bilinear" and "bicubic": where the result is smaller, each of its elements is a mean over as much of the input as it covers, as Pillow and
   * PyTorch (`antialias=True`) have it. Default false.
   */
  readonly antialias?: boolean;
}

/** Neighbours of each result along one axis: `taps[j][i]` with weight `weights[j][i]` is the j-th of result i. */
interface Stencil {
  readonly taps: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[] | null;
}

const clamp = (i: number, size: number): number => Math.min(Math.max(i, 0), size - 1);

/** Where result i lies among the `size` elements of an axis. `step` is their distance in elements. */
function place(i: number, size: number, out: number, step: number, alignCorners: boolean): number {
  if (alignCorners) return out === 1 ? 0 : (i * (size - 1)) / (out - 1);
  return (i + 0.5) * step - 0.5;
}

// Keys' (1981) cubic convolution with PyTorch's a.
const A = -0.75;
const near = (t: number): number => ((A + 2) * t - (A + 3)) * t * t + 1; // |t| <= 1
const far = (t: number): number => ((A * t - 5 * A) * t + 8 * A) * t - 4 * A; // 1 < |t| < 2

function stencil(size: number, out: number, step: number, mode: InterpolateMode, alignCorners: boolean): Stencil {
  const results = Array.from({ length: out }, (_, i) => i);
  if (mode === "nearest")
    return { taps: [results.map((i) => clamp(Math.floor(step === size / out ? (i * size) / out : i * step), size))], weights: null };
  if (mode === "nearest-exact") return { taps: [results.map((i) => clamp(Math.floor((i + 0.5) * step), size))], weights: null };
  const places = results.map((i) => place(i, size, out, step, alignCorners));
  if (mode === "bicubic") {
    const fraction = places.map((p) => p - Math.floor(p));
    return {
      taps: [-1, 0, 1, 2].map((j) => places.map((p) => clamp(Math.floor(p) + j, size))),
      weights: [fraction.map((t) => far(t + 1)), fraction.map(near), fraction.map((t) => near(1 - t)), fraction.map((t) => far(2 - t))],
    };
  }
  const inside = places.map((p) => Math.max(0, p));
  const low = inside.map((p) => clamp(Math.floor(p), size));
  const fraction = inside.map((p, i) => Math.min(1, p - low[i]));
  return { taps: [low, low.map((i) => clamp(i + 1, size))], weights: [fraction.map((t) => 1 - t), fraction] };
}

// Keys' (1981) own a, which Pillow takes.
const SMOOTH = -0.5;

/** Triangle and cubic convolution at distance t. */
const FILTERS: Readonly<Record<string, { readonly reach: number; readonly at: (t: number) => number }>> = {
  bilinear: { reach: 1, at: (t) => Math.max(0, 1 - t) },
  bicubic: {
    reach: 2,
    at: (t) =>
      t < 1 ? ((SMOOTH + 2) * t - (SMOOTH + 3)) * t * t + 1 : t < 2 ? ((SMOOTH * t - 5 * SMOOTH) * t + 8 * SMOOTH) * t - 4 * SMOOTH : 0,
  },
};

/** The weights [out, size] of antialiased results along an axis: the filter, stretched where the result is smaller, over its sum. */
function smoothed(size: number, out: number, step: number, mode: string): number[][] {
  const { reach, at } = FILTERS[mode];
  const stretch = Math.max(1, step);
  return Array.from({ length: out }, (_, i) => {
    const centre = step * (i + 0.5);
    const low = Math.max(0, Math.trunc(centre - reach * stretch + 0.5));
    const high = Math.min(size, Math.trunc(centre + reach * stretch + 0.5));
    const row = Array.from({ length: size }, (__, j) => (j >= low && j < high ? at(Math.abs((j - centre + 0.5) / stretch)) : 0));
    const total = row.reduce((a, b) => a + b, 0);
    return row.map((w) => w / total);
  });
}

/** Σⱼ weights[i][j]·x[j] along an axis, as a product of matrices. */
function applyWeights(x: Tensor, axis: number, weights: number[][]): Tensor {
  const size = x.shape[axis];
  const last = x.moveAxis(axis, x.rank - 1);
  const flat = Float64Array.from({ length: size * weights.length }, (_, k) => weights[k % weights.length][Math.floor(k / weights.length)]);
  return last.matmul(tensor(flat, { shape: [size, weights.length], dtype: x.dtype })).moveAxis(x.rank - 1, axis);
}

/** Σⱼ weights[j]·x[taps[j]] along an axis. */
function applyStencil(x: Tensor, axis: number, { taps, weights }: Stencil): Tensor {
  const out = taps[0].length;
  const pick = (at: readonly number[]): Tensor => x.takeInside(tensor(Int32Array.from(at)), axis);
  if (!weights) return pick(taps[0]);
  const shape = x.shape.map((_, i) => (i === axis ? out : 1));
  return taps.map((at, j) => pick(at).mul(tensor([...weights[j]], { shape, dtype: x.dtype }))).reduce((a, b) => a.add(b));
}

/** An integer factor by which the nearest neighbour simply repeats. */
function repeated(x: Tensor, axis: number, factor: number): Tensor {
  const y = x.unsqueeze(axis + 1);
  return y.broadcastTo(y.shape.with(axis + 1, factor)).reshape(x.shape.with(axis, x.shape[axis] * factor));
}

/** x [N, C, ...size] at another size, as PyTorch does it. */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  checkTensors("interpolate", { x });
  checkOptions("interpolate", options, INTERPOLATE_OPTIONS);
  const spatial = x.rank - 2;
  const { mode = "nearest", alignCorners = false, antialias = false } = options;
  if (antialias && !Object.hasOwn(FILTERS, mode))
    throw new RangeError(`interpolate: antialias is for "bilinear" and "bicubic", got mode "${mode}"`);
  const wants: Partial<Record<InterpolateMode, number>> = { bilinear: 2, bicubic: 2, trilinear: 3 };
  if (spatial < 1 || (wants[mode] ?? spatial) !== spatial)
    throw new RangeError(
      `interpolate: mode ${mode} wants [batch, channels, ${wants[mode] ?? "one or more"} axes], got ${formatShape(x.shape)}`,
    );
  if ((options.size === undefined) === (options.scaleFactor === undefined))
    throw new TypeError("interpolate: give either size or scaleFactor");
  const sizes = x.shape.slice(2);
  const { scaleFactor } = options;
  const scales = scaleFactor === undefined ? undefined : typeof scaleFactor === "number" ? sizes.map(() => scaleFactor) : scaleFactor;
  const out = scales
    ? sizes.map((d, i) => Math.floor(d * scales[i]))
    : perAxis(options.size as number | readonly number[], spatial, "interpolate: size", 1);
  const z = mode.startsWith("nearest") ? x : floating(x);
  if (mode === "area") return [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d][spatial - 1](x, out);
  return sizes.reduce<Tensor>((y, size, i) => {
    const step = scales ? 1 / scales[i] : size / out[i];
    if (antialias) {
      const own = alignCorners ? (out[i] > 1 ? (size - 1) / (out[i] - 1) : 0) : step;
      return out[i] === size && own === 1 ? y : applyWeights(y, 2 + i, smoothed(size, out[i], own, mode));
    }
    if (mode === "nearest" && out[i] % size === 0 && step === size / out[i]) return out[i] === size ? y : repeated(y, 2 + i, out[i] / size);
    return applyStencil(y, 2 + i, stencil(size, out[i], step, mode, alignCorners));
  }, z);
}

// ---- channels and pixels ------------------------------------------------------------------------------------------------------------

function checkDivides(what: string, d: number, by: number, name: string): void {
  check(`${what}: what divides ${name}`, by, positiveInteger);
  if (!(d % by === 0)) throw new RangeError(`${what}: ${name} ${d} is not a multiple of ${by}`);
}

/** [..., C·r², H, W] to [..., C, H·r, W·r] (Shi et al. 2016). */
export function pixelShuffle(x: Tensor, factor: number): Tensor {
  checkTensors("pixelShuffle", { x });
  const lead = x.shape.slice(0, -3);
  const [c, h, w] = x.shape.slice(-3);
  checkDivides("pixelShuffle", c, factor * factor, "the number of channels");
  const n = lead.length;
  const y = x.reshape([...lead, c / factor ** 2, factor, factor, h, w]);
  return y.transpose([...lead.map((_, i) => i), n, n + 3, n + 1, n + 4, n + 2]).reshape([...lead, c / factor ** 2, h * factor, w * factor]);
}

/** The inverse of {@link pixelShuffle}: [..., C, H·r, W·r] to [..., C·r², H, W]. */
export function pixelUnshuffle(x: Tensor, factor: number): Tensor {
  checkTensors("pixelUnshuffle", { x });
  const lead = x.shape.slice(0, -3);
  const [c, h, w] = x.shape.slice(-3);
  checkDivides("pixelUnshuffle", h, factor, "the height");
  checkDivides("pixelUnshuffle", w, factor, "the width");
  const n = lead.length;
  const y = x.reshape([...lead, c, h / factor, factor, w / factor, factor]);
  return y.transpose([...lead.map((_, i) => i), n, n + 2, n + 4, n + 1, n + 3]).reshape([...lead, c * factor ** 2, h / factor, w / factor]);
}

/** Channels dealt out among groups: [N, C, ...], channel g·(C/groups) + i to i·groups + g (Zhang et al. 2018). */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  checkTensors("channelShuffle", { x });
  const [n, c, ...rest] = x.shape;
  checkDivides("channelShuffle", c, groups, "the number of channels");
  return x
    .reshape([n, groups, c / groups, ...rest])
    .moveAxis(1, 2)
    .reshape(x.shape);
}

// ---- sampling at given places -------------------------------------------------------------------------------------------------------

export interface GridSampleOptions {
  /** Default "bilinear", which in a volume is trilinear; "bicubic" is for images. */
  readonly mode?: "bilinear" | "nearest" | "bicubic";
  /** What lies outside the image. Default "zeros". */
  readonly paddingMode?: "zeros" | "border" | "reflection";
  /** Whether -1 and 1 are the centres of the corner pixels, not the corners of the image. Default false. */
  readonly alignCorners?: boolean;
}

/** Position among `size` elements of a coordinate in [-1, 1]. */
function unnormalize(g: Tensor, size: number, alignCorners: boolean): Tensor {
  return alignCorners
    ? g
        .add(1)
        .mul(0.5)
        .mul(size - 1)
    : g.add(1).mul(size).sub(1).mul(0.5);
}

/** A position folded back into [low, low + span] as between two mirrors. */
function reflect(p: Tensor, low: number, span: number): Tensor {
  if (span === 0) return p.mul(0);
  const away = p.sub(low).abs();
  const turns = away.div(span).floor().stopGradient();
  const rest = away.sub(turns.mul(span));
  const odd = turns.sub(turns.mul(0.5).floor().mul(2)).gt(0.5);
  return odd.where(rest.neg().add(span), rest).add(low);
}

function intoImage(p: Tensor, size: number, { paddingMode = "zeros", alignCorners = false }: GridSampleOptions): Tensor {
  if (paddingMode === "zeros") return p;
  const inside = paddingMode === "border" ? p : alignCorners ? reflect(p, 0, size - 1) : reflect(p, -0.5, size);
  // At the edge itself the derivative is 0, as in PyTorch.
  return inside.le(0).where(0, inside.ge(size - 1).where(size - 1, inside));
}

/** Neighbours of the positions along one axis, and their weights. */
type Taps = readonly (readonly [at: Tensor, weight: Tensor])[];

function tapsOf(p: Tensor, mode: "bilinear" | "bicubic"): Taps {
  const low = p.floor().stopGradient();
  const t = p.sub(low);
  const rest = t.neg().add(1);
  if (mode === "bilinear")
    return [
      [low, rest],
      [low.add(1), t],
    ];
  const nearWeight = (u: Tensor): Tensor =>
    u
      .mul(A + 2)
      .sub(A + 3)
      .mul(u.square())
      .add(1);
  const farWeight = (u: Tensor): Tensor =>
    u
      .mul(A)
      .sub(5 * A)
      .mul(u)
      .add(8 * A)
      .mul(u)
      .sub(4 * A);
  const weights = [farWeight(t.add(1)), nearWeight(t), nearWeight(rest), farWeight(rest.add(1))];
  return weights.map((weight, j) => [low.add(j - 1), weight]);
}

/** Elements of x [N, C, ...size] at whole positions [N, ...out] along each axis, 0 outside: [N, C, ...out]. */
function elementsAt(x: Tensor, positions: readonly Tensor[]): Tensor {
  const [n, c, ...size] = x.shape;
  const out = positions[0].shape.slice(1);
  const inside = positions.map((p, i) => p.ge(0).and(p.le(size[i] - 1))).reduce((a, b) => a.and(b));
  // In integers: an f32 does not hold positions beyond 2²⁴.
  const flat = positions.map((p) => inside.where(p, 0).cast("i32")).reduce((place, p, i) => place.mul(size[i]).add(p));
  const count = sizeOf(out);
  const index = flat.reshape([n, 1, count]).broadcastTo([n, c, count]);
  const y = x
    .reshape([n, c, sizeOf(size)])
    .takeAlongInside(index, 2)
    .reshape([n, c, ...out]);
  return inside.unsqueeze(1).where(y, 0);
}

/**
 * x [N, C, H, W] at the places `grid` [N, H′, W′, 2], whose (x, y) run from -1 to 1 over the image: [N, C, H′, W′] (Jaderberg et al. 2015).
 * Volumes [N, C, D, H, W] likewise, at (x, y, z).
 */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  checkTensors("gridSample", { x, grid });
  checkOptions("gridSample", options, GRID_SAMPLE_OPTIONS);
  const size = x.shape.slice(2);
  if (size.length < 2 || size.length > 3 || grid.rank !== x.rank || grid.shape[0] !== x.shape[0] || grid.shape.at(-1) !== size.length)
    throw new RangeError(
      `gridSample: want [N, C, H, W] and a grid [N, H', W', 2], or [N, C, D, H, W] and [N, D', H', W', 3], got ${formatShape(x.shape)} and ${formatShape(grid.shape)}`,
    );
  const { mode = "bilinear", alignCorners = false } = options;
  if (!["bilinear", "nearest", "bicubic"].includes(mode) || (mode === "bicubic" && size.length === 3))
    throw new RangeError(`gridSample: mode ${mode} is none of bilinear, nearest and, for images, bicubic`);
  const places = size.map((d, i) => unnormalize(grid.select(-1, size.length - 1 - i), d, alignCorners));
  const inImage = (p: Tensor, i: number): Tensor => intoImage(p, size[i], options);
  if (mode === "nearest")
    return elementsAt(
      x,
      places.map((p, i) => inImage(p, i).round().stopGradient()),
    );
  // Cubic weights are those of the place itself, and each neighbour is led back into the image.
  const taps = places.map((p, i): Taps => {
    if (mode === "bilinear") return tapsOf(inImage(p, i), mode);
    return tapsOf(p, mode).map(([at, weight]) => [inImage(at, i).round().stopGradient(), weight]);
  });
  const weighted = (chosen: readonly Tensor[]): Tensor => {
    if (chosen.length === taps.length) return elementsAt(x, chosen);
    return taps[chosen.length].map(([at, weight]) => weighted([...chosen, at]).mul(weight.unsqueeze(1))).reduce((a, b) => a.add(b));
  };
  return weighted([]);
}

/**
 * The places of the pixels of an H×W image under affine maps `theta` [N, 2, 3], for {@link gridSample}: [N, H, W, 2]; of a D×H×W volume under
 * `theta` [N, 3, 4]: [N, D, H, W, 3].
 */
export function affineGrid(theta: Tensor, size: readonly number[], options: { readonly alignCorners?: boolean } = {}): Tensor {
  checkTensors("affineGrid", { theta });
  checkOptions("affineGrid", options, AFFINE_GRID);
  const { alignCorners = false } = options;
  checkIntegers("affineGrid: size", size);
  const axes = size.length;
  if (axes < 2 || axes > 3 || theta.rank !== 3 || theta.shape[1] !== axes || theta.shape[2] !== axes + 1)
    throw new RangeError(
      `affineGrid: want maps [N, 2, 3] and a size [H, W], or [N, 3, 4] and [D, H, W], got ${formatShape(theta.shape)} and ${formatShape(size)}`,
    );
  const line = (d: number): number[] =>
    Array.from({ length: d }, (_, i) => (alignCorners ? (d === 1 ? 0 : (2 * i) / (d - 1) - 1) : (2 * i + 1) / d - 1));
  // Rows (x, y, 1) or (x, y, z, 1), the last axis of the image running fastest.
  const rows = size.reduce<number[][]>((points, d) => points.flatMap((point) => line(d).map((t) => [t, ...point])), [[1]]);
  const base = tensor(rows.flat(), { shape: [rows.length, axes + 1], dtype: theta.dtype });
  return base.dot(theta, "pk,nik->npi").reshape([theta.shape[0], ...size, axes]);
}
