/**
 * @file DenseNet: Huang, Liu, van der Maaten & Weinberger (2017), "Densely connected convolutional networks", Table 1. Each layer reads the
 * results of all before it in its block, and adds `growth` channels.
 */
import { aNumber, type Checks, check, checkOptions, listOf, positiveInteger } from "../base/check.ts";
import { ReLU } from "../nn/activation.ts";
import { BatchNorm2d } from "../nn/batch-norm.ts";
import type { Conv2d } from "../nn/conv.ts";
import { heNormal, zeros } from "../nn/initializers.ts";
import { Linear } from "../nn/linear.ts";
import { type Layer, Module } from "../nn/module.ts";
import { AvgPool2d, MaxPool2d } from "../nn/pool.ts";
import { concatenate } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Chain, channelMeans, conv, IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, widen } from "./blocks.ts";

/** BN, ReLU, 1×1 to 4·growth channels, BN, ReLU, 3×3 to growth channels. */
class DenseLayer extends Module {
  readonly norm1: BatchNorm2d;
  readonly conv1: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly conv2: Conv2d;

  constructor(channels: number, growth: number) {
    super();
    this.norm1 = new BatchNorm2d(channels);
    this.conv1 = conv(channels, 4 * growth, 1, { weightInitializer: heNormal });
    this.norm2 = new BatchNorm2d(4 * growth);
    this.conv2 = conv(4 * growth, growth, 3, { weightInitializer: heNormal });
  }

  forward(x: Tensor): Tensor {
    const bottleneck = this.conv1.forward(this.norm1.forward(x).relu());
    return this.conv2.forward(this.norm2.forward(bottleneck).relu());
  }
}

class DenseBlock extends Module {
  constructor(layers: number, channels: number, growth: number) {
    super();
    for (let i = 0; i < layers; i++) Object.assign(this, { [`denselayer${i + 1}`]: new DenseLayer(channels + i * growth, growth) });
  }

  forward(x: Tensor): Tensor {
    return (Object.values(this) as Layer[]).reduce((y, layer) => concatenate([y, layer.forward(y)], 1), x);
  }
}

export interface DenseNetOptions extends ImageModelOptions {
  /** Channels that a layer adds. Default 32. */
  readonly growth?: number;
  /** Channels of the stem. Default 64. */
  readonly stem?: number;
}

const DENSE_NET_OPTIONS: Checks<DenseNetOptions> = { ...IMAGE_MODEL_OPTIONS, growth: aNumber, stem: aNumber };

/** Images [N, 3, 224, 224] to [N, classes]. Any size from 32×32 on; with `smallImages` from 8×8. */
export class DenseNet extends Module {
  readonly features: Chain;
  readonly classifier: Linear;

  /** `depths`: layers of each block. */
  constructor(depths: readonly number[], options: DenseNetOptions = {}) {
    check("DenseNet: depths", depths, listOf(positiveInteger, 1));
    checkOptions(new.target.name, options, DENSE_NET_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const growth = widen(options.growth ?? 32, width);
    let now = widen(options.stem ?? 64, width);
    const layers: Record<string, Layer> = smallImages
      ? { conv0: conv(channels, now, 3, { weightInitializer: heNormal }), norm0: new BatchNorm2d(now), relu0: new ReLU() }
      : {
          conv0: conv(channels, now, 7, { stride: 2, weightInitializer: heNormal }),
          norm0: new BatchNorm2d(now),
          relu0: new ReLU(),
          pool0: new MaxPool2d(3, { stride: 2, padding: 1 }),
        };
    depths.forEach((depth, i) => {
      layers[`denseblock${i + 1}`] = new DenseBlock(depth, now, growth);
      now += depth * growth;
      if (i === depths.length - 1) return;
      layers[`transition${i + 1}`] = transition(now, now >> 1);
      now >>= 1;
    });
    this.features = new Chain({ ...layers, norm5: new BatchNorm2d(now) });
    this.classifier = new Linear(now, classes, { biasInitializer: zeros });
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(channelMeans(this.features.forward(x).relu()));
  }
}

/** Half the channels, half the size (the paper's compression θ = ½). */
function transition(channels: number, outChannels: number): Chain {
  return new Chain({
    norm: new BatchNorm2d(channels),
    relu: new ReLU(),
    conv: conv(channels, outChannels, 1, { weightInitializer: heNormal }),
    pool: new AvgPool2d(2),
  });
}
