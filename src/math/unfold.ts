/** @file Patches of images as columns (im2col) and back (col2im): each is the other's transpose. */

import { checkOptions } from "../base/check.ts";
import { formatShape, sizeOf } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { foldWindows, windowCount } from "../ops/movement.ts";
import { perAxis, type Tensor } from "../ops/tensor.ts";
import type { PerAxis } from "./conv.ts";
import { UNFOLD_OPTIONS } from "./options.ts";

export interface UnfoldOptions {
  /** Default 1. */
  readonly stride?: PerAxis;
  /** Zeros on both sides. Default 0. */
  readonly padding?: PerAxis;
  /** Default 1. */
  readonly dilation?: PerAxis;
}

function parameters(
  what: string,
  kernelSize: PerAxis,
  options: UnfoldOptions,
): Record<"kernel" | "stride" | "padding" | "dilation", number[]> {
  return {
    kernel: perAxis(kernelSize, 2, `${what}: kernel size`, 1),
    stride: perAxis(options.stride ?? 1, 2, `${what}: stride`, 1),
    padding: perAxis(options.padding ?? 0, 2, `${what}: padding`),
    dilation: perAxis(options.dilation ?? 1, 2, `${what}: dilation`, 1),
  };
}

/** [N, C, H, W] to [N, C·kh·kw, L]: the L patches as columns. One image [C, H, W] gives [C·kh·kw, L]. */
export function unfold(x: Tensor, kernelSize: PerAxis, options: UnfoldOptions = {}): Tensor {
  checkTensors("unfold", { x });
  checkOptions("unfold", options, UNFOLD_OPTIONS);
  if (x.rank === 3) return unfold(x.unsqueeze(0), kernelSize, options).squeeze(0);
  if (x.rank !== 4)
    throw new RangeError(`unfold: want [batch, channels, height, width] or [channels, height, width], got ${formatShape(x.shape)}`);
  const { kernel, stride, padding, dilation } = parameters("unfold", kernelSize, options);
  const patches = x.pad([0, 0, ...padding], [0, 0, ...padding]).windows(kernel, stride, dilation); // [N, C, oh, ow, kh, kw]
  const [n, c, oh, ow] = patches.shape;
  return patches.transpose([0, 1, 4, 5, 2, 3]).reshape([n, c * sizeOf(kernel), oh * ow]);
}

/** [N, C·kh·kw, L] to [N, C, ...outputSize]: patches put back, where they overlap added up. [C·kh·kw, L] gives one image. */
export function fold(x: Tensor, outputSize: PerAxis, kernelSize: PerAxis, options: UnfoldOptions = {}): Tensor {
  checkTensors("fold", { x });
  checkOptions("fold", options, UNFOLD_OPTIONS);
  if (x.rank === 2) return fold(x.unsqueeze(0), outputSize, kernelSize, options).squeeze(0);
  const { kernel, stride, padding, dilation } = parameters("fold", kernelSize, options);
  const out = perAxis(outputSize, 2, "fold: output size", 1);
  const size = out.map((d, i) => d + 2 * padding[i]);
  const counts = size.map((d, i) => windowCount(d, kernel[i], stride[i], dilation[i]));
  const c = x.shape[1] / sizeOf(kernel);
  if (x.rank !== 3 || !Number.isInteger(c) || x.shape[2] !== sizeOf(counts)) {
    throw new RangeError(
      `fold: for ${formatShape(counts)} patches of ${formatShape(kernel)} want [batch, channels * ${sizeOf(kernel)}, ${sizeOf(counts)}], got ${formatShape(x.shape)}`,
    );
  }
  const n = x.shape[0];
  const patches = x.reshape([n, c, ...kernel, ...counts]).transpose([0, 1, 4, 5, 2, 3]);
  const y = x.bind(foldWindows, [patches], { kernel, stride, dilation, size });
  return y.slice([0, 0, ...padding], [n, c, ...out.map((d, i) => d + padding[i])]);
}
