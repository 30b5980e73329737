/**
 * @file LeNets. LeNet-1: LeCun et al. (1990), "Handwritten digit recognition with a back-propagation network". LeNet-4: LeCun et al. (1995),
 * "Comparison of learning algorithms for handwritten digit recognition". LeNet-5: LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based
 * learning applied to document recognition", §II.B; below it in today's dress.
 */

import { aNumber, type Checks, checkOptions, oneOf } from "../base/check.ts";
import { avgPool2d } from "../math/pool.ts";
import { Cosine, ReLU } from "../nn/activation.ts";
import { Conv2d } from "../nn/conv.ts";
import { Flatten } from "../nn/flatten.ts";
import { type Initializer, uniform } from "../nn/initializers.ts";
import { Linear } from "../nn/linear.ts";
import { inputError, type Layer, Module } from "../nn/module.ts";
import { Parameter, State } from "../nn/parameter.ts";
import { MaxPool2d } from "../nn/pool.ts";
import { Sequential } from "../nn/sequential.ts";
import { concatenate, tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";

// ---- 1998 and before ----------------------------------------------------------------------------------------------------------------

/** f(a) = 1.7159·tanh(2a/3), so that f(±1) = ±1 (1998, Appendix A). */
const squash = (x: Tensor): Tensor =>
  x
    .mul(2 / 3)
    .tanh()
    .mul(1.7159);

/** U(±2.4/inputs of a unit) (1998, Appendix A). */
const startFor = (inputs: number): Initializer => uniform(-2.4 / inputs, 2.4 / inputs);

/** Maps of the layer before that each map reads. */
export type Connections = readonly (readonly number[])[];

/**
 * A 5×5 convolution whose maps each read some of the maps before: [N, C, H, W] to [N, maps, H - 4, W - 4]. `weight` [connections, 5, 5] holds
 * only the kernels that exist, `bias` [maps].
 */
export class PartialConv extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #rows: Tensor;
  readonly #shape: readonly number[];

  constructor(channels: number, connections: Connections) {
    super();
    const count = connections.reduce((n, from) => n + from.length, 0);
    const start = startFor((25 * count) / connections.length);
    this.weight = new Parameter(start([count, 5, 5]), "weight");
    this.bias = new Parameter(start([connections.length]), "bias");
    // Which row of the weight each pair of maps has; the row after the last is zero.
    const rows = new Int32Array(connections.length * channels).fill(count);
    let next = 0;
    connections.forEach((from, to) => {
      for (const c of from) rows[to * channels + c] = next++;
    });
    this.#rows = tensor(rows);
    this.#shape = [connections.length, channels, 5, 5];
  }

  forward(x: Tensor): Tensor {
    const kernels = this.weight.value;
    const full = concatenate([kernels, kernels.narrow(0, 0, 1).like(0)])
      .take(this.#rows)
      .reshape(this.#shape);
    return x.conv(full).add(this.bias.value.reshape([-1, 1, 1]));
  }

  protected override details(): string {
    return `${this.#shape[1]} to ${this.#shape[0]}, ${this.weight.shape[0]} connections of kernel 5x5`;
  }
}

/** Means of 2×2, times a learnt coefficient, plus a bias, per map (1998, §II.B: S2). Of the sums, as the paper has it, the coefficient is a quarter. */
export class Subsampling extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(channels: number) {
    super();
    this.weight = new Parameter(uniform(0.8, 1.2)([channels]), "weight");
    this.bias = new Parameter(startFor(4)([channels]), "bias");
  }

  forward(x: Tensor): Tensor {
    const perMap = (cell: Parameter): Tensor => cell.value.reshape([-1, 1, 1]);
    return avgPool2d(x, 2).mul(perMap(this.weight)).add(perMap(this.bias));
  }
}

/** A convolution or dense layer that starts as the papers have it. */
const classicConv = (channels: number, maps: number): Conv2d => {
  const start = startFor(25 * channels);
  return new Conv2d(channels, maps, 5, { weightInitializer: start, biasInitializer: start });
};
const classicLinear = (inputs: number, units: number): Linear => {
  const start = startFor(inputs);
  return new Linear(inputs, units, { weightInitializer: start, biasInitializer: start });
};

/** Every map of the layer before. */
const group = (text: string): Connections => text.split(" ").map((maps) => [...maps].map(Number));

/** H2 to H3 of LeNet-1 (1990, Table 1): maps by ones and twos. */
const H3 = group("0 01 01 1 01 01 2 23 23 3 23 23");

/**
 * Images [N, 1, 28, 28] (digits of 16×16 within) to [N, classes]: convolution, averaging, convolution, averaging, a dense layer; 2,578
 * parameters and 98,442 connections for 10 classes (1990, §4).
 */
export class LeNet1 extends Module {
  readonly h1: Conv2d = classicConv(1, 4); // [N, 4, 24, 24]
  readonly h2: Subsampling = new Subsampling(4); // [N, 4, 12, 12]
  readonly h3: PartialConv = new PartialConv(4, H3); // [N, 12, 8, 8]
  readonly h4: Subsampling = new Subsampling(12); // [N, 12, 4, 4]
  readonly output: Linear;

  constructor(classes = 10) {
    super();
    this.output = classicLinear(192, classes);
  }

  forward(x: Tensor): Tensor {
    checkImages("LeNet1", x, 28);
    const h2 = squash(this.h2.forward(squash(this.h1.forward(x))));
    const h4 = squash(this.h4.forward(squash(this.h3.forward(h2))));
    return this.output.forward(h4.flatten(1));
  }
}

/** S2 to C3 of LeNet-4, which the paper does not print: eight threes of neighbours, eight of two neighbours and one apart. */
const C3_OF_LENET4 = group("012 123 234 345 456 567 670 701 014 125 236 347 450 561 672 703");

/**
 * Images [N, 1, 32, 32] to [N, classes]: 4 maps, 8 subsampled maps that read them in pairs of two, 16 maps, subsampled, 120 units, classes. By
 * this description (1998, §III.C.4) 50,698 parameters and 262,306 connections; the paper has "about 260,000" connections, and "about 17,000"
 * free parameters, which cannot be: 120 units on 16 maps of 5×5 alone have 48,120.
 */
export class LeNet4 extends Module {
  readonly c1: Conv2d = classicConv(1, 4); // [N, 4, 28, 28]
  readonly s2: Subsampling = new Subsampling(8); // [N, 8, 14, 14]
  readonly c3: PartialConv = new PartialConv(8, C3_OF_LENET4); // [N, 16, 10, 10]
  readonly s4: Subsampling = new Subsampling(16); // [N, 16, 5, 5]
  readonly f5: Linear = classicLinear(400, 120);
  readonly output: Linear;

  constructor(classes = 10) {
    super();
    this.output = classicLinear(120, classes);
  }

  forward(x: Tensor): Tensor {
    checkImages("LeNet4", x, 32);
    const c1 = squash(this.c1.forward(x));
    const [n, maps, height, width] = c1.shape;
    const twice = c1
      .unsqueeze(2)
      .broadcastTo([n, maps, 2, height, width])
      .reshape([n, 2 * maps, height, width]);
    const s2 = squash(this.s2.forward(twice));
    const s4 = squash(this.s4.forward(squash(this.c3.forward(s2))));
    return this.output.forward(squash(this.f5.forward(s4.flatten(1))));
  }
}

/** S2 to C3 of LeNet-5 (1998, Table I). */
const C3 = group("012 123 234 345 450 501 0123 1234 2345 3450 4501 5012 0134 1245 0235 012345");

/** Digits drawn in 7×12 pixels, ±1: the targets of the 84 units of F6 (1998, Fig. 3, drawn anew). */
const DRAWINGS = [
  ".XXXXX. XX...XX XX...XX XX...XX XX...XX XX...XX XX...XX XX...XX XX...XX XX...XX XX...XX .XXXXX.",
  "...XX.. ..XXX.. .XXXX.. ...XX.. ...XX.. ...XX.. ...XX.. ...XX.. ...XX.. ...XX.. ...XX.. .XXXXXX",
  ".XXXXX. XX...XX .....XX .....XX ....XX. ....XX. ...XX.. ..XX... ..XX... .XX.... XX..... XXXXXXX",
  ".XXXXX. XX...XX .....XX .....XX .....XX ..XXXX. .....XX .....XX .....XX .....XX XX...XX .XXXXX.",
  "....XX. ...XXX. ...XXX. ..XXXX. .XX.XX. .XX.XX. XX..XX. XXXXXXX ....XX. ....XX. ....XX. ....XX.",
  "XXXXXXX XX..... XX..... XX..... XXXXXX. .....XX .....XX .....XX .....XX .....XX XX...XX .XXXXX.",
  "..XXXX. .XX.... XX..... XX..... XX..... XXXXXX. XX...XX XX...XX XX...XX XX...XX XX...XX .XXXXX.",
  "XXXXXXX .....XX .....XX ....XX. ....XX. ...XX.. ...XX.. ..XX... ..XX... ..XX... .XX.... .XX....",
  ".XXXXX. XX...XX XX...XX XX...XX XX...XX .XXXXX. XX...XX XX...XX XX...XX XX...XX XX...XX .XXXXX.",
  ".XXXXX. XX...XX XX...XX XX...XX XX...XX .XXXXXX .....XX .....XX .....XX .....XX ....XX. .XXXX..",
];

/** -Σⱼ (xⱼ - wᵢⱼ)², the parameter vectors fixed at drawings of the digits (1998, eq. 7): the likeliest class has the largest output. */
export class RbfOutput extends Module {
  readonly weight: State;

  constructor() {
    super();
    const codes = DRAWINGS.map((drawing) => [...drawing.replaceAll(" ", "")].map((pixel) => (pixel === "X" ? 1 : -1)));
    this.weight = new State(tensor(codes), { label: "weight" });
  }

  forward(x: Tensor): Tensor {
    return x.unsqueeze(1).sub(this.weight).square().sum(-1).neg();
  }
}

export interface LeNet5ClassicOptions {
  /** "rbf": squared distances from drawings of the digits, for 10 classes, as in the paper. "linear": a dense layer. Default "rbf". */
  readonly output?: "rbf" | "linear";
  /** Default 10. */
  readonly classes?: number;
}

const LE_NET5_CLASSIC_OPTIONS: Checks<LeNet5ClassicOptions> = { output: oneOf("rbf", "linear"), classes: aNumber };

/**
 * LeNet-5 as published: images [N, 1, 32, 32] to [N, classes] by C1 S2 C3 S4 C5 F6 and RBF units; 60,000 trainable parameters. Outputs are the
 * negative of the paper's penalties, so that cross-entropy trains it by eq. 9 without its constant j.
 */
export class LeNet5Classic extends Module {
  readonly c1: Conv2d = classicConv(1, 6); // [N, 6, 28, 28]
  readonly s2: Subsampling = new Subsampling(6); // [N, 6, 14, 14]
  readonly c3: PartialConv = new PartialConv(6, C3); // [N, 16, 10, 10]
  readonly s4: Subsampling = new Subsampling(16); // [N, 16, 5, 5]
  readonly c5: Conv2d = classicConv(16, 120); // [N, 120, 1, 1]
  readonly f6: Linear = classicLinear(120, 84);
  readonly output: RbfOutput | Linear;

  /** @throws {RangeError} for RBF units and other than 10 classes. */
  constructor(options: LeNet5ClassicOptions = {}) {
    checkOptions(new.target.name, options, LE_NET5_CLASSIC_OPTIONS);
    const { output = "rbf", classes = 10 } = options;
    super();
    if (output === "rbf" && classes !== 10)
      throw new RangeError(`LeNet5Classic: RBF units stand for 10 digits, the task has ${classes} classes; take output "linear"`);
    this.output = output === "rbf" ? new RbfOutput() : classicLinear(84, classes);
  }

  forward(x: Tensor): Tensor {
    checkImages("LeNet5Classic", x, 32);
    const s2 = squash(this.s2.forward(squash(this.c1.forward(x))));
    const s4 = squash(this.s4.forward(squash(this.c3.forward(s2))));
    const c5 = squash(this.c5.forward(s4)).flatten(1);
    return this.output.forward(squash(this.f6.forward(c5)));
  }
}

function checkImages(model: string, x: Tensor, size: number): void {
  if (x.rank !== 4 || x.shape[1] !== 1 || x.shape[2] !== size || x.shape[3] !== size)
    throw inputError(model, `[batch, 1, ${size}, ${size}]`, x.shape, "pad or resize the images");
}

// ---- today --------------------------------------------------------------------------------------------------------------------------

/** What LeNet-5 of today may differ in. */
export interface LeNet5Options {
  /** What the hidden units compute. Default `relu`; `cosine` is that of Goodfellow, Bengio & Courville (2016, §6.3.3), who report under 1 % error on MNIST. */
  readonly activation?: "relu" | "cosine";
}

const LE_NET5_OPTIONS: Checks<LeNet5Options> = { activation: oneOf("relu", "cosine") };

/**
 * LeNet-5 with ReLU for the scaled tanh, max pooling for trainable subsampling, a full second convolution and softmax for the RBF units:
 * images [N, 1, 28, 28] to [N, outputs]; 61,706 parameters for 10 outputs. Padding 2 gives the paper's 32×32.
 */
export class LeNet5 extends Sequential {
  constructor(outputs = 10, options: LeNet5Options = {}) {
    checkOptions(new.target.name, options, LE_NET5_OPTIONS);
    const hidden = (): Layer => (options.activation === "cosine" ? new Cosine() : new ReLU());
    super(
      new Conv2d(1, 6, 5, { padding: 2 }), // [N, 6, 28, 28]
      hidden(),
      new MaxPool2d(2), // [N, 6, 14, 14]
      new Conv2d(6, 16, 5), // [N, 16, 10, 10]
      hidden(),
      new MaxPool2d(2), // [N, 16, 5, 5]
      new Flatten(), // [N, 400]
      new Linear(400, 120),
      hidden(),
      new Linear(120, 84),
      hidden(),
      new Linear(84, outputs),
    );
  }
}
