/** @file The bilinear layer, of two inputs. */

import { checkOptions } from "../base/check.ts";
import { bilinear } from "../math/einsum.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { uniform } from "./initializers.ts";
import { checkSizes, LINEAR_OPTIONS, type LinearOptions } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/**
 * y[o] = x₁ᵀ·W[o]·x₂ + b[o]: [..., in1] and [..., in2] to [..., out]. Weight [out, in1, in2], bias [out]; both start in U(±1/√in1), as in
 * PyTorch.
 */
export class Bilinear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(in1: number, in2: number, out: number, options: LinearOptions = {}) {
    checkOptions(new.target.name, options, LINEAR_OPTIONS);
    super();
    checkSizes("Bilinear", { in1, in2, out });
    const a = 1 / Math.sqrt(in1);
    const { bias = true, weightInitializer = uniform(-a, a), biasInitializer = uniform(-a, a), dtype = "f32" } = options;
    this.weight = new Parameter(weightInitializer([out, in1, in2], { dtype }), "weight");
    this.bias = bias ? new Parameter(biasInitializer([out], { dtype }), "bias") : undefined;
    this.guard("bias");
  }

  /** @throws {RangeError} if the last axes do not have in1 and in2 elements. */
  forward(x1: Tensor, x2: Tensor): Tensor {
    checkTensors(this.constructor.name, { x1, x2 });
    const [, in1, in2] = this.weight.shape;
    if (x1.shape.at(-1) !== in1) throw inputError("Bilinear", `[..., ${in1}] first`, x1.shape, "check the order of the inputs");
    if (x2.shape.at(-1) !== in2) throw inputError("Bilinear", `[..., ${in2}] second`, x2.shape, "check the order of the inputs");
    return bilinear(x1, x2, this.weight.value, this.bias?.value);
  }

  protected override details(): string {
    const [out, in1, in2] = this.weight.shape;
    return `${in1} by ${in2} to ${out}${this.bias ? "" : ", no bias"}`;
  }
}
