/** @file The convolutional layer for images, [batch, channels, height, width]. */
import type { Dtype } from "../base/dtype.ts";
import { perAxis, type Tensor } from "../ops/tensor.ts";
import { fanInUniform, fanInUniformBias, type Initializer } from "./initializers.ts";
import { checkSizes } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** One number for both axes, or [height, width]. */
export type Pair = number | readonly [height: number, width: number];

export interface Conv2dOptions {
  /** Step between neighbouring results. Default 1. */
  readonly stride?: Pair;
  /** Zeros added on each side. Default 0. */
  readonly padding?: Pair;
  /** Step between neighbouring taps of the kernel. Default 1. */
  readonly dilation?: Pair;
  /** Number of independent groups of channels; inChannels for a depthwise convolution. Default 1. */
  readonly groups?: number;
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
  /** Initial weight. Default PyTorch's, U(±1/√fanIn) with fanIn = inChannels/groups·kh·kw. */
  readonly weightInitializer?: Initializer;
  /** Initial bias. Default PyTorch's, the same interval. */
  readonly biasInitializer?: Initializer;
  /** Default f32. */
  readonly dtype?: Dtype;
}

/**
 * Cross-correlation with learnt kernels: [N, inChannels, H, W] to [N, outChannels, H', W'], H' = ⌊(H + 2p - d(k - 1) - 1)/s⌋ + 1.
 * Weight [outChannels, inChannels/groups, kh, kw], bias [outChannels].
 */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    super();
    const { groups = 1, bias = true, weightInitializer = fanInUniform, dtype = "f32" } = options;
    checkSizes("Conv2d", { inChannels, outChannels, groups });
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new RangeError(`Conv2d: groups must divide both channel counts, got ${groups} for ${inChannels} to ${outChannels}`);
    }
    this.stride = perAxis(options.stride ?? 1, 2, "Conv2d: stride", 1);
    this.padding = perAxis(options.padding ?? 0, 2, "Conv2d: padding");
    this.dilation = perAxis(options.dilation ?? 1, 2, "Conv2d: dilation", 1);
    this.groups = groups;
    const shape = [outChannels, inChannels / groups, ...perAxis(kernelSize, 2, "Conv2d: kernelSize", 1)];
    const { biasInitializer = fanInUniformBias(shape) } = options;
    this.weight = new Parameter(weightInitializer(shape, { dtype }), "weight");
    this.bias = bias ? new Parameter(biasInitializer([outChannels], { dtype }), "bias") : undefined;
  }

  /** @throws {RangeError} unless x is [N, inChannels, H, W] and the kernel fits into the padded image. */
  forward(x: Tensor): Tensor {
    const [outChannels, perGroup] = this.weight.shape;
    const inChannels = perGroup * this.groups;
    if (x.rank !== 4 || x.shape[1] !== inChannels) {
      throw inputError("Conv2d", `[batch, ${inChannels}, height, width]`, x.shape, "a single image needs unsqueeze(0)");
    }
    const y = x.conv(this.weight, { stride: this.stride, padding: this.padding, dilation: this.dilation, groups: this.groups });
    return this.bias ? y.add(this.bias.value.reshape([outChannels, 1, 1])) : y;
  }

  protected override details(): string {
    const [outChannels, perGroup, ...kernel] = this.weight.shape;
    const parts = [`${perGroup * this.groups} to ${outChannels}`, `kernel ${kernel.join("x")}`];
    if (this.stride.some((s) => s !== 1)) parts.push(`stride ${this.stride.join("x")}`);
    if (this.padding.some((p) => p !== 0)) parts.push(`padding ${this.padding.join("x")}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation ${this.dilation.join("x")}`);
    if (this.groups !== 1) parts.push(`groups ${this.groups}`);
    if (!this.bias) parts.push("no bias");
    return parts.join(", ");
  }
}
