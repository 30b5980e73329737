/** @file The dense (fully connected) layer. */

import { aDtype, type Checks, check, checkOptions, flag, fn, positiveInteger } from "../base/check.ts";
import type { Dtype } from "../base/dtype.ts";
import { linear } from "../math/linear.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { fanInUniform, fanInUniformBias, type Initializer } from "./initializers.ts";
import { inputError, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface LinearOptions {
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
  /** Initial weight. Default PyTorch's, U(±1/√inFeatures). */
  readonly weightInitializer?: Initializer;
  /** Initial bias. Default PyTorch's, U(±1/√inFeatures). */
  readonly biasInitializer?: Initializer;
  /** Default f32. */
  readonly dtype?: Dtype;
}

export const LINEAR_OPTIONS: Checks<LinearOptions> = { bias: flag, weightInitializer: fn, biasInitializer: fn, dtype: aDtype };

/** y = x·Wᵀ + b on the last axis: [..., inFeatures] to [..., outFeatures]. Weight [outFeatures, inFeatures], bias [outFeatures]. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    checkOptions(new.target.name, options, LINEAR_OPTIONS);
    super();
    checkSizes("Linear", { inFeatures, outFeatures });
    const shape = [outFeatures, inFeatures];
    const { bias = true, weightInitializer = fanInUniform, biasInitializer = fanInUniformBias(shape), dtype = "f32" } = options;
    this.weight = new Parameter(weightInitializer(shape, { dtype }), "weight");
    this.bias = bias ? new Parameter(biasInitializer([outFeatures], { dtype }), "bias") : undefined;
    this.guard("bias");
  }

  /** @throws {RangeError} if the last axis of x does not have inFeatures elements. */
  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    const inFeatures = this.weight.shape[1];
    if (x.shape.at(-1) !== inFeatures) {
      throw inputError("Linear", `[..., ${inFeatures}]`, x.shape, "flatten images first, or change inFeatures");
    }
    return linear(x, this.weight, this.bias);
  }

  protected override details(): string {
    const [outFeatures, inFeatures] = this.weight.shape;
    return `${inFeatures} to ${outFeatures}${this.bias ? "" : ", no bias"}`;
  }
}

/** @throws {RangeError} unless all sizes are positive integers. */
export function checkSizes(layer: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    check(`${layer}: ${name}`, size, positiveInteger);
  }
}
