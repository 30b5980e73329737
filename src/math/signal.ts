/**
 * @file Signals: windows, short-time Fourier transforms (Allen & Rabiner 1977) and convolutions by transforms (Stockham 1966). Complex numbers are pairs
 * on the last axis, as in `fft`. Window formulas are those of Harris (1978) and SciPy's.
 */
import { besselI } from "../base/bessel.ts";
import { aNumber, type Checks, checkOptions, expectation, flag, naturalNumber, oneOf, positiveInteger, shown } from "../base/check.ts";
import { fastLength } from "../base/fft.ts";
import { broadcastShapes, formatShape } from "../base/shape.ts";
import { floating, tensor } from "../ops/create.ts";
import { foldWindows } from "../ops/movement.ts";
import { elementsOf, storageOf, Tensor } from "../ops/tensor.ts";
import { type FftNorm, fft, ifft, irfft, multiply, real, rfft } from "./fft.ts";
import { type PadMode, pad } from "./rearrange.ts";

// ---- windows ------------------------------------------------------------------------------------------------------------------------

export interface WindowOptions {
  /** One period of an infinite window, which spectra want; false for a symmetric one, which filters want. Default true. */
  readonly periodic?: boolean;
  /** Default "f32". */
  readonly dtype?: "f32" | "f64";
}

export interface KaiserOptions extends WindowOptions {
  /** The larger, the wider the main lobe and the lower the others. Default 12. */
  readonly beta?: number;
}

export interface GaussianWindowOptions extends WindowOptions {
  /** Standard deviation in samples. Default 1. */
  readonly std?: number;
}

const WINDOW_OPTIONS: Checks<WindowOptions> = { periodic: flag, dtype: oneOf("f32", "f64") };
const KAISER_OPTIONS: Checks<KaiserOptions> = { ...WINDOW_OPTIONS, beta: aNumber };
const GAUSSIAN_WINDOW_OPTIONS: Checks<GaussianWindowOptions> = {
  ...WINDOW_OPTIONS,
  std: expectation("a number above 0", (v) => typeof v === "number" && v > 0),
};

/** Values at 0, 1, ..., n - 1 of a window whose last point is `end`: n - 1, or n of a periodic one. */
function made(name: string, n: number, { periodic = true, dtype = "f32" }: WindowOptions, at: (k: number, end: number) => number): Tensor {
  if (!naturalNumber.holds(n)) throw new RangeError(`${name}: n must be an integer of at least 0, got ${shown(n)}`);
  const end = periodic ? n : n - 1;
  return tensor(
    Float64Array.from({ length: n }, (_, k) => (n === 1 ? 1 : at(k, end))),
    { dtype },
  );
}

/** a₀ - a₁ cos(2πk/end) + a₂ cos(4πk/end) */
function cosines(name: string, n: number, options: WindowOptions, a: readonly number[]): Tensor {
  checkOptions(name, options, WINDOW_OPTIONS);
  return made(name, n, options, (k, end) => a.reduce((sum, c, i) => sum + (i % 2 ? -c : c) * Math.cos((2 * Math.PI * i * k) / end), 0));
}

/** ½ - ½ cos(2πk/n), of n points. */
export function hann(n: number, options: WindowOptions = {}): Tensor {
  return cosines("hann", n, options, [0.5, 0.5]);
}

/** 0.54 - 0.46 cos(2πk/n) */
export function hamming(n: number, options: WindowOptions = {}): Tensor {
  return cosines("hamming", n, options, [0.54, 0.46]);
}

/** 0.42 - 0.5 cos(2πk/n) + 0.08 cos(4πk/n) */
export function blackman(n: number, options: WindowOptions = {}): Tensor {
  return cosines("blackman", n, options, [0.42, 0.5, 0.08]);
}

/** A triangle, 1 - |2k/n - 1|. */
export function bartlett(n: number, options: WindowOptions = {}): Tensor {
  checkOptions("bartlett", options, WINDOW_OPTIONS);
  return made("bartlett", n, options, (k, end) => 1 - Math.abs((2 * k) / end - 1));
}

/** sin(π(k + ½)/n) of symmetric windows of n points; periodic ones are the first n of n + 1. */
export function cosine(n: number, options: WindowOptions = {}): Tensor {
  checkOptions("cosine", options, WINDOW_OPTIONS);
  return made("cosine", n, options, (k, end) => Math.sin((Math.PI * (k + 0.5)) / (end + 1)));
}

/** e^(-(k - middle)²/2σ²) */
export function gaussian(n: number, options: GaussianWindowOptions = {}): Tensor {
  checkOptions("gaussian", options, GAUSSIAN_WINDOW_OPTIONS);
  const { std = 1, ...rest } = options;
  return made("gaussian", n, rest, (k, end) => Math.exp(-(((k - end / 2) / std) ** 2) / 2));
}

/** I₀(β√(1 - (2k/n - 1)²))/I₀(β) (Kaiser & Schafer 1980). */
export function kaiser(n: number, options: KaiserOptions = {}): Tensor {
  checkOptions("kaiser", options, KAISER_OPTIONS);
  const { beta = 12, ...rest } = options;
  return made("kaiser", n, rest, (k, end) => besselI(0, beta * Math.sqrt(Math.max(0, 1 - ((2 * k) / end - 1) ** 2))) / besselI(0, beta));
}

// ---- short-time transforms ----------------------------------------------------------------------------------------------------------

export interface StftOptions {
  /** Length of a transform. Required. */
  readonly nFft: number;
  /** Samples between frames. Default ⌊nFft / 4⌋. */
  readonly hopLength?: number;
  /** Weights [winLength] of a frame, with zeros on both sides up to nFft. Default ones. */
  readonly window?: Tensor;
  /** Length of the window where none is given. Default nFft. */
  readonly winLength?: number;
  /** Frame t is centred at sample t·hopLength; half a frame is added on both sides. Default true. */
  readonly center?: boolean;
  /** What is added. Default "reflect". */
  readonly padMode?: PadMode;
  /** Divide by √nFft. Default false. */
  readonly normalized?: boolean;
  /** Only the first ⌊nFft/2⌋ + 1 terms. Default true. */
  readonly onesided?: boolean;
}

export interface IstftOptions extends Omit<StftOptions, "padMode"> {
  /** Samples of the result. Default as many as the frames determine. */
  readonly length?: number;
}

const isTensor = expectation("a tensor", (value) => value instanceof Tensor);
const ISTFT_OPTIONS: Checks<IstftOptions> = {
  nFft: positiveInteger,
  hopLength: positiveInteger,
  window: isTensor,
  winLength: positiveInteger,
  center: flag,
  normalized: flag,
  onesided: flag,
  length: positiveInteger,
};
const { length: _, ...SHARED } = ISTFT_OPTIONS;
const STFT_OPTIONS: Checks<StftOptions> = { ...SHARED, padMode: oneOf("constant", "reflect", "replicate", "circular") };

interface Frames {
  readonly hop: number;
  /** [nFft], or none for ones. */
  readonly window: Tensor | undefined;
  readonly squares: Float64Array | undefined;
  readonly norm: FftNorm;
}

function framesOf(name: string, options: Omit<StftOptions, "padMode">): Frames {
  const { nFft, window, normalized = false } = options;
  const hop = options.hopLength ?? Math.max(1, Math.floor(nFft / 4));
  const length = options.winLength ?? window?.size ?? nFft;
  if (length > nFft) throw new RangeError(`${name}: a window of ${length} is longer than nFft, ${nFft}`);
  if (window && (window.rank !== 1 || window.size !== length)) throw new RangeError(`${name}: window must have shape [${length}], got ${formatShape(window.shape)}`); // biome-ignore format: one thought
  const given = window ?? (length === nFft ? undefined : tensor(new Float32Array(length).fill(1)));
  const before = Math.floor((nFft - length) / 2);
  return {
    hop,
    window: given && (length === nFft ? floating(given) : floating(given).pad([before], [nFft - length - before])),
    squares: squaresOf(given, nFft, before),
    norm: normalized ? "ortho" : "backward",
  };
}

/** Squares of a window's elements, where they are known. */
function squaresOf(window: Tensor | undefined, nFft: number, before: number): Float64Array | undefined {
  if (!window) return new Float64Array(nFft).fill(1);
  if (!window.isComputed || !storageOf(window).readSync) return undefined;
  const squares = new Float64Array(nFft);
  elementsOf(window).forEach((w, i) => {
    squares[before + i] = w * w;
  });
  return squares;
}

/**
 * Transforms of overlapping frames: [..., samples] to [..., ⌊nFft/2⌋ + 1, frames, 2] (nFft with `onesided: false`), as PyTorch's stft.
 * @throws {RangeError} if the signal is shorter than a frame.
 */
export function stft(x: Tensor, options: StftOptions): Tensor {
  checkOptions("stft", options, STFT_OPTIONS, "nFft");
  const { nFft, center = true, padMode = "reflect", onesided = true } = options;
  if (!(x instanceof Tensor) || x.rank === 0) throw new TypeError(`stft: want a tensor [..., samples], got ${shown(x)}`);
  const { hop, window, norm } = framesOf("stft", options);
  const half = Math.floor(nFft / 2);
  if (center && padMode === "reflect" && x.shape.at(-1)! <= half) throw new RangeError(`stft: reflecting ${half} samples needs a signal of more, got ${x.shape.at(-1)}; use another padMode`); // biome-ignore format: one thought
  const wide = center ? pad(floating(x), [[half, half]], padMode) : floating(x);
  if (wide.shape.at(-1)! < nFft) throw new RangeError(`stft: want at least ${nFft} samples for a frame, got ${wide.shape.at(-1)}`);
  const frames = wide.windows([nFft], [hop]);
  const weighted = window ? frames.mul(window) : frames;
  const spectra = onesided ? rfft(weighted, { norm }) : fft(pairsOf(weighted), { norm });
  return spectra.moveAxis(-2, -3);
}

const pairsOf = (x: Tensor): Tensor => x.unsqueeze(-1).pad([...x.shape.map(() => 0), 0], [...x.shape.map(() => 0), 1]);

/**
 * The signal [..., samples] of {@link stft}'s result, by adding the frames' inverses, weighted, over the sum of squared weights (Griffin & Lim 1984).
 * @throws {RangeError} if some sample lies under no weight.
 */
export function istft(z: Tensor, options: IstftOptions): Tensor {
  checkOptions("istft", options, ISTFT_OPTIONS, "nFft");
  const { nFft, center = true, onesided = true, length } = options;
  checkSpectra(z, onesided ? Math.floor(nFft / 2) + 1 : nFft);
  const { hop, window, squares, norm } = framesOf("istft", options);
  const spectra = z.moveAxis(-3, -2);
  const frames = onesided ? irfft(spectra, { n: nFft, norm }) : real(ifft(spectra, { norm }));
  const count = frames.shape.at(-2)!;
  const size = [nFft + hop * (count - 1)];
  const add = (x: Tensor): Tensor => x.bind(foldWindows, [x], { kernel: [nFft], stride: [hop], dilation: [1], size });
  const sum = add(window ? frames.mul(window) : frames);
  const weights = add(
    (window ? window.cast(frames.dtype).square() : frames.constantOf({ shape: [nFft], dtype: frames.dtype }, 1)).broadcastTo([count, nFft]),
  );
  const start = center ? Math.floor(nFft / 2) : 0;
  const stop = Math.min(size[0]!, length === undefined ? size[0]! - start : start + length);
  const between = (t: Tensor): Tensor => t.narrow(-1, start, Math.max(0, stop - start));
  const [kept, under] = [between(sum), between(weights)];
  if (squares) checkWeights(squares, { nFft, hop, count, start, stop });
  const y = kept.div(under);
  const missing = (length ?? 0) - y.shape.at(-1)!;
  return missing > 0 ? pad(y, [[0, missing]]) : y;
}

function checkSpectra(z: unknown, terms: number): void {
  const fits = z instanceof Tensor && z.rank >= 3 && z.shape.at(-1) === 2 && z.shape.at(-3) === terms && z.shape.at(-2) !== 0;
  if (!fits)
    throw new RangeError(`istft: want spectra [..., ${terms}, frames, 2], got ${z instanceof Tensor ? formatShape(z.shape) : shown(z)}`);
}

/** Whether each sample lies under some weight, where the window's elements are known. */
function checkWeights(squares: Float64Array, at: Readonly<Record<"nFft" | "hop" | "count" | "start" | "stop", number>>): void {
  for (let i = at.start; i < at.stop; i++) {
    let sum = 0;
    const last = Math.min(at.count - 1, Math.floor(i / at.hop));
    for (let t = last; t >= 0 && i - t * at.hop < at.nFft; t--) sum += squares[i - t * at.hop]!;
    if (!(sum > 1e-11)) {
      throw new RangeError(
        `istft: the windows leave sample ${i - at.start} without weight; use a shorter hopLength, a longer window, or center`,
      );
    }
  }
}

// ---- convolution --------------------------------------------------------------------------------------------------------------------

/** All n + m - 1 terms, as many as the first operand has (the middle), or only those without the ends' zeros. */
export type ConvolveMode = "full" | "same" | "valid";

export interface FftConvolveOptions {
  /** Default "full". */
  readonly mode?: ConvolveMode;
}

const CONVOLVE_OPTIONS: Checks<FftConvolveOptions> = { mode: oneOf("full", "same", "valid") };

/**
 * Σⱼ a[j] b[i - j] along the last axis, by transforms: n log n operations. Leading axes broadcast. Rounding is relative to the largest element, not to
 * each. "valid" wants b no longer than a.
 */
export function fftConvolve(a: Tensor, b: Tensor, options: FftConvolveOptions = {}): Tensor {
  checkOptions("fftConvolve", options, CONVOLVE_OPTIONS);
  const { mode = "full" } = options;
  const [n, m] = [a, b].map((t) => (t instanceof Tensor ? t.shape.at(-1) : undefined));
  if (!n || !m)
    throw new RangeError(`fftConvolve: want two tensors with at least one element on the last axis, got ${shown(a)} and ${shown(b)}`);
  if (!broadcastShapes(a.shape.slice(0, -1), b.shape.slice(0, -1))) throw new RangeError(`fftConvolve: leading axes of ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast`); // biome-ignore format: one thought
  if (mode === "valid" && m > n) throw new RangeError(`fftConvolve: "valid" wants a second operand of at most ${n}, got ${m}`);
  const size = fastLength(n + m - 1);
  const whole = irfft(multiply(rfft(a, { n: size }), rfft(b, { n: size })), { n: size });
  const [start, length] = { full: [0, n + m - 1], same: [Math.floor((m - 1) / 2), n], valid: [m - 1, n - m + 1] }[mode] as [number, number];
  return whole.narrow(-1, start, length);
}
