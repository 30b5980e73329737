/**
 * @file Adapters of the golden group `conv_pool`.
 */
import { functional as F } from "nabla";
import type { Adapter, Attributes, Group } from "./adapter.ts";

type Conv = typeof F.conv2d;
type ConvTranspose = typeof F.convTranspose2d;
type MaxPool = typeof F.maxPool2d;
type AvgPool = typeof F.avgPool2d;
type LpPool = typeof F.lpPool2d;

const conv =
  (f: Conv): Adapter =>
  ({ x, weight, bias }, { stride, padding, dilation, groups }) =>
    f(x!, weight!, { bias, stride, padding, dilation, groups });

const convTranspose =
  (f: ConvTranspose): Adapter =>
  ({ x, weight, bias }, { stride, padding, output_padding, dilation, groups }) =>
    f(x!, weight!, { bias, stride, padding, outputPadding: output_padding, dilation, groups });

const maxPool =
  (f: MaxPool): Adapter =>
  ({ x }, { kernel, stride, padding, dilation, ceil_mode }) =>
    f(x!, kernel, { stride: stride ?? undefined, padding, dilation, ceilMode: ceil_mode });

const avgPool =
  (f: AvgPool): Adapter =>
  ({ x }, { kernel, stride, padding, ceil_mode, count_include_pad }) =>
    f(x!, kernel, { stride: stride ?? undefined, padding, ceilMode: ceil_mode, countIncludePad: count_include_pad });

const lpPool =
  (f: LpPool): Adapter =>
  ({ x }, { p, kernel, stride }) =>
    f(x!, p, kernel, { stride: stride ?? undefined });

/** Null keeps the size of an axis. */
const adaptive =
  (f: typeof F.adaptiveAvgPool2d): Adapter =>
  ({ x }, { output }) =>
    f(x!, typeof output === "number" ? output : output.map((d: number | null, i: number) => d ?? x!.shape[i + 2]!));

const pair = (a: number | readonly number[]): readonly number[] => (typeof a === "number" ? [a, a] : a);
const patches = ({ stride, padding, dilation }: Attributes): F.UnfoldOptions => ({ stride, padding, dilation });

export const convPool: Group = {
  adapters: {
    conv1d: conv(F.conv1d),
    conv2d: conv(F.conv2d),
    conv3d: conv(F.conv3d),
    conv_transpose1d: convTranspose(F.convTranspose1d),
    conv_transpose2d: convTranspose(F.convTranspose2d),
    conv_transpose3d: convTranspose(F.convTranspose3d),
    max_pool1d: maxPool(F.maxPool1d),
    max_pool2d: maxPool(F.maxPool2d),
    max_pool3d: maxPool(F.maxPool3d),
    max_pool2d_with_indices: ({ x }, { kernel, stride, padding }) => ({
      ...F.maxPoolWithIndices(x!, pair(kernel), { stride: stride ?? undefined, padding }),
    }),
    // The size says all; kernel and stride are those of the pool before.
    max_unpool2d: ({ x, indices }, { output, kernel: _kernel, stride: _stride }) => F.maxUnpool(x!, indices!, output),
    avg_pool1d: avgPool(F.avgPool1d),
    avg_pool2d: avgPool(F.avgPool2d),
    avg_pool3d: avgPool(F.avgPool3d),
    lp_pool1d: lpPool(F.lpPool1d),
    lp_pool2d: lpPool(F.lpPool2d),
    lp_pool3d: lpPool(F.lpPool3d),
    adaptive_avg_pool1d: adaptive(F.adaptiveAvgPool1d),
    adaptive_avg_pool2d: adaptive(F.adaptiveAvgPool2d),
    adaptive_avg_pool3d: adaptive(F.adaptiveAvgPool3d),
    adaptive_max_pool1d: adaptive(F.adaptiveMaxPool1d),
    adaptive_max_pool2d: adaptive(F.adaptiveMaxPool2d),
    adaptive_max_pool3d: adaptive(F.adaptiveMaxPool3d),
    global_avg_pool: ({ x }) => F.globalAvgPool(x!),
    global_max_pool: ({ x }) => F.globalMaxPool(x!),
    local_response_norm: ({ x }, { size, alpha, beta, k }) => F.localResponseNorm(x!, size, { alpha, beta, k }),
    unfold: ({ x }, a) => F.unfold(x!, a.kernel, patches(a)),
    fold: ({ x }, a) => F.fold(x!, a.output, a.kernel, patches(a)),
    interpolate: ({ x }, { size, scale_factor, mode, align_corners }) =>
      F.interpolate(x!, { size, scaleFactor: scale_factor, mode, alignCorners: align_corners }),
    pixel_shuffle: ({ x }, { factor }) => F.pixelShuffle(x!, factor),
    pixel_unshuffle: ({ x }, { factor }) => F.pixelUnshuffle(x!, factor),
    channel_shuffle: ({ x }, { groups }) => F.channelShuffle(x!, groups),
    grid_sample: ({ x, grid }, { mode, padding_mode, align_corners }) =>
      F.gridSample(x!, grid!, { mode, paddingMode: padding_mode, alignCorners: align_corners }),
    // Here the size is that of the image, without batch and channels.
    affine_grid: ({ theta }, { size, align_corners }) => F.affineGrid(theta!, size.slice(2), { alignCorners: align_corners }),
  },
};
