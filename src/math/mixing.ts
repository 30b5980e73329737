/**
 * @file Training on mixtures of pairs of examples (REG-1): mixup (Zhang et al. 2018) and cutmix (Yun et al. 2019). A batch is mixed with itself in
 * another order, with one share λ ~ Beta(α, α) for all; targets become probabilities in the same proportion.
 */

import { checkOptions } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { formatShape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { MIX_OPTIONS } from "./options.ts";
import { beta, permutation, randomKey, split, uniform } from "./random.ts";

export interface MixOptions {
  /** α of Beta(α, α): near 0 examples hardly mix, at 1 every share is as likely. Default 1. */
  readonly alpha?: number;
  /** Number of classes; wanted where targets are class indices. */
  readonly classes?: number;
  /** Random key. Default: the next of the implicit stream. */
  readonly key?: Tensor;
}

/** A batch of mixtures. */
export interface Mixed {
  readonly x: Tensor;
  /** Probabilities [N, C]: what `crossEntropy` takes beside class indices. */
  readonly targets: Tensor;
}

/** Class indices [N] as probabilities [N, C]; what has floats stays. */
function probabilities(what: string, x: Tensor, targets: Tensor, classes: number | undefined): Tensor {
  if (x.rank === 0 || targets.rank === 0 || targets.shape[0] !== x.shape[0])
    throw new RangeError(`${what}: want as many targets as examples, got ${formatShape(targets.shape)} for ${formatShape(x.shape)}`);
  if (isFloat(targets.dtype)) return targets;
  if (classes === undefined) throw new TypeError(`${what}: class indices ${targets} cannot be mixed; say how many \`classes\` there are`);
  return targets.oneHot(classes, x.dtype);
}

/** λ·x + (1 - λ)·(x in another order). */
function blend(x: Tensor, other: Tensor, share: Tensor): Tensor {
  const lambda = share.cast(x.dtype);
  return x.mul(lambda).add(other.mul(lambda.neg().add(1)));
}

/** Inputs [N, ...] and their targets, class indices [N] or probabilities [N, C], each blended with another example's. */
export function mixup(x: Tensor, targets: Tensor, options: MixOptions = {}): Mixed {
  checkTensors("mixup", { x, targets });
  checkOptions("mixup", options, MIX_OPTIONS);
  const { alpha = 1, classes, key = randomKey() } = options;
  const soft = probabilities("mixup", x, targets, classes);
  const [ofShare, ofOrder] = split(key, 2) as [Tensor, Tensor];
  const share = beta(ofShare, alpha, alpha, []);
  const order = permutation(ofOrder, x.shape[0]!);
  return { x: blend(x, x.take(order), share), targets: blend(soft, soft.take(order), share) };
}

/**
 * Images [N, C, H, W] with a box of another example in place of their own, and targets, class indices [N] or probabilities [N, C], mixed by area.
 * The box has sides √(1 - λ) of the image's, a centre anywhere, and ends at the edges.
 */
export function cutmix(x: Tensor, targets: Tensor, options: MixOptions = {}): Mixed {
  checkTensors("cutmix", { x, targets });
  checkOptions("cutmix", options, MIX_OPTIONS);
  const { alpha = 1, classes, key = randomKey() } = options;
  if (x.rank !== 4) throw new RangeError(`cutmix: want images [batch, channels, height, width], got ${formatShape(x.shape)}`);
  const soft = probabilities("cutmix", x, targets, classes);
  const [ofShare, ofOrder, ...ofCentre] = split(key, 4) as [Tensor, Tensor, Tensor, Tensor];
  const side = beta(ofShare, alpha, alpha, []).neg().add(1).sqrt();
  const order = permutation(ofOrder, x.shape[0]!);
  const [, , height, width] = x.shape;
  const grid = x.constantOf({ shape: [height!, width!], dtype: "i32" }, 0);
  const inside = [height!, width!].map((size, axis) => {
    const centre = uniform(ofCentre[axis]!, []).mul(size).floor();
    const half = side.mul(size).floor().div(2).floor();
    const at = grid.iotaLike(axis).cast("f32");
    return at.ge(centre.sub(half)).and(at.lt(centre.add(half)));
  });
  const box = inside[0]!.and(inside[1]!);
  const share = box.cast("f32").mean().neg().add(1);
  return { x: box.where(x.take(order), x), targets: blend(soft, soft.take(order), share) };
}
