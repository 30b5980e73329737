/**
 * @file One training step as one program: forward, backward, update, running metrics and averages. With gradient accumulation a step may end
 * before the update; `update` says which, and is part of the program's signature.
 */
import { check, checkFields, expectation, fn, having, listOf, optional, positive } from "../base/check.ts";
import type { Dtype } from "../base/dtype.ts";
import type { Shape } from "../base/shape.ts";
import { type Compiled, compiled } from "../function/compiled.ts";
import { backward } from "../function/derivative.ts";
import { wholeBatch } from "../function/shards.ts";
import type { Layer } from "../nn/module.ts";
import { State } from "../nn/parameter.ts";
import { full, zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { WeightAverage } from "../optim/averaging.ts";
import { clipByGlobalNorm } from "../optim/clipping.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { Cell } from "../runtime/cell.ts";
import { batchLoss, checkAccumulable, ofWholeBatch } from "./batch-loss.ts";
import type { Meter } from "./meter.ts";
import { isSharded } from "./ranks.ts";
import { anOptimizer, checkModel, type Loss, lossOf, type MoreTensors, mainOutput, outputsOfModel, someLoss } from "./task.ts";

/** Gives the loss before the update. `update` false only adds to the gradient sums. `lengths` i32[N] are those of sequences, for the model; `more` has further inputs and targets. */
export type StepFunction = (x: Tensor, y: Tensor, update?: boolean, lengths?: Tensor, more?: MoreTensors) => Tensor;

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
  /** Makes of the step of a shard that of all shards on this rank, where several train together. */
  readonly spread?: (step: StepFunction) => StepFunction;
}

/**
 * Gradients over several batches, each weighted by what its mean loss was divided by (examples, targets that count, their weights): the gradient
 * of the mean over all of them.
 */
export class GradientSum {
  readonly #sums: State[] = [];
  readonly #divisor: State = new State(zeros([]), { label: "accumulated" });
  /** The divisor of the batch at hand, on its way out of the function that is differentiated. */
  readonly #latest: State = new State(zeros([]), { label: "divisor", persistent: false });

  constructor(parameters: readonly Cell[]) {
    check("GradientSum: parameters", parameters, listOf(expectation("a cell", (value) => value instanceof Cell)));
    for (const { shape, dtype } of parameters) this.#grow(shape, dtype);
  }

  #grow(shape: Shape, dtype: Dtype): State {
    const sum = new State(zeros(shape, dtype), { label: "gradientSum" });
    this.#sums.push(sum);
    return sum;
  }

  /** Notes what the loss of the next gradients was divided by; 1 for a sum. */
  weigh(divisor: Tensor | number): void {
    this.#latest.set(typeof divisor === "number" ? full([], divisor) : divisor.cast("f32"));
  }

  /** Adds the gradients of a mean over `divisor` examples, targets or weights. Default: what `weigh` noted. */
  add(grads: readonly Tensor[], divisor: Tensor | number = this.#latest.value): void {
    grads.forEach((g, i) => {
      const weight = typeof divisor === "number" ? divisor : divisor.cast(g.dtype);
      const sum = this.#sums[i] ?? this.#grow(g.shape, g.dtype); // of a parameter that was added on the way
      sum.set(sum.value.add(g.mul(weight)));
    });
    this.#divisor.set(this.#divisor.value.add(typeof divisor === "number" ? divisor : divisor.cast("f32")));
  }

  /** The means over what was added (or, of losses that are sums, the sums); starts anew. Gradients of no terms at all are 0. */
  take({ mean = true }: { readonly mean?: boolean } = {}): Tensor[] {
    const divisor = this.#divisor.value;
    const safe = divisor.eq(0).where(1, divisor);
    const taken = this.#sums.map((sum) => (mean ? sum.value.div(safe.cast(sum.dtype)) : sum.value));
    for (const cell of this.stateDict().values()) cell.set(cell.value.like(0));
    return taken;
  }

  stateDict(): Map<string, Cell> {
    return new Map([["count", this.#divisor as Cell], ...this.#sums.map((cell, i): [string, Cell] => [`sum.${i}`, cell])]);
  }
}

const PARTS = {
  loss: someLoss,
  meter: optional(having("a Meter", "add", "reset", "read")),
  gradients: optional(having("a GradientSum", "add", "take")),
  clipNorm: optional(positive),
  average: optional(having("an average of weights", "update")),
  augment: optional(fn),
  spread: optional(fn),
};

/** The step as a plain function: for `compile`, with whatever options, or for a look at it with `show`. */
export function stepFunction(model: Layer, optimizer: Optimizer, parts: StepParts): StepFunction {
  checkModel("stepFunction", model);
  check("stepFunction: the optimizer", optimizer, anOptimizer);
  checkFields("stepFunction", parts, PARTS);
  const { loss, meter, gradients, clipNorm, average, augment, spread } = parts;
  const step: StepFunction = (x, y, update = true, lengths?, more?) => {
    let mean = true;
    const own = backward(() => {
      const outputs = outputsOfModel(model, augment ? augment(x) : x, lengths, more);
      const own = batchLoss(lossOf(loss, outputs, y, more), x.shape[0]);
      if (gradients || wholeBatch()) checkAccumulable(own, wholeBatch() ? "distributed" : "accumulate");
      const found = ofWholeBatch(own);
      mean = found.divisor !== undefined;
      meter?.add(own, mainOutput(outputs), y);
      gradients?.weigh(found.divisor ?? 1);
      return found.value;
    }, optimizer.parameters);
    const batch = wholeBatch();
    if (batch && update && isSharded(optimizer) && !gradients && clipNorm === undefined) {
      optimizer.stepLocal(own.grads, { mean: false });
      average?.update();
      return batch.sums([own.value])[0]!;
    }
    const [value, ...grads] = batch?.sums([own.value, ...own.grads]) ?? [own.value, ...own.grads];
    gradients?.add(grads);
    if (!update) return value;
    const means = gradients ? gradients.take({ mean }) : grads;
    optimizer.step(clipNorm === undefined ? means : clipByGlobalNorm(means, clipNorm).grads);
    average?.update();
    return value;
  };
  return spread ? spread(step) : step;
}

/** {@link stepFunction}, compiled: everything that happens to a batch in one call. */
export function compileStep(model: Layer, optimizer: Optimizer, parts: StepParts): Compiled<StepFunction> {
  return compiled(stepFunction(model, optimizer, parts));
}
