/** @file Residual connections: He et al. (2016), "Deep residual learning for image recognition". */
import { formatShape, sameShape } from "../base/shape.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type Layer, Module } from "./module.ts";

/** body(x) + shortcut(x); the shortcut is x itself unless one is given, such as a 1×1 convolution where shapes change. */
export class Residual extends Module {
  readonly body: Layer;
  readonly shortcut: Layer | undefined;

  constructor(body: Layer, shortcut?: Layer) {
    super();
    [this.body, this.shortcut] = [body, shortcut];
  }

  /** @throws {RangeError} if the two parts have different shapes. */
  forward(x: Tensor): Tensor {
    const y = this.body.forward(x);
    const own = this.shortcut ? this.shortcut.forward(x) : x;
    if (!sameShape(y.shape, own.shape)) {
      throw new RangeError(
        `Residual: the body gives ${formatShape(y.shape)}, the shortcut ${formatShape(own.shape)}; give a shortcut that changes the shape alike`,
      );
    }
    return y.add(own);
  }
}
