/**
 * @file ConvNeXt. v1: Liu et al. (2022), "A ConvNet for the 2020s", Table 9. v2: Woo et al. (2023), "ConvNeXt V2", Table 9: global response
 * normalization takes the place of the layer scale. v1 has torchvision's names, v2 its authors'.
 */
import { check, checkOptions, oneOf } from "../base/check.ts";
import { gelu } from "../math/activation.ts";
import { globalResponseNorm } from "../math/normalization.ts";
import { GELU } from "../nn/activation.ts";
import { Conv2d } from "../nn/conv.ts";
import { Flatten } from "../nn/flatten.ts";
import { constant, zeros } from "../nn/initializers.ts";
import { Linear } from "../nn/linear.ts";
import { type Layer, Module } from "../nn/module.ts";
import { LayerNorm, LayerNormChannelsFirst } from "../nn/norm.ts";
import { Parameter } from "../nn/parameter.ts";
import { Sequential } from "../nn/sequential.ts";
import type { Tensor } from "../ops/tensor.ts";
import { channelMeans, IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, StochasticDepth, smallNormal, widen } from "./blocks.ts";

const START = { weightInitializer: smallNormal, biasInitializer: zeros };
const norm = (channels: number): LayerNorm => new LayerNorm(channels, { eps: 1e-6 });

/** A patchwise convolution: kernel = stride. */
const patches = (channels: number, outChannels: number, size: number): Conv2d =>
  new Conv2d(channels, outChannels, size, { stride: size, ...START });

const depthwise = (channels: number): Conv2d => new Conv2d(channels, channels, 7, { padding: 3, groups: channels, ...START });

/** Axes in another order. */
class Permute extends Module {
  readonly axes: readonly number[];

  constructor(...axes: number[]) {
    super();
    this.axes = axes;
  }

  forward(x: Tensor): Tensor {
    return x.transpose(this.axes);
  }
}

const channelsLast = (): Permute => new Permute(0, 2, 3, 1);
const channelsFirst = (): Permute => new Permute(0, 3, 1, 2);

/** Rates of stochastic depth that grow from 0 to the last, a list for each stage. */
function dropRates(depths: readonly number[], last: number): number[][] {
  const all = depths.reduce((a, b) => a + b);
  let done = 0;
  return depths.map((n) => Array.from({ length: n }, () => (last * done++) / Math.max(1, all - 1)));
}

// ---- v1 -----------------------------------------------------------------------------------------------------------------------------

/** Depthwise 7×7, then per pixel: layer normalization, 4 times the channels, GELU, back; times a learnt scale, plus the input. */
class Block extends Module {
  readonly layer_scale: Parameter;
  readonly block: Sequential;
  readonly stochastic_depth: StochasticDepth;

  constructor(channels: number, dropRate: number) {
    super();
    this.layer_scale = new Parameter(constant(1e-6)([channels, 1, 1]), "layer_scale");
    this.block = new Sequential(
      depthwise(channels),
      channelsLast(),
      norm(channels),
      new Linear(channels, 4 * channels, START),
      new GELU(),
      new Linear(4 * channels, channels, START),
      channelsFirst(),
    );
    this.stochastic_depth = new StochasticDepth(dropRate);
  }

  forward(x: Tensor): Tensor {
    return this.stochastic_depth.forward(this.block.forward(x).mul(this.layer_scale)).add(x);
  }
}

/** Channels and blocks of the stages, and the last rate of stochastic depth. */
/** Sizes of ConvNeXt. */
export type ConvNeXtVersion = "tiny" | "small" | "base" | "large";

const V1 = {
  tiny: [[96, 192, 384, 768], [3, 3, 9, 3], 0.1],
  small: [[96, 192, 384, 768], [3, 3, 27, 3], 0.4],
  base: [[128, 256, 512, 1024], [3, 3, 27, 3], 0.5],
  large: [[192, 384, 768, 1536], [3, 3, 27, 3], 0.5],
} as const;

/** Images [N, 3, 224, 224] to [N, classes]; ConvNeXt-T has 28,589,128 parameters. Any size from 32×32 on; small ones from 16×16. */
export class ConvNeXt extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  constructor(version: ConvNeXtVersion, options: ImageModelOptions = {}) {
    check(`${new.target.name}: version`, version, oneOf(...Object.keys(V1)));
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const [sizes, depths, last] = V1[version];
    const widths = sizes.map((n) => widen(n, width));
    const rates = dropRates(depths, last);
    const layers = widths.flatMap((size, i): Layer[] => [
      i === 0
        ? new Sequential(patches(channels, size, smallImages ? 2 : 4), new LayerNormChannelsFirst(size))
        : new Sequential(new LayerNormChannelsFirst(widths[i - 1]), patches(widths[i - 1], size, 2)),
      new Sequential(...rates[i].map((rate) => new Block(size, rate))),
    ]);
    const top = widths[widths.length - 1];
    this.features = new Sequential(...layers);
    this.classifier = new Sequential(new LayerNormChannelsFirst(top), new Flatten(), new Linear(top, classes, START));
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x).mean([2, 3], { keepDims: true }));
  }
}

// ---- v2 -----------------------------------------------------------------------------------------------------------------------------

/** Global response normalization of [N, H, W, C] (eq. 1 to 3), with the authors' names and shapes of γ and β. */
class GRN extends Module {
  readonly gamma: Parameter;
  readonly beta: Parameter;

  constructor(channels: number) {
    super();
    this.gamma = new Parameter(zeros([1, 1, 1, channels]), "gamma");
    this.beta = new Parameter(zeros([1, 1, 1, channels]), "beta");
  }

  forward(x: Tensor): Tensor {
    const [weight, bias] = [this.gamma, this.beta].map((cell) => cell.value.reshape([-1]));
    return globalResponseNorm(x, { weight, bias, channelAxis: -1 });
  }
}

class BlockV2 extends Module {
  readonly dwconv: Conv2d;
  readonly norm: LayerNorm;
  readonly pwconv1: Linear;
  readonly grn: GRN;
  readonly pwconv2: Linear;
  readonly drop_path: StochasticDepth;

  constructor(channels: number, dropRate: number) {
    super();
    this.dwconv = depthwise(channels);
    this.norm = norm(channels);
    this.pwconv1 = new Linear(channels, 4 * channels, START);
    this.grn = new GRN(4 * channels);
    this.pwconv2 = new Linear(4 * channels, channels, START);
    this.drop_path = new StochasticDepth(dropRate);
  }

  forward(x: Tensor): Tensor {
    const y = this.norm.forward(this.dwconv.forward(x).transpose([0, 2, 3, 1]));
    const inner = this.grn.forward(gelu(this.pwconv1.forward(y)));
    return this.drop_path.forward(this.pwconv2.forward(inner).transpose([0, 3, 1, 2])).add(x);
  }
}

/** Sizes of ConvNeXt V2. */
export type ConvNeXtV2Version = "atto" | "femto" | "pico" | "nano" | "tiny" | "base" | "large" | "huge";

const V2 = {
  atto: [[40, 80, 160, 320], [2, 2, 6, 2], 0],
  femto: [[48, 96, 192, 384], [2, 2, 6, 2], 0],
  pico: [[64, 128, 256, 512], [2, 2, 6, 2], 0],
  nano: [[80, 160, 320, 640], [2, 2, 8, 2], 0.1],
  tiny: [[96, 192, 384, 768], [3, 3, 9, 3], 0.2],
  base: [[128, 256, 512, 1024], [3, 3, 27, 3], 0.1],
  large: [[192, 384, 768, 1536], [3, 3, 27, 3], 0.2],
  huge: [[352, 704, 1408, 2816], [3, 3, 27, 3], 0.3],
} as const;

/** Images [N, 3, 224, 224] to [N, classes]; the tiny one has 28,635,496 parameters. Any size from 32×32 on; small ones from 16×16. */
export class ConvNeXtV2 extends Module {
  readonly downsample_layers: readonly Sequential[];
  readonly stages: readonly Sequential[];
  readonly norm: LayerNorm;
  readonly head: Linear;

  constructor(version: ConvNeXtV2Version, options: ImageModelOptions = {}) {
    check(`${new.target.name}: version`, version, oneOf(...Object.keys(V2)));
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const [sizes, depths, last] = V2[version];
    const widths = sizes.map((n) => widen(n, width));
    const rates = dropRates(depths, last);
    this.downsample_layers = widths.map((size, i) =>
      i === 0
        ? new Sequential(patches(channels, size, smallImages ? 2 : 4), new LayerNormChannelsFirst(size))
        : new Sequential(new LayerNormChannelsFirst(widths[i - 1]), patches(widths[i - 1], size, 2)),
    );
    this.stages = widths.map((size, i) => new Sequential(...rates[i].map((rate) => new BlockV2(size, rate))));
    const top = widths[widths.length - 1];
    this.norm = norm(top);
    this.head = new Linear(top, classes, START);
  }

  forward(x: Tensor): Tensor {
    const y = this.stages.reduce((z, stage, i) => stage.forward(this.downsample_layers[i].forward(z)), x);
    return this.head.forward(this.norm.forward(channelMeans(y)));
  }
}
