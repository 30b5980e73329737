/** @file Flatten: from images to vectors. */
import { checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";

/** Merges all axes from `start` (default 1, which keeps the batch): [N, C, H, W] to [N, C·H·W]. */
export class Flatten extends Module {
  readonly start: number;

  constructor(start = 1) {
    super();
    this.start = start;
  }

  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    return x.flatten(this.start);
  }
}
