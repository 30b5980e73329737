/** @file Pooling to a wanted size, and of everything. */
import type { PerAxis } from "../math/conv.ts";
import * as F from "../math/pool.ts";
import { perAxis, type Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";
import { checkSpatial } from "./pool.ts";

abstract class AdaptivePool extends Module {
  readonly outputSize: readonly number[];
  readonly #pool: (x: Tensor, size: readonly number[]) => Tensor;

  constructor(spatial: number, pool: (x: Tensor, size: readonly number[]) => Tensor, outputSize: PerAxis) {
    super();
    this.outputSize = perAxis(outputSize, spatial, `${new.target.name}: outputSize`, 1);
    this.#pool = pool;
  }

  forward(x: Tensor): Tensor {
    checkSpatial(this.constructor.name, x, this.outputSize.length);
    return this.#pool(x, this.outputSize);
  }

  protected override details(): string {
    return this.outputSize.join("x");
  }
}

/** Means of windows that cover the input whatever its size: [N, C, L] to [N, C, outputSize]. */
export class AdaptiveAvgPool1d extends AdaptivePool {
  constructor(outputSize: PerAxis) {
    super(1, F.adaptiveAvgPool1d, outputSize);
  }
}

/** [N, C, H, W] to [N, C, ...outputSize] by means. */
export class AdaptiveAvgPool2d extends AdaptivePool {
  constructor(outputSize: PerAxis) {
    super(2, F.adaptiveAvgPool2d, outputSize);
  }
}

/** [N, C, D, H, W] to [N, C, ...outputSize] by means. */
export class AdaptiveAvgPool3d extends AdaptivePool {
  constructor(outputSize: PerAxis) {
    super(3, F.adaptiveAvgPool3d, outputSize);
  }
}

/** Maxima of windows that cover the input whatever its size: [N, C, L] to [N, C, outputSize]. */
export class AdaptiveMaxPool1d extends AdaptivePool {
  constructor(outputSize: PerAxis) {
    super(1, F.adaptiveMaxPool1d, outputSize);
  }
}

/** [N, C, H, W] to [N, C, ...outputSize] by maxima. */
export class AdaptiveMaxPool2d extends AdaptivePool {
  constructor(outputSize: PerAxis) {
    super(2, F.adaptiveMaxPool2d, outputSize);
  }
}

/** [N, C, D, H, W] to [N, C, ...outputSize] by maxima. */
export class AdaptiveMaxPool3d extends AdaptivePool {
  constructor(outputSize: PerAxis) {
    super(3, F.adaptiveMaxPool3d, outputSize);
  }
}

/** Mean over all axes but batch and channels: [N, C, ...] to [N, C]. */
export class GlobalAvgPool extends Module {
  forward(x: Tensor): Tensor {
    return F.globalAvgPool(x);
  }
}

/** Maximum over all axes but batch and channels: [N, C, ...] to [N, C]. */
export class GlobalMaxPool extends Module {
  forward(x: Tensor): Tensor {
    return F.globalMaxPool(x);
  }
}
