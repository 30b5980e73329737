/**
 * @file VGG: Simonyan & Zisserman (2015), "Very deep convolutional networks for large-scale image recognition", Table 1. Nothing but 3×3
 * convolutions: two see 5×5, three see 7×7, with fewer parameters and more ReLUs than one large kernel.
 */
import { type Checks, check, checkOptions, flag, oneOf } from "../base/check.ts";
import { ReLU } from "../nn/activation.ts";
import { AdaptiveAvgPool2d } from "../nn/adaptive-pool.ts";
import { BatchNorm2d } from "../nn/batch-norm.ts";
import { Dropout } from "../nn/dropout.ts";
import { type Layer, Module } from "../nn/module.ts";
import { LocalResponseNorm } from "../nn/norm.ts";
import { MaxPool2d } from "../nn/pool.ts";
import { Sequential } from "../nn/sequential.ts";
import type { Tensor } from "../ops/tensor.ts";
import { conv, dense, IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, widen } from "./blocks.ts";

/** Columns of Table 1. A number is a 3×3 convolution with so many channels, "1x1 n" a 1×1 one, M max pooling by 2, LRN its normalization. */
/** Columns of table 1 of the paper. */
export type VggColumn = "A" | "A-LRN" | "B" | "C" | "D" | "E";

const TABLE = {
  A: "64 M 128 M 256 256 M 512 512 M 512 512 M",
  "A-LRN": "64 LRN M 128 M 256 256 M 512 512 M 512 512 M",
  B: "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
  C: "64 64 M 128 128 M 256 256 1x1-256 M 512 512 1x1-512 M 512 512 1x1-512 M",
  D: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
  E: "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
} as const satisfies Record<VggColumn, string>;

export interface VggOptions extends ImageModelOptions {
  /** Whether batch normalization follows each convolution (Ioffe & Szegedy 2015; not in the paper). Default false. */
  readonly batchNorm?: boolean;
}

const VGG_OPTIONS: Checks<VggOptions> = { ...IMAGE_MODEL_OPTIONS, batchNorm: flag };

/** Images [N, 3, 224, 224] to [N, classes]. Any size from 32×32 on; with `smallImages` the classifier reads one value per channel, not 7×7. */
export class VGG extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(column: VggColumn, options: VggOptions = {}) {
    check("VGG: column", column, oneOf(...Object.keys(TABLE)));
    checkOptions(new.target.name, options, VGG_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const hidden = widen(4096, width);
    const size = smallImages ? 1 : 7;
    this.features = featuresOf(TABLE[column], channels, width, options.batchNorm ?? false);
    this.avgpool = new AdaptiveAvgPool2d(size);
    this.classifier = new Sequential(
      dense(widen(512, width) * size * size, hidden),
      new ReLU(),
      new Dropout(0.5),
      dense(hidden, hidden),
      new ReLU(),
      new Dropout(0.5),
      dense(hidden, classes),
    );
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(x)).flatten(1));
  }
}

function featuresOf(column: string, inChannels: number, width: number, batchNorm: boolean): Sequential {
  let channels = inChannels;
  const layers = column.split(" ").flatMap((entry): Layer[] => {
    if (entry === "M") return [new MaxPool2d(2)];
    if (entry === "LRN") return [new LocalResponseNorm(5, { alpha: 5e-4, beta: 0.75, k: 2 })]; // AlexNet's, §2.1
    const [size, kernel] = entry.startsWith("1x1-") ? [Number(entry.slice(4)), 1] : [Number(entry), 3];
    const before = channels;
    channels = widen(size, width);
    return [conv(before, channels, kernel, { bias: true }), ...(batchNorm ? [new BatchNorm2d(channels)] : []), new ReLU()];
  });
  return new Sequential(...layers);
}
