/**
 * @file Residual networks. ResNet: He, Zhang, Ren & Sun (2016), "Deep residual learning for image recognition", Table 1. Wide ResNet:
 * Zagoruyko & Komodakis (2016). ResNeXt: Xie et al. (2017), Table 1. SENet: Hu, Shen & Sun (2018), "Squeeze-and-excitation networks",
 * Table 1. As in torchvision the stride is in the 3×3 convolution of a bottleneck.
 */
import { aNumber, type Checks, check, checkOptions, flag, listOf, oneOf, positiveInteger } from "../base/check.ts";
import { relu } from "../math/activation.ts";
import { maxPool2d } from "../math/pool.ts";
import { BatchNorm2d } from "../nn/batch-norm.ts";
import type { Conv2d } from "../nn/conv.ts";
import { Linear } from "../nn/linear.ts";
import { type Layer, Module } from "../nn/module.ts";
import { Sequential } from "../nn/sequential.ts";
import type { Tensor } from "../ops/tensor.ts";
import { channelMeans, conv, IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, SqueezeExcite, widen } from "./blocks.ts";

export interface ResNetOptions extends ImageModelOptions {
  /** Groups of the 3×3 convolutions of bottlenecks: ResNeXt's cardinality. Default 1. */
  readonly groups?: number;
  /** Channels of a group where the block has 64: 128 for Wide ResNet-50-2. Default 64. */
  readonly widthPerGroup?: number;
  /** Whether squeeze and excitation, by a factor of 16, precedes each addition. Default false. */
  readonly squeezeExcite?: boolean;
}

const RES_NET_OPTIONS: Checks<ResNetOptions> = { ...IMAGE_MODEL_OPTIONS, groups: aNumber, widthPerGroup: aNumber, squeezeExcite: flag };

interface Place {
  readonly channels: number;
  /** Channels of the block's inside, before expansion. */
  readonly planes: number;
  readonly stride: number;
  readonly options: ResNetOptions;
}

abstract class Block extends Module {
  abstract readonly downsample: Layer | undefined;
  abstract readonly se: SqueezeExcite | undefined;
  protected abstract residual(x: Tensor): Tensor;

  forward(x: Tensor): Tensor {
    const y = this.residual(x);
    return relu((this.se ? this.se.forward(y) : y).add(this.downsample ? this.downsample.forward(x) : x));
  }
}

/** A 1×1 convolution where shapes change: the paper's option B. */
function projection(channels: number, outChannels: number, stride: number): Sequential | undefined {
  if (stride === 1 && channels === outChannels) return undefined;
  return new Sequential(conv(channels, outChannels, 1, { stride }), new BatchNorm2d(outChannels));
}

const excitation = (channels: number, { squeezeExcite }: ResNetOptions): SqueezeExcite | undefined =>
  squeezeExcite ? new SqueezeExcite(channels, Math.max(1, channels >> 4)) : undefined;

/** 3×3, 3×3. */
class BasicBlock extends Block {
  static readonly expansion: number = 1;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly se: SqueezeExcite | undefined;
  readonly downsample: Sequential | undefined;

  constructor({ channels, planes, stride, options }: Place) {
    super();
    this.conv1 = conv(channels, planes, 3, { stride });
    this.bn1 = new BatchNorm2d(planes);
    this.conv2 = conv(planes, planes, 3);
    this.bn2 = new BatchNorm2d(planes);
    this.se = excitation(planes, options);
    this.downsample = projection(channels, planes, stride);
  }

  protected residual(x: Tensor): Tensor {
    return this.bn2.forward(this.conv2.forward(relu(this.bn1.forward(this.conv1.forward(x)))));
  }
}

/** 1×1 down, 3×3 (in groups), 1×1 up. */
class Bottleneck extends Block {
  static readonly expansion: number = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly se: SqueezeExcite | undefined;
  readonly downsample: Sequential | undefined;

  constructor({ channels, planes, stride, options }: Place) {
    super();
    const { groups = 1, widthPerGroup = 64 } = options;
    const inner = Math.floor(planes * (widthPerGroup / 64)) * groups;
    this.conv1 = conv(channels, inner, 1);
    this.bn1 = new BatchNorm2d(inner);
    this.conv2 = conv(inner, inner, 3, { stride, groups });
    this.bn2 = new BatchNorm2d(inner);
    this.conv3 = conv(inner, 4 * planes, 1);
    this.bn3 = new BatchNorm2d(4 * planes);
    this.se = excitation(4 * planes, options);
    this.downsample = projection(channels, 4 * planes, stride);
  }

  protected residual(x: Tensor): Tensor {
    const y = relu(this.bn1.forward(this.conv1.forward(x)));
    return this.bn3.forward(this.conv3.forward(relu(this.bn2.forward(this.conv2.forward(y)))));
  }
}

const BLOCKS = { basic: BasicBlock, bottleneck: Bottleneck };

/** Images [N, 3, 224, 224] to [N, classes]: a stem, four stages of blocks, the mean, a dense layer. Any size from 32×32 on; small ones from 8×8. */
export class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly fc: Linear;
  readonly smallImages: boolean;

  /** `depths`: blocks of each stage. */
  constructor(kind: "basic" | "bottleneck", depths: readonly number[], options: ResNetOptions = {}) {
    check("ResNet: kind", kind, oneOf("basic", "bottleneck"));
    check("ResNet: depths", depths, listOf(positiveInteger, 4));
    checkOptions(new.target.name, options, RES_NET_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const block = BLOCKS[kind];
    const planes = [64, 128, 256, 512].map((n) => widen(n, width));
    let now = planes[0];
    const stage = (i: number): Sequential => {
      const blocks = Array.from({ length: depths[i] }, (_, j) => {
        const made = new block({ channels: now, planes: planes[i], stride: i > 0 && j === 0 ? 2 : 1, options });
        now = planes[i] * block.expansion;
        return made;
      });
      return new Sequential(...blocks);
    };
    this.smallImages = smallImages;
    this.conv1 = smallImages ? conv(channels, now, 3) : conv(channels, now, 7, { stride: 2 });
    this.bn1 = new BatchNorm2d(now);
    [this.layer1, this.layer2, this.layer3, this.layer4] = [stage(0), stage(1), stage(2), stage(3)];
    this.fc = new Linear(now, classes);
  }

  forward(x: Tensor): Tensor {
    const stem = relu(this.bn1.forward(this.conv1.forward(x)));
    const pooled = this.smallImages ? stem : maxPool2d(stem, 3, { stride: 2, padding: 1 });
    const y = [this.layer1, this.layer2, this.layer3, this.layer4].reduce((z, layer) => layer.forward(z), pooled);
    return this.fc.forward(channelMeans(y));
  }
}

// ---- for CIFAR ----------------------------------------------------------------------------------------------------------------------

/** {@link BasicBlock} whose shortcut has no parameters: every second pixel, new channels 0 (the paper's option A). */
class PlainBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly stride: number;

  constructor(channels: number, planes: number, stride: number) {
    super();
    this.conv1 = conv(channels, planes, 3, { stride });
    this.bn1 = new BatchNorm2d(planes);
    this.conv2 = conv(planes, planes, 3);
    this.bn2 = new BatchNorm2d(planes);
    this.stride = stride;
  }

  forward(x: Tensor): Tensor {
    const y = this.bn2.forward(this.conv2.forward(relu(this.bn1.forward(this.conv1.forward(x)))));
    const kept = this.stride === 1 ? x : x.slice([0, 0, 0, 0], x.shape, [1, 1, this.stride, this.stride]);
    const more = y.shape[1] - x.shape[1];
    return relu(y.add(more === 0 ? kept : kept.pad([0, more >> 1, 0, 0], [0, more - (more >> 1), 0, 0])));
  }
}

/**
 * The paper's networks for CIFAR-10 (§4.2): 6n + 2 layers with 16, 32 and 64 channels, [N, 3, 32, 32] to [N, classes], by default 10. The
 * shortcuts have no parameters.
 */
export class CifarResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly linear: Linear;

  /** @throws {RangeError} unless depth = 6n + 2. */
  constructor(depth: number, options: ImageModelOptions = {}) {
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, width } = imageSettings({ classes: 10, ...options });
    const n = (depth - 2) / 6;
    if (!Number.isInteger(n) || n < 1) throw new RangeError(`CifarResNet: the depth must be 6n + 2, such as 20, 32 or 56; got ${depth}`);
    const planes = [16, 32, 64].map((p) => widen(p, width));
    const stage = (i: number): Sequential =>
      new Sequential(
        ...Array.from({ length: n }, (_, j) =>
          j === 0 && i > 0 ? new PlainBlock(planes[i - 1], planes[i], 2) : new PlainBlock(planes[i], planes[i], 1),
        ),
      );
    this.conv1 = conv(channels, planes[0], 3);
    this.bn1 = new BatchNorm2d(planes[0]);
    [this.layer1, this.layer2, this.layer3] = [stage(0), stage(1), stage(2)];
    this.linear = new Linear(planes[2], classes);
  }

  forward(x: Tensor): Tensor {
    const stem = relu(this.bn1.forward(this.conv1.forward(x)));
    return this.linear.forward(channelMeans(this.layer3.forward(this.layer2.forward(this.layer1.forward(stem)))));
  }
}
