/**
 * @file Layers as formulas of tensors, for groups that ask what their derivatives are rather than how the layer is called.
 */
import { type Tensor, vjp, zeros } from "nabla";

/** Transposed convolution: the pullback of the convolution from the result's size. */
export function convTranspose(x: Tensor, w: Tensor, options: TransposeOptions): Tensor {
  const { stride, padding, outputPadding, dilation = [1, 1], groups = 1 } = options;
  const size = x.shape
    .slice(2)
    .map((d, i) => (d - 1) * stride[i]! - 2 * padding[i]! + dilation[i]! * (w.shape[i + 2]! - 1) + outputPadding[i]! + 1);
  const image = zeros([x.shape[0]!, w.shape[1]! * groups, ...size], x.dtype);
  return vjp((z: Tensor) => z.conv(w, { stride, padding, dilation, groups }))(image).pullback(x)[0];
}

export interface TransposeOptions {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
  readonly dilation?: readonly number[];
  readonly groups?: number;
}

/** (x - mean) / √(var + eps) over axes. */
export function standardize(x: Tensor, axes: readonly number[], eps: number): Tensor {
  const centred = x.sub(x.mean(axes, { keepDims: true }));
  return centred.div(centred.square().mean(axes, { keepDims: true }).add(eps).sqrt());
}

/** A value per channel, along axis 1 of x. */
export function perChannel(v: Tensor, x: Tensor): Tensor {
  return v.broadcastInDim(x.shape, [1]);
}
