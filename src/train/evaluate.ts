/** @file Loss, accuracy and predictions of a model on a split, in evaluation mode. */
import type { Dataset, Split } from "../data/dataset.ts";
import { batches } from "../data/loader.ts";
import { type Compiled, compile } from "../function/compile.ts";
import type { Layer } from "../nn/module.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Meter, type Metrics } from "./meter.ts";
import { batchTensors, defaultLoss, type Loss } from "./task.ts";

// Large enough that a program's fixed cost does not matter, small enough that activations stay in the cache's reach.
const BATCH = 256;

/** Measures a model again and again, with programs compiled once. */
export class Evaluator {
  readonly #model: Layer;
  readonly #data: Dataset;
  readonly #meter: Meter;
  readonly #measure: Compiled<(x: Tensor, y: Tensor) => void>;

  constructor(model: Layer, data: Dataset, loss: Loss = defaultLoss(data)) {
    const meter = new Meter(data.task);
    this.#model = model;
    this.#data = data;
    this.#meter = meter;
    this.#measure = compile((x: Tensor, y: Tensor): void => {
      const outputs = model.forward(x);
      meter.add(loss(outputs, y), outputs, y);
    });
  }

  async measure(split: Split): Promise<Metrics> {
    return inEvaluation(this.#model, () => {
      this.#meter.reset();
      for (const batch of batches(split, { batchSize: BATCH })) {
        const { x, y } = batchTensors(this.#data, batch);
        this.#measure(x, y);
      }
      return this.#meter.read(split.count);
    });
  }

  dispose(): void {
    this.#measure.dispose();
  }
}

/** Mean loss and accuracy of a model on a split of a data set. */
export async function evaluate(model: Layer, data: Dataset, split: Split = data.test): Promise<Metrics> {
  const evaluator = new Evaluator(model, data);
  try {
    return await evaluator.measure(split);
  } finally {
    evaluator.dispose();
  }
}

/** The class with the largest output for each example of a split. */
export async function predict(model: Layer, data: Dataset, split: Split = data.test): Promise<Int32Array> {
  const classify = compile((x: Tensor): Tensor => model.forward(x).argmax(1));
  try {
    return await inEvaluation(model, async () => {
      const classes = new Int32Array(split.count);
      let done = 0;
      for (const batch of batches(split, { batchSize: BATCH })) {
        classes.set(await classify(batchTensors(data, batch).x).data(), done);
        done += batch.count;
      }
      return classes;
    });
  } finally {
    classify.dispose();
  }
}

/** Runs `fn` with the model in evaluation mode, and puts it back into the mode it was in. */
async function inEvaluation<T>(model: Layer, fn: () => Promise<T>): Promise<T> {
  const { training } = model;
  model.eval();
  try {
    return await fn();
  } finally {
    model.train(training);
  }
}
