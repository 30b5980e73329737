/** @file The network of a session: layers, loss and optimizer as the configuration says, made of the library's own parts. */

import { binaryCrossEntropyWithLogits, l1Penalty, l2Penalty, mseLoss } from "../../math/loss.ts";
import { manualSeed } from "../../math/random.ts";
import { ELU, Identity, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh } from "../../nn/activation.ts";
import { Dropout } from "../../nn/dropout.ts";
import { fanInUniform, fanInUniformBias, glorotUniform, heNormal, type Initializer, normal, zeros } from "../../nn/initializers.ts";
import { Linear } from "../../nn/linear.ts";
import type { Layer } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";
import { Sequential } from "../../nn/sequential.ts";
import { fromArray, full } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Adam } from "../../optim/adam.ts";
import type { Optimizer } from "../../optim/optimizer.ts";
import { RMSProp } from "../../optim/rmsprop.ts";
import { SGD } from "../../optim/sgd.ts";
import { Cell } from "../../runtime/cell.ts";
import { type ActivationName, type Config, type OptimizerName, widthsOf } from "./config.ts";

export const ACTIVATION: Readonly<Record<ActivationName, () => Layer>> = {
  tanh: () => new Tanh(),
  ReLU: () => new ReLU(),
  sigmoid: () => new Sigmoid(),
  "leaky ReLU": () => new LeakyReLU({ negativeSlope: 0.1 }),
  ELU: () => new ELU(),
  softplus: () => new Softplus(),
  linear: () => new Identity(),
};

const OPTIMIZER: Readonly<Record<OptimizerName, (parameters: Parameter[], lr: number) => Optimizer>> = {
  SGD: (parameters, lr) => new SGD(parameters, { lr }),
  momentum: (parameters, lr) => new SGD(parameters, { lr, momentum: 0.9 }),
  Nesterov: (parameters, lr) => new SGD(parameters, { lr, momentum: 0.9, nesterov: true }),
  RMSProp: (parameters, lr) => new RMSProp(parameters, { lr }),
  Adam: (parameters, lr) => new Adam(parameters, { lr }),
};

/** How a layer's weights and biases start. */
function initial(
  name: Config["initializer"],
  inputs: number,
  outputs: number,
): { weightInitializer: Initializer; biasInitializer: Initializer } {
  if (name === "uniform 1/√n") return { weightInitializer: fanInUniform, biasInitializer: fanInUniformBias([outputs, inputs]) };
  const weights = { Glorot: glorotUniform, He: heNormal, "N(0, 1)": normal() }[name];
  return { weightInitializer: weights, biasInitializer: zeros };
}

/** What a layer does with its input: W x, then + b, then the activation. */
export interface Stages {
  readonly products: Tensor;
  readonly sums: Tensor;
  readonly outputs: Tensor;
}

export class Net {
  readonly model: Sequential;
  readonly linears: readonly Linear[];
  readonly optimizer: Optimizer;
  /** Strengths of the penalties, cells: to change them compiles nothing anew. */
  readonly l1: Cell;
  readonly l2: Cell;
  readonly #activations: readonly Layer[];
  readonly #config: Config;

  constructor(config: Config) {
    manualSeed(config.seed);
    this.#config = config;
    const widths = widthsOf(config);
    this.linears = widths.slice(1).map((n, i) => new Linear(widths[i]!, n, initial(config.initializer, widths[i]!, n)));
    this.#activations = config.layers.map(({ activation }) => ACTIVATION[activation]());
    const hidden = this.#activations.flatMap((activation, i) => [
      this.linears[i]!,
      activation,
      ...(config.dropout > 0 ? [new Dropout(config.dropout)] : []),
    ]);
    this.model = new Sequential(...hidden, this.linears.at(-1)!, ...(this.#squashes ? [new Sigmoid()] : []));
    this.optimizer = OPTIMIZER[config.optimizer](this.model.parameters(), config.lr);
    this.l1 = new Cell(full([], config.l1), "l1");
    this.l2 = new Cell(full([], config.l2), "l2");
    if (config.weights) this.setWeights(config.weights);
  }

  /** Whether the model ends in a sigmoid. Cross-entropy takes the numbers before it. */
  get #squashes(): boolean {
    return this.#config.loss === "squared error" && this.#config.output === "sigmoid";
  }

  /** What is to be made small, without penalties. */
  readonly error = (outputs: Tensor, targets: Tensor): Tensor =>
    this.#config.loss === "cross-entropy" ? binaryCrossEntropyWithLogits(outputs, targets) : mseLoss(outputs, targets);

  /** The error and the penalties on the weights, not on the biases. */
  readonly loss = (outputs: Tensor, targets: Tensor): Tensor => {
    const weights = this.linears.map(({ weight }) => weight.value);
    const sum = (of: (w: Tensor) => Tensor): Tensor => weights.map(of).reduce((a, b) => a.add(b));
    return this.error(outputs, targets).add(sum(l1Penalty).mul(this.l1.value)).add(sum(l2Penalty).mul(this.l2.value));
  };

  /** The output as a share of class 1. */
  readonly shown = (outputs: Tensor): Tensor => (this.#config.loss === "cross-entropy" ? outputs.sigmoid() : outputs);

  /** All that happens on the way of inputs [n, features] through the layers, without dropout. */
  readonly stages = (x: Tensor): Stages[] => {
    const all: Stages[] = [];
    for (const [i, { weight, bias }] of this.linears.entries()) {
      const products = (all.at(-1)?.outputs ?? x).matmul(weight.value.transpose());
      const sums = products.add(bias!.value);
      const last = i === this.linears.length - 1;
      all.push({ products, sums, outputs: last ? (this.#squashes ? sums.sigmoid() : sums) : this.#activations[i]!.forward(sums) });
    }
    return all;
  };

  /** Outputs of all hidden layers, and the share of class 1: what the maps show. */
  readonly maps = (x: Tensor): Tensor[] => {
    const all = this.stages(x).map(({ outputs }) => outputs);
    return [...all.slice(0, -1), this.shown(all.at(-1)!)];
  };

  /** Cells of weights and biases, layer by layer. */
  get cells(): Cell[] {
    return this.linears.flatMap(({ weight, bias }) => [weight, bias!]);
  }

  /** All weights and biases, layer by layer: W row by row, then b; `of` gives those of another time. */
  weights(of: (cell: Cell) => Tensor = ({ value }) => value): Float32Array {
    const parts = this.cells.map((cell) => of(cell).dataSync() as Float32Array);
    const all = new Float32Array(parts.reduce((n, { length }) => n + length, 0));
    let offset = 0;
    for (const part of parts) {
      all.set(part, offset);
      offset += part.length;
    }
    return all;
  }

  setWeights(values: ArrayLike<number>): void {
    let offset = 0;
    for (const cell of this.cells) {
      const part = Float32Array.from({ length: cell.shape.reduce((a, b) => a * b, 1) }, (_, i) => values[offset + i]!);
      cell.set(fromArray(part, { shape: cell.shape, dtype: "f32" }));
      offset += part.length;
    }
  }
}
