/**
 * @file Looks at a run that trains, for the page that shows it: its layers, what keeps it from learning, and what it takes for what. Nothing of a look stays in the run, whose bits are those of a
 * run that nobody looks at.
 */
import { isFloat } from "../base/dtype.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { fetchBatches } from "../data/loader.ts";
import { type Compiled, compiled } from "../function/compiled.ts";
import { lookAt } from "../inspect/look.ts";
import { SiteProgram, type SiteReading } from "../inspect/site-program.ts";
import { ratiosOf, type Snapshot, snapshotOf } from "../inspect/try-step.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Training } from "../train/callback.ts";
import { confusionTable } from "../train/confusion.ts";
import { classOf } from "../train/ranking.ts";
import type { LiveCheck, LiveLayer, LiveLook, LiveMistake } from "../train/run-record.ts";
import { type BatchTensors, batchTensors, type MoreTensors, mainOutput, outputsOfModel } from "../train/task.ts";

/** Training examples of a look: half of a watcher's, which looks less often. */
const EXAMPLES = 32;

/** Held-out examples that are tried: as many as fit into the time, in milliseconds, but a batch. */
const [MOST_TRIED, BATCH, MOST_MS] = [2048, 128, 150] as const;

/** Classes of which a table can be read. */
const MOST_CLASSES = 50;

/** Mistakes that are shown: of one kind, and in all. */
const [OF_A_KIND, MOST_MISTAKES] = [4, 96] as const;

/** Pixels of a side of a picture, and values of an example that is none. */
const [SIDE, VALUES] = [48, 8] as const;

/** Weights from which the spread is taken. */
const SAMPLE = 2048;

/** Keeps what was read, of which a look tells a part. */
class Reader extends SiteProgram {
  latest: SiteReading | undefined;

  override async read(batch: Parameters<SiteProgram["read"]>[0]): Promise<SiteReading> {
    this.latest = await super.read(batch);
    return this.latest;
  }
}

type Forward = (x: Tensor, lengths?: Tensor, more?: MoreTensors) => Tensor;

export class LiveLooker {
  #sites: Reader | undefined;
  #forward: Compiled<Forward> | undefined;
  #looks = 0;
  #pending: { readonly look: LiveLook; readonly before: Snapshot } | undefined;

  /** Whether a look waits for the step after it. */
  get isPending(): boolean {
    return this.#pending !== undefined;
  }

  /** Looks. What a step does to the weights is known after the next one: `after` tells. */
  async look(training: Training): Promise<LiveLook> {
    const started = performance.now();
    const { model, total } = training;
    const found = await this.#gradients(training);
    const before = await snapshotOf(model);
    const layers = layersOf(training, before, found.gradients);
    const check = await this.#check(training);
    const { findings, reason } = found;
    const ms = performance.now() - started;
    const look: LiveLook = { step: total, layers, findings, ...(reason && { reason }), ...(check && { check }), ms };
    this.#pending = { look, before };
    this.#looks++;
    return look;
  }

  /** The last look with what the step since it did; undefined if that was told. */
  async after(training: Training): Promise<LiveLook | undefined> {
    const pending = this.#pending;
    if (!pending || training.total === pending.look.step) return undefined;
    this.#pending = undefined;
    const ratios = ratiosOf(training.model, pending.before, await snapshotOf(training.model));
    const layers = pending.look.layers.map((layer) => ({ ...layer, ratio: ratios.get(layer.name) ?? null }));
    return { ...pending.look, layers };
  }

  dispose(): void {
    this.#sites?.dispose();
    this.#forward?.dispose();
    this.#pending = undefined;
  }

  async #gradients(
    training: Training,
  ): Promise<Pick<LiveLook, "findings" | "reason"> & { readonly gradients: ReadonlyMap<string, number> }> {
    const { model, data, loss, total } = training;
    try {
      const { x, y, lengths, more } = await examplesOf(data, this.#looks);
      this.#sites ??= new Reader(model, loss);
      const classes = data.task === "classification" ? data.classes.length : undefined;
      const options = { x, y, loss, batchSize: x.shape[0]!, light: true, ...(lengths && { lengths }), ...(more && { more }) };
      const { findings } = await lookAt(model, { ...options, ...(classes && { classes }) }, total, this.#sites);
      return {
        gradients: this.#sites.latest?.gradients ?? new Map(),
        findings: findings.map(({ rule, where, severity, cause, remedies }) => ({ rule, where, severity, cause, remedies })),
      };
    } catch (error) {
      // A model that cannot be looked into has its weights and its mistakes.
      return { gradients: new Map(), findings: [], reason: (error as Error).message.split("\n")[0]! };
    }
  }

  /** What the model takes held-out examples for; undefined where that is no table. */
  async #check({ model, data }: Training): Promise<LiveCheck | undefined> {
    const { classes, validation, test, targetShape = [] } = data;
    const split = validation ?? test;
    const isTable = data.task === "classification" && targetShape.length === 0 && classes.length <= MOST_CLASSES && split.count > 0;
    if (!isTable) return undefined;
    this.#forward ??= compiled((x: Tensor, lengths?: Tensor, more?: MoreTensors) => mainOutput(outputsOfModel(model, x, lengths, more)));
    const { training } = model;
    model.eval();
    try {
      const tried = await triedOn(this.#forward, data, split);
      return {
        split: validation ? "validation" : "test",
        count: tried.actual.length,
        of: split.count,
        classes,
        table: confusionTable(tried.predicted, tried.actual, classes.length),
        mistakes: tried.mistakes,
      };
    } finally {
      model.train(training);
    }
  }
}

/** Some training examples, other ones in each look. */
async function examplesOf(data: Dataset, looks: number): Promise<BatchTensors> {
  const { train } = data;
  const n = Math.min(EXAMPLES, train.count);
  const batches = Math.floor(train.count / n);
  const { value } = await fetchBatches(train, { batchSize: n, shuffle: true, epoch: Math.floor(looks / batches) }, looks % batches).next();
  return batchTensors(data, value!);
}

function layersOf({ model }: Training, weights: Snapshot, gradients: ReadonlyMap<string, number>): LiveLayer[] {
  return model
    .namedParameters()
    .filter(([name, { shape, dtype }]) => shape.length > 1 && isFloat(dtype) && weights.has(name))
    .map(([name, { shape }]) => {
      const values = weights.get(name)!;
      let square = 0;
      for (const value of values) square += value * value;
      return { name, shape, size: Math.sqrt(square), gradient: gradients.get(name) ?? null, ratio: null, spread: spreadOf(values) };
    });
}

function spreadOf(values: ArrayLike<number>): number[] {
  const every = Math.max(1, Math.ceil(values.length / SAMPLE));
  const some = Float64Array.from({ length: Math.ceil(values.length / every) }, (_, i) => values[i * every]!).sort();
  return [0, 0.05, 0.5, 0.95, 1].map((share) => some[Math.round(share * (some.length - 1))]!);
}

interface Tried {
  readonly actual: number[];
  readonly predicted: number[];
  readonly mistakes: readonly LiveMistake[];
}

/** A random sample of the split, the same each time as far as the time allows. */
async function triedOn(forward: Compiled<Forward>, data: Dataset, split: Split): Promise<Tried> {
  const started = performance.now();
  const order = { batchSize: Math.min(BATCH, split.count), shuffle: true, dropLast: true };
  const [actual, predicted]: [number[], number[]] = [[], []];
  const wrong: (LiveMistake & { readonly input: ArrayLike<number> })[] = [];
  for await (const batch of fetchBatches(split, order)) {
    const { x, lengths, more } = batchTensors(data, batch);
    const rows = await (lengths || more ? forward(x, lengths, more) : forward(x)).data();
    const [width, size] = [rows.length / order.batchSize, batch.inputs.length / order.batchSize];
    for (const [i, index] of batch.indices.entries()) {
      const row = Array.from({ length: width }, (_, c) => Number(rows[i * width + c]));
      const [own, taken] = [Number(batch.targets[i]), classOf(row)];
      // Targets below 0 are left out of losses too.
      if (own < 0) continue;
      actual.push(own);
      predicted.push(taken);
      if (own === taken) continue;
      const shares = sharesOf(row);
      const input = batch.inputs.subarray(i * size, (i + 1) * size);
      wrong.push({ index, actual: own, predicted: taken, share: shares[own]!, taken: shares[taken] ?? Number.NaN, input });
    }
    if (performance.now() - started > MOST_MS || actual.length >= MOST_TRIED) break;
  }
  return { actual, predicted, mistakes: shownOf(wrong, data.inputShape) };
}

function sharesOf(row: readonly number[]): number[] {
  const most = Math.max(...row);
  const powers = row.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The most wrong of each kind, the most wrong first. */
function shownOf(
  wrong: readonly (LiveMistake & { readonly input: ArrayLike<number> })[],
  shape: readonly number[],
): readonly LiveMistake[] {
  const seen = new Map<string, number>();
  const worst = wrong.toSorted((a, b) => a.share - b.share || a.index - b.index);
  const kept = worst.filter(({ actual, predicted }) => {
    const kind = `${actual} ${predicted}`;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    return seen.get(kind)! <= OF_A_KIND;
  });
  return kept.slice(0, MOST_MISTAKES).map(({ input, ...mistake }) => ({ ...mistake, ...seenAs(input, shape) }));
}

/** An example as a picture, made smaller by leaving out pixels, between its darkest and its lightest value; else its first values. */
function seenAs(input: ArrayLike<number>, shape: readonly number[]): Pick<LiveMistake, "image" | "values"> {
  const [depth = 0, height = 0, width = 0] = shape.length === 3 ? shape : shape.length === 2 ? [1, ...shape] : [];
  if (height < 4 || width < 4 || (depth !== 1 && depth !== 3))
    return { values: Array.from({ length: VALUES }, (_, i) => input[i]!).filter(Number.isFinite) };
  const every = Math.ceil(Math.max(height, width) / SIDE);
  const [h, w] = [Math.ceil(height / every), Math.ceil(width / every)];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < input.length; i++) {
    low = Math.min(low, input[i]!);
    high = Math.max(high, input[i]!);
  }
  const bytes = new Uint8Array(depth * h * w);
  for (let at = 0; at < bytes.length; at++) {
    const [pixel, channel] = [Math.floor(at / depth), at % depth];
    const [r, c] = [Math.floor(pixel / w) * every, (pixel % w) * every];
    bytes[at] = (255 * (input[(channel * height + r) * width + c]! - low)) / (high - low || 1);
  }
  return { image: { width: w, height: h, channels: depth as 1 | 3, bytes: Buffer.from(bytes).toString("base64") } };
}
