/** @file Transposed convolutions: layers that enlarge, each the transpose of the convolution of the same settings. */

import { aDtype, aNumber, type Checks, checkOptions, eachAxis, flag, fn } from "../base/check.ts";
import { type ConvTransposeOptions, convTranspose1d, convTranspose2d, convTranspose3d, type PerAxis } from "../math/conv.ts";
import { perAxis, type Tensor, type TensorLike } from "../ops/tensor.ts";
import { type ConvLayerOptions, convSettings, hasChannels, kernelDetails } from "./conv.ts";
import { fanInUniform, fanInUniformBias } from "./initializers.ts";
import { inputError, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface ConvTransposeLayerOptions extends Omit<ConvLayerOptions, "padding" | "paddingMode"> {
  /** Elements cut from each side: the padding of the convolution that this one undoes. Default 0. */
  readonly padding?: PerAxis;
  /** Elements more at the end, below stride or dilation. Default 0. */
  readonly outputPadding?: PerAxis;
}

const CONV_TRANSPOSE_LAYER_OPTIONS: Checks<ConvTransposeLayerOptions> = {
  stride: eachAxis,
  dilation: eachAxis,
  groups: aNumber,
  bias: flag,
  weightInitializer: fn,
  biasInitializer: fn,
  dtype: aDtype,
  padding: eachAxis,
  outputPadding: eachAxis,
};

type ConvFunction = (x: Tensor, weight: TensorLike, options: ConvTransposeOptions) => Tensor;

export abstract class ConvTransposeNd extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly #conv: ConvFunction;

  constructor(
    conv: ConvFunction,
    spatial: number,
    channels: readonly [number, number],
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions,
  ) {
    checkOptions(new.target.name, options, CONV_TRANSPOSE_LAYER_OPTIONS);
    super();
    const what = new.target.name;
    const { bias = true, weightInitializer = fanInUniform, dtype = "f32" } = options;
    const { kernel, stride, dilation, groups } = convSettings(what, spatial, channels, kernelSize, options);
    this.#conv = conv;
    [this.stride, this.dilation, this.groups] = [stride, dilation, groups];
    this.padding = perAxis(options.padding ?? 0, spatial, `${what}: padding`);
    this.outputPadding = perAxis(options.outputPadding ?? 0, spatial, `${what}: outputPadding`);
    const shape = [channels[0], channels[1] / groups, ...kernel];
    const { biasInitializer = fanInUniformBias(shape) } = options;
    this.weight = new Parameter(weightInitializer(shape, { dtype }), "weight");
    this.bias = bias ? new Parameter(biasInitializer([channels[1]], { dtype }), "bias") : undefined;
    this.guard("bias");
  }

  /** @throws {RangeError} unless x is [N, inChannels, ...] or one example [inChannels, ...]. */
  forward(x: Tensor): Tensor {
    const [inChannels, , ...kernel] = this.weight.shape;
    if (!hasChannels(x, kernel.length, inChannels))
      throw inputError(this.constructor.name, `[batch, ${inChannels}, ...size]`, x.shape, `a single example is [${inChannels}, ...size]`);
    const { bias, stride, padding, outputPadding, dilation, groups } = this;
    return this.#conv(x, this.weight, { bias, stride, padding, outputPadding, dilation, groups });
  }

  protected override details(): string {
    const [inChannels, perGroup, ...kernel] = this.weight.shape;
    const parts = [`${inChannels} to ${perGroup * this.groups}`, `kernel ${kernel.join("x")}`];
    if (this.stride.some((s) => s !== 1)) parts.push(`stride ${this.stride.join("x")}`);
    if (this.padding.some((p) => p !== 0)) parts.push(`padding ${this.padding.join("x")}`);
    if (this.outputPadding.some((p) => p !== 0)) parts.push(`output padding ${this.outputPadding.join("x")}`);
    return [...parts, ...kernelDetails(this)].join(", ");
  }
}

/**
 * [N, inChannels, L] to [N, outChannels, L′], L′ = (L - 1)s - 2p + d(k - 1) + outputPadding + 1. Weight [inChannels, outChannels/groups, k],
 * bias [outChannels].
 */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvTransposeLayerOptions = {}) {
    super(convTranspose1d, 1, [inChannels, outChannels], kernelSize, options);
  }
}

/** {@link ConvTranspose1d} of images, [N, inChannels, H, W]. */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvTransposeLayerOptions = {}) {
    super(convTranspose2d, 2, [inChannels, outChannels], kernelSize, options);
  }
}

/** {@link ConvTranspose1d} of volumes, [N, inChannels, D, H, W]. */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvTransposeLayerOptions = {}) {
    super(convTranspose3d, 3, [inChannels, outChannels], kernelSize, options);
  }
}
