/**
 * @file One training step as one program: forward, backward, update, running metrics and averages. With gradient accumulation a step may end
 * before the update; `update` says which, and is part of the program's signature.
 */
import { type Compiled, compile } from "../function/compile.ts";
import { backward } from "../function/derivative.ts";
import type { Layer } from "../nn/module.ts";
import { State } from "../nn/parameter.ts";
import { zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { WeightAverage } from "../optim/averaging.ts";
import { clipByGlobalNorm } from "../optim/clipping.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Cell } from "../runtime/cell.ts";
import type { Meter } from "./meter.ts";
import type { Loss } from "./task.ts";

/** Gives the loss before the update. `update` false only adds to the gradient sums. */
export type StepFunction = (x: Tensor, y: Tensor, update?: boolean) => Tensor;

/** What a training step is made of besides model and optimizer. */
export interface StepParts {
  readonly loss: Loss;
  readonly meter?: Meter;
  /** Sums of gradients, for steps without update. */
  readonly gradients?: GradientSum;
  /** The largest norm that all gradients may have together. */
  readonly clipNorm?: number;
  /** Takes the weights after each update. */
  readonly average?: WeightAverage;
  /** Changes the inputs [N, ...] before the model sees them, in the same program. */
  readonly augment?: (x: Tensor) => Tensor;
}

/** Gradients over several batches, each weighted by its examples: the gradient of the mean over all of them. */
export class GradientSum {
  readonly #sums: readonly State[];
  readonly #count: State = new State(zeros([]), { label: "accumulated" });

  constructor(parameters: readonly Cell[]) {
    this.#sums = parameters.map(({ shape, dtype }) => new State(zeros(shape, dtype), { label: "gradientSum" }));
  }

  /** Adds the mean gradients of `n` examples. */
  add(grads: readonly Tensor[], n: number): void {
    grads.forEach((g, i) => {
      this.#sums[i].set(this.#sums[i].value.add(g.mul(n)));
    });
    this.#count.set(this.#count.value.add(n));
  }

  /** The means over what was added; starts anew. */
  take(): Tensor[] {
    const count = this.#count.value;
    const means = this.#sums.map((sum) => sum.value.div(count.cast(sum.dtype)));
    for (const cell of this.stateDict().values()) cell.set(cell.value.like(0));
    return means;
  }

  stateDict(): Map<string, Cell> {
    return new Map([["count", this.#count as Cell], ...this.#sums.map((cell, i): [string, Cell] => [`sum.${i}`, cell])]);
  }
}

/** The step as a plain function: for `compile`, with whatever options, or for a look at it with `show`. */
export function stepFunction(model: Layer, optimizer: Optimizer, parts: StepParts): StepFunction {
  const { loss, meter, gradients, clipNorm, average, augment } = parts;
  return (x, y, update = true) => {
    const { value, grads } = backward(() => {
      const outputs = model.forward(augment ? augment(x) : x);
      const mean = loss(outputs, y);
      meter?.add(mean, outputs, y);
      return mean;
    }, optimizer.parameters);
    gradients?.add(grads, x.shape[0]);
    if (!update) return value;
    const means = gradients ? gradients.take() : grads;
    optimizer.step(clipNorm === undefined ? means : clipByGlobalNorm(means, clipNorm).grads);
    average?.update();
    return value;
  };
}

/** {@link stepFunction}, compiled: everything that happens to a batch in one call. */
export function compileStep(model: Layer, optimizer: Optimizer, parts: StepParts): Compiled<StepFunction> {
  return compile(stepFunction(model, optimizer, parts));
}
