/**
 * @file Normalization: batch (NRM-1), layer (NRM-2), group, instance, local response (NRM-3), batch renormalization (NRM-4), RMS, global
 * response, and of weights. Variances take two passes, the mean first: E[x²] - E[x]² loses everything where the mean is far above the spread; and the second corrects the mean.
 */

import { check, checkOptions, expectation, listOf, positiveInteger } from "../base/check.ts";
import { axesFrom, formatShape, type Shape, sameShape, sizeOf } from "../base/shape.ts";
import { wholeBatch } from "../function/shards.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { matrixNorm } from "./linalg.ts";
import {
  AFFINE_OPTIONS,
  BATCH_NORM_OPTIONS,
  BATCH_RENORM_OPTIONS,
  GLOBAL_RESPONSE_NORM_OPTIONS,
  LOCAL_RESPONSE_NORM_OPTIONS,
  SPECTRAL_NORM,
  WEIGHT_NORM,
} from "./options.ts";
import { norm } from "./statistics.ts";

export interface Affine {
  /** γ: scale after normalization. Default none. */
  readonly weight?: TensorLike;
  /** β: shift after normalization. Default none. */
  readonly bias?: TensorLike;
  /** ε, added to the variance. Default 1e-5. */
  readonly eps?: number;
}

/**
 * Mean, deviation from it, and biased variance over axes, with size 1 there. Where the mean is far from zero its rounding is much beside the spread: the
 * mean of the deviations, which would be 0, is taken out once more (Chan, Golub & LeVeque 1983, eq. 1.7).
 */
function moments(x: Tensor, axes: readonly number[], eps: number, means = meansAlong): Moments {
  const [mean] = means([x], axes);
  const near = x.sub(mean);
  const unit = unitFor(x, eps);
  const [offset, square] = means([near, near.mul(unit).square()], axes);
  const rest = offset.stopGradient();
  return { mean, centred: near.sub(rest), variance: square.sub(rest.mul(unit).square()), unit };
}

/** Means along axes of one tensor, with size 1 there. */
const meansAlong = (list: readonly Tensor[], axes: readonly number[]): Tensor[] => list.map((x) => x.mean(axes, { keepDims: true }));

/** The same over the whole batch, where x is a shard of one. */
function batchMeans(list: readonly Tensor[], axes: readonly number[]): Tensor[] {
  const batch = wholeBatch();
  if (!batch) return meansAlong(list, axes);
  const count = axes.reduce((n, a) => n * list[0].shape[a], batch.ratio);
  return batch.sums(list.map((x) => x.sum(axes, { keepDims: true }))).map((sum) => sum.mul(1 / count));
}

interface Moments {
  readonly mean: Tensor;
  readonly centred: Tensor;
  /** In units of 1/unit². */
  readonly variance: Tensor;
  readonly unit: number;
}

/**
 * A power of two that values are multiplied by before they are squared, so that squares of values up to 1e28 do not overflow. What vanishes then is
 * nothing beside an ε of that size; it changes no other bit.
 */
function unitFor(x: Tensor, eps: number): number {
  return x.dtype === "f32" && eps >= 1e-12 ? 2 ** -32 : 1;
}

/** 1/√(σ² + ε), which elements are multiplied by: one division per statistic. */
const inverseSpread = (variance: Tensor, eps: number, unit = 1): Tensor => {
  const inverse = variance
    .add(eps * unit * unit)
    .sqrt()
    .recip();
  return unit === 1 ? inverse : inverse.mul(unit);
};

/** The variance itself. */
const plainVariance = ({ variance, unit }: Moments): Tensor => (unit === 1 ? variance : variance.mul(1 / (unit * unit)));

/** (x - μ)/√(σ² + ε) over axes. */
function standardize(x: Tensor, axes: readonly number[], eps: number): Tensor {
  const { centred, variance, unit } = moments(x, axes, eps);
  return centred.mul(inverseSpread(variance, eps, unit));
}

/** x·weight + bias, with the two laid along some axes of x. */
function affine(x: Tensor, shape: Shape, { weight, bias }: Affine): Tensor {
  const scaled = weight === undefined ? x : x.mul(x.operand(weight).reshape(shape));
  return bias === undefined ? scaled : scaled.add(x.operand(bias).reshape(shape));
}

/** [1, C, 1, ...]: one number per channel. */
function perChannel(x: Tensor, what: string): number[] {
  if (x.rank < 2) throw new RangeError(`${what}: want [batch, channels, ...], got ${formatShape(x.shape)}`);
  return x.shape.map((d, i) => (i === 1 ? d : 1));
}

// ---- over the batch -----------------------------------------------------------------------------------------------------------------

export interface BatchNormOptions extends Affine {
  /** Normalize by the statistics of this batch; otherwise by the running ones. Default false, unless there are no running ones. */
  readonly training?: boolean;
  /** Running mean [C]. */
  readonly runningMean?: TensorLike;
  /** Running variance [C], of the unbiased kind. */
  readonly runningVar?: TensorLike;
  /** Share of the batch in the new running statistics, a tensor where it changes from call to call. Default 0.1. */
  readonly momentum?: number | Tensor;
}

/** What {@link batchNorm} gives. */
export interface BatchNormResult {
  readonly y: Tensor;
  /** Statistics to keep: running ones moved towards the batch's in training, else as given. */
  readonly runningMean: Tensor | undefined;
  readonly runningVar: Tensor | undefined;
}

/** Axes of x [N, C, ...] that batch normalization averages over, and m, the number of elements averaged. */
function batchAxes(x: Tensor): { axes: number[]; m: number } {
  const axes = [0, ...axesFrom(x.shape, 2)];
  return { axes, m: Math.round(axes.reduce((n, a) => n * x.shape[a], wholeBatch()?.ratio ?? 1)) };
}

function needSpread(what: string, x: Tensor, m: number): void {
  if (m < 2)
    throw new RangeError(
      `${what}: training wants more than one value per channel, got ${formatShape(x.shape)}; give it batches of at least 2 examples, or take a norm within examples, such as LayerNorm`,
    );
}

/** old·(1 - momentum) + now·momentum, a constant to every derivative. */
function moving(old: Tensor, now: Tensor, momentum: number | Tensor): Tensor {
  const keep = typeof momentum === "number" ? 1 - momentum : momentum.neg().add(1);
  return old.mul(keep).add(now.reshape(old.shape).stopGradient().mul(momentum));
}

/**
 * (x - μ)/√(σ² + ε)·weight + bias per channel (Ioffe & Szegedy 2015, Alg. 1; Alg. 2 when not training). Normalizes by the biased variance;
 * the running one takes the unbiased m/(m - 1) of it.
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): BatchNormResult {
  checkTensors("batchNorm", { x });
  checkOptions("batchNorm", options, BATCH_NORM_OPTIONS);
  const shape = perChannel(x, "batchNorm");
  const { eps = 1e-5, momentum = 0.1 } = options;
  const runningMean = options.runningMean === undefined ? undefined : x.operand(options.runningMean);
  const runningVar = options.runningVar === undefined ? undefined : x.operand(options.runningVar);
  const { training = !runningMean } = options;
  if (!training) {
    if (!runningMean || !runningVar) throw new TypeError("batchNorm: without training it wants runningMean and runningVar");
    const centred = x.sub(runningMean.reshape(shape));
    const y = affine(centred.mul(inverseSpread(runningVar.reshape(shape), eps)), shape, options);
    return { y, runningMean, runningVar };
  }
  const { axes, m } = batchAxes(x);
  needSpread("batchNorm", x, m);
  const found = moments(x, axes, eps, batchMeans);
  return {
    y: affine(found.centred.mul(inverseSpread(found.variance, eps, found.unit)), shape, options),
    runningMean: runningMean && moving(runningMean, found.mean, momentum),
    runningVar: runningVar && moving(runningVar, plainVariance(found).mul(m / (m - 1)), momentum),
  };
}

/**
 * Population statistics for inference from those of several training batches of m values per channel (Ioffe & Szegedy 2015, Alg. 2, lines
 * 8-10): E[x] = E[μ], Var[x] = m/(m - 1)·E[σ²]. Rows of `means` and `variances` (biased) are batches.
 */
export function populationStatistics(means: Tensor, variances: Tensor, m: number): { mean: Tensor; variance: Tensor } {
  checkTensors("populationStatistics", { means, variances });
  return { mean: means.mean(0), variance: variances.mean(0).mul(m / (m - 1)) };
}

/** Batch normalization at inference as the affine map x·scale + shift per channel (Ioffe & Szegedy 2015, Alg. 2, line 11). */
export function batchNormAffine(runningMean: Tensor, runningVar: Tensor, options: Affine = {}): { scale: Tensor; shift: Tensor } {
  checkTensors("batchNormAffine", { runningMean, runningVar });
  checkOptions("batchNormAffine", options, AFFINE_OPTIONS);
  const { weight, bias, eps = 1e-5 } = options;
  const inverse = runningVar.add(eps).sqrt().recip();
  const scale = weight === undefined ? inverse : inverse.mul(weight);
  const shift = runningMean.mul(scale).neg();
  return { scale, shift: bias === undefined ? shift : shift.add(bias) };
}

/** Options of {@link batchRenorm}. */
export interface BatchRenormOptions extends Affine {
  readonly runningMean: TensorLike;
  /** Running standard deviation [C]. */
  readonly runningStd: TensorLike;
  /** Normalize by this batch, corrected towards the running statistics. Default true. */
  readonly training?: boolean;
  /** Largest r, and 1/rMax the least. Default 3. */
  readonly rMax?: number;
  /** Largest |d|. Default 5. */
  readonly dMax?: number;
  /** Share of the batch in the new running statistics. Default 0.01. */
  readonly momentum?: number;
}

/** What {@link batchRenorm} gives. */
export interface BatchRenormResult {
  readonly y: Tensor;
  /** The corrections, [C]: constants to every derivative. */
  readonly r: Tensor;
  readonly d: Tensor;
  readonly runningMean: Tensor;
  readonly runningStd: Tensor;
}

/**
 * Batch renormalization (Ioffe 2017, Alg. 1): x̂ = (x - μ_B)/σ_B·r + d with r = σ_B/σ and d = (μ_B - μ)/σ, cut to [1/rMax, rMax] and
 * [-dMax, dMax]; so that training sees what inference will. rMax = 1, dMax = 0 is batch normalization.
 */
export function batchRenorm(x: Tensor, options: BatchRenormOptions): BatchRenormResult {
  checkTensors("batchRenorm", { x });
  checkOptions("batchRenorm", options, BATCH_RENORM_OPTIONS);
  const shape = perChannel(x, "batchRenorm");
  const { eps = 1e-5, momentum = 0.01, rMax = 3, dMax = 5, training = true } = options;
  const runningMean = x.operand(options.runningMean);
  const runningStd = x.operand(options.runningStd);
  if (!training) {
    const y = x.sub(runningMean.reshape(shape)).div(runningStd.reshape(shape));
    return { y: affine(y, shape, options), r: runningStd.like(1), d: runningStd.like(0), runningMean, runningStd };
  }
  const { axes, m } = batchAxes(x);
  needSpread("batchRenorm", x, m);
  const { mean, centred, variance, unit } = moments(x, axes, eps, batchMeans);
  const sigma = variance
    .add(eps * unit * unit)
    .sqrt()
    .mul(1 / unit);
  const [meanB, sigmaB] = [mean.reshape(runningMean.shape).stopGradient(), sigma.reshape(runningStd.shape).stopGradient()];
  const r = sigmaB
    .div(runningStd)
    .clamp(1 / rMax, rMax)
    .stopGradient();
  const d = meanB.sub(runningMean).div(runningStd).clamp(-dMax, dMax).stopGradient();
  const normalized = centred.div(sigma).mul(r.reshape(shape)).add(d.reshape(shape));
  return {
    y: affine(normalized, shape, options),
    r,
    d,
    runningMean: moving(runningMean, meanB, momentum),
    runningStd: moving(runningStd, sigmaB, momentum),
  };
}

// ---- over the features of one example -----------------------------------------------------------------------------------------------

function checkTail(what: string, x: Tensor, normalizedShape: Shape): number[] {
  const start = x.rank - normalizedShape.length;
  if (normalizedShape.length === 0 || start < 0 || !sameShape(x.shape.slice(start), normalizedShape)) {
    throw new RangeError(`${what}: the last axes of ${formatShape(x.shape)} should be ${formatShape(normalizedShape)}`);
  }
  return axesFrom(x.shape, start);
}

function asShape(what: string, shape: number | Shape): Shape {
  check(`${what}: normalizedShape`, shape, aShape);
  return typeof shape === "number" ? [shape] : shape;
}

const aShape = expectation("a size, or a list of sizes", (value) => positiveInteger.holds(value) || listOf(positiveInteger).holds(value));

/**
 * (x - μ)/√(σ² + ε)·weight + bias over the last axes, which have `normalizedShape` (Ba et al. 2016). At ε = 0 this is
 * √n/s·diag(weight)(x - μ1) + bias with s = ‖x - μ1‖ (NRM-2).
 */
export function layerNorm(x: Tensor, normalizedShape: number | Shape, options: Affine = {}): Tensor {
  checkTensors("layerNorm", { x });
  checkOptions("layerNorm", options, AFFINE_OPTIONS);
  const shape = asShape("layerNorm", normalizedShape);
  return affine(standardize(x, checkTail("layerNorm", x, shape), options.eps ?? 1e-5), shape, options);
}

/** {@link layerNorm} over the channels of images, [N, C, ...] (Liu et al. 2022). Weight and bias [C]; default ε 1e-6. */
export function layerNormChannelsFirst(x: Tensor, options: Affine = {}): Tensor {
  checkTensors("layerNormChannelsFirst", { x });
  checkOptions("layerNormChannelsFirst", options, AFFINE_OPTIONS);
  return affine(standardize(x, [1], options.eps ?? 1e-6), perChannel(x, "layerNormChannelsFirst"), options);
}

/** x/√(mean x² + ε)·weight over the last axes, which have `normalizedShape` (Zhang & Sennrich 2019). Default ε 1e-6. */
export function rmsNorm(x: Tensor, normalizedShape: number | Shape, options: Affine = {}): Tensor {
  checkTensors("rmsNorm", { x });
  checkOptions("rmsNorm", options, AFFINE_OPTIONS);
  const shape = asShape("rmsNorm", normalizedShape);
  const axes = checkTail("rmsNorm", x, shape);
  const eps = options.eps ?? 1e-6;
  const unit = unitFor(x, eps);
  const square = x.mul(unit).square().mean(axes, { keepDims: true });
  return affine(x.mul(inverseSpread(square, eps, unit)), shape, options);
}

/** Normalization over groups of neighbouring channels and all of space, [N, C, ...] (Wu & He 2018). Weight and bias [C]. */
export function groupNorm(x: Tensor, numGroups: number, options: Affine = {}): Tensor {
  checkTensors("groupNorm", { x });
  checkOptions("groupNorm", options, AFFINE_OPTIONS);
  const shape = perChannel(x, "groupNorm");
  const [n, c] = x.shape;
  if (c % numGroups !== 0) throw new RangeError(`groupNorm: ${c} channels do not divide into ${numGroups} groups`);
  const rows = x.reshape([n, numGroups, sizeOf(x.shape.slice(1)) / numGroups]);
  return affine(standardize(rows, [2], options.eps ?? 1e-5).reshape(x.shape), shape, options);
}

/** Mean and unbiased variance of each channel over space, as a mean over the examples, [C]: what an instance norm's running statistics follow. */
export function instanceStatistics(x: Tensor): { mean: Tensor; variance: Tensor } {
  checkTensors("instanceStatistics", { x });
  perChannel(x, "instanceStatistics");
  const space = axesFrom(x.shape, 2);
  return { mean: x.mean([0, ...space]), variance: x.var(space).mean(0) };
}

/** Normalization of each channel of each example over space, [N, C, ...] (Ulyanov et al. 2016). Weight and bias [C]. */
export function instanceNorm(x: Tensor, options: Affine = {}): Tensor {
  checkTensors("instanceNorm", { x });
  checkOptions("instanceNorm", options, AFFINE_OPTIONS);
  const shape = perChannel(x, "instanceNorm");
  return affine(standardize(x, axesFrom(x.shape, 2), options.eps ?? 1e-5), shape, options);
}

// ---- responses ----------------------------------------------------------------------------------------------------------------------

export interface LocalResponseNormOptions {
  /** Default 1e-4. The paper's α (Krizhevsky et al. 2012, §3.3) is this divided by `size`. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 1. */
  readonly k?: number;
}

/** x / (k + α/size·Σ x²)^β, the sum over `size` neighbouring channels, ⌊size/2⌋ of them before (PyTorch's form). */
export function localResponseNorm(x: Tensor, size: number, options: LocalResponseNormOptions = {}): Tensor {
  checkTensors("localResponseNorm", { x });
  checkOptions("localResponseNorm", options, LOCAL_RESPONSE_NORM_OPTIONS);
  const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
  perChannel(x, "localResponseNorm");
  const unit = unitFor(x, k);
  const squares = x.mul(unit).square().moveAxis(1, -1);
  const edge = (n: number): number[] => squares.shape.map((_, i) => (i === x.rank - 1 ? n : 0));
  const sums = squares
    .pad(edge(Math.floor(size / 2)), edge(Math.floor((size - 1) / 2)))
    .windows([size], [1])
    .sum(-1)
    .moveAxis(-1, 1);
  return x.div(
    sums
      .mul(alpha / size)
      .add(k * unit * unit)
      .pow(beta)
      .mul(unit ** (-2 * beta)),
  );
}

export interface GlobalResponseNormOptions {
  /** [C]. */
  readonly weight: TensorLike;
  /** [C]. */
  readonly bias: TensorLike;
  /** Default 1e-6. */
  readonly eps?: number;
  /** Which axis holds the channels. Default 1; -1 for [N, H, W, C]. */
  readonly channelAxis?: number;
}

/** weight·(x·n) + bias + x with n = g/(mean of g over channels + ε) and g the length of a channel over space (Woo et al. 2023, §3.2). */
export function globalResponseNorm(x: Tensor, options: GlobalResponseNormOptions): Tensor {
  checkTensors("globalResponseNorm", { x });
  checkOptions("globalResponseNorm", options, GLOBAL_RESPONSE_NORM_OPTIONS);
  const { weight, bias, eps = 1e-6, channelAxis = 1 } = options;
  const at = channelAxis < 0 ? channelAxis + x.rank : channelAxis;
  const space = axesFrom(x.shape, 1).filter((a) => a !== at);
  const g = norm(x, { axes: space, keepDims: true });
  const n = g.div(g.mean(at, { keepDims: true }).add(eps));
  return affine(
    x.mul(n),
    x.shape.map((d, i) => (i === at ? d : 1)),
    { weight, bias },
  ).add(x);
}

// ---- weights ------------------------------------------------------------------------------------------------------------------------

/** g·v/‖v‖ (Salimans & Kingma 2016), 0 for zeros, the length over every axis but `axis` (default 0), or over all when it is null. */
export function weightNorm(v: Tensor, g: TensorLike, options: { readonly axis?: number | null } = {}): Tensor {
  checkTensors("weightNorm", { v });
  checkOptions("weightNorm", options, WEIGHT_NORM);
  const { axis = 0 } = options;
  const at = axis !== null && axis < 0 ? axis + v.rank : axis;
  const axes = axesFrom(v.shape, 0).filter((a) => a !== at);
  return v.mul(overLength(v.operand(g).reshape(v.shape.map((_, i) => (i === at ? -1 : 1))), norm(v, { axes, keepDims: true })));
}

/** x/length, 0 with derivative 0 where the length is 0: zeros have no direction. */
function overLength(x: TensorLike, length: Tensor): Tensor {
  const zero = length.eq(0);
  return zero.where(0, length.operand(x).div(zero.where(1, length)));
}

/** W/σ with σ the largest singular value of W as a matrix [axis, rest] (Miyato et al. 2018, without the power iteration); 0 for zeros. */
export function spectralNorm(weight: Tensor, options: { readonly axis?: number } = {}): Tensor {
  checkTensors("spectralNorm", { weight });
  checkOptions("spectralNorm", options, SPECTRAL_NORM);
  const { axis = 0 } = options;
  return weight.mul(overLength(1, matrixNorm(weight.moveAxis(axis, 0).flatten(1), 2)));
}
