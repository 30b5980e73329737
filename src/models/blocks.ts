/**
 * @file What the convolutional families share: options, initial values, and the few blocks that several papers build from. Names of children
 * are torchvision's, so that its published weights load.
 */
import {
  aNumber,
  type Checks,
  checkOptions,
  type Expectation,
  eachAxis,
  either,
  expectation,
  flag,
  fn,
  object,
  oneOf,
  positiveInteger,
} from "../base/check.ts";
import { dropout } from "../math/dropout.ts";
import { ReLU, Sigmoid } from "../nn/activation.ts";
import { BatchNorm2d, type BatchNormLayerOptions } from "../nn/batch-norm.ts";
import { Conv2d, type ConvLayerOptions, type Pair } from "../nn/conv.ts";
import { type Initializer, normal, truncatedNormal, uniform, varianceScaling, zeros } from "../nn/initializers.ts";
import { Linear } from "../nn/linear.ts";
import { type Layer, Module } from "../nn/module.ts";
import { Sequential } from "../nn/sequential.ts";
import { ones } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";

/** What a network for images of one size is made for. */
export const imageShape: Expectation = expectation(
  "[channels, height, width]",
  (value) => Array.isArray(value) && value.length === 3 && value.every(positiveInteger.holds),
);

/** What every network of images can be told. */
export interface ImageModelOptions {
  /** Outputs: the classes to tell apart. Default 1000, those of ImageNet. */
  readonly classes?: number;
  /** Channels of the images. Default 3. */
  readonly channels?: number;
  /** A stem that keeps the resolution, for images of about 32×32. Default false. */
  readonly smallImages?: boolean;
  /** Multiplies the channels of every layer. Default 1. */
  readonly width?: number;
}

export const IMAGE_MODEL_OPTIONS: Checks<ImageModelOptions> = { classes: aNumber, channels: aNumber, smallImages: flag, width: aNumber };

export type ImageSettings = Required<ImageModelOptions>;

/** The options with their defaults. @throws {RangeError} for a width that is not above 0. */
export function imageSettings({ classes = 1000, channels = 3, smallImages = false, width = 1 }: ImageModelOptions = {}): ImageSettings {
  if (!(width > 0 && Number.isFinite(width))) throw new RangeError(`model: width must be above 0, got ${width}`);
  return { classes, channels, smallImages, width };
}

/** n·width channels as a multiple of 8; n itself at width 1. */
export function widen(n: number, width: number): number {
  return width === 1 ? n : Math.max(8, 8 * Math.round((n * width) / 8));
}

/** The multiple of `divisor` nearest to n, but not more than a tenth below it (Howard et al. 2017, code). */
export function makeDivisible(n: number, divisor = 8): number {
  const near = Math.max(divisor, divisor * Math.floor((n + divisor / 2) / divisor));
  return near < 0.9 * n ? near + divisor : near;
}

// ---- initial values -----------------------------------------------------------------------------------------------------------------

/** N(0, 2/fanOut): He et al. (2015) backward, what torchvision gives the convolutions of most families. */
export const heFanOut: Initializer = varianceScaling({ scale: 2, mode: "fanOut", distribution: "normal" });

/** A dense layer with weights N(0, std²), default 0.01, and biases 0. */
export function dense(inFeatures: number, outFeatures: number, std = 0.01): Linear {
  return new Linear(inFeatures, outFeatures, { weightInitializer: normal(0, std), biasInitializer: zeros });
}

/** A dense layer with weights U(±1/√outFeatures) and biases 0. */
export function denseByOutputs(inFeatures: number, outFeatures: number): Linear {
  const a = 1 / Math.sqrt(outFeatures);
  return new Linear(inFeatures, outFeatures, { weightInitializer: uniform(-a, a), biasInitializer: zeros });
}

/** N(0, 0.02²) cut at ±2: ConvNeXt and transformers. */
export const smallNormal: Initializer = truncatedNormal({ std: 0.02, low: -2, high: 2 });

// ---- blocks -------------------------------------------------------------------------------------------------------------------------

const half = (kernel: Pair): Pair => (typeof kernel === "number" ? (kernel - 1) >> 1 : [(kernel[0] - 1) >> 1, (kernel[1] - 1) >> 1]);

/** A convolution without bias that keeps the size at stride 1. */
export function conv(inChannels: number, outChannels: number, kernel: Pair, options: ConvLayerOptions = {}): Conv2d {
  return new Conv2d(inChannels, outChannels, kernel, {
    padding: half(kernel),
    bias: false,
    weightInitializer: heFanOut,
    biasInitializer: zeros,
    ...options,
  });
}

/** Options of {@link ConvNormAct}. */
export interface ConvNormOptions {
  readonly stride?: number;
  readonly groups?: number;
  /** Default that which keeps the size at stride 1. */
  readonly padding?: ConvLayerOptions["padding"];
  /** Makes the activation; undefined for none. Default ReLU. */
  readonly activation?: (() => Layer) | undefined;
  /** Of the batch normalization. */
  readonly norm?: BatchNormLayerOptions;
}

const CONV_NORM_OPTIONS: Checks<ConvNormOptions> = {
  stride: aNumber,
  groups: aNumber,
  padding: either(eachAxis, oneOf("same", "valid")),
  activation: fn,
  norm: object,
};

/** Convolution, batch normalization and activation, as children 0, 1 and 2. */
export class ConvNormAct extends Sequential {
  constructor(inChannels: number, outChannels: number, kernel: Pair, options: ConvNormOptions = {}) {
    checkOptions(new.target.name, options, CONV_NORM_OPTIONS);
    const { stride = 1, groups = 1, padding = half(kernel), norm } = options;
    const activation = "activation" in options ? options.activation : () => new ReLU();
    const layers = [conv(inChannels, outChannels, kernel, { stride, groups, padding }), new BatchNorm2d(outChannels, norm)];
    super(...layers, ...(activation ? [activation()] : []));
  }
}

/** Layers one after another under names of their own. */
export class Chain extends Module {
  constructor(layers: Readonly<Record<string, Layer>>) {
    super();
    Object.assign(this, layers);
  }

  forward(x: Tensor): Tensor {
    return (Object.values(this) as Layer[]).reduce((y, layer) => layer.forward(y), x);
  }
}

/** Options of {@link SqueezeExcite}. */
export interface SqueezeExciteOptions {
  readonly activation?: () => Layer;
  /** From the excitation to the factor of a channel. Default the logistic function. */
  readonly gate?: () => Layer;
}

const SQUEEZE_EXCITE_OPTIONS: Checks<SqueezeExciteOptions> = { activation: fn, gate: fn };

/** Each channel times a factor that depends on the means of all: squeeze and excitation (Hu et al. 2018, eq. 2 to 4). */
export class SqueezeExcite extends Module {
  readonly fc1: Conv2d;
  readonly fc2: Conv2d;
  readonly activation: Layer;
  readonly gate: Layer;

  constructor(channels: number, squeezed: number, options: SqueezeExciteOptions = {}) {
    checkOptions(new.target.name, options, SQUEEZE_EXCITE_OPTIONS);
    super();
    const { activation = () => new ReLU(), gate = () => new Sigmoid() } = options;
    this.fc1 = conv(channels, squeezed, 1, { bias: true });
    this.fc2 = conv(squeezed, channels, 1, { bias: true });
    [this.activation, this.gate] = [activation(), gate()];
  }

  forward(x: Tensor): Tensor {
    const squeezed = this.activation.forward(this.fc1.forward(x.mean([2, 3], { keepDims: true })));
    return x.mul(this.gate.forward(this.fc2.forward(squeezed)));
  }
}

/** While training, drops the branch of whole examples with probability `rate` (Huang et al. 2016, "Deep networks with stochastic depth"). */
export class StochasticDepth extends Module {
  readonly rate: number;

  constructor(rate: number) {
    super();
    this.rate = rate;
  }

  forward(x: Tensor): Tensor {
    if (!this.training || this.rate === 0) return x;
    const perExample = ones([x.shape[0], ...x.shape.slice(1).map(() => 1)], x.dtype);
    return x.mul(dropout(perExample, { p: this.rate }));
  }

  protected override details(): string {
    return `${this.rate}`;
  }
}

/** Means of the channels: [N, C, H, W] to [N, C]. */
export function channelMeans(x: Tensor): Tensor {
  return x.mean([2, 3]);
}
