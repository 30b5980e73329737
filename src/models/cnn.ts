/** @file A small convolutional network for small images: the one that `npm start` trains on the 8×8 digits. */

import { check, positiveInteger } from "../base/check.ts";
import { ReLU } from "../nn/activation.ts";
import { Conv2d } from "../nn/conv.ts";
import { Dropout } from "../nn/dropout.ts";
import { Flatten } from "../nn/flatten.ts";
import { Linear } from "../nn/linear.ts";
import { MaxPool2d } from "../nn/pool.ts";
import { Sequential } from "../nn/sequential.ts";
import { imageShape } from "./blocks.ts";

/**
 * Images [N, channels, H, W] to [N, outputs]. Two 3×3 convolutions see 5×5 pixels, more than half a digit; pooling once keeps where the
 * strokes are. The dense layers have most of the parameters and overfit a thousand images: dropout before each is worth two points.
 */
export class Cnn extends Sequential {
  constructor(inputShape: readonly [channels: number, height: number, width: number], outputs: number) {
    check("Cnn: inputShape", inputShape, imageShape);
    check("Cnn: outputs", outputs, positiveInteger);
    const [channels, height, width] = inputShape;
    const pooled = 32 * Math.floor(height / 2) * Math.floor(width / 2);
    super(
      new Conv2d(channels, 16, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(16, 32, 3, { padding: 1 }),
      new ReLU(),
      new MaxPool2d(2),
      new Flatten(),
      new Dropout(0.5),
      new Linear(pooled, 64),
      new ReLU(),
      new Dropout(0.25),
      new Linear(64, outputs),
    );
  }
}
