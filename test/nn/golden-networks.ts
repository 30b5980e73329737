/** @file The networks of the golden cases that several test files train or run, with PyTorch's names. */
import { AvgPool2d, Conv2d, Linear, Module } from "../../src/nn/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import type { Golden, GoldenCase } from "./golden.ts";

/** The sizes of a stored network's layers, from its weights. */
type Shapes = Readonly<Record<string, readonly number[]>>;

/** fc1 fc2 fc3 with an activation between them, by PyTorch's names. */
export class GoldenMlp extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly fc3: Linear;
  readonly #activation: "relu" | "tanh";

  constructor(shapes: Shapes, activation: "relu" | "tanh") {
    super();
    const dense = (name: string): Linear => new Linear(shapes[`${name}.weight`][1], shapes[`${name}.weight`][0]);
    [this.fc1, this.fc2, this.fc3] = [dense("fc1"), dense("fc2"), dense("fc3")];
    this.#activation = activation;
  }

  forward(x: Tensor): Tensor {
    const h = this.fc1.forward(x)[this.#activation]();
    return this.fc3.forward(this.fc2.forward(h)[this.#activation]());
  }
}

/** LeNet-5 on 12x12 with tanh and average pooling, in front of the dense layers. */
export class GoldenLeNet extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly fc3: Linear;
  readonly #pool: AvgPool2d = new AvgPool2d(2);

  constructor(shapes: Shapes) {
    super();
    const conv = (name: string, padding: number): Conv2d => {
      const [out, channels, kernel] = shapes[`${name}.weight`];
      return new Conv2d(channels, out, kernel, { padding });
    };
    const dense = (name: string): Linear => new Linear(shapes[`${name}.weight`][1], shapes[`${name}.weight`][0]);
    [this.conv1, this.conv2] = [conv("conv1", 2), conv("conv2", 0)];
    [this.fc1, this.fc2, this.fc3] = [dense("fc1"), dense("fc2"), dense("fc3")];
  }

  forward(x: Tensor): Tensor {
    const h1 = this.#pool.forward(this.conv1.forward(x).tanh());
    const h2 = this.#pool.forward(this.conv2.forward(h1).tanh());
    return this.fc3.forward(this.fc2.forward(this.fc1.forward(h2.flatten(1)).tanh()).tanh());
  }
}

/** Stored weights into a model. */
export function loadGolden(golden: Golden, model: Module, { params }: GoldenCase): void {
  model.loadStateDict(new Map(Object.entries(params!).map(([name, stored]) => [name, golden.tensor(stored)])));
}

export function shapesOf(golden: Golden, { params }: GoldenCase): Shapes {
  return Object.fromEntries(Object.entries(params!).map(([name, stored]) => [name, golden.entry(stored).shape]));
}
