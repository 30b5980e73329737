/** @file Layers that change the size of images: upsampling, and shuffles of channels and pixels. */
import { checkOptions } from "../base/check.ts";
import { INTERPOLATE_OPTIONS } from "../math/options.ts";
import * as F from "../math/resize.ts";
import type { Tensor } from "../ops/tensor.ts";
import { checkSizes } from "./linear.ts";
import { Module } from "./module.ts";

/** [N, C, ...] at another size: `size` or `scaleFactor`, by "nearest" (the default), "linear", "bilinear", "trilinear", "bicubic" or "area". */
export class Upsample extends Module {
  readonly options: F.InterpolateOptions;

  constructor(options: F.InterpolateOptions) {
    checkOptions(new.target.name, options, INTERPOLATE_OPTIONS);
    super();
    if ((options.size === undefined) === (options.scaleFactor === undefined))
      throw new TypeError("Upsample: give either size or scaleFactor");
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return F.interpolate(x, this.options);
  }

  protected override details(): string {
    return Object.entries(this.options)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ");
  }
}

abstract class Shuffle extends Module {
  readonly factor: number;
  readonly #shuffle: (x: Tensor, factor: number) => Tensor;

  constructor(shuffle: (x: Tensor, factor: number) => Tensor, factor: number) {
    super();
    checkSizes(new.target.name, { factor });
    this.factor = factor;
    this.#shuffle = shuffle;
  }

  forward(x: Tensor): Tensor {
    return this.#shuffle(x, this.factor);
  }

  protected override details(): string {
    return `${this.factor}`;
  }
}

/** [N, C·r², H, W] to [N, C, H·r, W·r] (Shi et al. 2016). */
export class PixelShuffle extends Shuffle {
  constructor(factor: number) {
    super(F.pixelShuffle, factor);
  }
}

/** [N, C, H·r, W·r] to [N, C·r², H, W]. */
export class PixelUnshuffle extends Shuffle {
  constructor(factor: number) {
    super(F.pixelUnshuffle, factor);
  }
}

/** Channels of [N, C, ...] dealt out among groups (Zhang et al. 2018). */
export class ChannelShuffle extends Shuffle {
  constructor(groups: number) {
    super(F.channelShuffle, groups);
  }
}
