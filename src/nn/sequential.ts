/** @file Sequential: layers one after another. */
import { type Tensor, withPath } from "../ops/tensor.ts";
import { type Layer, Module } from "./module.ts";

/** Feeds each layer the result of the one before. Layers are the properties 0, 1, ..., so parameters are named `0.weight` as in PyTorch. */
export class Sequential extends Module {
  readonly [index: number]: Layer;

  constructor(...layers: Layer[]) {
    super();
    Object.assign(this, layers);
  }

  /** The layers in order. */
  *[Symbol.iterator](): Generator<Layer, void, undefined> {
    for (let i = 0; i in this; i++) yield this[i];
  }

  forward(x: Tensor): Tensor {
    let y = x;
    let i = 0;
    for (const layer of this) y = withPath(`${i++}`, () => layer.forward(y));
    return y;
  }
}
