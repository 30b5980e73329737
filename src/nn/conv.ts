/** @file Convolutional layers over [batch, channels, ...] in one, two and three dimensions. */

import { aDtype, aNumber, type Checks, checkOptions, eachAxis, either, flag, fn, oneOf } from "../base/check.ts";
import type { Dtype } from "../base/dtype.ts";
import { type ConvOptions, conv1d, conv2d, conv3d, type PerAxis } from "../math/conv.ts";
import { eachSide, paddingText, sidesOf } from "../math/window.ts";
import { checkTensors } from "../ops/check.ts";
import { perAxis, type Tensor, type TensorLike } from "../ops/tensor.ts";
import { fanInUniform, fanInUniformBias, type Initializer } from "./initializers.ts";
import { checkSizes } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** One number for both axes, or [height, width]. */
export type Pair = number | readonly [height: number, width: number];

export interface ConvLayerOptions {
  /** Step between neighbouring results. Default 1. */
  readonly stride?: PerAxis;
  /** Elements added on each side; "same" keeps the size, "valid" is 0. Default 0. */
  readonly padding?: ConvOptions["padding"];
  /** What is added: zeros, or the input "reflect"ed, repeated at its edge ("replicate") or taken "circular"ly. Default "zeros". */
  readonly paddingMode?: ConvOptions["paddingMode"];
  /** Step between neighbouring taps of the kernel. Default 1. */
  readonly dilation?: PerAxis;
  /** Number of independent groups of channels; inChannels for a depthwise convolution. Default 1. */
  readonly groups?: number;
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
  /** Initial weight. Default PyTorch's, U(±1/√fanIn) with fanIn = inChannels/groups·Πkernel. */
  readonly weightInitializer?: Initializer;
  /** Initial bias. Default PyTorch's, the same interval. */
  readonly biasInitializer?: Initializer;
  /** Default f32. */
  readonly dtype?: Dtype;
}

const CONV_LAYER_OPTIONS: Checks<ConvLayerOptions> = {
  stride: eachAxis,
  padding: either(eachSide, oneOf("same", "valid")),
  paddingMode: oneOf("zeros", "reflect", "replicate", "circular"),
  dilation: eachAxis,
  groups: aNumber,
  bias: flag,
  weightInitializer: fn,
  biasInitializer: fn,
  dtype: aDtype,
};

/** Options of {@link Conv2d}. */
export type Conv2dOptions = ConvLayerOptions;

/** A convolution of inputs and weights with the layer's options. */
export type ConvFunction = (x: Tensor, weight: TensorLike, options: ConvOptions) => Tensor;

const SIZES = ["length", "height, width", "depth, height, width"];

/** Whether x is a batch [N, channels, ...size] or one example [channels, ...size]. */
export const hasChannels = (x: Tensor, spatial: number, channels: number): boolean =>
  (x.rank === spatial + 2 || x.rank === spatial + 1) && x.shape.at(-spatial - 1) === channels;

/** Settings of a layer as one number per axis, checked. */
export function convSettings(
  what: string,
  spatial: number,
  [inChannels, outChannels]: readonly [number, number],
  kernelSize: PerAxis,
  options: { readonly stride?: PerAxis; readonly dilation?: PerAxis; readonly groups?: number },
): { kernel: number[]; stride: number[]; dilation: number[]; groups: number } {
  const { groups = 1 } = options;
  checkSizes(what, { inChannels, outChannels, groups });
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new RangeError(`${what}: groups must divide both channel counts, got ${groups} for ${inChannels} to ${outChannels}`);
  }
  return {
    kernel: perAxis(kernelSize, spatial, `${what}: kernelSize`, 1),
    stride: perAxis(options.stride ?? 1, spatial, `${what}: stride`, 1),
    dilation: perAxis(options.dilation ?? 1, spatial, `${what}: dilation`, 1),
    groups,
  };
}

/** Padding as a number of each axis, or as pairs where the sides differ. */
function settled({ low, high }: ReturnType<typeof sidesOf>): number[] | [low: number, high: number][] {
  return low.every((n, i) => n === high[i]) ? low : low.map((n, i): [number, number] => [n, high[i]]);
}

/** What the convolutions of all dimensions share. */
export abstract class ConvNd extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly stride: readonly number[];
  readonly padding: readonly number[] | readonly (readonly [low: number, high: number])[] | "same" | "valid";
  readonly paddingMode: ConvOptions["paddingMode"];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly #conv: ConvFunction;

  constructor(conv: ConvFunction, spatial: number, channels: readonly [number, number], kernelSize: PerAxis, options: ConvLayerOptions) {
    checkOptions(new.target.name, options, CONV_LAYER_OPTIONS);
    super();
    const what = new.target.name;
    const { bias = true, weightInitializer = fanInUniform, dtype = "f32", padding = 0, paddingMode = "zeros" } = options;
    const { kernel, stride, dilation, groups } = convSettings(what, spatial, channels, kernelSize, options);
    this.#conv = conv;
    [this.stride, this.dilation, this.groups, this.paddingMode] = [stride, dilation, groups, paddingMode];
    this.padding = typeof padding === "string" ? padding : settled(sidesOf(padding, spatial, `${what}: padding`));
    const shape = [channels[1], channels[0] / groups, ...kernel];
    const { biasInitializer = fanInUniformBias(shape) } = options;
    this.weight = new Parameter(weightInitializer(shape, { dtype }), "weight");
    this.bias = bias ? new Parameter(biasInitializer([channels[1]], { dtype }), "bias") : undefined;
    this.guard("bias");
  }

  /** @throws {RangeError} unless x is [N, inChannels, ...] or one example [inChannels, ...], and the kernel fits into the padded input. */
  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    const [, perGroup, ...kernel] = this.weight.shape;
    const inChannels = perGroup * this.groups;
    if (!hasChannels(x, kernel.length, inChannels)) {
      const [want, one] = [SIZES[kernel.length - 1], kernel.length === 2 ? "image" : "example"];
      throw inputError(this.constructor.name, `[batch, ${inChannels}, ${want}]`, x.shape, `a single ${one} is [${inChannels}, ${want}]`);
    }
    const { bias, stride, padding, paddingMode, dilation, groups } = this;
    return this.#conv(x, this.weight, { bias, stride, padding, paddingMode, dilation, groups });
  }

  protected override details(): string {
    const [outChannels, perGroup, ...kernel] = this.weight.shape;
    const { padding } = this;
    const parts = [`${perGroup * this.groups} to ${outChannels}`, `kernel ${kernel.join("x")}`];
    if (this.stride.some((s) => s !== 1)) parts.push(`stride ${this.stride.join("x")}`);
    if (typeof padding === "string") parts.push(`padding ${padding}`);
    else parts.push(...[paddingText(sidesOf(padding, kernel.length, "padding"))].filter(Boolean));
    if (this.paddingMode !== "zeros") parts.push(`padding mode ${this.paddingMode}`);
    return [...parts, ...kernelDetails(this)].join(", ");
  }
}

/** What a printed convolution says of its dilation, groups and bias where they are not the usual ones. */
export function kernelDetails(layer: { readonly dilation: readonly number[]; readonly groups: number; readonly bias: unknown }): string[] {
  const { dilation, groups, bias } = layer;
  const parts: string[] = [];
  if (dilation.some((d) => d !== 1)) parts.push(`dilation ${dilation.join("x")}`);
  if (groups !== 1) parts.push(`groups ${groups}`);
  if (!bias) parts.push("no bias");
  return parts;
}

/**
 * Cross-correlation with learnt kernels: [N, inChannels, L] to [N, outChannels, L′], L′ = ⌊(L + 2p - d(k - 1) - 1)/s⌋ + 1.
 * Weight [outChannels, inChannels/groups, k], bias [outChannels].
 */
export class Conv1d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions = {}) {
    super(conv1d, 1, [inChannels, outChannels], kernelSize, options);
  }
}

/**
 * Cross-correlation with learnt kernels: [N, inChannels, H, W] to [N, outChannels, H′, W′], H′ = ⌊(H + 2p - d(k - 1) - 1)/s⌋ + 1.
 * Weight [outChannels, inChannels/groups, kh, kw], bias [outChannels].
 */
export class Conv2d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions = {}) {
    super(conv2d, 2, [inChannels, outChannels], kernelSize, options);
  }
}

/** {@link Conv2d} of volumes: [N, inChannels, D, H, W] to [N, outChannels, D′, H′, W′]. Weight [outChannels, inChannels/groups, kd, kh, kw]. */
export class Conv3d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions = {}) {
    super(conv3d, 3, [inChannels, outChannels], kernelSize, options);
  }
}
