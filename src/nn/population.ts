/** @file Batch normalization for inference: exact population statistics (Ioffe & Szegedy 2015, Alg. 2). Folding is in fold.ts. */
import { check, expectation } from "../base/check.ts";
import { populationStatistics } from "../math/normalization.ts";
import { full, stack } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { BatchNorm } from "./batch-norm.ts";
import { checkModule, type Module } from "./module.ts";

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
  checkModule("exactBatchStatistics: the model", model);
  check(
    "exactBatchStatistics: batches",
    batches,
    expectation("an iterable of batches", (b) => typeof (b as Iterable<X> | null)?.[Symbol.iterator] === "function"),
  );
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
