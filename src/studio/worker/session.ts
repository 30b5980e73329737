/**
 * @file A training that can be watched, changed and wound back. It takes the steps that `fit` takes, to the bit: the same step function, the same order of examples.
 *
 * Time runs on one line. Marks (all cells at some steps) lie on it, and edits (what the reader changed, and when). To go to a step is to go to the mark before it
 * and to take the steps again, edits included; an edit in the past cuts off what came after.
 */
import { batchIndices } from "../../data/loader.ts";
import { type CompiledSteps, compile } from "../../function/compile.ts";
import { randomState } from "../../math/random.ts";
import { fromArray, full } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { Cell } from "../../runtime/cell.ts";
import { Mark } from "../../train/divergence.ts";
import { Meter } from "../../train/meter.ts";
import { type StepFunction, stepFunction } from "../../train/step.ts";
import type { Config } from "./config.ts";
import { featuresOf } from "./features.ts";
import { LossHistory } from "./history.ts";
import { Net } from "./net.ts";
import { type Points, pointsFor, unpacked } from "./points.ts";

/** What the reader can change while the run goes on. */
export type Edit =
  | { readonly kind: "set"; readonly name: "lr" | "l1" | "l2"; readonly value: number }
  | { readonly kind: "weight"; readonly index: number; readonly value: number }
  | { readonly kind: "points"; readonly points: readonly number[] };

export interface DatedEdit {
  readonly step: number;
  readonly edit: Edit;
}

interface DatedMark {
  readonly step: number;
  readonly mark: Mark;
  readonly points: Points;
}

/** Most marks that are kept; with more, every other one goes. */
const MOST_MARKS = 64;

/** Steps between marks at the start. */
const FIRST_STRIDE = 64;

/** How many steps one call of a program takes. Few sizes, so that little is compiled. */
const CALLS = [100, 20, 5, 1] as const;

/** Where a run has been: the weights at its marks and now, and the points that it has now. */
export interface RunPath extends Points {
  readonly config: Config;
  readonly steps: readonly number[];
  readonly weights: readonly Float32Array[];
}

export interface Measures {
  readonly loss: number;
  readonly accuracy: number;
}

export class Session {
  readonly config: Config;
  readonly net: Net;
  readonly history = new LossHistory();
  readonly test: Points;
  train: Points;
  /** The step that comes next, from 0. */
  step = 0;
  /** The furthest step that was reached. */
  end = 0;
  /** Why it cannot go on; undefined while it can. */
  failure: string | undefined;
  readonly #programs = new Map<number, CompiledSteps<StepFunction>>();
  readonly #cells: readonly Cell[];
  /** Nobody reads it. \`fit\` has one in its program, and sums are rounded as the program is divided into kernels. */
  readonly #meter = new Meter("regression", [1]);
  #marks: DatedMark[] = [];
  #stride = FIRST_STRIDE;
  #edits: DatedEdit[] = [];
  #x: Float32Array;
  #order: { readonly epoch: number; readonly indices: readonly Int32Array[] } | undefined;
  readonly #measure: (x: Tensor, y: Tensor) => { loss: Tensor; accuracy: Tensor };

  /** @param edits What was changed in a run that is to be taken again. */
  constructor(config: Config, edits: readonly DatedEdit[] = []) {
    this.config = config;
    this.net = new Net(config);
    const { train, test } = pointsFor(config);
    this.train = train;
    this.test = test;
    this.#x = featuresOf(train.xy, config.features);
    const { net } = this;
    this.#cells = [...net.model.stateDict().values(), ...net.optimizer.stateDict().values(), net.l1, net.l2, randomState()];
    this.#measure = compile((x: Tensor, y: Tensor) => {
      const outputs = net.stages(x).at(-1)!.outputs;
      return { loss: net.error(outputs, y), accuracy: net.shown(outputs).gt(0.5).eq(y.gt(0.5)).cast("f32").mean() };
    });
    this.#edits = [...edits].sort((a, b) => a.step - b.step);
    for (const { step, edit } of this.#edits) if (step === 0) this.#apply(edit);
    this.#takeMark();
  }

  get edits(): readonly DatedEdit[] {
    return this.#edits;
  }

  get #batch(): number {
    return this.config.batch === 0 ? this.train.labels.length : Math.min(this.config.batch, this.train.labels.length);
  }

  /** Steps of an epoch. */
  get epochSteps(): number {
    return Math.ceil(this.train.labels.length / this.#batch);
  }

  // ---- steps --------------------------------------------------------------------------------------------------------------------------

  /** Takes about `count` steps, at most to the next mark or edit; gives how many it took. */
  advance(count: number): number {
    if (this.failure !== undefined) return 0;
    const target = Math.min(this.step + count, this.#nextStop());
    let taken = 0;
    while (this.step < target && this.failure === undefined) taken += this.#call(target - this.step);
    if (taken > 0) this.#arrive();
    return taken;
  }

  /** Where the run must pause: at the next mark, or where an edit was made. */
  #nextStop(): number {
    const edit = this.#edits.find(({ step }) => step > this.step);
    const mark = (Math.floor(this.step / this.#stride) + 1) * this.#stride;
    return Math.min(mark, edit?.step ?? Number.POSITIVE_INFINITY);
  }

  /** One call of a program, of at most `most` steps. */
  #call(most: number): number {
    const size = this.#batch;
    const perEpoch = this.epochSteps;
    // A last batch with fewer examples is a step of its own.
    const isShort = (step: number): boolean => size * ((step % perEpoch) + 1) > this.train.labels.length;
    let whole = 0;
    while (whole < most && !isShort(this.step + whole)) whole++;
    const n = CALLS.find((each) => each <= Math.max(1, whole)) ?? 1;
    const program = this.#program(n);
    const losses = perEpoch === 1 ? program(...this.#wholeBatch()) : program.along(...this.#batches(n, n === 1 ? undefined : size));
    this.#note(losses.dataSync() as Float32Array, n);
    return n;
  }

  #note(losses: Float32Array, n: number): void {
    const bad = losses.findIndex((loss) => !Number.isFinite(loss));
    if (bad >= 0) {
      this.failure = `the loss became ${losses[bad]} at step ${this.step + bad}; wind back, and try a smaller learning rate`;
      this.#restoreBefore(this.step);
      return;
    }
    // Steps that are taken again are in the history already.
    if (this.step + n > this.end) for (let i = Math.max(0, this.end - this.step); i < n; i++) this.history.add(losses[i]!);
    this.step += n;
    this.end = Math.max(this.end, this.step);
  }

  #program(n: number): CompiledSteps<StepFunction> {
    let program = this.#programs.get(n);
    if (!program) {
      this.net.model.train();
      const { model, optimizer, loss } = this.net;
      program = compile(stepFunction(model, optimizer, { loss, meter: this.#meter }), { steps: n });
      this.#programs.set(n, program);
    }
    return program;
  }

  #wholeBatch(): [Tensor, Tensor] {
    return [this.#inputs(this.#x), this.#targets(this.train.labels)];
  }

  #inputs(x: Float32Array): Tensor {
    const width = this.config.features.length;
    return fromArray(x.slice(), { shape: [x.length / width, width], dtype: "f32" });
  }

  #targets(labels: Float32Array): Tensor {
    return fromArray(labels.slice(), { shape: [labels.length, 1], dtype: "f32" });
  }

  /** The next `n` batches, [n, batch, ...]. */
  #batches(n: number, size: number | undefined): [Tensor, Tensor] {
    const width = this.config.features.length;
    const rows = Array.from({ length: n }, (_, i) => this.#indices(this.step + i));
    const each = size ?? rows[0]!.length;
    const [x, y] = [new Float32Array(n * each * width), new Float32Array(n * each)];
    let k = 0;
    for (const row of rows) {
      for (const i of row) {
        for (let f = 0; f < width; f++) x[k * width + f] = this.#x[i * width + f]!;
        y[k++] = this.train.labels[i]!;
      }
    }
    return [fromArray(x, { shape: [n, each, width], dtype: "f32" }), fromArray(y, { shape: [n, each, 1], dtype: "f32" })];
  }

  /** The examples of a step: those that `fit` would take. Its epochs are numbered from 1. */
  #indices(step: number): Int32Array {
    const perEpoch = this.epochSteps;
    const epoch = Math.floor(step / perEpoch) + 1;
    if (this.#order?.epoch !== epoch) {
      const options = { batchSize: this.#batch, shuffle: true, seed: this.config.seed, epoch };
      this.#order = { epoch, indices: batchIndices(this.train.labels.length, options) };
    }
    return this.#order.indices[step % perEpoch]!;
  }

  // ---- time ---------------------------------------------------------------------------------------------------------------------------

  /** What is due at the step that was reached: an edit that was made here, or a mark. */
  #arrive(): void {
    for (const { step, edit } of this.#edits) if (step === this.step) this.#apply(edit);
    if (this.step % this.#stride === 0 && !this.#marks.some(({ step }) => step === this.step)) this.#takeMark();
  }

  #takeMark(): void {
    this.#marks = this.#marks.filter(({ step }) => step !== this.step);
    this.#marks.push({ step: this.step, mark: new Mark(this.#cells), points: this.train });
    this.#marks.sort((a, b) => a.step - b.step);
    if (this.#marks.length <= MOST_MARKS) return;
    this.#stride *= 2;
    this.#marks = this.#marks.filter(({ step }) => step % this.#stride === 0);
  }

  #restoreBefore(step: number): void {
    const last = this.#marks.findLast((mark) => mark.step <= step)!;
    last.mark.restore();
    if (this.train !== last.points) this.#setPoints(last.points);
    this.step = last.step;
  }

  /** Goes to the mark before a step; `advance` takes the run from there. */
  rewind(step: number): void {
    if (!(Number.isInteger(step) && step >= 0)) throw new RangeError(`seek: want a step from 0, got ${step}`);
    this.failure = undefined;
    if (step >= this.step) {
      const ahead = this.#marks.findLast((mark) => mark.step <= step)!;
      if (ahead.step <= this.step) return;
    }
    this.#restoreBefore(step);
  }

  /** Goes to a step at once. */
  seek(step: number): void {
    this.rewind(step);
    while (this.step < step && this.failure === undefined) this.advance(step - this.step);
  }

  /** Changes something now. What lay ahead is gone. */
  edit(edit: Edit): void {
    this.#apply(edit);
    const replaced = (other: DatedEdit): boolean => other.step === this.step && sameThing(other.edit, edit);
    this.#edits = [...this.#edits.filter((other) => other.step <= this.step && !replaced(other)), { step: this.step, edit }];
    this.#marks = this.#marks.filter(({ step }) => step < this.step);
    this.history.truncate(this.step);
    this.end = this.step;
    this.failure = undefined;
    this.#takeMark();
  }

  #apply(edit: Edit): void {
    const { net } = this;
    if (edit.kind === "points") this.#setPoints(unpacked(edit.points));
    else if (edit.kind === "weight") {
      const weights = net.weights();
      if (!(edit.index in weights)) throw new RangeError(`there is no weight ${edit.index}; want 0 to ${weights.length - 1}`);
      weights[edit.index] = edit.value;
      net.setWeights(weights);
    } else if (edit.name === "lr") net.optimizer.lr = edit.value;
    else net[edit.name].set(full([], edit.value));
  }

  #setPoints(points: Points): void {
    this.train = points;
    this.#x = featuresOf(points.xy, this.config.features);
    this.#order = undefined;
  }

  // ---- what it says of itself ---------------------------------------------------------------------------------------------------------

  /** Loss without penalties, and the share of points on the right side. */
  measure({ xy, labels }: Points): Measures {
    const { loss, accuracy } = this.#measure(this.#inputs(featuresOf(xy, this.config.features)), this.#targets(labels));
    return { loss: loss.itemSync(), accuracy: accuracy.itemSync() };
  }

  path(): RunPath {
    const before = this.#marks.filter(({ step }) => step < this.step);
    return {
      ...this.train,
      config: this.config,
      steps: [...before.map(({ step }) => step), this.step],
      weights: [...before.map(({ mark }) => this.net.weights((cell) => mark.valueOf(cell))), this.net.weights()],
    };
  }

  dispose(): void {
    for (const program of this.#programs.values()) program.dispose();
  }
}

const isNumber = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value);

/** Returns true if something from a link is an edit. */
export function isDatedEdit(value: unknown): value is DatedEdit {
  const { step, edit } = (value ?? {}) as Partial<DatedEdit>;
  if (!Number.isSafeInteger(step) || step! < 0 || typeof edit !== "object" || edit === null) return false;
  if (edit.kind === "set") return ["lr", "l1", "l2"].includes(edit.name) && isNumber(edit.value) && edit.value >= 0;
  if (edit.kind === "weight") return Number.isSafeInteger(edit.index) && edit.index >= 0 && isNumber(edit.value);
  return edit.kind === "points" && arePoints(edit.points);
}

/** Returns true for a list of one or more points, three numbers each. */
function arePoints(points: unknown): boolean {
  return Array.isArray(points) && points.length >= 3 && points.length % 3 === 0 && points.every(isNumber);
}

/** Whether one edit takes the place of the other. */
function sameThing(a: Edit, b: Edit): boolean {
  if (a.kind === "set" && b.kind === "set") return a.name === b.name;
  if (a.kind === "weight" && b.kind === "weight") return a.index === b.index;
  return a.kind === b.kind;
}
