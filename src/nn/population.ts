/** @file Batch normalization for inference: exact population statistics, and folding (Ioffe & Szegedy 2015, Alg. 2). */
import { batchNormAffine, populationStatistics } from "../math/normalization.ts";
import { full, stack } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { BatchNorm } from "./batch-norm.ts";
import { Conv1d, Conv2d, Conv3d, type ConvNd } from "./conv.ts";
import { Linear } from "./linear.ts";
import type { Layer, Module } from "./module.ts";
import { Sequential } from "./sequential.ts";

interface Gathered {
  readonly means: Tensor[];
  readonly variances: Tensor[];
  /** Values per channel of each batch. */
  readonly sizes: Set<number>;
}

function gather({ means, variances, sizes }: Gathered, x: Tensor): void {
  const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const mean = x.mean(axes, { keepDims: true });
  means.push(mean.reshape([-1]));
  variances.push(x.sub(mean).square().mean(axes));
  sizes.add(x.size / x.shape[1]);
}

/**
 * Sets the running statistics of every batch normalization in `model` to the exact ones over `batches` (Alg. 2, lines 7-10): E[x] = E[μ],
 * Var[x] = m/(m - 1)·E[σ²] over training batches of one size. The model runs in training mode and is left in the mode it had.
 * @throws {RangeError} if batches differ in size.
 */
export function exactBatchStatistics<X>(model: Module & { forward(x: X): unknown }, batches: Iterable<X>): void {
  const norms = model.modules().filter((module): module is BatchNorm => module instanceof BatchNorm && module.running_mean !== undefined);
  const gathered = new Map<BatchNorm, Gathered>(norms.map((norm) => [norm, { means: [], variances: [], sizes: new Set() }]));
  const remove = norms.map((norm) => norm.onForward(([x]) => gather(gathered.get(norm)!, x as Tensor)));
  const modes = model.modules().map((module) => [module, module.training] as const);
  model.train();
  try {
    for (const batch of batches) model.forward(batch);
  } finally {
    for (const undo of remove) undo();
    for (const [module, mode] of modes) module.train(mode); // children come after their parents
  }
  for (const [norm, { means, variances, sizes }] of gathered) {
    if (means.length === 0) continue;
    if (sizes.size > 1)
      throw new RangeError(`exactBatchStatistics: batches must have one size, got ${[...sizes].join(", ")} values per channel`);
    const [m] = sizes;
    const { mean, variance } = populationStatistics(stack(means), stack(variances), m);
    norm.running_mean?.set(mean);
    norm.running_var?.set(variance);
    norm.num_batches_tracked?.set(full([], means.length, "i32"));
  }
}

/** y·scale + shift after `layer`, as a layer of the same kind with other weights. */
function rescaled(layer: Linear | ConvNd, scale: Tensor, shift: Tensor): Layer {
  const { weight, bias } = layer;
  const rows = scale.reshape(weight.shape.map((_, i) => (i === 0 ? -1 : 1)));
  const initial = {
    weightInitializer: () => weight.value.mul(rows),
    biasInitializer: () => (bias ? bias.value.mul(scale).add(shift) : shift),
    dtype: weight.dtype,
  };
  if (layer instanceof Linear) return new Linear(weight.shape[1], weight.shape[0], initial);
  const [outChannels, perGroup, ...kernel] = weight.shape;
  const { stride, padding, paddingMode, dilation, groups } = layer;
  const Kind = [Conv1d, Conv2d, Conv3d][kernel.length - 1];
  return new Kind(perGroup * groups, outChannels, kernel, { stride, padding, paddingMode, dilation, groups, ...initial });
}

/** A dense or convolutional layer and the batch normalization after it as one layer that gives what both give in evaluation mode. */
export function foldBatchNorm(layer: Linear | ConvNd, norm: BatchNorm): Layer {
  const { running_mean: mean, running_var: variance, weight, bias, eps } = norm;
  if (!mean || !variance) throw new TypeError("foldBatchNorm: the normalization keeps no running statistics, so it is no fixed map");
  const { scale, shift } = batchNormAffine(mean.value, variance.value, { weight, bias, eps });
  return rescaled(layer, scale, shift).train(layer.training);
}

/** A sequence in which every batch normalization behind a dense or convolutional layer is folded into it; other layers are shared. */
export function foldBatchNorms(model: Sequential): Sequential {
  const folded: Layer[] = [];
  for (const layer of model) {
    const before = folded.at(-1);
    if (
      layer instanceof BatchNorm &&
      (before instanceof Linear || before instanceof Conv1d || before instanceof Conv2d || before instanceof Conv3d)
    )
      folded[folded.length - 1] = foldBatchNorm(before, layer);
    else folded.push(layer instanceof Sequential ? foldBatchNorms(layer) : layer);
  }
  return new Sequential(...folded).train(model.training);
}
