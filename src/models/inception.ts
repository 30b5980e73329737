/**
 * @file Inception v3: Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision", Table 1, in torchvision's form. Large
 * kernels are factorized, n×n into 1×n and n×1; one auxiliary classifier regularizes.
 */

import { type Checks, checkOptions, flag } from "../base/check.ts";
import { avgPool2d, maxPool2d } from "../math/pool.ts";
import { Dropout } from "../nn/dropout.ts";
import { truncatedNormal } from "../nn/initializers.ts";
import { Linear } from "../nn/linear.ts";
import { crossEntropy } from "../nn/losses.ts";
import { Module } from "../nn/module.ts";
import { concatenate } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { channelMeans, IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, widen } from "./blocks.ts";
import { BasicConv } from "./googlenet.ts";

const cat = (...branches: Tensor[]): Tensor => concatenate(branches, 1);
const smooth = (x: Tensor): Tensor => avgPool2d(x, 3, { stride: 1, padding: 1 });
const halve = (x: Tensor): Tensor => maxPool2d(x, 3, { stride: 2 });
const through = (x: Tensor, ...layers: BasicConv[]): Tensor => layers.reduce((y, layer) => layer.forward(y), x);
const HALF = { stride: 2, padding: 0 };

/** Channels of a layer, at some width. */
export type Widen = (n: number) => number;

/** 35×35: 1×1, 5×5, two 3×3, pooling (Fig. 5). */
export class InceptionA extends Module {
  readonly branch1x1: BasicConv;
  readonly branch5x5_1: BasicConv;
  readonly branch5x5_2: BasicConv;
  readonly branch3x3dbl_1: BasicConv;
  readonly branch3x3dbl_2: BasicConv;
  readonly branch3x3dbl_3: BasicConv;
  readonly branch_pool: BasicConv;

  constructor(channels: number, pool: number, w: Widen) {
    super();
    this.branch1x1 = new BasicConv(channels, w(64), 1);
    this.branch5x5_1 = new BasicConv(channels, w(48), 1);
    this.branch5x5_2 = new BasicConv(w(48), w(64), 5);
    this.branch3x3dbl_1 = new BasicConv(channels, w(64), 1);
    this.branch3x3dbl_2 = new BasicConv(w(64), w(96), 3);
    this.branch3x3dbl_3 = new BasicConv(w(96), w(96), 3);
    this.branch_pool = new BasicConv(channels, w(pool), 1);
  }

  forward(x: Tensor): Tensor {
    return cat(
      this.branch1x1.forward(x),
      through(x, this.branch5x5_1, this.branch5x5_2),
      through(x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3),
      this.branch_pool.forward(smooth(x)),
    );
  }
}

/** 35×35 to 17×17 (Fig. 10). */
export class InceptionB extends Module {
  readonly branch3x3: BasicConv;
  readonly branch3x3dbl_1: BasicConv;
  readonly branch3x3dbl_2: BasicConv;
  readonly branch3x3dbl_3: BasicConv;

  constructor(channels: number, w: Widen) {
    super();
    this.branch3x3 = new BasicConv(channels, w(384), 3, HALF);
    this.branch3x3dbl_1 = new BasicConv(channels, w(64), 1);
    this.branch3x3dbl_2 = new BasicConv(w(64), w(96), 3);
    this.branch3x3dbl_3 = new BasicConv(w(96), w(96), 3, HALF);
  }

  forward(x: Tensor): Tensor {
    return cat(this.branch3x3.forward(x), through(x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3), halve(x));
  }
}

/** 17×17: 7×7 as 1×7 and 7×1, once and twice (Fig. 6). */
export class InceptionC extends Module {
  readonly branch1x1: BasicConv;
  readonly branch7x7_1: BasicConv;
  readonly branch7x7_2: BasicConv;
  readonly branch7x7_3: BasicConv;
  readonly branch7x7dbl_1: BasicConv;
  readonly branch7x7dbl_2: BasicConv;
  readonly branch7x7dbl_3: BasicConv;
  readonly branch7x7dbl_4: BasicConv;
  readonly branch7x7dbl_5: BasicConv;
  readonly branch_pool: BasicConv;

  constructor(channels: number, inner: number, w: Widen) {
    super();
    const [c, out] = [w(inner), w(192)];
    this.branch1x1 = new BasicConv(channels, out, 1);
    this.branch7x7_1 = new BasicConv(channels, c, 1);
    this.branch7x7_2 = new BasicConv(c, c, [1, 7]);
    this.branch7x7_3 = new BasicConv(c, out, [7, 1]);
    this.branch7x7dbl_1 = new BasicConv(channels, c, 1);
    this.branch7x7dbl_2 = new BasicConv(c, c, [7, 1]);
    this.branch7x7dbl_3 = new BasicConv(c, c, [1, 7]);
    this.branch7x7dbl_4 = new BasicConv(c, c, [7, 1]);
    this.branch7x7dbl_5 = new BasicConv(c, out, [1, 7]);
    this.branch_pool = new BasicConv(channels, out, 1);
  }

  forward(x: Tensor): Tensor {
    return cat(
      this.branch1x1.forward(x),
      through(x, this.branch7x7_1, this.branch7x7_2, this.branch7x7_3),
      through(x, this.branch7x7dbl_1, this.branch7x7dbl_2, this.branch7x7dbl_3, this.branch7x7dbl_4, this.branch7x7dbl_5),
      this.branch_pool.forward(smooth(x)),
    );
  }
}

/** 17×17 to 8×8. */
export class InceptionD extends Module {
  readonly branch3x3_1: BasicConv;
  readonly branch3x3_2: BasicConv;
  readonly branch7x7x3_1: BasicConv;
  readonly branch7x7x3_2: BasicConv;
  readonly branch7x7x3_3: BasicConv;
  readonly branch7x7x3_4: BasicConv;

  constructor(channels: number, w: Widen) {
    super();
    const c = w(192);
    this.branch3x3_1 = new BasicConv(channels, c, 1);
    this.branch3x3_2 = new BasicConv(c, w(320), 3, HALF);
    this.branch7x7x3_1 = new BasicConv(channels, c, 1);
    this.branch7x7x3_2 = new BasicConv(c, c, [1, 7]);
    this.branch7x7x3_3 = new BasicConv(c, c, [7, 1]);
    this.branch7x7x3_4 = new BasicConv(c, c, 3, HALF);
  }

  forward(x: Tensor): Tensor {
    return cat(
      through(x, this.branch3x3_1, this.branch3x3_2),
      through(x, this.branch7x7x3_1, this.branch7x7x3_2, this.branch7x7x3_3, this.branch7x7x3_4),
      halve(x),
    );
  }
}

/** 8×8: 3×3 as 1×3 beside 3×1 (Fig. 7). */
export class InceptionE extends Module {
  readonly branch1x1: BasicConv;
  readonly branch3x3_1: BasicConv;
  readonly branch3x3_2a: BasicConv;
  readonly branch3x3_2b: BasicConv;
  readonly branch3x3dbl_1: BasicConv;
  readonly branch3x3dbl_2: BasicConv;
  readonly branch3x3dbl_3a: BasicConv;
  readonly branch3x3dbl_3b: BasicConv;
  readonly branch_pool: BasicConv;

  constructor(channels: number, w: Widen) {
    super();
    const c = w(384);
    this.branch1x1 = new BasicConv(channels, w(320), 1);
    this.branch3x3_1 = new BasicConv(channels, c, 1);
    this.branch3x3_2a = new BasicConv(c, c, [1, 3]);
    this.branch3x3_2b = new BasicConv(c, c, [3, 1]);
    this.branch3x3dbl_1 = new BasicConv(channels, w(448), 1);
    this.branch3x3dbl_2 = new BasicConv(w(448), c, 3);
    this.branch3x3dbl_3a = new BasicConv(c, c, [1, 3]);
    this.branch3x3dbl_3b = new BasicConv(c, c, [3, 1]);
    this.branch_pool = new BasicConv(channels, w(192), 1);
  }

  forward(x: Tensor): Tensor {
    const once = this.branch3x3_1.forward(x);
    const twice = through(x, this.branch3x3dbl_1, this.branch3x3dbl_2);
    return cat(
      this.branch1x1.forward(x),
      this.branch3x3_2a.forward(once),
      this.branch3x3_2b.forward(once),
      this.branch3x3dbl_3a.forward(twice),
      this.branch3x3dbl_3b.forward(twice),
      this.branch_pool.forward(smooth(x)),
    );
  }
}

/** The auxiliary classifier: class scores from the feature maps in the middle of the net, while training. */
export class InceptionAuxiliaryHead extends Module {
  readonly conv0: BasicConv;
  readonly conv1: BasicConv;
  readonly fc: Linear;

  constructor(channels: number, classes: number, w: Widen) {
    super();
    this.conv0 = new BasicConv(channels, w(128), 1);
    this.conv1 = new BasicConv(w(128), w(768), 5, { padding: 0 });
    this.fc = new Linear(w(768), classes, { weightInitializer: truncatedNormal({ std: 0.001 }) });
  }

  forward(x: Tensor): Tensor {
    return this.fc.forward(channelMeans(through(avgPool2d(x, 5, { stride: 3 }), this.conv0, this.conv1)));
  }
}

export interface InceptionV3Options extends ImageModelOptions {
  /** Whether there is an auxiliary classifier, which while training needs images of at least 263×263. Default false. */
  readonly auxiliary?: boolean;
}

const INCEPTION_V3_OPTIONS: Checks<InceptionV3Options> = { ...IMAGE_MODEL_OPTIONS, auxiliary: flag };

/** Images [N, 3, 299, 299] to [N, classes]; 23,834,568 parameters, 27,161,264 with the auxiliary classifier. Any size from 75×75 on; small ones from 15×15. */
export class InceptionV3 extends Module {
  readonly Conv2d_1a_3x3: BasicConv;
  readonly Conv2d_2a_3x3: BasicConv;
  readonly Conv2d_2b_3x3: BasicConv;
  readonly Conv2d_3b_1x1: BasicConv;
  readonly Conv2d_4a_3x3: BasicConv;
  readonly Mixed_5b: InceptionA;
  readonly Mixed_5c: InceptionA;
  readonly Mixed_5d: InceptionA;
  readonly Mixed_6a: InceptionB;
  readonly Mixed_6b: InceptionC;
  readonly Mixed_6c: InceptionC;
  readonly Mixed_6d: InceptionC;
  readonly Mixed_6e: InceptionC;
  readonly AuxLogits: InceptionAuxiliaryHead | undefined;
  readonly Mixed_7a: InceptionD;
  readonly Mixed_7b: InceptionE;
  readonly Mixed_7c: InceptionE;
  readonly dropout: Dropout = new Dropout(0.5);
  readonly fc: Linear;
  readonly smallImages: boolean;

  constructor(options: InceptionV3Options = {}) {
    checkOptions(new.target.name, options, INCEPTION_V3_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const w = (n: number): number => widen(n, width);
    const a = (pool: number): number => 2 * w(64) + w(96) + w(pool);
    const [b, c] = [a(64) + w(384) + w(96), 4 * w(192)];
    const [d, e] = [c + w(320) + w(192), w(320) + 4 * w(384) + w(192)];
    this.smallImages = smallImages;
    this.Conv2d_1a_3x3 = smallImages ? new BasicConv(channels, w(32), 3) : new BasicConv(channels, w(32), 3, HALF);
    this.Conv2d_2a_3x3 = new BasicConv(w(32), w(32), 3, { padding: smallImages ? 1 : 0 });
    this.Conv2d_2b_3x3 = new BasicConv(w(32), w(64), 3);
    this.Conv2d_3b_1x1 = new BasicConv(w(64), w(80), 1);
    this.Conv2d_4a_3x3 = new BasicConv(w(80), w(192), 3, { padding: smallImages ? 1 : 0 });
    this.Mixed_5b = new InceptionA(w(192), 32, w);
    this.Mixed_5c = new InceptionA(a(32), 64, w);
    this.Mixed_5d = new InceptionA(a(64), 64, w);
    this.Mixed_6a = new InceptionB(a(64), w);
    this.Mixed_6b = new InceptionC(b, 128, w);
    this.Mixed_6c = new InceptionC(c, 160, w);
    this.Mixed_6d = new InceptionC(c, 160, w);
    this.Mixed_6e = new InceptionC(c, 192, w);
    this.AuxLogits = options.auxiliary ? new InceptionAuxiliaryHead(c, classes, w) : undefined;
    this.Mixed_7a = new InceptionD(c, w);
    this.Mixed_7b = new InceptionE(d, w);
    this.Mixed_7c = new InceptionE(e, w);
    this.fc = new Linear(e, classes, { weightInitializer: truncatedNormal({ std: 0.1 }) });
  }

  /** Logits [N, classes] of the classifier at the end, and of the auxiliary one while training. */
  forwardAll(x: Tensor): { logits: Tensor; auxiliary: Tensor[] } {
    const pool = (y: Tensor): Tensor => (this.smallImages ? y : halve(y));
    const stem = pool(through(x, this.Conv2d_1a_3x3, this.Conv2d_2a_3x3, this.Conv2d_2b_3x3));
    const y5 = [this.Mixed_5b, this.Mixed_5c, this.Mixed_5d].reduce(
      (y, layer) => layer.forward(y),
      pool(through(stem, this.Conv2d_3b_1x1, this.Conv2d_4a_3x3)),
    );
    const y6 = [this.Mixed_6a, this.Mixed_6b, this.Mixed_6c, this.Mixed_6d, this.Mixed_6e].reduce((y, layer) => layer.forward(y), y5);
    const y7 = [this.Mixed_7a, this.Mixed_7b, this.Mixed_7c].reduce((y, layer) => layer.forward(y), y6);
    const logits = this.fc.forward(this.dropout.forward(channelMeans(y7)));
    return { logits, auxiliary: this.training && this.AuxLogits ? [this.AuxLogits.forward(y6)] : [] };
  }

  forward(x: Tensor): Tensor {
    return this.forwardAll(x).logits;
  }

  /** Cross-entropy against labels i32[N], plus 0.4 times that of the auxiliary classifier while training. */
  loss(x: Tensor, labels: Tensor): Tensor {
    const { logits, auxiliary } = this.forwardAll(x);
    return auxiliary.reduce((sum, head) => sum.add(crossEntropy(head, labels).mul(0.4)), crossEntropy(logits, labels));
  }
}
