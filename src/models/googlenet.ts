/**
 * @file GoogLeNet: Szegedy et al. (2015), "Going deeper with convolutions", Fig. 2 and Table 1, with batch normalization as in torchvision.
 * While training, two auxiliary classifiers feed gradients into the middle of the net; their losses count 0.3 (§5).
 */

import { aNumber, anything, type Checks, checkOptions, flag, oneOf } from "../base/check.ts";
import { maxPool2d } from "../math/pool.ts";
import { AdaptiveAvgPool2d } from "../nn/adaptive-pool.ts";
import { BatchNorm2d } from "../nn/batch-norm.ts";
import type { Conv2d, Pair } from "../nn/conv.ts";
import { Dropout } from "../nn/dropout.ts";
import { Linear } from "../nn/linear.ts";
import { crossEntropy } from "../nn/losses.ts";
import { type Layer, Module } from "../nn/module.ts";
import { MaxPool2d } from "../nn/pool.ts";
import { Sequential } from "../nn/sequential.ts";
import { concatenate } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { channelMeans, conv, IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, smallNormal, widen } from "./blocks.ts";

const CONV_OPTIONS = { stride: aNumber, padding: anything /*Pair*/ };

/** Convolution, batch normalization (ε 1e-3), ReLU, as children `conv` and `bn`. */
export class BasicConv extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(inChannels: number, outChannels: number, kernel: Pair, options: { stride?: number; padding?: Pair } = {}) {
    checkOptions(new.target.name, options, CONV_OPTIONS);
    super();
    this.conv = conv(inChannels, outChannels, kernel, options);
    this.bn = new BatchNorm2d(outChannels, { eps: 0.001 });
  }

  forward(x: Tensor): Tensor {
    return this.bn.forward(this.conv.forward(x)).relu();
  }
}

/** Table 1: #1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5, pool proj. */
export type InceptionRow = readonly [number, number, number, number, number, number];

/** Branches side by side, their channels concatenated. */
export abstract class Branches extends Module {
  abstract readonly outChannels: number;
  abstract readonly branches: readonly Layer[];

  forward(x: Tensor): Tensor {
    return concatenate(
      this.branches.map((branch) => branch.forward(x)),
      1,
    );
  }
}

/** Fig. 2b: 1×1 convolutions reduce the channels before the expensive ones, and after the pooling. */
export class Inception extends Branches {
  readonly branch1: BasicConv;
  readonly branch2: Sequential;
  readonly branch3: Sequential;
  readonly branch4: Sequential;
  readonly outChannels: number;

  /** `large`: the kernel of the third branch, 5 in the paper and 3 in torchvision. */
  constructor(channels: number, [one, reduce3, three, reduce5, five, pool]: InceptionRow, large: 3 | 5 = 3) {
    super();
    this.branch1 = new BasicConv(channels, one, 1);
    this.branch2 = new Sequential(new BasicConv(channels, reduce3, 1), new BasicConv(reduce3, three, 3));
    this.branch3 = new Sequential(new BasicConv(channels, reduce5, 1), new BasicConv(reduce5, five, large));
    this.branch4 = new Sequential(new MaxPool2d(3, { stride: 1, padding: 1 }), new BasicConv(channels, pool, 1));
    this.outChannels = one + three + five + pool;
  }

  get branches(): readonly Layer[] {
    return [this.branch1, this.branch2, this.branch3, this.branch4];
  }
}

/** Fig. 2a: 1×1, 3×3, 5×5 and pooling of all channels. What pooling passes on makes each module wider than the last, and dearer. */
export class NaiveInception extends Branches {
  readonly branch1: BasicConv;
  readonly branch2: BasicConv;
  readonly branch3: BasicConv;
  readonly branch4: MaxPool2d;
  readonly outChannels: number;

  constructor(channels: number, [one, , three, , five]: InceptionRow) {
    super();
    this.branch1 = new BasicConv(channels, one, 1);
    this.branch2 = new BasicConv(channels, three, 3);
    this.branch3 = new BasicConv(channels, five, 5);
    this.branch4 = new MaxPool2d(3, { stride: 1, padding: 1 });
    this.outChannels = one + three + five + channels;
  }

  get branches(): readonly Layer[] {
    return [this.branch1, this.branch2, this.branch3, this.branch4];
  }
}

/** A classifier on a 4×4 mean of the middle of the net. */
export class AuxiliaryHead extends Module {
  readonly conv: BasicConv;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly pool: AdaptiveAvgPool2d = new AdaptiveAvgPool2d(4);
  readonly dropout: Dropout = new Dropout(0.7);

  constructor(channels: number, classes: number) {
    super();
    this.conv = new BasicConv(channels, 128, 1);
    this.fc1 = new Linear(2048, 1024, { weightInitializer: smallNormal });
    this.fc2 = new Linear(1024, classes, { weightInitializer: smallNormal });
  }

  forward(x: Tensor): Tensor {
    const y = this.conv.forward(this.pool.forward(x)).flatten(1);
    return this.fc2.forward(this.dropout.forward(this.fc1.forward(y).relu()));
  }
}

const ROWS: Readonly<Record<string, InceptionRow>> = {
  "3a": [64, 96, 128, 16, 32, 32],
  "3b": [128, 128, 192, 32, 96, 64],
  "4a": [192, 96, 208, 16, 48, 64],
  "4b": [160, 112, 224, 24, 64, 64],
  "4c": [128, 128, 256, 24, 64, 64],
  "4d": [112, 144, 288, 32, 64, 64],
  "4e": [256, 160, 320, 32, 128, 128],
  "5a": [256, 160, 320, 32, 128, 128],
  "5b": [384, 192, 384, 48, 128, 128],
};

export interface GoogLeNetOptions extends ImageModelOptions {
  /** Whether there are auxiliary classifiers. Default false; they serve training only. */
  readonly auxiliary?: boolean;
  /** Modules of Fig. 2a or 2b. Default "bottleneck". */
  readonly modules?: "naive" | "bottleneck";
  /** Kernel of the third branch: 5 in the paper, 3 in torchvision's weights. Default 3. */
  readonly largeKernel?: 3 | 5;
}

const GOOG_LE_NET_OPTIONS: Checks<GoogLeNetOptions> = {
  ...IMAGE_MODEL_OPTIONS,
  auxiliary: flag,
  modules: oneOf("naive", "bottleneck"),
  largeKernel: aNumber,
};

/** Images [N, 3, 224, 224] to [N, classes]; 6,624,904 parameters without the auxiliary classifiers. Any size from 32×32 on; small ones from 8×8. */
export class GoogLeNet extends Module {
  readonly conv1: BasicConv;
  readonly conv2: BasicConv;
  readonly conv3: BasicConv;
  readonly inception3a: Branches;
  readonly inception3b: Branches;
  readonly inception4a: Branches;
  readonly inception4b: Branches;
  readonly inception4c: Branches;
  readonly inception4d: Branches;
  readonly inception4e: Branches;
  readonly inception5a: Branches;
  readonly inception5b: Branches;
  readonly aux1: AuxiliaryHead | undefined;
  readonly aux2: AuxiliaryHead | undefined;
  readonly dropout: Dropout = new Dropout(0.2);
  readonly fc: Linear;
  readonly smallImages: boolean;

  constructor(options: GoogLeNetOptions = {}) {
    checkOptions(new.target.name, options, GOOG_LE_NET_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const { auxiliary = false, modules = "bottleneck", largeKernel = 3 } = options;
    const [a, b] = [widen(64, width), widen(192, width)];
    let now = b;
    const inception = (name: string): Branches => {
      const row = ROWS[name].map((n) => widen(n, width)) as unknown as InceptionRow;
      const made = modules === "naive" ? new NaiveInception(now, row) : new Inception(now, row, largeKernel);
      now = made.outChannels;
      return made;
    };
    const head = (): AuxiliaryHead | undefined => (auxiliary ? new AuxiliaryHead(now, classes) : undefined);
    this.smallImages = smallImages;
    this.conv1 = smallImages ? new BasicConv(channels, a, 3) : new BasicConv(channels, a, 7, { stride: 2 });
    this.conv2 = new BasicConv(a, a, 1);
    this.conv3 = new BasicConv(a, b, 3);
    [this.inception3a, this.inception3b, this.inception4a] = [inception("3a"), inception("3b"), inception("4a")];
    this.aux1 = head();
    [this.inception4b, this.inception4c, this.inception4d] = [inception("4b"), inception("4c"), inception("4d")];
    this.aux2 = head();
    [this.inception4e, this.inception5a, this.inception5b] = [inception("4e"), inception("5a"), inception("5b")];
    this.fc = new Linear(now, classes, { weightInitializer: smallNormal });
  }

  /** Logits [N, classes] of the classifier at the end, and of the auxiliary ones while training. */
  forwardAll(x: Tensor): { logits: Tensor; auxiliary: Tensor[] } {
    const halve = (y: Tensor): Tensor => maxPool2d(y, 3, { stride: 2, ceilMode: true });
    const early = (y: Tensor): Tensor => (this.smallImages ? y : halve(y));
    const stem = early(this.conv3.forward(this.conv2.forward(early(this.conv1.forward(x)))));
    const y4a = this.inception4a.forward(halve(this.inception3b.forward(this.inception3a.forward(stem))));
    const y4d = this.inception4d.forward(this.inception4c.forward(this.inception4b.forward(y4a)));
    const y4e = maxPool2d(this.inception4e.forward(y4d), 2, { stride: 2, ceilMode: true });
    const y = channelMeans(this.inception5b.forward(this.inception5a.forward(y4e)));
    const logits = this.fc.forward(this.dropout.forward(y));
    const heads = this.training && this.aux1 && this.aux2 ? [this.aux1.forward(y4a), this.aux2.forward(y4d)] : [];
    return { logits, auxiliary: heads };
  }

  forward(x: Tensor): Tensor {
    return this.forwardAll(x).logits;
  }

  /** Cross-entropy against labels i32[N], plus 0.3 times that of each auxiliary classifier while training (§5). */
  loss(x: Tensor, labels: Tensor): Tensor {
    const { logits, auxiliary } = this.forwardAll(x);
    return auxiliary.reduce((sum, head) => sum.add(crossEntropy(head, labels).mul(0.3)), crossEntropy(logits, labels));
  }
}
