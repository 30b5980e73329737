/** @file Sequential: layers one after another. */
import { check, type Expectation, having } from "../base/check.ts";
import { type Tensor, withPath } from "../ops/tensor.ts";
import { type Layer, Module } from "./module.ts";

const aLayer: Expectation = {
  ...having("a module with forward(x)", "forward", "parameters"),
  remedy(value) {
    if (Array.isArray(value)) return "; layers are arguments of their own: new nn.Sequential(...layers)";
    if (typeof value !== "function") return "";
    return value.prototype instanceof Module
      ? `; make one, as in new nn.${value.name}()`
      : "; for a function write a module, whose forward calls it";
  },
};

/** Feeds each layer the result of the one before. Layers are the properties 0, 1, ..., so parameters are named `0.weight` as in PyTorch. */
export class Sequential extends Module {
  readonly [index: number]: Layer;

  constructor(...layers: Layer[]) {
    super();
    for (const [i, layer] of layers.entries()) check(`Sequential: layer ${i}`, layer, aLayer);
    Object.assign(this, layers);
    this.guard();
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
