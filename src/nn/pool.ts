/** @file Pooling layers over [batch, channels, ...]: the largest element, the mean or the power mean of windows. */

import { checkOptions } from "../base/check.ts";
import type { PerAxis } from "../math/conv.ts";
import { AVG_POOL_OPTIONS, LP_POOL_OPTIONS, MAX_POOL_OPTIONS } from "../math/options.ts";
import * as F from "../math/pool.ts";
import { paddingText, poolWindow } from "../math/window.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { inputError, Module } from "./module.ts";

export type { AvgPoolOptions, LpPoolOptions, MaxPoolOptions, PoolOptions } from "../math/pool.ts";

const SIZES = ["length", "height, width", "depth, height, width"];

/** @throws {RangeError} unless x is [batch, channels, ...] with that many axes more, or one example [channels, ...]. */
export function checkSpatial(what: string, x: Tensor, spatial: number): void {
  if (x.rank !== spatial + 2 && x.rank !== spatial + 1)
    throw inputError(what, `[batch, channels, ${SIZES[spatial - 1]}]`, x.shape, `a single example is [channels, ${SIZES[spatial - 1]}]`);
}

type Options = F.MaxPoolOptions & F.AvgPoolOptions;
type PoolFunction = (x: Tensor, kernelSize: PerAxis, options: Options) => Tensor;

abstract class Pool extends Module {
  readonly kernelSize: PerAxis;
  readonly options: Options;
  readonly #spatial: number;
  readonly #pool: PoolFunction;

  constructor(spatial: number, pool: PoolFunction, kernelSize: PerAxis, options: Options) {
    super();
    poolWindow(new.target.name, spatial, kernelSize, options); // refuses at once what `forward` would refuse later
    this.kernelSize = kernelSize;
    this.options = options;
    this.#spatial = spatial;
    this.#pool = pool;
  }

  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    checkSpatial(this.constructor.name, x, this.#spatial);
    return this.#pool(x, this.kernelSize, this.options);
  }

  protected override details(): string {
    const { kernel, stride, low, high, dilation } = poolWindow("pool", this.#spatial, this.kernelSize, this.options);
    const parts = [`kernel ${kernel.join("x")}`];
    if (stride.some((s, i) => s !== kernel[i])) parts.push(`stride ${stride.join("x")}`);
    parts.push(...[paddingText({ low, high })].filter(Boolean));
    if (dilation.some((d) => d !== 1)) parts.push(`dilation ${dilation.join("x")}`);
    if (this.options.ceilMode) parts.push("ceil");
    return parts.join(", ");
  }
}

/** Largest element of each window: [N, C, L] to [N, C, L′], L′ = ⌊(L + 2p - d(k - 1) - 1)/s⌋ + 1. The stride defaults to the kernel. */
export class MaxPool1d extends Pool {
  constructor(kernelSize: PerAxis, options: F.MaxPoolOptions = {}) {
    checkOptions(new.target.name, options, MAX_POOL_OPTIONS);
    super(1, F.maxPool1d, kernelSize, options);
  }
}

/** {@link MaxPool1d} of images, [N, C, H, W] to [N, C, H′, W′]. */
export class MaxPool2d extends Pool {
  constructor(kernelSize: PerAxis, options: F.MaxPoolOptions = {}) {
    checkOptions(new.target.name, options, MAX_POOL_OPTIONS);
    super(2, F.maxPool2d, kernelSize, options);
  }
}

/** {@link MaxPool1d} of volumes, [N, C, D, H, W] to [N, C, D′, H′, W′]. */
export class MaxPool3d extends Pool {
  constructor(kernelSize: PerAxis, options: F.MaxPoolOptions = {}) {
    checkOptions(new.target.name, options, MAX_POOL_OPTIONS);
    super(3, F.maxPool3d, kernelSize, options);
  }
}

/** Mean of each window, [N, C, L] to [N, C, L′]; sizes as in {@link MaxPool1d}. */
export class AvgPool1d extends Pool {
  constructor(kernelSize: PerAxis, options: F.AvgPoolOptions = {}) {
    checkOptions(new.target.name, options, AVG_POOL_OPTIONS);
    super(1, F.avgPool1d, kernelSize, options);
  }
}

/** {@link AvgPool1d} of images, [N, C, H, W] to [N, C, H′, W′]. */
export class AvgPool2d extends Pool {
  constructor(kernelSize: PerAxis, options: F.AvgPoolOptions = {}) {
    checkOptions(new.target.name, options, AVG_POOL_OPTIONS);
    super(2, F.avgPool2d, kernelSize, options);
  }
}

/** {@link AvgPool1d} of volumes, [N, C, D, H, W] to [N, C, D′, H′, W′]. */
export class AvgPool3d extends Pool {
  constructor(kernelSize: PerAxis, options: F.AvgPoolOptions = {}) {
    checkOptions(new.target.name, options, AVG_POOL_OPTIONS);
    super(3, F.avgPool3d, kernelSize, options);
  }
}

/** (Σ xᵖ)^(1/p) of each window, [N, C, L] to [N, C, L′]; without padding. */
export class LPPool1d extends Pool {
  constructor(p: number, kernelSize: PerAxis, options: F.LpPoolOptions = {}) {
    checkOptions(new.target.name, options, LP_POOL_OPTIONS);
    super(1, (x, kernel, o) => F.lpPool1d(x, p, kernel, o), kernelSize, options);
  }
}

/** {@link LPPool1d} of images. */
export class LPPool2d extends Pool {
  constructor(p: number, kernelSize: PerAxis, options: F.LpPoolOptions = {}) {
    checkOptions(new.target.name, options, LP_POOL_OPTIONS);
    super(2, (x, kernel, o) => F.lpPool2d(x, p, kernel, o), kernelSize, options);
  }
}

/** {@link LPPool1d} of volumes. */
export class LPPool3d extends Pool {
  constructor(p: number, kernelSize: PerAxis, options: F.LpPoolOptions = {}) {
    checkOptions(new.target.name, options, LP_POOL_OPTIONS);
    super(3, (x, kernel, o) => F.lpPool3d(x, p, kernel, o), kernelSize, options);
  }
}
