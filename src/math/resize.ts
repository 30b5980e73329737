/**
 * @file Images of another size: interpolation, shuffles of channels into pixels, and sampling at given places. Interpolation works axis by
 * axis: a result is a weighted sum of a few neighbours whose places and weights are known beforehand.
 */
import { formatShape } from "../base/shape.ts";
import { tensor } from "../ops/create.ts";
import { perAxis, type Tensor } from "../ops/tensor.ts";
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

/** Σⱼ weights[j]·x[taps[j]] along an axis. */
function applyStencil(x: Tensor, axis: number, { taps, weights }: Stencil): Tensor {
  const out = taps[0].length;
  const pick = (at: readonly number[]): Tensor => x.take(tensor(Int32Array.from(at)), axis);
  if (!weights) return pick(taps[0]);
  const shape = x.shape.map((_, i) => (i === axis ? out : 1));
  return taps.map((at, j) => pick(at).mul(tensor([...weights[j]], { shape, dtype: x.dtype }))).reduce((a, b) => a.add(b));
}

/** An integer factor by which the nearest neighbour simply repeats. */
function repeated(x: Tensor, axis: number, factor: number): Tensor {
  const y = x.unsqueeze(axis + 1);
  return y.broadcastTo(y.shape.with(axis + 1, factor)).reshape(x.shape.with(axis, x.shape[axis] * factor));
}

/** x [N, C, ...size] at another size, without antialiasing, as PyTorch does it. */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const spatial = x.rank - 2;
  const { mode = "nearest", alignCorners = false } = options;
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
  if (mode === "area") return [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d][spatial - 1](x, out);
  return sizes.reduce((y, size, i) => {
    const step = scales ? 1 / scales[i] : size / out[i];
    if (mode === "nearest" && out[i] % size === 0 && step === size / out[i]) return out[i] === size ? y : repeated(y, 2 + i, out[i] / size);
    return applyStencil(y, 2 + i, stencil(size, out[i], step, mode, alignCorners));
  }, x);
}

// ---- channels and pixels ------------------------------------------------------------------------------------------------------------

function checkDivides(what: string, d: number, by: number, name: string): void {
  if (d % by !== 0) throw new RangeError(`${what}: ${name} ${d} is not a multiple of ${by}`);
}

/** [..., C·r², H, W] to [..., C, H·r, W·r] (Shi et al. 2016). */
export function pixelShuffle(x: Tensor, factor: number): Tensor {
  const lead = x.shape.slice(0, -3);
  const [c, h, w] = x.shape.slice(-3);
  checkDivides("pixelShuffle", c, factor * factor, "the number of channels");
  const n = lead.length;
  const y = x.reshape([...lead, c / factor ** 2, factor, factor, h, w]);
  return y.transpose([...lead.map((_, i) => i), n, n + 3, n + 1, n + 4, n + 2]).reshape([...lead, c / factor ** 2, h * factor, w * factor]);
}

/** The inverse of {@link pixelShuffle}: [..., C, H·r, W·r] to [..., C·r², H, W]. */
export function pixelUnshuffle(x: Tensor, factor: number): Tensor {
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
  const [n, c, ...rest] = x.shape;
  checkDivides("channelShuffle", c, groups, "the number of channels");
  return x
    .reshape([n, groups, c / groups, ...rest])
    .moveAxis(1, 2)
    .reshape(x.shape);
}

// ---- sampling at given places -------------------------------------------------------------------------------------------------------

export interface GridSampleOptions {
  /** Default "bilinear". */
  readonly mode?: "bilinear" | "nearest";
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

/** x [N, C, H, W] at the places `grid` [N, H′, W′, 2], whose (x, y) run from -1 to 1 over the image: [N, C, H′, W′] (Jaderberg et al. 2015). */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const [n, c, h, w] = x.shape;
  if (x.rank !== 4 || grid.rank !== 4 || grid.shape[0] !== n || grid.shape[3] !== 2)
    throw new RangeError(
      `gridSample: want [N, C, H, W] and a grid [N, H', W', 2], got ${formatShape(x.shape)} and ${formatShape(grid.shape)}`,
    );
  const { mode = "bilinear", alignCorners = false } = options;
  const [, oh, ow] = grid.shape;
  const px = intoImage(unnormalize(grid.select(3, 0), w, alignCorners), w, options);
  const py = intoImage(unnormalize(grid.select(3, 1), h, alignCorners), h, options);
  const pixels = x.reshape([n, c, h * w]);
  /** Pixels at whole positions, 0 outside: [N, C, H′, W′]. */
  const at = (iy: Tensor, ix: Tensor): Tensor => {
    const inside = iy
      .ge(0)
      .and(iy.le(h - 1))
      .and(ix.ge(0))
      .and(ix.le(w - 1));
    const flat = inside
      .where(iy.mul(w).add(ix), 0)
      .cast("i32")
      .reshape([n, 1, oh * ow]);
    const y = pixels.takeAlong(flat.broadcastTo([n, c, oh * ow]), 2).reshape([n, c, oh, ow]);
    return inside.unsqueeze(1).where(y, 0);
  };
  if (mode === "nearest") return at(py.round().stopGradient(), px.round().stopGradient());
  const [x0, y0] = [px.floor().stopGradient(), py.floor().stopGradient()];
  const [dx, dy] = [px.sub(x0).unsqueeze(1), py.sub(y0).unsqueeze(1)];
  const [ex, ey] = [dx.neg().add(1), dy.neg().add(1)];
  const top = at(y0, x0)
    .mul(ex)
    .add(at(y0, x0.add(1)).mul(dx));
  const bottom = at(y0.add(1), x0)
    .mul(ex)
    .add(at(y0.add(1), x0.add(1)).mul(dx));
  return top.mul(ey).add(bottom.mul(dy));
}

/** The places of the pixels of an H×W image under affine maps `theta` [N, 2, 3], for {@link gridSample}: [N, H, W, 2]. */
export function affineGrid(
  theta: Tensor,
  size: readonly [height: number, width: number],
  { alignCorners = false }: { readonly alignCorners?: boolean } = {},
): Tensor {
  const line = (d: number): number[] =>
    Array.from({ length: d }, (_, i) => (alignCorners ? (d === 1 ? 0 : (2 * i) / (d - 1) - 1) : (2 * i + 1) / d - 1));
  const [h, w] = size;
  const [ys, xs] = [line(h), line(w)];
  const base = tensor(
    ys.flatMap((y) => xs.flatMap((x) => [x, y, 1])),
    { shape: [h * w, 3], dtype: theta.dtype },
  );
  return base.dot(theta, "pk,nik->npi").reshape([theta.shape[0], h, w, 2]);
}
