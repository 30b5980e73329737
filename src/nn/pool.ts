/** @file Pooling of images: the largest or the mean element of windows of [batch, channels, height, width]. */
import { ones } from "../ops/create.ts";
import { perAxis, type Tensor } from "../ops/tensor.ts";
import type { Pair } from "./conv.ts";
import { inputError, Module } from "./module.ts";

export interface PoolOptions {
  /** Step between windows. Default: the kernel size, so that windows tile the image. */
  readonly stride?: Pair;
  /** Rows and columns added on each side, at most half the kernel: -∞ to max pooling, 0 to average pooling. Default 0. */
  readonly padding?: Pair;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts in the divisor. Default true, as in PyTorch. */
  readonly countIncludePad?: boolean;
}

interface Geometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
}

function geometry(what: string, kernelSize: Pair, options: PoolOptions): Geometry {
  const kernel = perAxis(kernelSize, 2, `${what}: kernel size`, 1);
  const stride = options.stride === undefined ? kernel : perAxis(options.stride, 2, `${what}: stride`, 1);
  const padding = perAxis(options.padding ?? 0, 2, `${what}: padding`);
  // Otherwise a window could lie in the padding altogether and have no maximum.
  if (padding.some((p, i) => 2 * p > kernel[i])) {
    throw new RangeError(
      `${what}: padding must be at most half the kernel, got padding ${padding.join("x")} for kernel ${kernel.join("x")}`,
    );
  }
  return { kernel, stride, padding };
}

function checkImages(what: string, x: Tensor): void {
  if (x.rank !== 4) throw inputError(what, "[batch, channels, height, width]", x.shape, "a single image needs unsqueeze(0)");
}

/** Windows of padded images: [N, C, H, W] to [N, C, H', W', kh, kw]. */
function windows(x: Tensor, { kernel, stride, padding }: Geometry): Tensor {
  return x.pad([0, 0, ...padding], [0, 0, ...padding]).windows(kernel, stride);
}

/** Images whose padding will never be a maximum. */
function padLowest(x: Tensor, padding: readonly number[]): Tensor {
  if (padding.every((p) => p === 0)) return x;
  const padded = x.pad([0, 0, ...padding], [0, 0, ...padding]);
  const within = padding.map((p, i) => {
    const at = padded.iotaLike(2 + i);
    return at.ge(p).and(at.lt(p + x.shape[2 + i]));
  });
  return within[0].and(within[1]).where(padded, Number.NEGATIVE_INFINITY);
}

/**
 * Largest element of each window: [N, C, H, W] to [N, C, H', W'], H' = ⌊(H + 2p - k)/s⌋ + 1.
 * Of elements that tie, the first in row-major order receives the whole derivative, as in PyTorch.
 */
export function maxPool2d(x: Tensor, kernelSize: Pair, options: PoolOptions = {}): Tensor {
  checkImages("maxPool2d", x);
  const { kernel, stride, padding } = geometry("maxPool2d", kernelSize, options);
  return padLowest(x, padding).windows(kernel, stride).flatten(4).maxWithIndex(4).values;
}

/** Mean of each window: [N, C, H, W] to [N, C, H', W'], sizes as in {@link maxPool2d}. */
export function avgPool2d(x: Tensor, kernelSize: Pair, options: AvgPoolOptions = {}): Tensor {
  checkImages("avgPool2d", x);
  const { countIncludePad = true } = options;
  const shape = geometry("avgPool2d", kernelSize, options);
  const patches = windows(x, shape);
  if (countIncludePad || shape.padding.every((p) => p === 0)) return patches.mean([4, 5]);
  const counts = windows(ones([1, 1, ...x.shape.slice(2)], x.dtype), shape).sum([4, 5]);
  return patches.sum([4, 5]).div(counts);
}

/** Mean over the whole image: [N, C, H, W] to [N, C]. */
export function globalAvgPool2d(x: Tensor): Tensor {
  checkImages("globalAvgPool2d", x);
  return x.mean([2, 3]);
}

abstract class Pool extends Module {
  readonly kernelSize: Pair;
  readonly options: AvgPoolOptions;

  constructor(kernelSize: Pair, options: AvgPoolOptions) {
    super();
    geometry(new.target.name, kernelSize, options); // refuses at once what `forward` would refuse later
    this.kernelSize = kernelSize;
    this.options = options;
  }

  protected override details(): string {
    const { kernel, stride, padding } = geometry("pool", this.kernelSize, this.options);
    const parts = [`kernel ${kernel.join("x")}`];
    if (stride.some((s, i) => s !== kernel[i])) parts.push(`stride ${stride.join("x")}`);
    if (padding.some((p) => p !== 0)) parts.push(`padding ${padding.join("x")}`);
    return parts.join(", ");
  }
}

/** {@link maxPool2d} as a layer. */
export class MaxPool2d extends Pool {
  constructor(kernelSize: Pair, options: PoolOptions = {}) {
    super(kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }
}

/** {@link avgPool2d} as a layer. */
export class AvgPool2d extends Pool {
  constructor(kernelSize: Pair, options: AvgPoolOptions = {}) {
    super(kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }
}
