/**
 * @file Batch normalization (NRM-1): Ioffe & Szegedy (2015). Running statistics are cells; the exact ones of Algorithm 2 come from a pass over
 * data, and at inference the layer folds into the one before it.
 */

import { aNumber, type Checks, checkOptions, expectation, flag } from "../base/check.ts";
import { type BatchNormResult, batchNorm } from "../math/normalization.ts";
import { checkTensors } from "../ops/check.ts";
import { full } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { ones, zeros } from "./initializers.ts";
import { checkSizes } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { Parameter, State } from "./parameter.ts";

export interface BatchNormLayerOptions {
  /** ε, added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Share of the newest batch in the running statistics; null for the plain mean over all batches. Default 0.1. */
  readonly momentum?: number | null;
  /** Whether scale and shift are learnt. Default true. */
  readonly affine?: boolean;
  /** Whether there is a shift where `affine` is on. Default true. */
  readonly bias?: boolean;
  /** Whether running statistics are kept; without them the batch's own serve in evaluation too. Default true. */
  readonly trackRunningStats?: boolean;
}

const numberOrNull = expectation("a number or null", (value) => value === null || aNumber.holds(value));

const BATCH_NORM_LAYER_OPTIONS: Checks<BatchNormLayerOptions> = {
  eps: aNumber,
  momentum: numberOrNull,
  affine: flag,
  bias: flag,
  trackRunningStats: flag,
};

/**
 * (x - μ)/√(σ² + ε)·weight + bias per channel of [N, C, ...], with the statistics of the batch while training and the running ones in
 * evaluation mode. Parameters `weight`, `bias` [C]; state `running_mean`, `running_var` (unbiased) [C], `num_batches_tracked`.
 */
export abstract class BatchNorm extends Module {
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
  readonly running_mean: State | undefined;
  readonly running_var: State | undefined;
  readonly num_batches_tracked: State | undefined;
  readonly channels: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly #ranks: readonly number[];

  constructor(ranks: readonly number[], channels: number, options: BatchNormLayerOptions) {
    checkOptions(new.target.name, options, BATCH_NORM_LAYER_OPTIONS);
    super();
    const { eps = 1e-5, momentum = 0.1, affine = true, bias = true, trackRunningStats = true } = options;
    checkSizes(new.target.name, { channels });
    if (momentum !== null && !(momentum >= 0 && momentum <= 1))
      throw new RangeError(`${new.target.name}: momentum must be from 0 to 1, got ${momentum}`);
    [this.channels, this.eps, this.momentum, this.#ranks] = [channels, eps, momentum, ranks];
    if (affine) {
      this.weight = new Parameter(ones([channels]), "weight");
      if (bias) this.bias = new Parameter(zeros([channels]), "bias");
    }
    if (trackRunningStats) {
      this.running_mean = new State(zeros([channels]), { label: "running_mean" });
      this.running_var = new State(ones([channels]), { label: "running_var" });
      this.num_batches_tracked = new State(full([], 0, "i32"), { label: "num_batches_tracked" });
    }
    this.guard("weight", "bias");
  }

  /** @throws {RangeError} unless x has the layer's rank and channels, and while training more than one value per channel. */
  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    if (!this.#ranks.includes(x.rank) || x.shape[1] !== this.channels) {
      const want = this.#ranks.map((rank) => `[batch, ${this.channels}${", size".repeat(rank - 2)}]`).join(" or ");
      throw inputError(this.constructor.name, want, x.shape, "channels come second");
    }
    const { training, weight, bias, eps, running_mean: runningMean, running_var: runningVar } = this;
    const options = { weight, bias, eps, runningMean, runningVar, momentum: training ? this.#share(x) : 0 };
    const result = batchNorm(x, { ...options, training: training || !runningMean });
    if (training) this.#keep(result);
    return result.y;
  }

  /** The share of this batch in the running statistics. */
  #share(x: Tensor): number | Tensor {
    if (this.momentum !== null || !this.num_batches_tracked) return this.momentum ?? 0;
    return this.num_batches_tracked.value.add(1).cast(x.dtype).recip();
  }

  #keep({ runningMean, runningVar }: BatchNormResult): void {
    if (!runningMean || !runningVar) return;
    this.running_mean?.set(runningMean.cast("f32"));
    this.running_var?.set(runningVar.cast("f32"));
    this.num_batches_tracked?.set(this.num_batches_tracked.value.add(1));
  }

  protected override details(): string {
    const parts = [`${this.channels}`];
    if (this.eps !== 1e-5) parts.push(`eps ${this.eps}`);
    if (this.momentum !== 0.1) parts.push(`momentum ${this.momentum ?? "cumulative"}`);
    if (!this.weight) parts.push("not affine");
    else if (!this.bias) parts.push("no bias");
    if (!this.running_mean) parts.push("no running statistics");
    return parts.join(", ");
  }
}

/** {@link BatchNorm} of features [N, C] or sequences [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  constructor(channels: number, options: BatchNormLayerOptions = {}) {
    checkOptions(new.target.name, options, BATCH_NORM_LAYER_OPTIONS);
    super([2, 3], channels, options);
  }
}

/** {@link BatchNorm} of images [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  constructor(channels: number, options: BatchNormLayerOptions = {}) {
    checkOptions(new.target.name, options, BATCH_NORM_LAYER_OPTIONS);
    super([4], channels, options);
  }
}

/** {@link BatchNorm} of volumes [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNorm {
  constructor(channels: number, options: BatchNormLayerOptions = {}) {
    checkOptions(new.target.name, options, BATCH_NORM_LAYER_OPTIONS);
    super([5], channels, options);
  }
}
