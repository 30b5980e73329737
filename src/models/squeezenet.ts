/**
 * @file SqueezeNet: Iandola et al. (2016), "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", Table 1; 1.1 is the authors' later
 * form with the pooling earlier.
 */
import { check, checkOptions, oneOf } from "../base/check.ts";
import { ReLU } from "../nn/activation.ts";
import { AdaptiveAvgPool2d } from "../nn/adaptive-pool.ts";
import { Conv2d } from "../nn/conv.ts";
import { Dropout } from "../nn/dropout.ts";
import { heUniform, normal, zeros } from "../nn/initializers.ts";
import { Module } from "../nn/module.ts";
import { MaxPool2d } from "../nn/pool.ts";
import { Sequential } from "../nn/sequential.ts";
import { concatenate } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, widen } from "./blocks.ts";

const START = { weightInitializer: heUniform, biasInitializer: zeros };

/** 1×1 to few channels, from there 1×1 and 3×3 side by side (§3.2). */
class Fire extends Module {
  readonly squeeze: Conv2d;
  readonly expand1x1: Conv2d;
  readonly expand3x3: Conv2d;

  constructor(channels: number, squeezed: number, expanded: number) {
    super();
    this.squeeze = new Conv2d(channels, squeezed, 1, START);
    this.expand1x1 = new Conv2d(squeezed, expanded, 1, START);
    this.expand3x3 = new Conv2d(squeezed, expanded, 3, { padding: 1, ...START });
  }

  forward(x: Tensor): Tensor {
    const y = this.squeeze.forward(x).relu();
    return concatenate([this.expand1x1.forward(y).relu(), this.expand3x3.forward(y).relu()], 1);
  }
}

/** Squeezed and expanded channels of fire2 to fire9. */
const FIRES = [
  [16, 64],
  [16, 64],
  [32, 128],
  [32, 128],
  [48, 192],
  [48, 192],
  [64, 256],
  [64, 256],
] as const;

/** Versions of SqueezeNet, as its authors number them. */
export type SqueezeNetVersion = "1.0" | "1.1";

const VERSIONS = {
  "1.0": { stem: [96, 7], poolBefore: [0, 3, 7] },
  "1.1": { stem: [64, 3], poolBefore: [0, 2, 4] },
} as const satisfies Record<SqueezeNetVersion, unknown>;

/** Images [N, 3, 224, 224] to [N, classes], without a dense layer. Any size from 31×31 on; with `smallImages` from 8×8. */
export class SqueezeNet extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  constructor(version: SqueezeNetVersion, options: ImageModelOptions = {}) {
    check(`${new.target.name}: version`, version, oneOf(...Object.keys(VERSIONS)));
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const {
      stem: [stemChannels, kernel],
      poolBefore,
    } = VERSIONS[version];
    const pool = (): MaxPool2d => new MaxPool2d(3, { stride: 2, ceilMode: true });
    let now = widen(stemChannels, width);
    const stem = smallImages
      ? new Conv2d(channels, now, 3, { padding: 1, ...START })
      : new Conv2d(channels, now, kernel, { stride: 2, ...START });
    const fires = FIRES.flatMap(([s, e], i) => {
      const [squeezed, expanded] = [widen(s, width), widen(e, width)];
      const fire = new Fire(now, squeezed, expanded);
      now = 2 * expanded;
      return (poolBefore as readonly number[]).includes(i) ? [pool(), fire] : [fire];
    });
    this.features = new Sequential(stem, new ReLU(), ...fires);
    this.classifier = new Sequential(
      new Dropout(0.5),
      new Conv2d(now, classes, 1, { weightInitializer: normal(0, 0.01), biasInitializer: zeros }),
      new ReLU(),
      new AdaptiveAvgPool2d(1),
    );
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x)).flatten(1);
  }
}
