/**
 * @file Metrics that are counted batch by batch and forget the outputs: their sums are cells, so that a compiled evaluation adds to them in place,
 * and what they say at the end is exact (counts), but for ROC-AUC, which states its error. Outputs that are NaN are never right, and targets
 * below 0 (such as -100, which losses ignore) do not count.
 */

import { check, checkOptions, numbers, optional, positive, positiveInteger } from "../base/check.ts";
import { overBatch } from "../function/shards.ts";
import { scatterAdd } from "../math/indexing.ts";
import { State } from "../nn/parameter.ts";
import { zeros } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { countable, predictedClass, rankOf } from "./ranking.ts";

/** Something that is measured over a split. */
export interface Metric<T> {
  /** Takes a batch: outputs [N, ...] beside classes i32[N] or target values [N, k]. */
  add(outputs: Tensor, targets: Tensor): void;
  reset(): void;
  read(): Promise<T>;
}

const counts = (label: string, ...shape: number[]): State => new State(zeros(shape, "i32"), { label });
const sums = (label: string, ...shape: number[]): State => new State(zeros(shape, "f64"), { label });

function clear(...cells: readonly Cell[]): void {
  for (const cell of cells) cell.set(zeros(cell.shape, cell.dtype));
}

function grow(cell: Cell, by: Tensor): void {
  cell.set(cell.value.add(overBatch(by.cast(cell.dtype))));
}

/**
 * Share of examples whose class is among the k largest outputs. Of equal outputs those of lower classes count as larger; NaN counts as larger
 * than any number, and is never right.
 */
export class TopK implements Metric<number> {
  readonly k: number;
  readonly #hits: State = counts("topK");
  readonly #seen: State = counts("seen");

  /** @throws {RangeError} unless k is a positive integer. */
  constructor(k = 1) {
    check("TopK: k", k, positiveInteger);
    this.k = k;
  }

  add(outputs: Tensor, targets: Tensor): void {
    grow(this.#hits, hits(outputs, targets, this.k));
    grow(this.#seen, countable(targets).cast("i32").sum());
  }

  reset(): void {
    clear(this.#hits, this.#seen);
  }

  async read(): Promise<number> {
    return (await this.#hits.value.item()) / (await this.#seen.value.item());
  }
}

/** How many targets are among the k largest outputs. A target's own NaN is behind all classes, itself among them. */
export function hits(outputs: Tensor, targets: Tensor, k = 1): Tensor {
  const classes = outputs.shape[1];
  const rank = rankOf(outputs, targets);
  return rank.lt(Math.min(k, classes)).and(countable(targets)).cast("i32").sum();
}

/** Share of examples whose largest output is at their class. */
export class Accuracy extends TopK {
  constructor() {
    super(1);
  }
}

/**
 * table[i][j] = number of examples of class i that were taken for class j; `scores` makes precision, recall and F1 of it. Examples whose outputs
 * hold NaN were taken for none: they stand in a last column of their own, which is there only if there are any.
 */
export class ConfusionMatrix implements Metric<number[][]> {
  readonly #classes: number;
  readonly #table: State;

  constructor(classes: number) {
    check("ConfusionMatrix: classes", classes, positiveInteger);
    this.#classes = classes;
    this.#table = counts("confusion", classes * (classes + 1));
  }

  add(outputs: Tensor, targets: Tensor): void {
    const known = countable(targets);
    const row = known.where(targets, 0).mul(this.#classes + 1);
    const at = row.add(predictedClass(outputs, this.#classes)).flatten();
    this.#table.set(scatterAdd(this.#table.value, 0, at, known.cast("i32").flatten()));
  }

  reset(): void {
    clear(this.#table);
  }

  async read(): Promise<number[][]> {
    const table = elementsOf(this.#table.value);
    const width = this.#classes + 1;
    const rows = Array.from({ length: this.#classes }, (_, i) => [...table.slice(i * width, (i + 1) * width)].map(Number));
    return withoutEmptyNone(rows);
  }
}

/** The table without its last column (taken for none) if that is empty. */
export function withoutEmptyNone(rows: number[][]): number[][] {
  return rows.every((row) => row.at(-1) === 0) ? rows.map((row) => row.slice(0, -1)) : rows;
}

export interface Auc {
  /** Area under the curve of true against false positives of each class against the rest; null for a class that all or no examples have. */
  readonly perClass: readonly (number | null)[];
  /** Mean over the classes that have one; NaN if none has. */
  readonly macro: number;
  /** How far any of them can be from the exact value, because scores that share a bin count as equal. */
  readonly error: number;
}

const ROC_AUC = { bins: positiveInteger, range: positive };

/**
 * ROC-AUC from logits [N, C], every class against the rest: the probability that an example of the class has a higher score than one of another
 * (Hanley & McNeil 1982), ties counting half. The score is the class's log-odds, z_c - log Σ_{j≠c} exp z_j, kept in a histogram
 * of `bins` equal bins from -range to range (what lies outside counts as its end): 8·C·bins bytes instead of all scores. An example with NaN
 * among its logits is wrong for every class: below all others for its own, above all others for the rest.
 */
export class RocAuc implements Metric<Auc> {
  readonly #classes: number;
  readonly #bins: number;
  readonly #range: number;
  /** [C, 2, bins]: others, then the class's own. */
  readonly #histogram: State;

  constructor(classes: number, options: { readonly bins?: number; readonly range?: number } = {}) {
    check("RocAuc: classes", classes, positiveInteger);
    checkOptions("RocAuc", options, ROC_AUC);
    const { bins = 4096, range = 24 } = options;
    if (!(classes >= 2)) throw new RangeError(`RocAuc: want logits of at least 2 classes, got ${classes}`);
    this.#classes = classes;
    this.#bins = bins;
    this.#range = range;
    this.#histogram = counts("histogram", classes * 2 * bins);
  }

  add(outputs: Tensor, targets: Tensor): void {
    const n = outputs.shape[0];
    const [bins, classes] = [this.#bins, this.#classes];
    const odds = logOdds(outputs.clamp(-LARGE, LARGE));
    const own = odds
      .iotaLike(1)
      .eq(targets.unsqueeze(1).broadcastTo([n, classes]))
      .cast("i32");
    const bin = odds
      .add(this.#range)
      .mul(bins / (2 * this.#range))
      .clamp(0, bins - 1);
    const nan = outputs.isNaN().any(1, { keepDims: true }).broadcastTo([n, classes]);
    const at = nan.where(own.eq(1).where(0, own.like(bins - 1)), nan.where(0, bin).cast("i32"));
    const place = at
      .iotaLike(1)
      .mul(2)
      .add(own)
      .mul(bins)
      .add(at)
      .reshape([n * classes]);
    const counted = countable(targets).cast("i32").unsqueeze(1).broadcastTo([n, classes]).flatten();
    this.#histogram.set(scatterAdd(this.#histogram.value, 0, place, counted));
  }

  reset(): void {
    clear(this.#histogram);
  }

  async read(): Promise<Auc> {
    const histogram = elementsOf(this.#histogram.value) as Int32Array;
    const bins = this.#bins;
    const curves = Array.from({ length: this.#classes }, (_, c) => {
      const at = 2 * c * bins;
      return areaUnder(histogram.subarray(at, at + bins), histogram.subarray(at + bins, at + 2 * bins));
    });
    const known = curves.filter((curve) => curve !== null);
    return {
      perClass: curves.map((curve) => curve?.area ?? null),
      macro: known.reduce((sum, { area }) => sum + area, 0) / known.length,
      error: Math.max(0, ...known.map(({ error }) => error)),
    };
  }
}

/** Infinite logits count as this: large enough to decide everything, small enough for differences. */
const LARGE = 1e30;

/** z_c - log Σ_{j≠c} exp z_j. The sum over the others is taken apart for the largest, where 1 - p would be lost to rounding. */
function logOdds(z: Tensor): Tensor {
  const shifted = z.sub(z.max(1, { keepDims: true }));
  const largest = z.iotaLike(1).eq(z.argmax(1, { keepDims: true }));
  const e = shifted.exp();
  const behind = largest.where(0, e).sum(1, { keepDims: true });
  const others = largest.where(behind, e.sum(1, { keepDims: true }).sub(e));
  return shifted.sub(others.maximum(1e-38).log());
}

/** From counts by rising score: pairs in order, those in one bin as half; half of these pairs is what it can be wrong by. */
function areaUnder(negatives: Int32Array, positives: Int32Array): { area: number; error: number } | null {
  let [below, pairs, ties, all] = [0, 0, 0, 0];
  for (const [i, p] of positives.entries()) {
    pairs += p * below;
    ties += p * negatives[i];
    below += negatives[i];
    all += p;
  }
  return all === 0 || below === 0 ? null : { area: (pairs + ties / 2) / (all * below), error: ties / 2 / (all * below) };
}

/** Errors of predicted numbers, in the units of the targets. */
export interface RegressionErrors {
  /** Mean absolute error, mean squared error and its root, over all target values. */
  readonly mae: number;
  readonly mse: number;
  readonly rmse: number;
  /**
   * 1 - Σ(y - ŷ)²/Σ(y - ȳ)², the mean over the target values; of a target that never changes 1 if it is met exactly, else 0. NaN if an output
   * or a target is NaN.
   */
  readonly r2: number;
}

/** MAE, MSE and R² from sums in f64. Where targets were standardized, `units` (their deviations) bring the errors back to the targets' own units. */
export class Regression implements Metric<RegressionErrors> {
  readonly #count: State = sums("count");
  readonly #absolute: State;
  readonly #squared: State;
  /** Σy and Σy², shifted by the first example so that a large mean does not drown the variance. */
  readonly #shift: State;
  readonly #linear: State;
  readonly #quadratic: State;

  readonly #units: readonly number[];

  /**
   * @param outputs Number of target values per example. @param units What one unit of each value is in the target's own units. Default 1.
   * @throws {RangeError} unless there is a unit for each value.
   */
  constructor(outputs = 1, units?: readonly number[]) {
    check("Regression: outputs", outputs, positiveInteger);
    check("Regression: units", units, optional(numbers));
    if (units && units.length !== outputs)
      throw new RangeError(`Regression: want ${outputs} units, one for each target value, got ${units.length}`);
    this.#units = units ?? new Array<number>(outputs).fill(1);
    this.#absolute = sums("absolute", outputs);
    this.#squared = sums("squared", outputs);
    this.#shift = sums("shift", outputs);
    this.#linear = sums("linear", outputs);
    this.#quadratic = sums("quadratic", outputs);
  }

  add(outputs: Tensor, targets: Tensor): void {
    const y = targets.cast("f64");
    const error = outputs.cast("f64").sub(y);
    const first = y.select(0, 0);
    const shift = this.#count.value.eq(0).broadcastTo(first.shape).where(first, this.#shift.value);
    const moved = y.sub(shift.broadcastTo(y.shape));
    this.#shift.set(shift);
    grow(this.#absolute, error.abs().sum(0));
    grow(this.#squared, error.square().sum(0));
    grow(this.#linear, moved.sum(0));
    grow(this.#quadratic, moved.square().sum(0));
    this.#count.set(this.#count.value.add(y.shape[0]));
  }

  reset(): void {
    clear(...this.stateDict().values());
  }

  /** The sums: what a run needs that goes on in the middle of an epoch. */
  stateDict(): Map<string, Cell> {
    return new Map<string, Cell>([
      ["count", this.#count],
      ["absolute", this.#absolute],
      ["squared", this.#squared],
      ["shift", this.#shift],
      ["linear", this.#linear],
      ["quadratic", this.#quadratic],
    ]);
  }

  async read(): Promise<RegressionErrors> {
    const n = await this.#count.value.item();
    const [absolute, squared, linear, quadratic] = [this.#absolute, this.#squared, this.#linear, this.#quadratic].map((cell) =>
      elementsOf(cell.value),
    );
    const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
    const r2 = Array.from(squared, (sse, i) => {
      const total = quadratic[i] - linear[i] ** 2 / n;
      if (Number.isNaN(sse) || Number.isNaN(total)) return Number.NaN;
      return total > 0 ? 1 - sse / total : sse === 0 ? 1 : 0;
    });
    const mse = mean(Array.from(squared, (sum, i) => sum * this.#units[i] ** 2)) / n;
    return { mae: mean(Array.from(absolute, (sum, i) => sum * this.#units[i])) / n, mse, rmse: Math.sqrt(mse), r2: mean(r2) };
  }
}
