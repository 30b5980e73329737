/** @file Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up while training, so that inference changes nothing. */
import { formatShape, type Shape } from "../base/shape.ts";
import type { Tensor } from "../ops/tensor.ts";
import { randomKey, uniform } from "./random.ts";

export interface DropoutOptions {
  /** Probability of dropping an element. Default 0.5. */
  readonly p?: number;
  /** Default true. */
  readonly training?: boolean;
  /** Random key. Default: the next of the implicit stream. */
  readonly key?: Tensor;
}

/** Which elements of a shape stay: true with probability 1 - p. */
function kept(what: string, shape: Shape, p: number, key: Tensor | undefined): Tensor {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`${what}: want a probability p in [0, 1], got ${p}`);
  return uniform(key ?? randomKey(), shape).ge(p);
}

function drop(what: string, x: Tensor, mask: Shape, { p = 0.5, training = true, key }: DropoutOptions): Tensor {
  const stays = training || p < 0 || p > 1 ? kept(what, mask, p, key) : undefined;
  if (!stays || p === 0) return x;
  return stays.where(p === 1 ? x.like(0) : x.mul(1 / (1 - p)), 0);
}

/** Each element becomes 0 with probability p, and the others grow by 1/(1 - p). */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  return drop("dropout", x, x.shape, options);
}

/** {@link dropout} of whole channels of [N, C, ...] (Tompson et al. 2015). */
export function channelDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  if (x.rank < 2) throw new RangeError(`channelDropout: want [batch, channels, ...], got ${formatShape(x.shape)}`);
  return drop("channelDropout", x, [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)], options);
}

/** Dropout for SELU nets, which keeps mean 0 and variance 1 (Klambauer et al. 2017): dropped elements become -λα. */
export function alphaDropout(x: Tensor, { p = 0.5, training = true, key }: DropoutOptions = {}): Tensor {
  if (!training || p === 0) return x;
  const low = -1.7580993408473766;
  const scale = 1 / Math.sqrt((1 - p) * (1 + p * low * low));
  return kept("alphaDropout", x.shape, p, key)
    .where(x, low)
    .mul(scale)
    .add(-scale * low * p);
}
