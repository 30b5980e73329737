/** @file Dropout: Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting", and its relatives. */
import { share, shown } from "../base/check.ts";
import * as F from "../math/dropout.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";
import { State } from "./parameter.ts";

abstract class DropoutLayer extends Module {
  /** A cell, so that a schedule of rates never compiles anew; not saved, as in PyTorch. */
  readonly rateState: State;
  readonly #drop: (x: Tensor, options: F.DropoutOptions) => Tensor;

  /** @throws {RangeError} unless 0 <= rate <= 1. */
  constructor(drop: (x: Tensor, options: F.DropoutOptions) => Tensor, rate: number) {
    super();
    this.#drop = drop;
    this.rateState = new State(tensor(checkRate(new.target.name, rate)), { label: "rate", persistent: false });
  }

  get rate(): number {
    // An f32 holds about seven digits; more would show 0.1 as 0.10000000149.
    return Number(this.rateState.value.itemSync().toPrecision(7));
  }

  set rate(rate: number) {
    this.rateState.set(tensor(checkRate(this.constructor.name, rate)));
  }

  forward(x: Tensor): Tensor {
    return this.training ? this.#drop(x, { p: this.rateState }) : x;
  }

  protected override details(): string {
    return `${this.rate}`;
  }
}

/**
 * While training, each element becomes 0 with probability `rate` and is divided by 1 - rate otherwise, so that its expectation stays
 * ("inverted" scaling; the paper scales at test time instead). The identity in evaluation mode.
 */
export class Dropout extends DropoutLayer {
  /** Default rate 0.5. */
  constructor(rate = 0.5) {
    super(F.dropout, rate);
  }
}

/** {@link Dropout} of whole channels of [N, C, ...] in any number of dimensions (Tompson et al. 2015): PyTorch's Dropout1d to Dropout3d. */
export class ChannelDropout extends DropoutLayer {
  /** Default rate 0.5. */
  constructor(rate = 0.5) {
    super(F.channelDropout, rate);
  }
}

/** {@link Dropout} for SELU nets, which keeps mean 0 and variance 1 (Klambauer et al. 2017). */
export class AlphaDropout extends DropoutLayer {
  /** Default rate 0.5. */
  constructor(rate = 0.5) {
    super(F.alphaDropout, rate);
  }
}

/** The dropout layers of a model, of all kinds. */
export function dropoutLayers(model: Module): { rate: number }[] {
  return model.modules().filter((module) => module instanceof DropoutLayer);
}

function checkRate(layer: string, rate: number): number {
  if (!share.holds(rate)) throw new RangeError(`${layer}: rate must be from 0 to 1, got ${shown(rate)}`);
  return rate;
}
