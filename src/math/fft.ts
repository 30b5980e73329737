/**
 * @file Discrete Fourier transforms of any length, n log n, computed in f64. Complex numbers are pairs of reals, [re, im], on the last axis, so a
 * spectrum is one tensor that cells, files, `vmap` and `compile` take as any other (PyTorch's `view_as_real`). Axes of complex tensors are counted
 * without the axis of pairs: -1 is the last axis of numbers. Derivatives are those of maps of reals. Names and factors are NumPy's.
 */
import { aNumber, type Checks, checkOptions, flag, numbers, oneOf, positiveInteger, shown } from "../base/check.ts";
import { formatShape, formatType, normalizeAxis } from "../base/shape.ts";
import { arange, floating, stack } from "../ops/create.ts";
import { dft, realDft, realInverseDft } from "../ops/fft.ts";
import { atan2 as atan2Op, hypot as hypotOp } from "../ops/special.ts";
import { Tensor } from "../ops/tensor.ts";
import { roll } from "./rearrange.ts";

/** Which direction has the factor 1/n: the inverse ("backward"), both its root ("ortho"), or the forward one ("forward"). */
export type FftNorm = "backward" | "ortho" | "forward";

export interface FftOptions {
  /** Length along the axis: shorter inputs get zeros at the end, longer ones are cut. Default the input's (of irfft and hfft 2(m - 1)). */
  readonly n?: number;
  /** Default -1, the last axis of numbers. */
  readonly axis?: number;
  /** Default "backward". */
  readonly norm?: FftNorm;
}

export interface FftnOptions {
  /** Lengths along the axes, as `n` of {@link FftOptions}. */
  readonly sizes?: readonly number[];
  /** Default: the last two of fft2 and its kin; of the others as many last axes as there are sizes, or all. */
  readonly axes?: readonly number[];
  /** Default "backward". */
  readonly norm?: FftNorm;
}

export interface ShiftOptions {
  /** Default all (of complex tensors all but the pairs). */
  readonly axes?: readonly number[];
  /** The last axis holds pairs; axes are counted without it. Default false. */
  readonly complex?: boolean;
}

export interface FrequencyOptions {
  /** Time between samples. Default 1. */
  readonly d?: number;
  /** Default "f32". */
  readonly dtype?: "f32" | "f64";
}

const norms = oneOf("backward", "ortho", "forward");
const FFT_OPTIONS: Checks<FftOptions> = { n: positiveInteger, axis: aNumber, norm: norms };
const FFTN_OPTIONS: Checks<FftnOptions> = { sizes: numbers, axes: numbers, norm: norms };
const SHIFT_OPTIONS: Checks<ShiftOptions> = { axes: numbers, complex: flag };
const FREQUENCY_OPTIONS: Checks<FrequencyOptions> = { d: aNumber, dtype: oneOf("f32", "f64") };

// ---- complex numbers ----------------------------------------------------------------------------------------------------------------

function checkTensor(name: string, x: Tensor): Tensor {
  if (!(x instanceof Tensor)) throw new TypeError(`${name}: want a tensor, got ${shown(x)}; tensor(values) makes one`);
  return floating(x);
}

/** Floats with pairs on the last axis. */
function pairs(name: string, z: Tensor): Tensor {
  const x = checkTensor(name, z);
  if (x.shape.at(-1) !== 2) {
    throw new RangeError(
      `${name}: want complex numbers as pairs [re, im] on the last axis, [..., 2], got ${formatType(x)}; complex(x) makes them of reals`,
    );
  }
  return x;
}

/** Complex numbers [..., 2] of real and imaginary parts (default zeros), which broadcast. */
export function complex(re: Tensor, im?: Tensor): Tensor {
  const a = checkTensor("complex", re);
  const b = im === undefined ? a.like(0) : checkTensor("complex", im);
  const sum = a.add(b.mul(0));
  return stack([a.broadcastTo(sum.shape).cast(sum.dtype), b.broadcastTo(sum.shape).cast(sum.dtype)], -1);
}

/** Real parts [...] of complex numbers [..., 2]. */
export function real(z: Tensor): Tensor {
  return pairs("real", z).select(-1, 0);
}

/** Imaginary parts [...] of complex numbers [..., 2]. */
export function imag(z: Tensor): Tensor {
  return pairs("imag", z).select(-1, 1);
}

/** re - i·im */
export function conj(z: Tensor): Tensor {
  return complex(real(z), imag(z).neg());
}

/** Products of complex numbers, [..., 2] each; the axes before the pairs broadcast. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  const [ar, ai, br, bi] = [real(a), imag(a), real(b), imag(b)];
  return stack([ar.mul(br).sub(ai.mul(bi)), ar.mul(bi).add(ai.mul(br))], -1);
}

/** |z| without overflow; its derivative at 0 is 0. */
export function magnitude(z: Tensor): Tensor {
  return real(z).binary(hypotOp, imag(z));
}

/** The angle of z in (-π, π]. */
export function angle(z: Tensor): Tensor {
  return imag(z).binary(atan2Op, real(z));
}

// ---- one axis -----------------------------------------------------------------------------------------------------------------------

interface Line {
  readonly x: Tensor;
  /** From the end, without pairs. */
  readonly axis: number;
  readonly norm: FftNorm;
}

/** The axis of an input, counted from the end of its numbers. */
function fromEnd(name: string, x: Tensor, isComplex: boolean, axis: number): number {
  const rank = x.rank - (isComplex ? 1 : 0);
  if (rank === 0) throw new RangeError(`${name}: a single number has no axis to transform; want at least one axis${isComplex ? " before the pairs" : ""}`); // biome-ignore format: one thought
  return normalizeAxis(axis, rank, name) - rank;
}

/** Cut or filled up with zeros to a length along an axis. */
function resized(name: string, x: Tensor, isComplex: boolean, axis: number, n: number | undefined): Tensor {
  const at = x.rank + axis - (isComplex ? 1 : 0);
  const have = x.shape[at]!;
  const want = n ?? have;
  if (want < 1) throw new RangeError(`${name}: axis ${axis} of ${formatShape(x.shape)} is empty; a transform needs at least one number`);
  if (want <= have) return want === have ? x : x.narrow(at, 0, want);
  const none = x.shape.map(() => 0);
  return x.pad(none, none.with(at, want - have));
}

/** An input with its axis at the length asked for. */
function lineOf(name: string, x: Tensor, isComplex: boolean, options: FftOptions, n: number | undefined): Line {
  const { axis = -1, norm = "backward" } = options;
  const at = fromEnd(name, x, isComplex, axis);
  return { x: resized(name, x, isComplex, at, n), axis: at, norm };
}

/** The factor of a transform of n numbers. */
function scaled(y: Tensor, n: number, norm: FftNorm, inverse: boolean): Tensor {
  if (norm === "ortho") return y.mul(1 / Math.sqrt(n));
  return (norm === "backward") === inverse ? y.div(n) : y;
}

function complexLine(name: string, z: Tensor, options: FftOptions, inverse: boolean): Tensor {
  checkOptions(name, options, FFT_OPTIONS);
  const { x, axis, norm } = lineOf(name, pairs(name, z), true, options, options.n);
  return scaled(x.bind(dft, [x], { axis, inverse }), x.shape.at(axis - 1)!, norm, inverse);
}

/** Xₖ = Σⱼ xⱼ e^(-2πi jk/n) along an axis of complex numbers [..., n, 2]. */
export function fft(z: Tensor, options: FftOptions = {}): Tensor {
  return complexLine("fft", z, options, false);
}

/** The inverse of {@link fft}: xⱼ = (1/n) Σₖ Xₖ e^(2πi jk/n). */
export function ifft(z: Tensor, options: FftOptions = {}): Tensor {
  return complexLine("ifft", z, options, true);
}

/** The first ⌊n/2⌋ + 1 terms of the transform of real numbers [..., n] as [..., ⌊n/2⌋ + 1, 2]; the others are their conjugates. */
export function rfft(x: Tensor, options: FftOptions = {}): Tensor {
  checkOptions("rfft", options, FFT_OPTIONS);
  return realLine("rfft", x, options, false);
}

function realLine(name: string, given: Tensor, options: FftOptions, inverse: boolean): Tensor {
  const { x, axis, norm } = lineOf(name, checkTensor(name, given), false, options, options.n);
  return scaled(x.bind(realDft, [x], { axis }), x.shape.at(axis)!, norm, inverse);
}

/** The inverse of {@link rfft}: n real numbers of ⌊n/2⌋ + 1 terms; n is even unless it is given. Imaginary parts at 0 and n/2 do not count. */
export function irfft(z: Tensor, options: FftOptions = {}): Tensor {
  checkOptions("irfft", options, FFT_OPTIONS);
  return fromHalf("irfft", z, options, true);
}

function fromHalf(name: string, z: Tensor, options: FftOptions, inverse: boolean): Tensor {
  const given = pairs(name, z);
  const at = fromEnd(name, given, true, options.axis ?? -1);
  const n = options.n ?? 2 * (given.shape.at(at - 1)! - 1);
  if (n < 1) throw new RangeError(`${name}: ${given.shape.at(at - 1)} terms make ${n} numbers, want at least one; give { n: 1 } if that is meant`); // biome-ignore format: one thought
  const { x, axis, norm } = lineOf(name, given, true, options, Math.floor(n / 2) + 1);
  return scaled(x.bind(realInverseDft, [x], { axis, n }), n, norm, inverse);
}

/** The transform of complex numbers of which the second half is the conjugate of the first: n real numbers of ⌊n/2⌋ + 1. */
export function hfft(z: Tensor, options: FftOptions = {}): Tensor {
  checkOptions("hfft", options, FFT_OPTIONS);
  return fromHalf("hfft", conj(pairs("hfft", z)), options, false);
}

/** The inverse of {@link hfft}: ⌊n/2⌋ + 1 complex numbers of n reals. */
export function ihfft(x: Tensor, options: FftOptions = {}): Tensor {
  checkOptions("ihfft", options, FFT_OPTIONS);
  return conj(realLine("ihfft", x, options, true));
}

// ---- several axes -------------------------------------------------------------------------------------------------------------------

interface Axes {
  /** From the end. */
  readonly axes: readonly number[];
  readonly sizes: readonly (number | undefined)[];
}

function axesOf(name: string, x: Tensor, isComplex: boolean, { sizes, axes }: FftnOptions, usual?: readonly number[]): Axes {
  const rank = x.rank - (isComplex ? 1 : 0);
  const last = (k: number): number[] => Array.from({ length: k }, (_, i) => i - k);
  const list = (axes ?? usual ?? last(sizes?.length ?? rank)).map((axis) => fromEnd(name, x, isComplex, axis));
  if (new Set(list).size !== list.length) throw new RangeError(`${name}: axes ${formatShape(axes ?? list)} name one axis twice`);
  if (list.length === 0) throw new RangeError(`${name}: there is no axis to transform; want at least one`);
  if (sizes && sizes.length !== list.length) throw new RangeError(`${name}: ${sizes.length} sizes for ${list.length} axes; want one each`);
  for (const n of sizes ?? []) if (!positiveInteger.holds(n)) throw new RangeError(`${name}: sizes must be positive integers, got ${formatShape(sizes!)}`); // biome-ignore format: one thought
  return { axes: list, sizes: list.map((_, i) => sizes?.[i]) };
}

/** One transform of complex numbers after another. */
function along(name: string, z: Tensor, { axes, sizes }: Axes, norm: FftNorm, inverse: boolean): Tensor {
  return axes.reduce((y, axis, i) => {
    const n = sizes[i];
    return complexLine(name, y, { axis, norm, ...(n === undefined ? {} : { n }) }, inverse);
  }, z);
}

function complexAxes(name: string, z: Tensor, options: FftnOptions, inverse: boolean, usual?: readonly number[]): Tensor {
  checkOptions(name, options, FFTN_OPTIONS);
  const x = pairs(name, z);
  return along(name, x, axesOf(name, x, true, options, usual), options.norm ?? "backward", inverse);
}

/** The last of the axes, and those before it. */
function parted({ axes, sizes }: Axes): { rest: Axes; axis: number; n: number | undefined } {
  return { rest: { axes: axes.slice(0, -1), sizes: sizes.slice(0, -1) }, axis: axes.at(-1)!, n: sizes.at(-1) };
}

function realAxes(name: string, given: Tensor, options: FftnOptions, usual?: readonly number[]): Tensor {
  checkOptions(name, options, FFTN_OPTIONS);
  const x = checkTensor(name, given);
  const { norm = "backward" } = options;
  const { rest, axis, n } = parted(axesOf(name, x, false, options, usual));
  const half = realLine(name, x, { axis, norm, ...(n === undefined ? {} : { n }) }, false);
  return along(name, half, rest, norm, false);
}

function inverseRealAxes(name: string, z: Tensor, options: FftnOptions, usual?: readonly number[]): Tensor {
  checkOptions(name, options, FFTN_OPTIONS);
  const x = pairs(name, z);
  const { norm = "backward" } = options;
  const { rest, axis, n } = parted(axesOf(name, x, true, options, usual));
  return fromHalf(name, along(name, x, rest, norm, true), { axis, norm, ...(n === undefined ? {} : { n }) }, true);
}

const LAST_TWO: readonly number[] = [-2, -1];

/** {@link fft} along the last two axes, or two others. */
export function fft2(z: Tensor, options: FftnOptions = {}): Tensor {
  return complexAxes("fft2", z, options, false, LAST_TWO);
}

/** The inverse of {@link fft2}. */
export function ifft2(z: Tensor, options: FftnOptions = {}): Tensor {
  return complexAxes("ifft2", z, options, true, LAST_TWO);
}

/** {@link rfft} along the last of two axes, then {@link fft} along the other. */
export function rfft2(x: Tensor, options: FftnOptions = {}): Tensor {
  return realAxes("rfft2", x, options, LAST_TWO);
}

/** The inverse of {@link rfft2}. */
export function irfft2(z: Tensor, options: FftnOptions = {}): Tensor {
  return inverseRealAxes("irfft2", z, options, LAST_TWO);
}

/** {@link fft} along several axes, default all. */
export function fftn(z: Tensor, options: FftnOptions = {}): Tensor {
  return complexAxes("fftn", z, options, false);
}

/** The inverse of {@link fftn}. */
export function ifftn(z: Tensor, options: FftnOptions = {}): Tensor {
  return complexAxes("ifftn", z, options, true);
}

/** {@link rfft} along the last of several axes (default all), then {@link fft} along the others. */
export function rfftn(x: Tensor, options: FftnOptions = {}): Tensor {
  return realAxes("rfftn", x, options);
}

/** The inverse of {@link rfftn}. */
export function irfftn(z: Tensor, options: FftnOptions = {}): Tensor {
  return inverseRealAxes("irfftn", z, options);
}

// ---- frequencies --------------------------------------------------------------------------------------------------------------------

function frequencies(name: string, n: number, options: FrequencyOptions, wrap: boolean): Tensor {
  if (!positiveInteger.holds(n)) throw new RangeError(`${name}: n must be a positive integer, got ${shown(n)}`);
  checkOptions(name, options, FREQUENCY_OPTIONS);
  const { d = 1, dtype = "f32" } = options;
  const k = arange(wrap ? n : Math.floor(n / 2) + 1, "f64");
  return (wrap ? k.ge(n / 2).where(k.sub(n), k) : k).div(n * d).cast(dtype);
}

/** Frequencies of the terms of {@link fft}, in cycles per unit of `d`: 0, 1, ..., ⌈n/2⌉ - 1, -⌊n/2⌋, ..., -1, each over n·d. */
export function fftfreq(n: number, options: FrequencyOptions = {}): Tensor {
  return frequencies("fftfreq", n, options, true);
}

/** Frequencies of the terms of {@link rfft}: 0, 1, ..., ⌊n/2⌋, each over n·d. */
export function rfftfreq(n: number, options: FrequencyOptions = {}): Tensor {
  return frequencies("rfftfreq", n, options, false);
}

function shifted(name: string, x: Tensor, options: ShiftOptions, by: (n: number) => number): Tensor {
  checkOptions(name, options, SHIFT_OPTIONS);
  const { complex: isComplex = false } = options;
  if (!(x instanceof Tensor)) checkTensor(name, x);
  const rank = isComplex ? pairs(name, x).rank - 1 : x.rank;
  const axes = options.axes?.map((axis) => normalizeAxis(axis, rank, name)) ?? Array.from({ length: rank }, (_, i) => i);
  return roll(
    x,
    axes.map((axis) => by(x.shape[axis]!)),
    axes,
  );
}

/** The zero frequency moved to the middle. */
export function fftshift(x: Tensor, options: ShiftOptions = {}): Tensor {
  return shifted("fftshift", x, options, (n) => Math.floor(n / 2));
}

/** The inverse of {@link fftshift}. */
export function ifftshift(x: Tensor, options: ShiftOptions = {}): Tensor {
  return shifted("ifftshift", x, options, (n) => -Math.floor(n / 2));
}
