/** @file Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up while training, so that inference changes nothing. */

import { checkOptions } from "../base/check.ts";
import { formatShape, type Shape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { DROPOUT_OPTIONS } from "./options.ts";
import { randomKey, uniform } from "./random.ts";

export interface DropoutOptions {
  /** Probability of dropping an element; a tensor or cell where it changes from call to call. Default 0.5. */
  readonly p?: TensorLike;
  /** Default true. */
  readonly training?: boolean;
  /** Random key. Default: the next of the implicit stream. */
  readonly key?: Tensor;
}

function checkProbability(what: string, p: TensorLike): void {
  if (typeof p === "number" && !(p >= 0 && p <= 1)) throw new RangeError(`${what}: want a probability p in [0, 1], got ${p}`);
}

/** Which elements of a shape stay: true with probability 1 - p. */
function kept(shape: Shape, p: TensorLike, key: Tensor | undefined): Tensor {
  return uniform(key ?? randomKey(), shape).ge(p);
}

/** 1/(1 - p), and 0 at p = 1: nothing is kept there, and 1/0 would turn the zero cotangents of the dropped elements into NaN. */
function growth(x: Tensor, p: TensorLike): TensorLike {
  if (typeof p === "number") return p === 1 ? 0 : 1 / (1 - p);
  const keep = x.operand(p).neg().add(1).cast(x.dtype);
  return keep.gt(0).where(keep.recip(), 0);
}

function drop(what: string, x: Tensor, mask: Shape, { p = 0.5, training = true, key }: DropoutOptions): Tensor {
  checkProbability(what, p);
  if (!training || p === 0) return x;
  return kept(mask, p, key).where(x.mul(growth(x, p)), 0);
}

/** Each element becomes 0 with probability p, and the others grow by 1/(1 - p). */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkTensors("dropout", { x });
  checkOptions("dropout", options, DROPOUT_OPTIONS);
  return drop("dropout", x, x.shape, options);
}

/** {@link dropout} of whole channels of [N, C, ...] (Tompson et al. 2015). */
export function channelDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkTensors("channelDropout", { x });
  checkOptions("channelDropout", options, DROPOUT_OPTIONS);
  if (x.rank < 2) throw new RangeError(`channelDropout: want [batch, channels, ...], got ${formatShape(x.shape)}`);
  return drop("channelDropout", x, [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)], options);
}

/** Dropout for SELU nets, which keeps mean 0 and variance 1 (Klambauer et al. 2017): dropped elements become -λα. */
export function alphaDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkTensors("alphaDropout", { x });
  checkOptions("alphaDropout", options, DROPOUT_OPTIONS);
  const { p = 0.5, training = true, key } = options;
  checkProbability("alphaDropout", p);
  if (!training || p === 0) return x;
  const low = -1.7580993408473766;
  const rate = x.operand(p).cast(x.dtype);
  // As in PyTorch everything becomes 0 at p = 1, where no scale would keep the variance.
  const keep = rate.neg().add(1);
  const some = keep.gt(0);
  const spread = some.where(keep, 1).mul(rate.mul(low * low).add(1));
  const scale = some.where(spread.sqrt().recip(), 0);
  return kept(x.shape, p, key).where(x, low).sub(rate.mul(low)).mul(scale);
}
