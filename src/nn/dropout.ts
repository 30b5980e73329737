/** @file Dropout: Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting". */
import { bernoulli, randomKey } from "../math/random.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";
import { State } from "./parameter.ts";

/**
 * While training, each element becomes 0 with probability `rate` and is divided by 1 - rate otherwise, so that its expectation stays
 * ("inverted" scaling; the paper scales at test time instead). The identity in evaluation mode.
 */
export class Dropout extends Module {
  /** A cell, so that a schedule of rates never compiles anew; not saved, as in PyTorch. */
  readonly rateState: State;

  /** @throws {RangeError} unless 0 <= rate <= 1. Default 0.5. */
  constructor(rate = 0.5) {
    super();
    this.rateState = new State(tensor(checkRate(rate)), { label: "rate", persistent: false });
  }

  get rate(): number {
    // An f32 holds about seven digits; more would show 0.1 as 0.10000000149.
    return Number(this.rateState.value.itemSync().toPrecision(7));
  }

  set rate(rate: number) {
    this.rateState.set(tensor(checkRate(rate)));
  }

  forward(x: Tensor): Tensor {
    if (!this.training) return x;
    const keep = this.rateState.value.neg().add(1).cast(x.dtype);
    // At rate 1 nothing is kept, and 1/0 would turn the zero cotangents of the dropped elements into NaN.
    const scale = keep.gt(0).where(keep.recip(), 0);
    return bernoulli(randomKey(), keep, x.shape).where(x.mul(scale), 0);
  }

  protected override details(): string {
    return `${this.rate}`;
  }
}

function checkRate(rate: number): number {
  if (!(rate >= 0 && rate <= 1)) throw new RangeError(`Dropout: rate must be from 0 to 1, got ${rate}`);
  return rate;
}
