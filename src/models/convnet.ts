/** @file A convolutional network with batch normalization for images of 28×28 or 32×32 pixels: the one to take for MNIST and Fashion-MNIST. */

import { check, positiveInteger } from "../base/check.ts";
import { ReLU } from "../nn/activation.ts";
import { BatchNorm2d } from "../nn/batch-norm.ts";
import { Conv2d } from "../nn/conv.ts";
import { Flatten } from "../nn/flatten.ts";
import { Linear } from "../nn/linear.ts";
import type { Layer } from "../nn/module.ts";
import { MaxPool2d } from "../nn/pool.ts";
import { Sequential } from "../nn/sequential.ts";
import { imageShape } from "./blocks.ts";

const WIDTHS = [16, 32, 64];
const HIDDEN = 128;

/**
 * Images [N, channels, H, W] of at least 8×8 to [N, outputs]: three stages of a 3×3 convolution, each halving the image, then two dense layers; 98,554
 * parameters for 28×28. Pooling comes before normalization, which then has a quarter of the values to work on.
 * No dropout: with augmentation, a network as small as this under-fits.
 */
export class ConvNet extends Sequential {
  constructor(inputShape: readonly [channels: number, height: number, width: number], outputs: number) {
    check("ConvNet: inputShape", inputShape, imageShape);
    check("ConvNet: outputs", outputs, positiveInteger);
    const [channels, height, width] = inputShape;
    const halvings = 2 ** WIDTHS.length;
    const features = WIDTHS.at(-1)! * Math.floor(height / halvings) * Math.floor(width / halvings);
    super(
      ...WIDTHS.flatMap((filters, i) => stage(i === 0 ? channels : WIDTHS[i - 1], filters)),
      new Flatten(),
      new Linear(features, HIDDEN),
      new ReLU(),
      new Linear(HIDDEN, outputs),
    );
  }
}

const stage = (channels: number, filters: number): Layer[] => [
  new Conv2d(channels, filters, 3, { padding: 1, bias: false }),
  new MaxPool2d(2),
  new BatchNorm2d(filters),
  new ReLU(),
];
