/** @file Pooling to a wanted size, and of everything. */

import * as F from "../math/pool.ts";
import { checkTensors } from "../ops/check.ts";
import { perAxis, type Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";
import { checkSpatial } from "./pool.ts";

abstract class AdaptivePool extends Module {
  readonly outputSize: readonly (number | null)[];
  readonly #pool: (x: Tensor, size: F.OutputSize) => Tensor;

  constructor(spatial: number, pool: (x: Tensor, size: F.OutputSize) => Tensor, outputSize: F.OutputSize) {
    super();
    const kept = Array.isArray(outputSize) ? outputSize.map((n) => n === null) : new Array<boolean>(spatial).fill(outputSize === null);
    const given = Array.isArray(outputSize) ? outputSize.map((n) => n ?? 1) : ((outputSize as number | null) ?? 1);
    const sizes = perAxis(outputSize === undefined ? (outputSize as never) : given, spatial, `${new.target.name}: outputSize`, 1);
    this.outputSize = sizes.map((n, i) => (kept[i] ? null : n));
    this.#pool = pool;
  }

  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    checkSpatial(this.constructor.name, x, this.outputSize.length);
    return this.#pool(x, this.outputSize);
  }

  protected override details(): string {
    return this.outputSize.map((n) => n ?? "same").join("x");
  }
}

/** Means of windows that cover the input whatever its size: [N, C, L] to [N, C, outputSize]. A size of null keeps that axis. */
export class AdaptiveAvgPool1d extends AdaptivePool {
  constructor(outputSize: F.OutputSize) {
    super(1, F.adaptiveAvgPool1d, outputSize);
  }
}

/** [N, C, H, W] to [N, C, ...outputSize] by means. */
export class AdaptiveAvgPool2d extends AdaptivePool {
  constructor(outputSize: F.OutputSize) {
    super(2, F.adaptiveAvgPool2d, outputSize);
  }
}

/** [N, C, D, H, W] to [N, C, ...outputSize] by means. */
export class AdaptiveAvgPool3d extends AdaptivePool {
  constructor(outputSize: F.OutputSize) {
    super(3, F.adaptiveAvgPool3d, outputSize);
  }
}

/** Maxima of windows that cover the input whatever its size: [N, C, L] to [N, C, outputSize]. */
export class AdaptiveMaxPool1d extends AdaptivePool {
  constructor(outputSize: F.OutputSize) {
    super(1, F.adaptiveMaxPool1d, outputSize);
  }
}

/** [N, C, H, W] to [N, C, ...outputSize] by maxima. */
export class AdaptiveMaxPool2d extends AdaptivePool {
  constructor(outputSize: F.OutputSize) {
    super(2, F.adaptiveMaxPool2d, outputSize);
  }
}

/** [N, C, D, H, W] to [N, C, ...outputSize] by maxima. */
export class AdaptiveMaxPool3d extends AdaptivePool {
  constructor(outputSize: F.OutputSize) {
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
