/**
 * @file AlexNet: Krizhevsky, Sutskever & Hinton (2012), "ImageNet classification with deep convolutional neural networks". Two forms: the one
 * of lecture notes, on one device and with pooling before normalization, and torchvision's, which is that of Krizhevsky (2014), "One weird
 * trick for parallelizing convolutional neural networks".
 */
import { checkOptions } from "../base/check.ts";
import { ReLU } from "../nn/activation.ts";
import { AdaptiveAvgPool2d } from "../nn/adaptive-pool.ts";
import { Conv2d } from "../nn/conv.ts";
import { Dropout } from "../nn/dropout.ts";
import { Flatten } from "../nn/flatten.ts";
import { constant, heNormal, zeros } from "../nn/initializers.ts";
import { Linear } from "../nn/linear.ts";
import { Module } from "../nn/module.ts";
import { LocalResponseNorm } from "../nn/norm.ts";
import { MaxPool2d } from "../nn/pool.ts";
import { Sequential } from "../nn/sequential.ts";
import type { Tensor } from "../ops/tensor.ts";
import { IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, widen } from "./blocks.ts";

/** Images [N, 3, 224, 224] to [N, classes]; 61,100,840 parameters. Any size from 63×63 on; with `smallImages` from 15×15. */
export class AlexNet extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(options: ImageModelOptions = {}) {
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const [a, b, c, d] = [64, 192, 384, 256].map((n) => widen(n, width));
    const hidden = widen(4096, width);
    const size = smallImages ? 3 : 6;
    this.features = new Sequential(
      smallImages ? new Conv2d(channels, a, 5, { padding: 2 }) : new Conv2d(channels, a, 11, { stride: 4, padding: 2 }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }),
      new Conv2d(a, b, 5, { padding: 2 }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }),
      new Conv2d(b, c, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(c, d, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(d, d, 3, { padding: 1 }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }),
    );
    this.avgpool = new AdaptiveAvgPool2d(size);
    this.classifier = new Sequential(
      new Dropout(0.5),
      new Linear(d * size * size, hidden),
      new ReLU(),
      new Dropout(0.5),
      new Linear(hidden, hidden),
      new ReLU(),
      new Linear(hidden, classes),
    );
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(x)).flatten(1));
  }
}

/** §3.3: n = 5, k = 2, α = 1e-4, β = ¾; the layer divides α by n. */
const responseNorm = (): LocalResponseNorm => new LocalResponseNorm(5, { alpha: 5e-4, beta: 0.75, k: 2 });

/**
 * AlexNet as lectures tabulate it: [N, 3, 227, 227] to [N, classes] by CONV1 POOL1 NORM1 CONV2 POOL2 NORM2 CONV3 CONV4 CONV5 POOL3 FC6 FC7
 * FC8, without the paper's two groups; 62,378,344 parameters. Only 227 gives 55 = (227 - 11)/4 + 1. With `smallImages` 32×32.
 */
export class AlexNetLecture extends Sequential {
  constructor(options: ImageModelOptions = {}) {
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    const { classes, channels, smallImages, width } = imageSettings(options);
    const [a, b, c, d] = [96, 256, 384, 256].map((n) => widen(n, width));
    const hidden = widen(4096, width);
    // The paper's N(0, 0.01²) needs its many epochs to get going; He's variance starts at once. Biases as in §5: 1 below the late ReLUs.
    const start = (bias: number) => ({ weightInitializer: heNormal, biasInitializer: bias === 0 ? zeros : constant(bias) });
    const size = smallImages ? 3 : 6;
    super(
      smallImages ? new Conv2d(channels, a, 5, { padding: 2, ...start(0) }) : new Conv2d(channels, a, 11, { stride: 4, ...start(0) }), // [N, 96, 55, 55]
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }), // [N, 96, 27, 27]
      responseNorm(),
      new Conv2d(a, b, 5, { padding: 2, ...start(0.1) }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }), // [N, 256, 13, 13]
      responseNorm(),
      new Conv2d(b, c, 3, { padding: 1, ...start(0) }),
      new ReLU(),
      new Conv2d(c, c, 3, { padding: 1, ...start(0.1) }),
      new ReLU(),
      new Conv2d(c, d, 3, { padding: 1, ...start(0.1) }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }), // [N, 256, 6, 6]
      new Flatten(),
      new Linear(d * size * size, hidden, start(0.1)),
      new ReLU(),
      new Dropout(0.5),
      new Linear(hidden, hidden, start(0.1)),
      new ReLU(),
      new Dropout(0.5),
      new Linear(hidden, classes, start(0)),
    );
  }
}
