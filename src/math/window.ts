/** @file What pooling windows are before the input is known, so that a layer can refuse at once what its function would refuse later. */
import { perAxis } from "../ops/tensor.ts";
import type { PerAxis } from "./conv.ts";

export interface WindowOptions {
  readonly stride?: PerAxis;
  readonly padding?: PerAxis;
  readonly dilation?: PerAxis;
}

export interface PoolWindow {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
}

/** One number per axis of each setting. @throws {RangeError} if there are too few, or padding is above half the kernel. */
export function poolWindow(what: string, spatial: number, kernelSize: PerAxis, options: WindowOptions): PoolWindow {
  const kernel = perAxis(kernelSize, spatial, `${what}: kernel size`, 1);
  const stride = options.stride === undefined ? kernel : perAxis(options.stride, spatial, `${what}: stride`, 1);
  const dilation = perAxis(options.dilation ?? 1, spatial, `${what}: dilation`, 1);
  const padding = perAxis(options.padding ?? 0, spatial, `${what}: padding`);
  // Otherwise a window could lie in the padding altogether and have no maximum.
  if (padding.some((p, i) => 2 * p > kernel[i])) {
    throw new RangeError(
      `${what}: padding must be at most half the kernel, got padding ${padding.join("x")} for kernel ${kernel.join("x")}`,
    );
  }
  return { kernel, stride, dilation, padding };
}
