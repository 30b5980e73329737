/**
 * @file NASNet-A: Zoph, Vasudevan, Shlens & Le (2018), "Learning transferable architectures for scalable image recognition", Fig. 4 and
 * Appendix A; the mobile one, NASNet-A (4 @ 1056). Two cells found by search, stacked by hand; each reads the two cells before it.
 */

import { aNumber, checkFields, checkOptions, flag } from "../base/check.ts";
import { avgPool2d, maxPool2d } from "../math/pool.ts";
import { BatchNorm2d } from "../nn/batch-norm.ts";
import type { Conv2d } from "../nn/conv.ts";
import { Dropout } from "../nn/dropout.ts";
import { Linear } from "../nn/linear.ts";
import { Module } from "../nn/module.ts";
import { concatenate } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { channelMeans, conv, IMAGE_MODEL_OPTIONS, type ImageModelOptions, imageSettings, widen } from "./blocks.ts";

const norm = (channels: number): BatchNorm2d => new BatchNorm2d(channels, { eps: 0.001, momentum: 0.1 });

/** ReLU, 1×1 convolution, normalization. */
export class Pointwise extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(channels: number, outChannels: number) {
    super();
    this.conv = conv(channels, outChannels, 1);
    this.bn = norm(outChannels);
  }

  forward(x: Tensor): Tensor {
    return this.bn.forward(this.conv.forward(x.relu()));
  }
}

/** ReLU, depthwise k×k, pointwise, normalization, twice (Appendix A.4: separable convolutions are applied twice). */
class Separable extends Module {
  readonly depthwise1: Conv2d;
  readonly pointwise1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly depthwise2: Conv2d;
  readonly pointwise2: Conv2d;
  readonly bn2: BatchNorm2d;

  constructor(channels: number, outChannels: number, kernel: number, stride = 1) {
    super();
    this.depthwise1 = conv(channels, channels, kernel, { stride, groups: channels });
    this.pointwise1 = conv(channels, outChannels, 1);
    this.bn1 = norm(outChannels);
    this.depthwise2 = conv(outChannels, outChannels, kernel, { groups: outChannels });
    this.pointwise2 = conv(outChannels, outChannels, 1);
    this.bn2 = norm(outChannels);
  }

  forward(x: Tensor): Tensor {
    const y = this.bn1.forward(this.pointwise1.forward(this.depthwise1.forward(x.relu())));
    return this.bn2.forward(this.pointwise2.forward(this.depthwise2.forward(y.relu())));
  }
}

/** Half the size without losing a pixel: 1×1 convolutions of the even and of the odd pixels, side by side. */
export class FactorizedReduction extends Module {
  readonly even: Conv2d;
  readonly odd: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(channels: number, outChannels: number) {
    super();
    this.even = conv(channels, outChannels >> 1, 1);
    this.odd = conv(channels, outChannels >> 1, 1);
    this.bn = norm(2 * (outChannels >> 1));
  }

  forward(x: Tensor): Tensor {
    const y = x.relu();
    const every = [1, 1, 2, 2];
    const shifted = y.pad([0, 0, 0, 0], [0, 0, 1, 1]).slice([0, 0, 1, 1]);
    const parts = [
      this.even.forward(y.slice([0, 0, 0, 0], y.shape, every)),
      this.odd.forward(shifted.slice([0, 0, 0, 0], shifted.shape, every)),
    ];
    return this.bn.forward(concatenate(parts, 1));
  }
}

/** What a cell reads: the result of the cell before (`h`), and of the one before that (`p`). */
interface Inputs {
  readonly h: Tensor;
  readonly p: Tensor;
}

/** Sizes of what a cell reads; `shrunk` if p is twice as large as h. */
export interface Place {
  readonly h: number;
  readonly p: number;
  readonly shrunk: boolean;
}

const smooth = (x: Tensor, stride = 1): Tensor => avgPool2d(x, 3, { stride, padding: 1, countIncludePad: false });
const largest = (x: Tensor): Tensor => maxPool2d(x, 3, { stride: 2, padding: 1 });

const PLACE = { h: aNumber, p: aNumber, shrunk: flag };

/** Both inputs brought to `filters` channels and one size. */
export abstract class NasNetCell extends Module {
  readonly enter: Pointwise;
  readonly adjust: Pointwise | FactorizedReduction | undefined;

  constructor(options: Place, filters: number, keep: boolean) {
    checkFields(new.target.name, options, PLACE);
    const { h, p, shrunk } = options;
    super();
    this.enter = new Pointwise(h, filters);
    this.adjust = shrunk ? new FactorizedReduction(p, filters) : keep || p === filters ? undefined : new Pointwise(p, filters);
  }

  protected abstract combine(inputs: Inputs): Tensor[];

  forward(x: Tensor, before: Tensor): Tensor {
    return concatenate(this.combine({ h: this.enter.forward(x), p: this.adjust ? this.adjust.forward(before) : before }), 1);
  }
}

/** Fig. 4, left; 6 times the filters. */
class NormalCell extends NasNetCell {
  readonly left5: Separable;
  readonly left3: Separable;
  readonly right5: Separable;
  readonly right3: Separable;
  readonly last3: Separable;

  constructor(place: Place, filters: number) {
    super(place, filters, false);
    this.left5 = new Separable(filters, filters, 5);
    this.left3 = new Separable(filters, filters, 3);
    this.right5 = new Separable(filters, filters, 5);
    this.right3 = new Separable(filters, filters, 3);
    this.last3 = new Separable(filters, filters, 3);
  }

  protected combine({ h, p }: Inputs): Tensor[] {
    const pooled = smooth(p);
    return [
      p,
      this.left5.forward(h).add(this.left3.forward(p)),
      this.right5.forward(p).add(this.right3.forward(p)),
      smooth(h).add(p),
      pooled.add(pooled),
      this.last3.forward(h).add(h),
    ];
  }
}

/** Fig. 4, right; 4 times the filters, half the size. In the first one p is h's own input, as it is. */
class ReductionCell extends NasNetCell {
  readonly h5: Separable;
  readonly p7a: Separable;
  readonly p7b: Separable;
  readonly p5: Separable;
  readonly last3: Separable;

  constructor(place: Place, filters: number, first = false) {
    super(place, filters, first);
    const p = first ? place.p : filters;
    this.h5 = new Separable(filters, filters, 5, 2);
    this.p7a = new Separable(p, filters, 7, 2);
    this.p7b = new Separable(p, filters, 7, 2);
    this.p5 = new Separable(p, filters, 5, 2);
    this.last3 = new Separable(filters, filters, 3);
  }

  protected combine({ h, p }: Inputs): Tensor[] {
    const x1 = this.h5.forward(h).add(this.p7a.forward(p));
    const x2 = largest(h).add(this.p7b.forward(p));
    const x3 = smooth(h, 2).add(this.p5.forward(p));
    return [x2, x3, smooth(x1).add(x2), this.last3.forward(x1).add(largest(h))];
  }
}

/**
 * NASNet-A (4 @ 1056): images [N, 3, 224, 224] to [N, classes]; 5,289,978 parameters. Any size from 32×32 on; with `smallImages`, which leaves
 * out the two reduction cells of the stem, from 8×8.
 */
export class NASNetMobile extends Module {
  readonly conv0: Conv2d;
  readonly bn0: BatchNorm2d;
  readonly cells: readonly NasNetCell[];
  readonly dropout: Dropout = new Dropout(0.5);
  readonly last_linear: Linear;

  constructor(options: ImageModelOptions = {}) {
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const filters = 4 * Math.max(1, Math.round(11 * width)); // 44 = 1056/24
    const stem = widen(32, width);
    this.conv0 = smallImages ? conv(channels, stem, 3) : conv(channels, stem, 3, { stride: 2, padding: 0 });
    this.bn0 = norm(stem);
    const cells: NasNetCell[] = [];
    let place: Place = { h: stem, p: stem, shrunk: false };
    const add = (kind: "normal" | "reduction", size: number): void => {
      cells.push(kind === "normal" ? new NormalCell(place, size) : new ReductionCell(place, size, cells.length === 0));
      place = { h: size * (kind === "normal" ? 6 : 4), p: place.h, shrunk: kind === "reduction" };
    };
    if (!smallImages) for (const share of [4, 2]) add("reduction", filters / share);
    for (const stage of [1, 2, 4]) {
      if (stage > 1) add("reduction", filters * stage);
      for (let i = 0; i < 4; i++) add("normal", filters * stage);
    }
    this.cells = cells;
    this.last_linear = new Linear(place.h, classes);
  }

  forward(x: Tensor): Tensor {
    let before = this.bn0.forward(this.conv0.forward(x));
    let now = before;
    for (const cell of this.cells) [before, now] = [now, cell.forward(now, before)];
    return this.last_linear.forward(this.dropout.forward(channelMeans(now.relu())));
  }
}
