/**
 * @file Pooling over the last one, two or three axes (CNN-4): maxima and means of windows, of windows that adapt to a wanted size, and of
 * the whole. Of elements that tie for a maximum the first in row-major order receives the whole derivative, as in PyTorch.
 */

import { check, checkOptions, list } from "../base/check.ts";
import { type Dtype, isFloat } from "../base/dtype.ts";
import { axesFrom, checkIntegers, formatShape, type Shape, sizeOf, stridesOf } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { floating, tensor } from "../ops/create.ts";
import { put } from "../ops/places.ts";
import { perAxis, type Tensor } from "../ops/tensor.ts";
import type { PerAxis } from "./conv.ts";
import { AVG_POOL_OPTIONS, LP_POOL_OPTIONS, MAX_POOL_OPTIONS } from "./options.ts";
import { pad } from "./rearrange.ts";
import { type Padding, type PoolWindow, poolWindow } from "./window.ts";

export interface PoolOptions {
  /** Step between windows. Default: the kernel size, so that windows tile the input. */
  readonly stride?: PerAxis;
  /** Elements added on both sides, or [low, high] of each axis, at most half the kernel: -∞ to max pooling, 0 to average pooling. Default 0. */
  readonly padding?: Padding;
  /** Whether a last window that hangs over the end counts (if it starts inside). Default false. */
  readonly ceilMode?: boolean;
}

export interface MaxPoolOptions extends PoolOptions {
  /** Step between neighbouring elements of a window. Default 1. */
  readonly dilation?: PerAxis;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts in the divisor. What `ceilMode` adds never does. Default true. */
  readonly countIncludePad?: boolean;
  /** Divide by this instead of the number of elements. */
  readonly divisorOverride?: number;
}

/** Windows over the last axes of a shape: where they lie and how many there are. */
interface Geometry extends PoolWindow {
  /** Padding after the end, as much as the last window needs. */
  readonly tail: readonly number[];
  readonly size: Shape;
  readonly out: Shape;
}

/** H′ = ⌊(H + 2p - d(k - 1) - 1)/s⌋ + 1, or rounded up with `ceilMode` unless the last window would start beyond input and left padding. */
function geometry(what: string, spatial: number, x: Tensor, kernelSize: PerAxis, options: MaxPoolOptions): Geometry {
  if (x.rank < spatial) throw new RangeError(`${what}: want at least ${spatial} axes, got ${formatShape(x.shape)}`);
  const { kernel, stride, dilation, low, high } = poolWindow(what, spatial, kernelSize, options);
  const size = x.shape.slice(x.rank - spatial);
  const out = size.map((d, i) => {
    const room = d + low[i] + high[i] - dilation[i] * (kernel[i] - 1) - 1;
    const floor = Math.floor(room / stride[i]) + 1;
    if (!options.ceilMode) return floor;
    const ceil = Math.ceil(room / stride[i]) + 1;
    return (ceil - 1) * stride[i] >= d + low[i] ? ceil - 1 : ceil;
  });
  if (out.some((n) => n < 1))
    throw new RangeError(`${what}: a window of ${formatShape(kernel)} does not fit in ${formatShape(x.shape)}; add padding`);
  const tail = out.map((n, i) => Math.max(0, (n - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - size[i] - low[i]));
  return { kernel, stride, dilation, low, high, tail, size, out };
}

/** [..., H, W] to [..., H′, W′, kh, kw]. */
function windowsOf(x: Tensor, { kernel, stride, dilation, low, tail }: Geometry, value: number): Tensor {
  const lead = x.shape.slice(kernel.length).map(() => 0);
  const padded =
    value === 0
      ? x.pad([...lead, ...low], [...lead, ...tail])
      : pad(
          x,
          low.map((n, i) => [n, tail[i]] as const),
          "constant",
          value,
        );
  return padded.windows(kernel, stride, dilation);
}

const lastAxes = (n: number): number[] => Array.from({ length: n }, (_, i) => i - n);

// ---- maximum ------------------------------------------------------------------------------------------------------------------------

/** Maxima of windows, and the positions of the maxima within their windows. */
function maxima(windows: Tensor, spatial: number): { values: Tensor; indices: Tensor } {
  return windows.flatten(windows.rank - spatial).maxWithIndex(-1);
}

function maxPoolNd(what: string, spatial: number, x: Tensor, kernelSize: PerAxis, options: MaxPoolOptions): Tensor {
  return maxima(windowsOf(x, geometry(what, spatial, x, kernelSize, options), least(x.dtype)), spatial).values;
}

/** What no element of a dtype is below. */
function least(dtype: Dtype): number {
  if (dtype === "i32") return -(2 ** 31);
  return isFloat(dtype) ? Number.NEGATIVE_INFINITY : 0;
}

/** The number of each window's first tap that lies in the input, in the shape of the windows. */
function firstTaps({ kernel, stride, dilation, low, out }: Geometry): Tensor {
  const inWindow = stridesOf(kernel);
  const perAxis = out.map((n, i) =>
    Array.from({ length: n }, (_, w) => inWindow[i]! * Math.max(0, Math.ceil((low[i]! - w * stride[i]!) / dilation[i]!))),
  );
  const all = perAxis.reduce<number[]>((sums, list) => sums.flatMap((a) => list.map((b) => a + b)), [0]);
  return tensor(Int32Array.from(all), { shape: out });
}

/** Largest element of each window of the last axis: [..., L] to [..., L′], L′ = ⌊(L + 2p - d(k - 1) - 1)/s⌋ + 1. */
export function maxPool1d(x: Tensor, kernelSize: PerAxis, options: MaxPoolOptions = {}): Tensor {
  checkTensors("maxPool1d", { x });
  checkOptions("maxPool1d", options, MAX_POOL_OPTIONS);
  return maxPoolNd("maxPool1d", 1, x, kernelSize, options);
}
/** Largest element of each window of the last two axes: [N, C, H, W] to [N, C, H′, W′]. */
export function maxPool2d(x: Tensor, kernelSize: PerAxis, options: MaxPoolOptions = {}): Tensor {
  checkTensors("maxPool2d", { x });
  checkOptions("maxPool2d", options, MAX_POOL_OPTIONS);
  return maxPoolNd("maxPool2d", 2, x, kernelSize, options);
}
/** Largest element of each window of the last three axes. */
export function maxPool3d(x: Tensor, kernelSize: PerAxis, options: MaxPoolOptions = {}): Tensor {
  checkTensors("maxPool3d", { x });
  checkOptions("maxPool3d", options, MAX_POOL_OPTIONS);
  return maxPoolNd("maxPool3d", 3, x, kernelSize, options);
}

/**
 * {@link maxPool1d} to {@link maxPool3d} by the length of `kernelSize`, with the row-major position (i32) of each maximum in its plane of
 * the last axes, for {@link maxUnpool}.
 */
export function maxPoolWithIndices(
  x: Tensor,
  kernelSize: readonly number[],
  options: MaxPoolOptions = {},
): { values: Tensor; indices: Tensor } {
  checkTensors("maxPoolWithIndices", { x });
  checkOptions("maxPoolWithIndices", options, MAX_POOL_OPTIONS);
  checkIntegers("maxPoolWithIndices: kernelSize", kernelSize);
  const spatial = kernelSize.length;
  const g = geometry("maxPoolWithIndices", spatial, x, kernelSize, options);
  const bottom = least(x.dtype);
  const { values, indices } = maxima(windowsOf(x, g, bottom), spatial);
  // Where nothing is larger than the padding, the padding came first.
  const taps = g.low.some((p) => p > 0) ? values.eq(bottom).where(firstTaps(g), indices) : indices;
  const lead = x.rank - spatial;
  const inWindow = stridesOf(g.kernel);
  const inPlane = stridesOf(g.size);
  const places = g.kernel.map((k, i) => {
    const tap = taps.div(inWindow[i]).rem(k);
    const start = taps
      .iotaLike(lead + i)
      .mul(g.stride[i])
      .sub(g.low[i]);
    return start.add(tap.mul(g.dilation[i])).mul(inPlane[i]);
  });
  return { values, indices: places.reduce((a, b) => a.add(b)) };
}

/**
 * Each element of `x` put back at its index in a plane of `outputSize`, zeros elsewhere: [..., h, w] to [..., H, W]. Of elements with the
 * same index the last counts.
 */
export function maxUnpool(x: Tensor, indices: Tensor, outputSize: readonly number[]): Tensor {
  checkTensors("maxUnpool", { x, indices });
  checkIntegers("maxUnpool: outputSize", outputSize);
  const lead = x.shape.slice(0, x.rank - outputSize.length);
  const n = sizeOf(x.shape.slice(lead.length));
  const size = sizeOf(outputSize);
  const last = lead.length;
  const flat = x.reshape([...lead, n]);
  const plane = x.constantOf({ shape: [...lead, size], dtype: x.dtype }, 0);
  return plane.bind(put, [plane, indices.reshape([...lead, n]), flat], { batch: last }).reshape([...lead, ...outputSize]);
}

// ---- mean ---------------------------------------------------------------------------------------------------------------------------

/** Per axis and window: how many elements it covers, counting padding or not. */
function coverage({ kernel, stride, low, high, size, out }: Geometry, countPadding: boolean): number[][] {
  return out.map((n, i) =>
    Array.from({ length: n }, (_, w) => {
      const start = w * stride[i] - low[i];
      const stop = Math.min(start + kernel[i], size[i] + high[i]);
      return countPadding ? stop - start : Math.min(stop, size[i]) - Math.max(start, 0);
    }),
  );
}

/** The outer product of counts: elements of each window. */
function outer(counts: readonly number[][]): number[] {
  return counts.reduce<number[]>((all, list) => all.flatMap((a) => list.map((b) => a * b)), [1]);
}

function avgPoolNd(what: string, spatial: number, x: Tensor, kernelSize: PerAxis, options: AvgPoolOptions): Tensor {
  const g = geometry(what, spatial, x, kernelSize, options);
  const sums = windowsOf(floating(x), g, 0).sum(lastAxes(spatial));
  if (options.divisorOverride !== undefined) return sums.div(options.divisorOverride);
  const counts = outer(coverage(g, options.countIncludePad ?? true));
  if (counts.every((n) => n === counts[0])) return sums.div(counts[0]);
  return sums.div(tensor(counts, { shape: g.out, dtype: sums.dtype }));
}

/** Mean of each window of the last axis; sizes as in {@link maxPool1d}. */
export function avgPool1d(x: Tensor, kernelSize: PerAxis, options: AvgPoolOptions = {}): Tensor {
  checkTensors("avgPool1d", { x });
  checkOptions("avgPool1d", options, AVG_POOL_OPTIONS);
  return avgPoolNd("avgPool1d", 1, x, kernelSize, options);
}
/** Mean of each window of the last two axes. */
export function avgPool2d(x: Tensor, kernelSize: PerAxis, options: AvgPoolOptions = {}): Tensor {
  checkTensors("avgPool2d", { x });
  checkOptions("avgPool2d", options, AVG_POOL_OPTIONS);
  return avgPoolNd("avgPool2d", 2, x, kernelSize, options);
}
/** Mean of each window of the last three axes. */
export function avgPool3d(x: Tensor, kernelSize: PerAxis, options: AvgPoolOptions = {}): Tensor {
  checkTensors("avgPool3d", { x });
  checkOptions("avgPool3d", options, AVG_POOL_OPTIONS);
  return avgPoolNd("avgPool3d", 3, x, kernelSize, options);
}

// ---- power means --------------------------------------------------------------------------------------------------------------------

export interface LpPoolOptions {
  /** Default: the kernel size. */
  readonly stride?: PerAxis;
  /** Default false. */
  readonly ceilMode?: boolean;
}

function lpPoolNd(what: string, spatial: number, x: Tensor, p: number, kernelSize: PerAxis, options: LpPoolOptions): Tensor {
  const count = sizeOf(perAxis(kernelSize, spatial, `${what}: kernel size`, 1));
  // As in PyTorch a window that hangs over the end counts its mean as often as a full one.
  const sums = avgPoolNd(what, spatial, x.pow(p), kernelSize, options).mul(count);
  // NaN is not "not positive": it stays.
  const none = sums.le(0);
  const root = none.where(1, sums);
  return none.where(0, p === 2 ? root.sqrt() : root.pow(1 / p));
}

/** (Σ xᵖ)^(1/p) of each window of the last axis; 0, with derivative 0, where the sum is not positive. */
export function lpPool1d(x: Tensor, p: number, kernelSize: PerAxis, options: LpPoolOptions = {}): Tensor {
  checkTensors("lpPool1d", { x });
  checkOptions("lpPool1d", options, LP_POOL_OPTIONS);
  return lpPoolNd("lpPool1d", 1, x, p, kernelSize, options);
}
/** (Σ xᵖ)^(1/p) of each window of the last two axes. */
export function lpPool2d(x: Tensor, p: number, kernelSize: PerAxis, options: LpPoolOptions = {}): Tensor {
  checkTensors("lpPool2d", { x });
  checkOptions("lpPool2d", options, LP_POOL_OPTIONS);
  return lpPoolNd("lpPool2d", 2, x, p, kernelSize, options);
}
/** (Σ xᵖ)^(1/p) of each window of the last three axes. */
export function lpPool3d(x: Tensor, p: number, kernelSize: PerAxis, options: LpPoolOptions = {}): Tensor {
  checkTensors("lpPool3d", { x });
  checkOptions("lpPool3d", options, LP_POOL_OPTIONS);
  return lpPoolNd("lpPool3d", 3, x, p, kernelSize, options);
}

// ---- windows that adapt to a wanted size --------------------------------------------------------------------------------------------

/** Window i of `n` over `size` elements: ⌊i·size/n⌋ up to ⌈(i + 1)·size/n⌉. */
function adaptiveWindows(size: number, n: number): { start: number; length: number }[] {
  return Array.from({ length: n }, (_, i) => {
    const start = Math.floor((i * size) / n);
    return { start, length: Math.ceil(((i + 1) * size) / n) - start };
  });
}

/** [..., H, W] to [..., H′, W′, kh, kw] with windows as long as the longest, and per axis the windows themselves. */
function adaptive(what: string, x: Tensor, outputSize: readonly number[], filler: number): { windows: Tensor; lengths: number[][] } {
  const spatial = outputSize.length;
  const lead = x.rank - spatial;
  const sizes = x.shape.slice(lead);
  perAxis(outputSize, spatial, `${what}: output size`, 1);
  if (lead < 0 || sizes.some((d) => d === 0))
    throw new RangeError(`${what}: want ${spatial} axes with elements, got ${formatShape(x.shape)}`);
  const all = outputSize.map((n, i) => adaptiveWindows(sizes[i], n));
  const lengths = all.map((list) => list.map((w) => w.length));
  const steps = sizes.map((d, i) => d / outputSize[i]);
  // Windows of one size that tile the input need no indices.
  if (steps.every((s) => Number.isInteger(s))) return { windows: x.windows(steps, steps), lengths };
  let y = x; // [..., H′, kh, W′, kw] in the end
  all.forEach((list, i) => {
    const longest = Math.max(...lengths[i]);
    const at = list.flatMap(({ start, length }) => Array.from({ length: longest }, (_, j) => start + Math.min(j, length - 1)));
    const taken = y.takeInside(tensor(Int32Array.from(at), { shape: [list.length, longest] }), lead + 2 * i);
    const isIn = list.flatMap(({ length }) => Array.from({ length: longest }, (_, j) => j < length));
    const mask = tensor(isIn, { shape: [list.length, longest, ...taken.shape.slice(lead + 2 * i + 2).map(() => 1)] });
    y = isIn.every(Boolean) ? taken : mask.where(taken, filler);
  });
  const order = [...outputSize.map((_, i) => lead + 2 * i), ...outputSize.map((_, i) => lead + 2 * i + 1)];
  return { windows: y.transpose([...x.shape.slice(0, lead).map((_, i) => i), ...order]), lengths };
}

/** A wanted size per axis; null keeps the size of x there. */
export type OutputSize = number | null | readonly (number | null)[];

/** Numbers for the wanted sizes of the last axes of x. */
function wanted(what: string, spatial: number, x: Tensor, outputSize: OutputSize): number[] {
  const list = Array.isArray(outputSize) ? outputSize : new Array<number | null>(spatial).fill(outputSize as number | null);
  if (list.length === spatial && x.rank < spatial)
    throw new RangeError(`${what}: want at least ${spatial} axes, got ${formatShape(x.shape)}`);
  const sizes = list.map((n, i) => (n === null ? x.shape[x.rank - spatial + i] : n) as number);
  return perAxis(sizes, spatial, `${what}: output size`, 1);
}

function adaptiveAvg(what: string, spatial: number, x: Tensor, size: OutputSize): Tensor {
  const outputSize = wanted(what, spatial, x, size);
  const { windows, lengths } = adaptive(what, floating(x), outputSize, 0);
  const counts = outer(lengths);
  const sums = windows.sum(lastAxes(outputSize.length));
  return counts.every((n) => n === counts[0]) ? sums.div(counts[0]) : sums.div(tensor(counts, { shape: outputSize, dtype: sums.dtype }));
}

function adaptiveMax(what: string, spatial: number, x: Tensor, outputSize: OutputSize): Tensor {
  return maxima(adaptive(what, x, wanted(what, spatial, x, outputSize), least(x.dtype)).windows, spatial).values;
}

/**
 * {@link adaptiveMaxPool1d} to {@link adaptiveMaxPool3d} by the length of `outputSize`, with the row-major position (i32) of each maximum in its
 * plane of the last axes, for {@link maxUnpool}.
 */
export function adaptiveMaxPoolWithIndices(x: Tensor, outputSize: readonly (number | null)[]): { values: Tensor; indices: Tensor } {
  checkTensors("adaptiveMaxPoolWithIndices", { x });
  check("adaptiveMaxPoolWithIndices: outputSize", outputSize, list);
  const spatial = outputSize.length;
  const out = wanted("adaptiveMaxPoolWithIndices", spatial, x, outputSize);
  const { windows, lengths } = adaptive("adaptiveMaxPoolWithIndices", x, out, least(x.dtype));
  const { values, indices } = maxima(windows, spatial);
  const sizes = x.shape.slice(x.rank - spatial);
  const inWindow = stridesOf(lengths.map((list) => Math.max(...list)));
  const inPlane = stridesOf(sizes);
  const places = out.map((n, i) => {
    const tap = indices.div(inWindow[i]).rem(Math.max(...lengths[i]));
    const starts = adaptiveWindows(sizes[i], n).map((w) => w.start);
    const start = tensor(Int32Array.from(starts), { shape: [n, ...out.slice(i + 1).map(() => 1)] });
    return tap.add(start).mul(inPlane[i]);
  });
  return { values, indices: places.reduce((a, b) => a.add(b)) };
}

/** Means of L′ windows that cover the last axis, whatever its size; window i is ⌊i·L/L′⌋ up to ⌈(i + 1)·L/L′⌉. A size of null keeps that axis. */
export function adaptiveAvgPool1d(x: Tensor, outputSize: OutputSize): Tensor {
  checkTensors("adaptiveAvgPool1d", { x });
  return adaptiveAvg("adaptiveAvgPool1d", 1, x, outputSize);
}
/** Means of H′×W′ windows that cover the last two axes. */
export function adaptiveAvgPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  checkTensors("adaptiveAvgPool2d", { x });
  return adaptiveAvg("adaptiveAvgPool2d", 2, x, outputSize);
}
/** Means of windows that cover the last three axes. */
export function adaptiveAvgPool3d(x: Tensor, outputSize: OutputSize): Tensor {
  checkTensors("adaptiveAvgPool3d", { x });
  return adaptiveAvg("adaptiveAvgPool3d", 3, x, outputSize);
}
/** Maxima of L′ windows that cover the last axis. */
export function adaptiveMaxPool1d(x: Tensor, outputSize: OutputSize): Tensor {
  checkTensors("adaptiveMaxPool1d", { x });
  return adaptiveMax("adaptiveMaxPool1d", 1, x, outputSize);
}
/** Maxima of H′×W′ windows that cover the last two axes. */
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  checkTensors("adaptiveMaxPool2d", { x });
  return adaptiveMax("adaptiveMaxPool2d", 2, x, outputSize);
}
/** Maxima of windows that cover the last three axes. */
export function adaptiveMaxPool3d(x: Tensor, outputSize: OutputSize): Tensor {
  checkTensors("adaptiveMaxPool3d", { x });
  return adaptiveMax("adaptiveMaxPool3d", 3, x, outputSize);
}

// ---- everything ---------------------------------------------------------------------------------------------------------------------

/** Mean over all axes but batch and channels: [N, C, ...] to [N, C]. */
export function globalAvgPool(x: Tensor): Tensor {
  checkTensors("globalAvgPool", { x });
  return x.mean(axesFrom(x.shape, 2));
}

/** Maximum over all axes but batch and channels: [N, C, ...] to [N, C]. */
export function globalMaxPool(x: Tensor): Tensor {
  checkTensors("globalMaxPool", { x });
  return x.flatten(2).maxWithIndex(2).values;
}
