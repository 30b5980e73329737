/** @file Loss, accuracy and predictions of a model on a split, in evaluation mode. */
import { check, having, listOf, object, positiveInteger } from "../base/check.ts";
import { sizeOf } from "../base/shape.ts";
import { checkDescription, checkInputs, checkSplitOf } from "../data/check.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { fetchBatches } from "../data/loader.ts";
import type { Distributed, Part } from "../distributed/distributed.ts";
import { inBlocks } from "../function/block.ts";
import { leavesOf, withLeaves } from "../function/capture.ts";
import { type Compiled, compiled } from "../function/compiled.ts";
import { MixedExamples } from "../function/rows.ts";
import type { Layer } from "../nn/module.ts";
import { fromArray } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import { batchLoss } from "./batch-loss.ts";
import { Meter, type Metrics } from "./meter.ts";
import { ConfusionMatrix, type Metric, Regression, RocAuc, TopK } from "./metrics.ts";
import { classOf } from "./ranking.ts";
import {
  type BatchTensors,
  batchTensors,
  checkModel,
  defaultLoss,
  type Loss,
  lossOf,
  type MoreTensors,
  mainOutput,
  outputSize,
  outputsOfModel,
  someLoss,
  targetUnits,
} from "./task.ts";

// Large enough that a program's fixed cost does not matter, small enough that activations stay in the cache's reach.
const BATCH = 256;

/**
 * Examples in one run of the model: a last batch costs at most so many more. From 16 on the networks of the zoo take the same time per example.
 */
const BLOCK = 32;

type Outputs = (x: Tensor, lengths?: Tensor, more?: MoreTensors) => Tensor;

/** A model's outputs for any number of examples. One program serves them all, unless the model mixes examples: then there is one for each number. */
class Forward {
  readonly #whole: Compiled<Outputs>;
  #blocks: Compiled<Outputs> | undefined;

  constructor(fn: Outputs, block = BLOCK) {
    this.#whole = compiled(fn);
    this.#blocks = compiled(fn, { extension: inBlocks(fn, block) });
  }

  run(x: Tensor, lengths?: Tensor, more?: MoreTensors): Tensor {
    const call = (forward: Compiled<Outputs>): Tensor => (lengths || more ? forward(x, lengths, more) : forward(x));
    if (!this.#blocks) return call(this.#whole);
    try {
      return call(this.#blocks);
    } catch (error) {
      if (!(error instanceof MixedExamples)) throw error;
      this.#blocks = undefined;
      return call(this.#whole);
    }
  }

  dispose(): void {
    this.#whole.dispose();
    this.#blocks?.dispose();
  }
}

/** Measures a model again and again, with programs compiled once. */
export class Evaluator<M extends Metered = Record<never, never>> {
  readonly #model: Layer;
  readonly #data: Dataset;
  readonly #meter: Meter;
  readonly #metrics: M;
  readonly #forward: Forward;
  readonly #add: (outputs: Tensor, y: Tensor, more?: MoreTensors) => void;
  /** By the examples of a batch where several processes measure together, else one. */
  readonly #programs: Map<number, Compiled<(outputs: Tensor, y: Tensor, more?: MoreTensors) => void>> = new Map();
  readonly #distributed: Distributed | undefined;

  /** @param loss Default: that of the task. @param distributed Measures each batch on several ranks, which all call `measure`. */
  constructor(model: Layer, data: Dataset, loss: Loss = defaultLoss(data), metrics: M = {} as M, distributed?: Distributed) {
    checkModel("Evaluator", model);
    checkDescription("Evaluator: the data set", data);
    check("Evaluator: loss", loss, someLoss);
    checkMetrics("Evaluator", metrics);
    const meter = new Meter(data.task, targetUnits(data));
    this.#model = model;
    this.#data = data;
    this.#meter = meter;
    this.#metrics = metrics;
    this.#forward = new Forward((x, lengths, more) => outputsOfModel(model, x, lengths, more));
    this.#distributed = distributed;
    this.#add = (outputs, y, more) => {
      const main = mainOutput(outputs);
      meter.add(batchLoss(lossOf(loss, outputs, y, more), y.shape[0]), main, y);
      for (const metric of Object.values(metrics)) metric.add(main, y);
    };
  }

  /** Adds to the sums what a batch of so many examples gives, of which there may be a part here. */
  #measure(examples: number): Compiled<(outputs: Tensor, y: Tensor, more?: MoreTensors) => void> {
    const key = this.#distributed ? examples : 0;
    let program = this.#programs.get(key);
    if (!program) {
      program = compiled(this.#distributed?.part(examples).spread(this.#add) ?? this.#add);
      this.#programs.set(key, program);
    }
    return program;
  }

  /** Outputs for the examples that are here: shard by shard, since bits must not depend on how many there are. */
  #outputs({ x, lengths, more }: BatchTensors, shards: number): Tensor {
    if (shards === 1) return this.#forward.run(x, lengths, more);
    const whole = [x, lengths, more] as const;
    const { leaves } = leavesOf(whole);
    const n = x.shape[0] / shards;
    const outputs = Array.from({ length: shards }, (_, s) => {
      const shard = withLeaves(whole, leaves.map((t) => t.narrow(0, s * n, n))); // biome-ignore format: one thought
      return this.#forward.run(...shard);
    });
    const [first, ...rest] = outputs.map((one) => leavesOf(one).leaves);
    return withLeaves(outputs[0], first.map((t, i) => t.concat(rest.map((each) => each[i])))); // biome-ignore format: one thought
  }

  async measure(split: Split): Promise<Metrics & Measured<M>> {
    checkSplitOf(`${this.#data.name}: the split to measure`, this.#data, split);
    return inEvaluation(this.#model, async () => {
      this.#meter.reset();
      for (const metric of Object.values(this.#metrics)) metric.reset();
      const part = (n: number): Part | undefined => this.#distributed?.part(n);
      const own = this.#distributed && { part: (n: number) => this.#distributed!.part(n) };
      let left = split.count;
      for await (const batch of fetchBatches(split, { batchSize: BATCH, ...own })) {
        const examples = Math.min(BATCH, left);
        left -= examples;
        const tensors = batchTensors(this.#data, batch);
        const { y, more } = tensors;
        const outputs = this.#outputs(tensors, part(examples)?.shards ?? 1);
        // Without a third argument most calls make no text of their signature.
        if (more) this.#measure(examples)(outputs, y, more);
        else this.#measure(examples)(outputs, y);
      }
      const metrics: Record<string, unknown> = { ...(await this.#meter.read()) };
      for (const [name, metric] of Object.entries(this.#metrics)) metrics[name] = await metric.read();
      return metrics as unknown as Metrics & Measured<M>;
    });
  }

  dispose(): void {
    this.#forward.dispose();
    for (const program of this.#programs.values()) program.dispose();
  }
}

/** Metrics by names of one's own. */
export type Metered = Readonly<Record<string, Metric<unknown>>>;

/** What each of them gives. */
export type Measured<M extends Metered> = { readonly [K in keyof M]: M[K] extends Metric<infer T> ? T : never };

/**
 * Mean loss and accuracy of a model on a split of a data set (default: the test split), and what else is asked for: `{ auc: new RocAuc(2) }`. `loss` is
 * that of the task unless it is given.
 */
export async function evaluate<M extends Metered = Record<never, never>>(
  model: Layer,
  data: Dataset,
  split: Split | undefined = undefined,
  metrics?: M,
  loss?: Loss,
): Promise<Metrics & Measured<M>> {
  checkModel("evaluate", model);
  checkDescription("evaluate: the data set", data);
  const evaluator = new Evaluator(model, data, loss, metrics);
  try {
    return await evaluator.measure(split ?? data.test);
  } finally {
    evaluator.dispose();
  }
}

/** The metrics that belong to a task, as `nabla evaluate` shows them. */
export function usualMetrics(data: Dataset): Metered {
  const outputs = outputSize(data);
  // Characters are told from shares; which are mistaken for which says little.
  if (data.preprocessing?.text) return {};
  if (data.task === "regression") return { errors: new Regression(outputs, targetUnits(data)) };
  // Histograms of very many classes would take more memory than they tell.
  const auc: Metered = outputs <= 100 ? { auc: new RocAuc(outputs) } : {};
  return { ...(outputs > 5 && { top5: new TopK(5) }), confusion: new ConfusionMatrix(outputs), ...auc };
}

/** What a model gives for each example of a split, in its order: rows of `outputSize(data)` numbers. */
export async function predictOutputs(model: Layer, data: Dataset, split: InputSplit): Promise<Float32Array> {
  checkModel("predictOutputs", model);
  checkDescription("predictOutputs: the data set", data);
  checkInputs("predictOutputs: the split", split, sizeOf(data.inputShape));
  const forward = new Forward((x, lengths, more) => mainOutput(outputsOfModel(model, x, lengths, more)));
  // Targets are not looked at.
  const whole = withTargets(split, new Int32Array(split.count));
  try {
    return await inEvaluation(model, async () => {
      const rows: Float32Array[] = [];
      for await (const batch of fetchBatches(whole, { batchSize: BATCH })) {
        const { x, lengths, more } = batchTensors(data, batch);
        rows.push(Float32Array.from(elementsOf(forward.run(x, lengths, more))));
      }
      return joined(rows);
    });
  } finally {
    forward.dispose();
  }
}

/**
 * What a model gives for examples that come one by one, such as images read from files: one row each, in their order. No more than `batchSize` are
 * in memory.
 */
export async function* outputsOf(
  model: Layer,
  inputShape: readonly number[],
  examples: AsyncIterable<Float32Array>,
  batchSize = 8,
): AsyncGenerator<Float32Array, void, undefined> {
  checkModel("outputsOf", model);
  check("outputsOf: inputShape", inputShape, listOf(positiveInteger));
  check("outputsOf: batchSize", batchSize, positiveInteger);
  const size = sizeOf(inputShape);
  const forward = new Forward((x) => model.forward(x), Math.max(2, batchSize));
  const run = async (waiting: readonly Float32Array[]): Promise<Float32Array[]> => {
    const rows = waiting.length;
    const inputs = new Float32Array(rows * size);
    waiting.forEach((values, i) => {
      inputs.set(values, i * size);
    });
    const outputs = await inEvaluation(model, async () =>
      elementsOf(forward.run(fromArray(inputs, { shape: [rows, ...inputShape], dtype: "f32" }))),
    );
    const width = outputs.length / rows;
    return waiting.map((_, i) => Float32Array.from(outputs.subarray(i * width, (i + 1) * width)));
  };
  try {
    let waiting: Float32Array[] = [];
    for await (const values of examples) {
      waiting.push(values);
      if (waiting.length < batchSize) continue;
      yield* await run(waiting);
      waiting = [];
    }
    if (waiting.length > 0) yield* await run(waiting);
  } finally {
    forward.dispose();
  }
}

function joined(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.reduce((n, row) => n + row.length, 0));
  let at = 0;
  for (const row of rows) {
    all.set(row, at);
    at += row.length;
  }
  return all;
}

/** The same inputs, wherever they are. */
function withTargets(split: InputSplit, targets: Int32Array): Split {
  const { count, read, lengths, moreInputs } = split;
  const rest = { targets, count, ...(lengths && { lengths }), ...(moreInputs && { moreInputs }) };
  return read ? { ...rest, inputs: new Float32Array(0), read } : { ...rest, inputs: split.inputs };
}

/** Inputs without targets. */
export type InputSplit = Pick<Split, "inputs" | "count" | "read" | "lengths" | "moreInputs">;

/**
 * The class with the largest output for each example of a split (default: the test split), or for each of its tokens or pixels, one example after another; -1
 * where an output is NaN.
 */
export async function predict(model: Layer, data: Dataset, given?: InputSplit): Promise<Int32Array> {
  checkDescription("predict: the data set", data);
  const split = given ?? data.test;
  const outputs = await predictOutputs(model, data, split);
  const each = sizeOf(data.targetShape ?? []);
  const classes = outputs.length / (split.count * each);
  // Classes are on axis 1, behind them what has one: outputs [N, C, ...].
  return Int32Array.from({ length: split.count * each }, (_, i) => {
    const first = Math.floor(i / each) * classes * each + (i % each);
    return classOf(Array.from({ length: classes }, (__, c) => outputs[first + c * each]));
  });
}

const metric = having("a metric, with add, reset and read", "add", "reset", "read");

function checkMetrics(what: string, metrics: unknown): void {
  check(`${what}: metrics`, metrics, object);
  for (const [name, each] of Object.entries(metrics as object)) check(`${what}: metric ${name}`, each, metric);
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
