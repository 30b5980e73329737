/** @file Batch renormalization (NRM-4): Ioffe (2017). */

import { aNumber, checkOptions } from "../base/check.ts";
import { type BatchRenormOptions, batchRenorm } from "../math/normalization.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { ones, zeros } from "./initializers.ts";
import { checkSizes } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { Parameter, State } from "./parameter.ts";

/** Options of {@link BatchRenorm}. */
export type BatchRenormLayerOptions = Pick<BatchRenormOptions, "eps" | "momentum" | "rMax" | "dMax">;

const BATCH_RENORM = { eps: aNumber, momentum: aNumber, rMax: aNumber, dMax: aNumber };

/**
 * Batch normalization corrected towards the running statistics, so that training sees what inference will: x̂ = (x - μ_B)/σ_B·r + d for
 * [N, C, ...]. Parameters `weight`, `bias` [C]; state `running_mean`, `running_std` [C].
 */
export class BatchRenorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly running_mean: State;
  readonly running_std: State;
  readonly options: BatchRenormLayerOptions;

  /** Default ε 1e-5, momentum 0.01, rMax 3, dMax 5. The paper starts with rMax 1 and dMax 0, which is batch normalization. */
  constructor(channels: number, options: BatchRenormLayerOptions = {}) {
    checkOptions(new.target.name, options, BATCH_RENORM);
    super();
    checkSizes("BatchRenorm", { channels });
    this.options = options;
    this.weight = new Parameter(ones([channels]), "weight");
    this.bias = new Parameter(zeros([channels]), "bias");
    this.running_mean = new State(zeros([channels]), { label: "running_mean" });
    this.running_std = new State(ones([channels]), { label: "running_std" });
    this.guard();
  }

  /** @throws {RangeError} unless x is [N, C, ...], and while training has more than one value per channel. */
  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    const { weight, bias, training, running_mean: runningMean, running_std: runningStd } = this;
    if (x.rank < 2 || x.shape[1] !== weight.shape[0])
      throw inputError("BatchRenorm", `[batch, ${weight.shape[0]}, ...]`, x.shape, "channels come second");
    const result = batchRenorm(x, { ...this.options, weight, bias, training, runningMean, runningStd });
    if (training) {
      this.running_mean.set(result.runningMean);
      this.running_std.set(result.runningStd);
    }
    return result.y;
  }

  protected override details(): string {
    return `${this.weight.shape[0]}`;
  }
}
