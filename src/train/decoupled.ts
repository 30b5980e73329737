/**
 * @file Synthetic gradients: the stages of a network learn from guesses of the gradient at their outputs, so that none waits for those above it (Jaderberg et
 * al. 2017; Czarnecki et al. 2017). A synthesizer guesses from a stage's output, and perhaps the label; it learns from what the next stage passes down.
 */
import { type Checks, check, checkOptions, fn, having, listOf, oneOf, positiveInteger, share } from "../base/check.ts";
import { type Shape, sizeOf } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { backward, vjp } from "../function/derivative.ts";
import { functionalCall } from "../nn/functional-call.ts";
import { zeros as zeroWeights } from "../nn/initializers.ts";
import { Linear } from "../nn/linear.ts";
import { type Layer, Module } from "../nn/module.ts";
import type { Parameter } from "../nn/parameter.ts";
import { checkTensors } from "../ops/check.ts";
import { concatenate, zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { batchLoss } from "./batch-loss.ts";
import { aLoss, type Loss, lossOf } from "./task.ts";

export interface DecoupledOptions {
  /** Makes the optimizer of a stage, and that of its synthesizer. */
  readonly optimizer: (parameters: Parameter[]) => Optimizer;
  /** Shape of one example, without the batch. */
  readonly inputShape: Shape;
  /** The loss of the last stage's output, a mean over the examples. */
  readonly loss: Loss;
  /** Conditions the synthesizers on labels of so many classes (cDNI). Default: they see the output of their stage alone (DNI). */
  readonly classes?: number;
  /** Share of true backpropagation in the gradients, BP(λ): 0 (the default) is guesses alone, 1 is backpropagation. Above 0 stages wait for each other. */
  readonly lambda?: number;
  /** What the stages below the last one learn from: `synthetic` gradients (the default), or `none`, so that they stay as they are. */
  readonly gradients?: "synthetic" | "none";
  /** Makes a synthesizer from [N, inputs] to [N, outputs]. Default: a linear layer that starts at 0. */
  readonly synthesizer?: (inputs: number, outputs: number) => Layer;
}

const OPTIONS: Checks<DecoupledOptions> = {
  optimizer: fn,
  inputShape: listOf(positiveInteger),
  loss: aLoss,
  classes: positiveInteger,
  lambda: share,
  gradients: oneOf("synthetic", "none"),
  synthesizer: fn,
};

/** A stage's output, and the map from a gradient there to those of its input and weights. */
interface Run {
  readonly output: Tensor;
  readonly pull: (gradient: Tensor) => { readonly input: Tensor; readonly weights: readonly Tensor[] };
}

/** One stage with its synthesizer. The last stage of a network has none, and knows the loss. */
export class DecoupledStage extends Module {
  readonly model: Layer;
  readonly synthesizer: Layer | undefined;
  readonly optimizer: Optimizer;
  readonly synthesizerOptimizer: Optimizer | undefined;
  readonly #classes: number | undefined;
  readonly #loss: Loss;

  /** @internal Use {@link decoupled}. */
  constructor(model: Layer, synthesizer: Layer | undefined, { optimizer, classes, loss }: DecoupledOptions) {
    super();
    this.model = model;
    this.synthesizer = synthesizer;
    this.optimizer = optimizer(model.parameters());
    this.synthesizerOptimizer = synthesizer && optimizer(synthesizer.parameters());
    this.#classes = classes;
    this.#loss = loss;
  }

  /** The stage's output for an input [N, ...]. */
  forward(x: Tensor): Tensor {
    return this.model.forward(x);
  }

  /** The guessed gradient of each example's loss by the output, of the output's shape. */
  guess(output: Tensor, labels: Tensor): Tensor {
    if (!this.synthesizer) throw new Error("DecoupledStage.guess: the last stage knows the gradient of its loss and guesses none");
    const flat = output.reshape([output.shape[0]!, output.size / output.shape[0]!]);
    const given = this.#classes === undefined ? flat : concatenate([flat, labels.oneHot(this.#classes, flat.dtype)], 1);
    return this.synthesizer.forward(given).reshape(output.shape);
  }

  /** @internal The output, with what it takes to go back. What the stage writes, such as running statistics, is written once. */
  run(x: Tensor): Run {
    return runOf(this.model, x, (output) => output);
  }

  /** @internal The loss of the last stage in place of its output. */
  runToLoss(x: Tensor, labels: Tensor): Run {
    return runOf(this.model, x, (output) => batchLoss(lossOf(this.#loss, output, labels), x.shape[0]!).value);
  }

  /**
   * One step of a stage that waits for nobody: its output, an update of its weights by the guess (the last one: by the loss, which is then the output), and the
   * gradients of the examples' losses by `x`, which its predecessor's synthesizer learns from.
   */
  step(x: Tensor, labels: Tensor): { output: Tensor; gradient: Tensor } {
    checkTensors("DecoupledStage.step", { x, labels });
    const count = x.shape[0]!;
    const { output, pull } = this.synthesizer ? this.run(x) : this.runToLoss(x, labels);
    const gradient = this.synthesizer ? this.guess(output, labels).div(count) : output.like(1);
    const { input, weights } = pull(gradient);
    this.optimizer.step(weights);
    return { output, gradient: input.mul(count) };
  }

  /** One step of the synthesizer towards `gradient`, the next stage's gradients by the output. Gives the mean over examples of the squared distance. */
  learn(output: Tensor, labels: Tensor, gradient: Tensor): Tensor {
    checkTensors("DecoupledStage.learn", { output, labels, gradient });
    if (!this.synthesizerOptimizer) throw new Error("DecoupledStage.learn: the last stage has no synthesizer");
    const distance = (): Tensor => this.guess(output, labels).sub(gradient).square().sum().div(output.shape[0]!);
    const { value, grads } = backward(distance, this.synthesizerOptimizer.parameters);
    this.synthesizerOptimizer.step(grads);
    return value;
  }
}

function runOf(model: Layer, x: Tensor, end: (output: Tensor) => Tensor): Run {
  const named = model.namedParameters();
  const values = Object.fromEntries(named.map(([name, { value }]) => [name, value]));
  const call = (weights: Readonly<Record<string, Tensor>>, input: Tensor): [Tensor, Record<string, Tensor>] => {
    const { result, state } = functionalCall(model, weights, () => end(model.forward(input)));
    return [result, state];
  };
  const { value, pullback, aux } = vjp(call, { hasAux: true, unused: "ignore" })(values, x);
  const cells = new Map(model.namedCells());
  for (const [name, written] of Object.entries(aux)) cells.get(name)!.set(written);
  return {
    output: value,
    pull: (gradient) => {
      const [weights, input] = pullback(gradient);
      return { input, weights: named.map(([name]) => weights[name]!) };
    },
  };
}

/** Below it a product of lengths counts as 0. The least number of f64 would be 0 in f32, and the cosine of a guess of 0 no number. */
const LEAST_NORM = 1e-37;

/** A network whose stages learn from guessed gradients. It is a module: trained, it is evaluated and saved like any other. */
export class Decoupled extends Module {
  readonly stages: readonly DecoupledStage[];
  readonly lambda: number;
  readonly gradients: "synthetic" | "none";

  /** @internal Use {@link decoupled}. */
  constructor(stages: readonly DecoupledStage[], lambda: number, gradients: "synthetic" | "none") {
    super();
    [this.stages, this.lambda, this.gradients] = [stages, lambda, gradients];
  }

  /** Through all stages. */
  forward(x: Tensor): Tensor {
    return this.stages.reduce((h, stage) => stage.forward(h), x);
  }

  /** One step of all stages and synthesizers on a batch: inputs [N, ...] and targets. Gives the loss before it; for `compile`. */
  step(x: Tensor, labels: Tensor): Tensor {
    checkTensors("Decoupled.step", { x, labels });
    const { loss, runs, guesses, gradients, used } = this.#gradients(x, labels);
    const updates = this.stages.map((stage, k) => ({ stage, ...runs[k]!.pull(used[k]!) }));
    for (const [k, { stage, weights }] of updates.entries()) {
      const below = k < this.stages.length - 1;
      if (below && this.gradients === "none") continue;
      stage.optimizer.step(weights);
      if (below && guesses[k]) stage.learn(runs[k]!.output.stopGradient(), labels, gradients[k]!.stopGradient());
    }
    return loss;
  }

  /** Of each stage but the last, the cosine between the guessed gradient and that of backpropagation, both over the whole batch; 0 for a guess of 0. */
  alignment(x: Tensor, labels: Tensor): Tensor[] {
    checkTensors("Decoupled.alignment", { x, labels });
    const runs = this.#run(x, labels);
    let gradient = runs.at(-1)!.pull(runs.at(-1)!.output.like(1)).input;
    const cosines: Tensor[] = [];
    for (let k = runs.length - 2; k >= 0; k--) {
      const guess = this.stages[k]!.guess(runs[k]!.output, labels);
      const norms = guess.square().sum().mul(gradient.square().sum()).sqrt();
      cosines.unshift(guess.mul(gradient).sum().div(norms.maximum(LEAST_NORM)));
      gradient = runs[k]!.pull(gradient).input;
    }
    return cosines;
  }

  #run(x: Tensor, labels: Tensor): Run[] {
    let h = x;
    return this.stages.map((stage, k) => {
      const run = k < this.stages.length - 1 ? stage.run(h) : stage.runToLoss(h, labels);
      h = run.output;
      return run;
    });
  }

  /** From the last stage down: by each stage's output what the next one passes down (times N, the gradients of the examples), and what the stage learns from. */
  #gradients(x: Tensor, labels: Tensor) {
    const runs = this.#run(x, labels);
    const [last, count] = [runs.length - 1, x.shape[0]!];
    const loss = runs[last]!.output;
    const used: Tensor[] = [];
    const gradients: Tensor[] = [];
    const guesses: (Tensor | undefined)[] = [];
    used[last] = loss.like(1);
    for (let k = last - 1; k >= 0; k--) {
      const passed = runs[k + 1]!.pull(used[k + 1]!).input;
      const guess =
        this.lambda < 1 && this.gradients === "synthetic" ? this.stages[k]!.guess(runs[k]!.output, labels).div(count) : undefined;
      gradients[k] = passed.mul(count);
      guesses[k] = guess;
      used[k] = guess === undefined ? passed : guess.mul(1 - this.lambda).add(passed.mul(this.lambda));
    }
    return { loss, runs, used, gradients, guesses };
  }
}

/** Shapes of the stages' outputs for one example. */
function shapesOf(stages: readonly Layer[], inputShape: Shape): Shape[] {
  const modes = stages.map((stage) => stage.training);
  let h = zeros([1, ...inputShape]);
  try {
    return stages.map((stage) => {
      h = stage.eval().forward(h);
      return h.shape.slice(1);
    });
  } finally {
    for (const [k, stage] of stages.entries()) stage.train(modes[k]);
  }
}

/**
 * A network of stages, the first on the inputs, that learn from guessed gradients: `net.step(x, y)` is one step, `net.forward(x)` the trained network. Each stage
 * can be stepped for itself (`net.stages[k].step`, `learn`), one step late or in a thread of its own.
 * @throws {RangeError} for fewer than two stages.
 */
export function decoupled(stages: readonly Layer[], options: DecoupledOptions): Decoupled {
  check("decoupled: stages", stages, listOf(having("a module with forward(x)", "forward", "parameters"), 2));
  checkOptions("decoupled", options, OPTIONS, "optimizer", "inputShape", "loss");
  const { classes = 0, lambda = 0, gradients = "synthetic", inputShape } = options;
  const make =
    options.synthesizer ??
    ((inputs, outputs) => new Linear(inputs, outputs, { weightInitializer: zeroWeights, biasInitializer: zeroWeights }));
  const shapes = shapesOf(stages, inputShape);
  const made = stages.map((stage, k) => {
    const width = sizeOf(shapes[k]!);
    return new DecoupledStage(stage, k < stages.length - 1 ? make(width + classes, width) : undefined, options);
  });
  return new Decoupled(made, lambda, gradients);
}

/** What a stage is to work on next. */
interface Inbox {
  readonly x: Tensor;
  readonly labels: Tensor;
}

/**
 * The stages of a network as a pipeline without waiting: in each step every stage works on what its predecessor gave one step before, updates its weights by its own
 * guess, and tells its predecessor's synthesizer what the gradient was. `lambda` of the network plays no part.
 */
export class DecoupledPipeline {
  readonly #stages: readonly {
    readonly stage: DecoupledStage;
    readonly step: (x: Tensor, labels: Tensor) => { output: Tensor; gradient: Tensor };
    readonly learn: (output: Tensor, labels: Tensor, gradient: Tensor) => Tensor;
  }[];
  #inboxes: (Inbox | undefined)[];

  constructor(network: Decoupled) {
    check("DecoupledPipeline: the network", network, having("a network that train.decoupled gave", "alignment", "step"));
    this.#stages = network.stages.map((stage) => ({
      stage,
      step: compile((x: Tensor, labels: Tensor) => stage.step(x, labels)),
      learn: compile((output: Tensor, labels: Tensor, gradient: Tensor) => stage.learn(output, labels, gradient)),
    }));
    this.#inboxes = network.stages.map(() => undefined);
  }

  /** Steps all stages, the first one on this batch. Gives the loss of the batch that has come to the last stage; undefined for the first steps, as many as there are stages below it. */
  step(x: Tensor, labels: Tensor): Tensor | undefined {
    checkTensors("DecoupledPipeline.step", { x, labels });
    this.#inboxes[0] = { x, labels };
    const done = this.#stages.map(({ step }, k) => {
      const inbox = this.#inboxes[k];
      return inbox && { ...inbox, ...step(inbox.x, inbox.labels) };
    });
    for (const [k, next] of done.slice(1).entries()) if (next) this.#stages[k]!.learn(next.x, next.labels, next.gradient);
    this.#inboxes = [undefined, ...done.slice(0, -1).map((each) => each && { x: each.output, labels: each.labels })];
    return done.at(-1)?.output;
  }
}
