/** @file MNASNet: Tan et al. (2019), "MnasNet: platform-aware neural architecture search for mobile", Fig. 7 (B1), as in torchvision. */
import { checkOptions } from "../base/check.ts";
import { ReLU } from "../nn/activation.ts";
import { BatchNorm2d } from "../nn/batch-norm.ts";
import { Dropout } from "../nn/dropout.ts";
import { Linear } from "../nn/linear.ts";
import { type Layer, Module } from "../nn/module.ts";
import { Sequential } from "../nn/sequential.ts";
import type { Tensor } from "../ops/tensor.ts";
import { channelMeans, conv, IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, makeDivisible } from "./blocks.ts";

const norm = (channels: number): BatchNorm2d => new BatchNorm2d(channels, { momentum: 1 - 0.9997 });

/** 1×1 up, depthwise k×k, 1×1 down, added to the input where shapes agree. */
class InvertedResidual extends Module {
  readonly layers: Sequential;
  readonly shortcut: boolean;

  constructor(channels: number, outChannels: number, kernel: number, stride: number, expansion: number) {
    super();
    const inner = channels * expansion;
    this.shortcut = stride === 1 && channels === outChannels;
    this.layers = new Sequential(
      conv(channels, inner, 1),
      norm(inner),
      new ReLU(),
      conv(inner, inner, kernel, { stride, groups: inner }),
      norm(inner),
      new ReLU(),
      conv(inner, outChannels, 1),
      norm(outChannels),
    );
  }

  forward(x: Tensor): Tensor {
    const y = this.layers.forward(x);
    return this.shortcut ? y.add(x) : y;
  }
}

/** Channels, kernel, stride, expansion, blocks. */
const STAGES = [
  [24, 3, 2, 3, 3],
  [40, 5, 2, 3, 3],
  [80, 5, 2, 6, 3],
  [96, 3, 1, 6, 2],
  [192, 5, 2, 6, 4],
  [320, 3, 1, 6, 1],
] as const;

/** Images [N, 3, 224, 224] to [N, classes]. `width` is the paper's depth multiplier: 0.5, 0.75, 1, 1.3. Any size from 32×32 on; small ones from 16×16. */
export class MNASNet extends Module {
  readonly layers: Sequential;
  readonly classifier: Sequential;

  constructor(options: ImageModelOptions = {}) {
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const w = (n: number): number => makeDivisible(n * width);
    const [a, b] = [w(32), w(16)];
    let now = b;
    const stages = STAGES.map(([size, kernel, stride, expansion, blocks]) => {
      const made = Array.from({ length: blocks }, (_, i): Layer => {
        const before = now;
        now = w(size);
        return new InvertedResidual(before, now, kernel, i === 0 ? stride : 1, expansion);
      });
      return new Sequential(...made);
    });
    this.layers = new Sequential(
      conv(channels, a, 3, { stride: smallImages ? 1 : 2 }),
      norm(a),
      new ReLU(),
      conv(a, a, 3, { groups: a }),
      norm(a),
      new ReLU(),
      conv(a, b, 1),
      norm(b),
      ...stages,
      conv(now, 1280, 1),
      norm(1280),
      new ReLU(),
    );
    this.classifier = new Sequential(new Dropout(0.2), new Linear(1280, classes));
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(channelMeans(this.layers.forward(x)));
  }
}
