/**
 * @file The variational autoencoder (Kingma & Welling 2014): an encoder gives a Gaussian over codes, a decoder one over pixels, whose deviation is learnt too (Rybkin et al. 2021);
 * the bound on the logarithm of the likelihood is trained by draws of the code. Both may be told a class.
 */
import { compile } from "../../function/compile.ts";
import { scan } from "../../function/control.ts";
import { backward } from "../../function/derivative.ts";
import { foldIn, keyOf, normal, uniform } from "../../math/random.ts";
import { type Layer, Linear, Parameter, ReLU, Sequential } from "../../nn/index.ts";
import { concatenate, tensor, zeros } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Adam } from "../../optim/adam.ts";

export interface VaeOptions {
  /** Pixels of an image, numbers of a code. */
  readonly width: number;
  readonly code: number;
  readonly hidden: number;
  /** Classes that both networks are told. Default 0: none. */
  readonly classes?: number;
  readonly lr?: number;
}

/** The two parts of the negated bound, in nats for an image. */
export interface Bound {
  /** Of the pixels, given a drawn code. */
  readonly reconstruction: Tensor;
  /** Of the code's distribution from the standard normal one. */
  readonly divergence: Tensor;
}

const BATCH = 64;
const CHUNK = 250;

export class Vae {
  readonly encoder: Layer;
  readonly decoder: Layer;
  /** Logarithm of the deviation of a pixel. */
  readonly logDeviation: Parameter = new Parameter(tensor(-1), "logDeviation");
  readonly #options: Required<VaeOptions>;
  readonly #optimizer: Adam;

  constructor(options: VaeOptions) {
    this.#options = { classes: 0, lr: 2e-3, ...options };
    const { width, code, hidden, classes, lr } = this.#options;
    this.encoder = new Sequential(new Linear(width + classes, hidden), new ReLU(), new Linear(hidden, 2 * code));
    this.decoder = new Sequential(new Linear(code + classes, hidden), new ReLU(), new Linear(hidden, width));
    this.#optimizer = new Adam([...this.encoder.parameters(), ...this.decoder.parameters(), this.logDeviation], { lr });
  }

  #told(x: Tensor, labels: Tensor): Tensor {
    const { classes } = this.#options;
    return classes === 0 ? x : concatenate([x, labels.oneHot(classes, x.dtype)], 1);
  }

  /** Mean and logarithm of the variance of the code, [N, code] each. */
  encode(x: Tensor, labels: Tensor): { readonly mean: Tensor; readonly logVariance: Tensor } {
    const { code } = this.#options;
    const both = this.encoder.forward(this.#told(x, labels));
    return { mean: both.narrow(1, 0, code), logVariance: both.narrow(1, code, code) };
  }

  /** Pixels from 0 to 1 for codes [N, code]. */
  decode(code: Tensor, labels: Tensor): Tensor {
    return this.decoder.forward(this.#told(code, labels)).sigmoid();
  }

  /** Images of new codes, one for each label; without classes the labels only say how many. */
  sample(key: Tensor, labels: Tensor): Tensor {
    return this.decode(normal(key, [labels.shape[0]!, this.#options.code]), labels);
  }

  /** Means over images [N, width] of pixels from 0 to 1, which count as a density. The divergence has a closed form (appendix B of the paper). */
  bound(x: Tensor, labels: Tensor, key: Tensor): Bound {
    const { mean, logVariance } = this.encode(x, labels);
    const code = mean.add(normal(key, mean.shape).mul(logVariance.mul(0.5).exp()));
    const count = x.shape[0]!;
    const log = this.logDeviation.value;
    const scaled = this.decode(code, labels).sub(x).div(log.exp()).square().mul(0.5);
    const reconstruction = scaled
      .add(log)
      .add(0.5 * Math.log(2 * Math.PI))
      .sum()
      .div(count);
    const divergence = mean
      .square()
      .add(logVariance.exp())
      .sub(logVariance)
      .sub(1)
      .sum()
      .div(2 * count);
    return { reconstruction, divergence };
  }

  /** Steps on batches that are drawn from images and their labels, as one program. */
  train([x, labels]: readonly [Tensor, Tensor], steps: number, seed: number): void {
    const run = compile((images: Tensor, classes: Tensor, key: Tensor, first: Tensor) => {
      const step = (t: Tensor): [Tensor, null] => {
        const own = foldIn(key, t);
        const rows = uniform(foldIn(own, 0), [BATCH], { high: images.shape[0]! }).floor().cast("i32");
        const { grads } = backward(() => {
          const { reconstruction, divergence } = this.bound(images.take(rows, 0), classes.take(rows, 0), foldIn(own, 1));
          return reconstruction.add(divergence);
        }, this.#optimizer.parameters);
        this.#optimizer.step(grads);
        return [t.add(1), null];
      };
      return scan(step, first, null, { length: CHUNK })[0];
    });
    for (let at = 0; at < steps; at += CHUNK) run(x, labels, keyOf(seed), zeros([], "i32").add(at));
  }
}
