/** @file Multilayer perceptrons: dense layers with an activation between them. */
import { aNumber, type Checks, check, checkOptions, fn, listOf, positiveInteger } from "../base/check.ts";
import { ReLU } from "../nn/activation.ts";
import { Dropout } from "../nn/dropout.ts";
import { Flatten } from "../nn/flatten.ts";
import { Linear } from "../nn/linear.ts";
import type { Layer } from "../nn/module.ts";
import { Sequential } from "../nn/sequential.ts";

export interface MlpOptions {
  /** Makes the activation that follows each layer but the last. Default ReLU. */
  readonly activation?: () => Layer;
  /** Rate of dropout behind each hidden layer. Default: none. */
  readonly dropout?: number;
}

const MLP_OPTIONS: Checks<MlpOptions> = { activation: fn, dropout: aNumber };

/** Inputs [N, ...] with sizes[0] elements per example to [N, sizes.at(-1)]: Flatten, then a dense layer between each two sizes. */
export class Mlp extends Sequential {
  /** @throws {RangeError} for fewer than two sizes. */
  constructor(sizes: readonly number[], options: MlpOptions = {}) {
    check("Mlp: sizes", sizes, listOf(positiveInteger));
    checkOptions(new.target.name, options, MLP_OPTIONS);
    const { activation = () => new ReLU(), dropout } = options;
    if (sizes.length < 2) throw new RangeError(`Mlp: want at least the sizes of input and output, got [${sizes.join(", ")}]`);
    const layers = sizes.slice(1).flatMap((size, i) => {
      const dense = new Linear(sizes[i], size);
      if (i + 2 === sizes.length) return [dense];
      return dropout === undefined ? [dense, activation()] : [dense, activation(), new Dropout(dropout)];
    });
    super(new Flatten(), ...layers);
  }
}
