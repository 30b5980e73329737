/** @file Activations that learn: PReLU, maxout and radial basis function units. */

import { aNumber, type Checks, checkOptions, fn } from "../base/check.ts";
import * as F from "../math/activation.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { constant, type Initializer, normal } from "./initializers.ts";
import { checkSizes, LINEAR_OPTIONS, Linear, type LinearOptions } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** max(0, x) + α·min(0, x) with α learnt, one per channel (axis 1) or one for all (He et al. 2015). Weight [channels]. */
export class PReLU extends Module {
  readonly weight: Parameter;

  /** Default one slope, which starts at 0.25. */
  constructor(channels = 1, initial = 0.25) {
    super();
    checkSizes("PReLU", { channels });
    this.weight = new Parameter(constant(initial)([channels]), "weight");
    this.guard();
  }

  /** @throws {RangeError} unless x is [N, channels, ...], if there is more than one slope. */
  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    const [channels] = this.weight.shape;
    if (channels > 1 && x.shape[1] !== channels)
      throw inputError("PReLU", `[batch, ${channels}, ...]`, x.shape, "one slope serves any shape");
    return F.prelu(x, this.weight);
  }

  protected override details(): string {
    return `${this.weight.shape[0]}`;
  }
}

/**
 * The largest of `pieces` affine functions per unit (Goodfellow et al. 2013): [..., inFeatures] to [..., outFeatures]. `linear` has
 * pieces·outFeatures rows, `pieces` neighbours for each unit: as many times the parameters of a dense layer.
 */
export class Maxout extends Module {
  readonly linear: Linear;
  readonly pieces: number;

  /** Default 2 pieces. */
  constructor(inFeatures: number, outFeatures: number, pieces = 2, options: LinearOptions = {}) {
    checkOptions(new.target.name, options, LINEAR_OPTIONS);
    super();
    checkSizes("Maxout", { inFeatures, outFeatures, pieces });
    this.linear = new Linear(inFeatures, outFeatures * pieces, options);
    this.guard();
    this.pieces = pieces;
  }

  forward(x: Tensor): Tensor {
    return F.maxout(this.linear.forward(x), { pieces: this.pieces, axis: -1 });
  }

  protected override details(): string {
    return `${this.pieces} pieces`;
  }
}

export interface RbfOptions {
  /** Initial centres. Default N(0, 1). */
  readonly centreInitializer?: Initializer;
  /** Initial width σ of every unit. Default 1. */
  readonly sigma?: number;
}

const RBF_OPTIONS: Checks<RbfOptions> = { centreInitializer: fn, sigma: aNumber };

/** exp(-‖x - wⱼ‖²/σⱼ²): [..., inFeatures] to [..., units]. Centres `weight` [units, inFeatures] and widths `sigma` [units] are learnt. */
export class RBF extends Module {
  readonly weight: Parameter;
  readonly sigma: Parameter;

  constructor(inFeatures: number, units: number, options: RbfOptions = {}) {
    checkOptions(new.target.name, options, RBF_OPTIONS);
    const { centreInitializer = normal(), sigma = 1 } = options;
    super();
    checkSizes("RBF", { inFeatures, units });
    if (!(sigma > 0)) throw new RangeError(`RBF: sigma must be above 0, got ${sigma}`);
    this.weight = new Parameter(centreInitializer([units, inFeatures]), "weight");
    this.sigma = new Parameter(constant(sigma)([units]), "sigma");
    this.guard();
  }

  /** @throws {RangeError} if the last axis of x does not have inFeatures elements. */
  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    const [, inFeatures] = this.weight.shape;
    if (x.shape.at(-1) !== inFeatures) throw inputError("RBF", `[..., ${inFeatures}]`, x.shape, "flatten images first");
    return F.rbf(x, this.weight, { sigma: this.sigma });
  }

  protected override details(): string {
    const [units, inFeatures] = this.weight.shape;
    return `${inFeatures} to ${units}`;
  }
}
