/**
 * @file Generative adversarial networks (Goodfellow et al. 2014): a generator learns from a critic that learns to tell its samples from real ones. The loss of the generator
 * does not saturate, -log D(G(z)); the critic's target for real samples is 0.9. Both may be told a class.
 */
import { compile } from "../../function/compile.ts";
import { scan } from "../../function/control.ts";
import { backward } from "../../function/derivative.ts";
import { softplus } from "../../math/activation.ts";
import { foldIn, keyOf, normal, uniform } from "../../math/random.ts";
import { type Layer, LeakyReLU, Linear, ReLU, Sequential } from "../../nn/index.ts";
import { concatenate, zeros } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Adam } from "../../optim/adam.ts";
import type { Cell } from "../../runtime/cell.ts";

/** What the critic is told of real samples instead of 1. */
const REAL = 0.9;

export interface GanOptions {
  /** Numbers of a sample, and of the noise that it is made of. */
  readonly width: number;
  readonly noise: number;
  readonly hidden: number;
  /** Classes that both networks are told. Default 0: none. */
  readonly classes?: number;
  /** Makes samples of the generator's last numbers. Default: they are the samples. */
  readonly finish?: (x: Tensor) => Tensor;
  readonly lr?: number;
  /** The critic's rate. Default: the generator's. */
  readonly criticLr?: number;
  /** What the generator makes small: -log D(G(z)), or log(1 - D(G(z))), whose slope goes to 0 where the critic is sure. Default `non-saturating`. */
  readonly loss?: "non-saturating" | "saturating";
  /** Samples of a step. Default 128. */
  readonly batch?: number;
}

/** The critic's mean answers as probabilities, by step: ½ for both where it cannot tell. */
export interface GanHistory {
  readonly real: Float32Array;
  readonly fake: Float32Array;
}

export class Gan {
  readonly generator: Layer;
  readonly critic: Layer;
  readonly #options: Required<GanOptions>;
  readonly #optimizers: readonly [Adam, Adam];

  constructor(options: GanOptions) {
    const lr = options.lr ?? 1e-3;
    this.#options = { classes: 0, finish: (x) => x, lr, criticLr: lr, loss: "non-saturating", batch: 128, ...options };
    const { width, noise, hidden, classes, criticLr } = this.#options;
    const body = (into: number, out: number, activation: () => Layer): Layer =>
      new Sequential(new Linear(into, hidden), activation(), new Linear(hidden, hidden), activation(), new Linear(hidden, out));
    this.generator = body(noise + classes, width, () => new ReLU());
    this.critic = body(width + classes, 1, () => new LeakyReLU({ negativeSlope: 0.2 }));
    const adam = (model: Layer, rate: number): Adam => new Adam(model.parameters(), { lr: rate, betas: [0.5, 0.999] });
    this.#optimizers = [adam(this.generator, lr), adam(this.critic, criticLr)];
  }

  /** All that a step changes. */
  get cells(): Cell[] {
    const stateful = [this.generator, this.critic, ...this.#optimizers] as readonly { stateDict(): ReadonlyMap<string, Cell> }[];
    return stateful.flatMap((each) => [...each.stateDict().values()]);
  }

  /** The critic's answers, in logits. */
  judge(samples: Tensor, labels: Tensor): Tensor {
    return this.critic.forward(this.#told(samples, labels)).squeeze(1);
  }

  /** What the generator makes small, by sample. */
  generatorLoss(logits: Tensor): Tensor {
    return this.#options.loss === "saturating" ? softplus(logits).neg() : softplus(logits.neg());
  }

  #told(x: Tensor, labels: Tensor): Tensor {
    const { classes } = this.#options;
    return classes === 0 ? x : concatenate([x, labels.oneHot(classes, x.dtype)], 1);
  }

  /** A sample for each label, i32[N]; without classes the labels only say how many. */
  sample(key: Tensor, labels: Tensor): Tensor {
    const z = normal(key, [labels.shape[0]!, this.#options.noise]);
    return this.#options.finish(this.generator.forward(this.#told(z, labels)));
  }

  /**
   * A program of `count` steps on batches that are drawn from real samples [N, width] and their labels; a step is the same whichever program it is in. `first` is the
   * number of the first step. Gives the critic's mean answers by step.
   */
  program(count: number): (real: Tensor, classes: Tensor, key: Tensor, first: Tensor) => readonly [real: Tensor, fake: Tensor] {
    const [forGenerator, forCritic] = this.#optimizers;
    const { batch: size } = this.#options;
    return compile((real: Tensor, classes: Tensor, key: Tensor, first: Tensor) => {
      const step = (t: Tensor): [Tensor, readonly [Tensor, Tensor]] => {
        const at = (i: number): Tensor => foldIn(foldIn(key, t), i);
        const rows = uniform(at(0), [size], { high: real.shape[0]! }).floor().cast("i32");
        const [batch, of] = [real.take(rows, 0), classes.take(rows, 0)];
        const fake = this.sample(at(1), of).stopGradient();
        const critic = backward(
          () => {
            const [yes, no] = [this.judge(batch, of), this.judge(fake, of)];
            const loss = softplus(yes.neg())
              .mul(REAL)
              .add(softplus(yes).mul(1 - REAL))
              .add(softplus(no))
              .mean();
            return [loss, [yes.sigmoid().mean(), no.sigmoid().mean()] as const];
          },
          forCritic.parameters,
          { hasAux: true },
        );
        forCritic.step(critic.grads);
        const { grads } = backward(() => this.generatorLoss(this.judge(this.sample(at(2), of), of)).mean(), forGenerator.parameters);
        forGenerator.step(grads);
        return [t.add(1), critic.aux];
      };
      return scan(step, first, null, { length: count })[1];
    });
  }

  /** Steps on batches that are drawn from real samples [N, width] and their labels. */
  train([x, labels]: readonly [Tensor, Tensor], steps: number, seed: number): GanHistory {
    const run = this.program(CHUNK);
    const history = { real: new Float32Array(steps), fake: new Float32Array(steps) };
    for (let at = 0; at < steps; at += CHUNK) {
      const [real, fake] = run(x, labels, keyOf(seed), zeros([], "i32").add(at));
      history.real.set((real.dataSync() as Float32Array).subarray(0, steps - at), at);
      history.fake.set((fake.dataSync() as Float32Array).subarray(0, steps - at), at);
    }
    return history;
  }
}

/** Steps of one call of the program; more are done, if the number of all is no multiple. */
const CHUNK = 250;
