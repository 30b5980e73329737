/**
 * @file Convolutions (CNN-1, CNN-5) and their transposes, in one, two and three dimensions. Cross-correlation, as everywhere in deep
 * learning: the kernel is not flipped. x is [N, C, ...size], or [C, ...size], which gives [O, ...size′]; weights are [out, in/groups, ...kernel].
 */

import { checkOptions } from "../base/check.ts";
import { promote } from "../base/dtype.ts";
import { formatShape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { convInput } from "../ops/convolution.ts";
import { perAxis, type Tensor, type TensorLike } from "../ops/tensor.ts";
import { CONV_OPTIONS, CONV_TRANSPOSE_OPTIONS } from "./options.ts";
import { type PadMode, pad } from "./rearrange.ts";
import { type Padding, sidesOf } from "./window.ts";

/** One number for all axes, or one for each. */
export type PerAxis = number | readonly number[];

export interface ConvOptions {
  /** [out]. Default none. */
  readonly bias?: TensorLike;
  /** Step between neighbouring results. Default 1. */
  readonly stride?: PerAxis;
  /** Elements added on both sides, or [low, high] of each axis; "same" keeps the size (an odd total puts one more at the end), "valid" is 0. Default 0. */
  readonly padding?: Padding | "same" | "valid";
  /** What is added. Default "zeros". */
  readonly paddingMode?: "zeros" | Exclude<PadMode, "constant">;
  /** Step between neighbouring taps of the kernel. Default 1. */
  readonly dilation?: PerAxis;
  /** Number of independent groups of channels. Default 1. */
  readonly groups?: number;
}

/** Runs on a batch; a single example [channels, ...size] is a batch of one. */
function batched(what: string, x: Tensor, spatial: number, run: (x: Tensor) => Tensor): Tensor {
  if (x.rank === spatial + 2) return run(x);
  if (x.rank === spatial + 1) return run(x.unsqueeze(0)).squeeze(0);
  const size = ["length", "height, width", "depth, height, width"][spatial - 1];
  throw new RangeError(`${what}: want [batch, channels, ${size}] or [channels, ${size}], got ${formatShape(x.shape)}`);
}

function addBias(y: Tensor, bias: TensorLike | undefined): Tensor {
  if (bias === undefined) return y;
  return y.add(y.operand(bias).reshape([-1, ...y.shape.slice(2).map(() => 1)]));
}

function convNd(what: string, spatial: number, x: Tensor, w: TensorLike, options: ConvOptions): Tensor {
  return batched(what, x, spatial, (batch) => convBatch(what, spatial, batch, w, options));
}

function convBatch(what: string, spatial: number, x: Tensor, w: TensorLike, options: ConvOptions): Tensor {
  const weight = x.operand(w);
  const { padding = 0, paddingMode = "zeros", groups = 1 } = options;
  const stride = perAxis(options.stride ?? 1, spatial, `${what}: stride`, 1);
  const dilation = perAxis(options.dilation ?? 1, spatial, `${what}: dilation`, 1);
  let low: number[];
  let high: number[];
  if (padding === "same") {
    if (stride.some((s) => s !== 1)) throw new RangeError(`${what}: padding "same" wants stride 1, got ${formatShape(stride)}`);
    const total = dilation.map((d, i) => d * (weight.shape[i + 2] - 1));
    low = total.map((t) => Math.floor(t / 2));
    high = total.map((t, i) => t - low[i]);
  } else {
    ({ low, high } = sidesOf(padding === "valid" ? 0 : padding, spatial, `${what}: padding`));
  }
  const padded =
    paddingMode === "zeros"
      ? x.pad([0, 0, ...low], [0, 0, ...high])
      : pad(
          x,
          low.map((n, i) => [n, high[i]] as const),
          paddingMode,
        );
  return addBias(padded.conv(weight, { stride, dilation, groups }), options.bias);
}

/** x [N, C, L] with weight [O, C/groups, k] to [N, O, L′], L′ = ⌊(L + 2p - d(k - 1) - 1)/s⌋ + 1. */
export function conv1d(x: Tensor, weight: TensorLike, options: ConvOptions = {}): Tensor {
  checkTensors("conv1d", { x });
  checkOptions("conv1d", options, CONV_OPTIONS);
  return convNd("conv1d", 1, x, weight, options);
}

/** x [N, C, H, W] with weight [O, C/groups, kh, kw] to [N, O, H′, W′], sizes as in {@link conv1d}. */
export function conv2d(x: Tensor, weight: TensorLike, options: ConvOptions = {}): Tensor {
  checkTensors("conv2d", { x });
  checkOptions("conv2d", options, CONV_OPTIONS);
  return convNd("conv2d", 2, x, weight, options);
}

/** x [N, C, D, H, W] with weight [O, C/groups, kd, kh, kw] to [N, O, D′, H′, W′], sizes as in {@link conv1d}. */
export function conv3d(x: Tensor, weight: TensorLike, options: ConvOptions = {}): Tensor {
  checkTensors("conv3d", { x });
  checkOptions("conv3d", options, CONV_OPTIONS);
  return convNd("conv3d", 3, x, weight, options);
}

export interface ConvTransposeOptions {
  /** [out]. Default none. */
  readonly bias?: TensorLike;
  /** Step between neighbouring inputs in the result. Default 1. */
  readonly stride?: PerAxis;
  /** Elements cut from both sides: the padding of the convolution that this one undoes. Default 0. */
  readonly padding?: PerAxis;
  /** Elements more at the end, since with a stride several sizes have the same convolution. Default 0. */
  readonly outputPadding?: PerAxis;
  /** Step between neighbouring taps of the kernel. Default 1. */
  readonly dilation?: PerAxis;
  /** Number of independent groups of channels. Default 1. */
  readonly groups?: number;
}

/** The transpose of `convNd` as a linear map of x: what that one has as its gradient. */
function convTransposeNd(what: string, spatial: number, x: Tensor, w: TensorLike, options: ConvTransposeOptions): Tensor {
  return batched(what, x, spatial, (batch) => convTransposeBatch(what, spatial, batch, w, options));
}

function convTransposeBatch(what: string, spatial: number, x: Tensor, w: TensorLike, options: ConvTransposeOptions): Tensor {
  const weight = x.operand(w);
  const groups = options.groups ?? 1;
  if (weight.rank !== x.rank || weight.shape[0] !== x.shape[1] || x.shape[1] % groups !== 0) {
    throw new RangeError(
      `${what}: weight must be [channels, out / groups, ...kernel] with ${x.shape[1]} channels in ${groups} group(s), got ${formatShape(weight.shape)}`,
    );
  }
  const stride = perAxis(options.stride ?? 1, spatial, `${what}: stride`, 1);
  const dilation = perAxis(options.dilation ?? 1, spatial, `${what}: dilation`, 1);
  const padding = perAxis(options.padding ?? 0, spatial, `${what}: padding`);
  const extra = perAxis(options.outputPadding ?? 0, spatial, `${what}: outputPadding`);
  if (extra.some((e, i) => e >= Math.max(stride[i], dilation[i]))) {
    throw new RangeError(`${what}: outputPadding must be below stride or dilation, got ${formatShape(extra)}`);
  }
  const full = stride.map((s, i) => (x.shape[i + 2] - 1) * s + dilation[i] * (weight.shape[i + 2] - 1) + 1);
  const size = full.map((f, i) => f - 2 * padding[i] + extra[i]);
  if (size.some((d) => d < 1))
    throw new RangeError(`${what}: nothing is left of ${formatShape(full)} after padding ${formatShape(padding)}`);
  const dtype = promote(x.dtype, weight.dtype);
  const y = x.bind(convInput, [x.cast(dtype), weight.cast(dtype)], { stride, dilation, groups, size: full });
  const tail = extra.map((e, i) => Math.max(0, e - padding[i]));
  const none = [0, 0, ...tail.map(() => 0)];
  const cut = y.pad(none, [0, 0, ...tail]).slice([0, 0, ...padding], [...y.shape.slice(0, 2), ...size.map((d, i) => d + padding[i])]);
  return addBias(cut, options.bias);
}

/** x [N, C, L] with weight [C, O/groups, k] to [N, O, L′], L′ = (L - 1)s - 2p + d(k - 1) + outputPadding + 1. */
export function convTranspose1d(x: Tensor, weight: TensorLike, options: ConvTransposeOptions = {}): Tensor {
  checkTensors("convTranspose1d", { x });
  checkOptions("convTranspose1d", options, CONV_TRANSPOSE_OPTIONS);
  return convTransposeNd("convTranspose1d", 1, x, weight, options);
}

/** x [N, C, H, W] with weight [C, O/groups, kh, kw] to [N, O, H′, W′], sizes as in {@link convTranspose1d}. */
export function convTranspose2d(x: Tensor, weight: TensorLike, options: ConvTransposeOptions = {}): Tensor {
  checkTensors("convTranspose2d", { x });
  checkOptions("convTranspose2d", options, CONV_TRANSPOSE_OPTIONS);
  return convTransposeNd("convTranspose2d", 2, x, weight, options);
}

/** x [N, C, D, H, W] with weight [C, O/groups, kd, kh, kw] to [N, O, D′, H′, W′], sizes as in {@link convTranspose1d}. */
export function convTranspose3d(x: Tensor, weight: TensorLike, options: ConvTransposeOptions = {}): Tensor {
  checkTensors("convTranspose3d", { x });
  checkOptions("convTranspose3d", options, CONV_TRANSPOSE_OPTIONS);
  return convTransposeNd("convTranspose3d", 3, x, weight, options);
}
