/** @file Normalizations and dropout. */

import { sizeOf } from "../../base/shape.ts";
import { randomKey, uniform } from "../../math/random.ts";
import { full, tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { Call, Op } from "../call.ts";
import { evenBySeed } from "../mersenne.ts";
import { type Given, Live, range } from "../value.ts";

const perChannel = (x: Tensor, rank: number): Tensor => x.reshape([-1, ...range(rank - 2).map(() => 1)]);

interface Normalized {
  readonly y: Tensor;
  readonly mean: Tensor;
  readonly inverse: Tensor;
}

/** Mean 0 and variance 1 over axes. */
function standardized(x: Tensor, axes: readonly number[], eps: number): Normalized {
  const mean = x.mean(axes, { keepDims: true });
  const centred = x.sub(mean);
  const inverse = centred.square().mean(axes, { keepDims: true }).add(eps).rsqrt();
  return { y: centred.mul(inverse), mean, inverse };
}

/** With the statistics of the batch where the file says so, or, if the module follows its mode, while it trains. */
function batchNorm(c: Call): Given[] {
  const [x, scale, bias, mean, variance] = range(5).map((i) => c.tensor(i));
  const eps = c.float("epsilon", 1e-5);
  const { run } = c.scope;
  const old = c.opset < 14 && c.outputs > 1;
  const affine = (y: Tensor): Tensor => y.mul(perChannel(scale, x.rank)).add(perChannel(bias, x.rank));
  if (!(c.flag("training_mode") || old || (run.follow && run.training))) {
    const inverse = perChannel(variance, x.rank).add(eps).rsqrt();
    return [new Live(affine(x.sub(perChannel(mean, x.rank)).mul(inverse)), c.dtype(0))];
  }
  const axes = range(x.rank).filter((axis) => axis !== 1);
  const keep = c.float("momentum", 0.9);
  const own = x.mean(axes);
  // The variance of the batch counts n, as ONNX has it.
  const ownVariance = x.var(axes, { correction: 0 });
  const nextMean = mean.mul(keep).add(own.mul(1 - keep));
  const nextVariance = variance.mul(keep).add(ownVariance.mul(1 - keep));
  if (run.training) {
    run.write(c.scope, c.step.inputs[3], nextMean);
    run.write(c.scope, c.step.inputs[4], nextVariance);
  }
  return [affine(standardized(x, axes, eps).y), nextMean, nextVariance, own, ownVariance];
}

function instanceNorm(c: Call): Given {
  const x = c.tensor(0);
  const { y } = standardized(x, range(x.rank).slice(2), c.float("epsilon", 1e-5));
  return y.mul(perChannel(c.tensor(1), x.rank)).add(perChannel(c.tensor(2), x.rank));
}

/** The type in which statistics are made. */
const inStash = (c: Call, x: Tensor): Tensor => (c.int("stash_type", 1) === 11 ? x.cast("f64") : x);

function layerNorm(c: Call): Given[] {
  const x = inStash(c, c.tensor(0));
  const { y, mean, inverse } = standardized(x, range(x.rank).slice(c.axis(-1)), c.float("epsilon", 1e-5));
  const scaled = y.mul(c.tensor(1));
  return [new Live(c.has(2) ? scaled.add(c.tensor(2)) : scaled, c.dtype(0)), mean, inverse];
}

function rmsNorm(c: Call): Given {
  const x = inStash(c, c.tensor(0));
  const axes = range(x.rank).slice(c.axis(-1));
  const inverse = x.square().mean(axes, { keepDims: true }).add(c.float("epsilon", 1e-5)).rsqrt();
  return new Live(x.mul(inverse).mul(c.tensor(1)), c.dtype(1));
}

/** Scale and bias are of each group before version 21, of each channel since. */
function groupNorm(c: Call): Given {
  const x = c.tensor(0);
  const groups = c.int("num_groups", 1);
  const y = standardized(x.reshape([x.shape[0], groups, sizeOf(x.shape.slice(1)) / groups]), [2], c.float("epsilon", 1e-5)).y;
  const [scale, bias] = [c.tensor(1), c.tensor(2)];
  if (c.opset < 21)
    return y
      .mul(scale.reshape([1, groups, 1]))
      .add(bias.reshape([1, groups, 1]))
      .reshape(x.shape);
  return y.reshape(x.shape).mul(perChannel(scale, x.rank)).add(perChannel(bias, x.rank));
}

function meanVariance(c: Call): Given {
  const x = c.tensor(0);
  const axes = c.ints("axes") ?? [0, 2, 3];
  const mean = x.mean(axes, { keepDims: true });
  const deviation = x.square().mean(axes, { keepDims: true }).sub(mean.square()).sqrt();
  return x.sub(mean).div(deviation.add(1e-9));
}

/** Sums of squares over `size` channels around each; of an even number one more lies behind. */
function lrn(c: Call): Given {
  const x = c.tensor(0);
  const size = c.int("size", 1);
  const low = Math.floor((size - 1) / 2);
  const at = (n: number): number[] => x.shape.map((_, axis) => (axis === 1 ? n : 0));
  const squares = x.square().pad(at(low), at(size - 1 - low));
  const sums = range(size)
    .map((i) => squares.narrow(1, i, x.shape[1]))
    .reduce((a, b) => a.add(b));
  const base = sums.mul(c.float("alpha", 1e-4) / size).add(c.float("bias", 1));
  return x.div(base.pow(c.float("beta", 0.75)));
}

function lpNorm(c: Call): Given {
  const x = c.tensor(0);
  const axis = c.axis(-1);
  const size = c.int("p", 2) === 1 ? x.abs().sum([axis], { keepDims: true }) : x.square().sum([axis], { keepDims: true }).sqrt();
  const none = size.eq(0);
  return none.where(0, x.div(none.where(1, size)));
}

/** As the file says, or, if the module follows its mode, while it trains. A seed of the file gives the same mask in each run, as in ONNX's reference. */
function drop(c: Call): Given[] {
  const x = c.tensor(0);
  const { run } = c.scope;
  const rate = c.has(1) ? c.number(1) : c.float("ratio", 0.5);
  const byFile = c.has(2) && c.number(2) !== 0;
  const trains = byFile || (run.follow && run.training);
  const all = (): Live => new Live(full(x.shape, true), "bool");
  if (!trains || rate === 0) return [c.value(0), c.wants(1) ? all() : undefined];
  const seed = byFile ? c.scalar("seed") : undefined;
  const share = seed === undefined ? uniform(randomKey(), x.shape) : tensor(evenBySeed(seed, x.size), { shape: x.shape, dtype: "f64" });
  const kept = share.ge(rate);
  return [new Live(kept.where(x.mul(1 / (1 - rate)), 0), c.dtype(0)), new Live(kept, "bool")];
}

export const norms: Readonly<Record<string, Op>> = {
  BatchNormalization: { since: 1, weights: [1, 2], run: batchNorm },
  InstanceNormalization: { since: 1, weights: [1, 2], run: instanceNorm },
  LayerNormalization: { since: 17, weights: [1, 2], run: layerNorm },
  RMSNormalization: { since: 23, weights: [1], run: rmsNorm },
  GroupNormalization: { since: 18, weights: [1, 2], run: groupNorm },
  MeanVarianceNormalization: { since: 9, run: meanVariance },
  LRN: { since: 1, run: lrn },
  LpNormalization: { since: 1, run: lpNorm },
  Dropout: { since: 1, host: [1, 2], run: drop, limits: "in training a mask of its own, unless the node names a seed" },
};
