/**
 * @file ShuffleNet v2: Ma et al. (2018), "ShuffleNet v2: practical guidelines for efficient CNN architecture design", Table 5. Half of the
 * channels pass by; a shuffle mixes the halves.
 */

import { checkOptions } from "../base/check.ts";
import { maxPool2d } from "../math/pool.ts";
import { ReLU } from "../nn/activation.ts";
import { BatchNorm2d } from "../nn/batch-norm.ts";
import { Linear } from "../nn/linear.ts";
import { type Layer, Module } from "../nn/module.ts";
import { ChannelShuffle } from "../nn/resize.ts";
import { Sequential } from "../nn/sequential.ts";
import { concatenate } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { ConvNormAct, channelMeans, conv, IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, widen } from "./blocks.ts";

/** Fig. 3c at stride 1, 3d at stride 2. */
class ShuffleUnit extends Module {
  readonly branch1: Sequential;
  readonly branch2: Sequential;
  readonly shuffle: ChannelShuffle = new ChannelShuffle(2);
  readonly stride: number;

  constructor(channels: number, outChannels: number, stride: number) {
    super();
    const side = outChannels >> 1;
    const entering = stride === 1 ? side : channels;
    const depthwise = (c: number): Layer[] => [conv(c, c, 3, { stride, groups: c }), new BatchNorm2d(c)];
    const pointwise = (c: number): Layer[] => [conv(c, side, 1), new BatchNorm2d(side), new ReLU()];
    this.stride = stride;
    this.branch1 = new Sequential(...(stride === 1 ? [] : [...depthwise(channels), ...pointwise(channels)]));
    this.branch2 = new Sequential(...pointwise(entering), ...depthwise(side), ...pointwise(side));
  }

  forward(x: Tensor): Tensor {
    const side = x.shape[1] >> 1;
    const parts =
      this.stride === 1
        ? [x.narrow(1, 0, side), this.branch2.forward(x.narrow(1, side, side))]
        : [this.branch1.forward(x), this.branch2.forward(x)];
    return this.shuffle.forward(concatenate(parts, 1));
  }
}

/** Channels of the stages and of conv5 at the widths of Table 5. */
const SIZES: Readonly<Record<string, readonly [number, number, number, number]>> = {
  "0.5": [48, 96, 192, 1024],
  "1": [116, 232, 464, 1024],
  "1.5": [176, 352, 704, 1024],
  "2": [244, 488, 976, 2048],
};

/** Images [N, 3, 224, 224] to [N, classes]. Widths 0.5, 1, 1.5 and 2 are the paper's, others scale 1. Any size from 32×32 on; small ones from 8×8. */
export class ShuffleNetV2 extends Module {
  readonly conv1: Sequential;
  readonly stage2: Sequential;
  readonly stage3: Sequential;
  readonly stage4: Sequential;
  readonly conv5: Sequential;
  readonly fc: Linear;
  readonly smallImages: boolean;

  constructor(options: ImageModelOptions = {}) {
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const sizes = SIZES[width] ?? SIZES["1"].map((n) => widen(n, width));
    let now = 24;
    const stage = (size: number, units: number): Sequential => {
      const made = Array.from({ length: units }, (_, i) => {
        const unit = new ShuffleUnit(now, size, i === 0 ? 2 : 1);
        now = size;
        return unit;
      });
      return new Sequential(...made);
    };
    this.smallImages = smallImages;
    this.conv1 = new ConvNormAct(channels, now, 3, { stride: smallImages ? 1 : 2 });
    [this.stage2, this.stage3, this.stage4] = [stage(sizes[0], 4), stage(sizes[1], 8), stage(sizes[2], 4)];
    this.conv5 = new ConvNormAct(now, sizes[3], 1);
    this.fc = new Linear(sizes[3], classes);
  }

  forward(x: Tensor): Tensor {
    const stem = this.conv1.forward(x);
    const pooled = this.smallImages ? stem : maxPool2d(stem, 3, { stride: 2, padding: 1 });
    const y = this.stage4.forward(this.stage3.forward(this.stage2.forward(pooled)));
    return this.fc.forward(channelMeans(this.conv5.forward(y)));
  }
}
