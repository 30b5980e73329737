/** @file Softmax layers: shares that sum to 1. */
import { checkOptions } from "../base/check.ts";
import { SOFTMAX_OPTIONS } from "../math/options.ts";
import * as F from "../math/softmax.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";

abstract class Shares extends Module {
  readonly axis: number;
  readonly temperature: number;
  readonly #apply: (x: Tensor, axis: number, options: F.SoftmaxOptions) => Tensor;

  constructor(apply: (x: Tensor, axis: number, options: F.SoftmaxOptions) => Tensor, axis: number, options: F.SoftmaxOptions) {
    checkOptions(new.target.name, options, SOFTMAX_OPTIONS);
    const { temperature = 1 } = options;
    super();
    if (!(temperature > 0)) throw new RangeError(`${new.target.name}: temperature must be above 0, got ${temperature}`);
    [this.axis, this.temperature] = [axis, temperature];
    this.#apply = apply;
  }

  forward(x: Tensor): Tensor {
    return this.#apply(x, this.axis, { temperature: this.temperature });
  }

  protected override details(): string {
    return `axis ${this.axis}${this.temperature === 1 ? "" : `, temperature ${this.temperature}`}`;
  }
}

/** exp(x/T)/Σ exp(x/T) along an axis (default the last). T (`temperature`, default 1) below 1 sharpens, above 1 flattens (ACT-4). */
export class Softmax extends Shares {
  constructor(axis = -1, options: F.SoftmaxOptions = {}) {
    checkOptions(new.target.name, options, SOFTMAX_OPTIONS);
    super(F.softmax, axis, options);
  }
}

/** log of {@link Softmax}, without its underflow. */
export class LogSoftmax extends Shares {
  constructor(axis = -1, options: F.SoftmaxOptions = {}) {
    checkOptions(new.target.name, options, SOFTMAX_OPTIONS);
    super(F.logSoftmax, axis, options);
  }
}

/** {@link Softmax} of -x: the smallest element gets the largest share. */
export class Softmin extends Shares {
  constructor(axis = -1, options: F.SoftmaxOptions = {}) {
    checkOptions(new.target.name, options, SOFTMAX_OPTIONS);
    super(F.softmin, axis, options);
  }
}
