/**
 * @file Several models that answer as one (REG-3). Members help as far as their errors differ: by other examples (bagging), other initial values, or
 * other places along one run (snapshots). An ensemble is a module again: it is evaluated, saved and put into ensembles like any other.
 */
import { type Checks, check, checkOptions, fn, having, listOf, nonNegative, oneOf, positiveInteger } from "../base/check.ts";
import { fold, type Key, keyFromSeed } from "../base/random.ts";
import { checkSplit } from "../data/check.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { bootstrapIndices, subset } from "../data/split.ts";
import { logSoftmax } from "../math/softmax.ts";
import { logSumExp } from "../math/statistics.ts";
import { type Layer, Module } from "../nn/module.ts";
import { stack } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { cosineWithRestarts, type Schedule, stepsOf } from "../optim/schedules.ts";
import type { Cell } from "../runtime/cell.ts";
import type { Callback, EpochRecord, History, Progress, Training } from "./callback.ts";
import { FIT_OPTIONS, type FitOptions, fit } from "./fit.ts";
import { prefixed } from "./run-files.ts";
import { checkData } from "./task.ts";

/**
 * How members agree. `soft`: the mean of their probabilities. `hard`: the class that most choose; of several the first. `mean`: the mean of their
 * outputs, for regression. A member whose outputs for an example hold NaN has no vote there (`hard`), or makes the answer NaN.
 */
export type Vote = "soft" | "hard" | "mean";

/** Added to votes before the logarithm, so that a class without a vote is improbable and not impossible. */
const NO_VOTE = 1e-3;

/** Models that answer as one (REG-3): inputs as the members take them, to [N, C] log-probabilities (`soft`, `hard`) or the mean outputs. */
export class Ensemble extends Module {
  readonly members: readonly Layer[];
  readonly vote: Vote;

  /** @throws {RangeError} without members. */
  constructor(members: readonly Layer[], options: { readonly vote?: Vote } = {}) {
    super();
    check("Ensemble: members", members, listOf(having("a module with forward(x)", "forward", "stateDict")));
    checkOptions("Ensemble", options, VOTE);
    const { vote = "soft" } = options;
    if (members.length === 0) throw new RangeError("Ensemble: want at least one member");
    this.members = members;
    this.vote = vote;
  }

  /** Inputs as the members take them, to [N, C] log-probabilities (`soft`, `hard`), or the mean outputs. */
  forward(x: Tensor): Tensor {
    const outputs = stack(this.members.map((member) => member.forward(x))); // [members, N, C]
    if (this.vote === "mean") return outputs.mean(0);
    if (this.vote === "soft") return logSumExp(logSoftmax(outputs, 2), 0).sub(Math.log(this.members.length));
    const valid = outputs.isNaN().any(2, { keepDims: true }).not();
    const chosen = outputs.iotaLike(2).eq(outputs.argmax(2, { keepDims: true }));
    const votes = chosen.and(valid.broadcastTo(chosen.shape)).cast(outputs.dtype).sum(0);
    const none = votes.sum(1, { keepDims: true }).eq(0).broadcastTo(votes.shape);
    return none.where(Number.NaN, logSoftmax(votes.add(NO_VOTE).log(), 1));
  }

  protected override details(): string {
    return `${this.members.length} members, ${this.vote} vote`;
  }
}

const aVote = oneOf("soft", "hard", "mean");
const VOTE = { vote: aVote };

/** The vote that fits a task. */
const voteFor = ({ task }: Dataset): Vote => (task === "classification" ? "soft" : "mean");

export interface Resample extends Split {
  /** Share of the examples that are in it at least once; 1 - (1 - 1/n)ⁿ is expected, which tends to 1 - 1/e = 63.2 %. */
  readonly distinct: number;
}

/** As many examples as there are, drawn with replacement (Efron 1979). */
export function bootstrap(split: Split, seed: number | Key = 0): Resample {
  checkSplit("bootstrap: the split", split);
  const indices = bootstrapIndices(split.count, seed);
  return { ...subset(split, indices), distinct: new Set(indices).size / split.count };
}

/** How the members of an ensemble are made and trained. */
export interface EnsembleOptions extends Omit<FitOptions, "optimizer" | "callbacks" | "resume" | "average"> {
  /** Makes the optimizer of a member. */
  readonly optimizer: (member: Layer) => Optimizer;
  readonly vote?: Vote;
}

const { callbacks: _1, resume: _2, average: _3, ...FIT } = FIT_OPTIONS;
const ENSEMBLE_OPTIONS: Checks<EnsembleOptions> = { ...FIT, optimizer: fn, vote: aVote };

export interface BaggingOptions extends EnsembleOptions {
  /** Default 5. */
  readonly members?: number;
  /** Told of each member when it is trained. */
  readonly onMember?: (member: Layer, history: History, index: number) => void;
}

const BAGGING_OPTIONS: Checks<BaggingOptions> = { ...ENSEMBLE_OPTIONS, members: positiveInteger, onMember: fn };

/**
 * Bagging: Breiman (1996). Trains each member on its own bootstrap resample of the training split; `make` gives it other initial values, which
 * helps too.
 * @throws {RangeError} unless there are members.
 */
export async function bagging(make: (index: number) => Layer, data: Dataset, options: BaggingOptions): Promise<Ensemble> {
  check("bagging: make", make, fn);
  checkData(data, "bagging: the data set");
  checkOptions("bagging", options, BAGGING_OPTIONS, "optimizer", "epochs");
  const { members = 5, onMember, optimizer, vote = voteFor(data), seed = 0, ...rest } = options;
  const trained: Layer[] = [];
  for (let i = 0; i < members; i++) {
    const model = make(i);
    const train = bootstrap(data.train, fold(keyFromSeed(seed), i));
    const history = await fit(
      model,
      { ...data, train },
      {
        checks: i === 0,
        ...rest,
        seed: seed + i,
        optimizer: optimizer(model),
      },
    );
    onMember?.(model, history, i);
    trained.push(model);
    if (history.stopped) break;
  }
  return new Ensemble(trained, { vote });
}

/** The rate falls along a cosine from `rate` to 0, `cycles` times in a run: Huang et al. (2017), eq. 2. */
export function cyclicCosine(rate: number, cycles: number): Schedule {
  check("cyclicCosine: rate", rate, nonNegative);
  check("cyclicCosine: cycles", cycles, positiveInteger);
  return (t, steps) => cosineWithRestarts(rate, { steps: stepsOf("cyclicCosine", undefined, steps) / cycles })(t);
}

/** Takes a copy of the model at the end of each cycle of `cyclicCosine`, where it has settled in a minimum of its own. */
export class Snapshots implements Callback {
  readonly name = "snapshots";
  readonly members: readonly Layer[];

  /** @param members Models like the one that is trained, one for each cycle, to be filled. */
  constructor(members: readonly Layer[]) {
    check("Snapshots: members", members, listOf(having("a module", "loadStateDict", "stateDict"), 1));
    this.members = members;
  }

  /** @throws {RangeError} unless the epochs divide into the cycles. */
  onStart({ epochs }: Training): void {
    if (epochs % this.members.length !== 0)
      throw new RangeError(`Snapshots: want a number of epochs that ${this.members.length} cycles divide, got ${epochs}`);
  }

  onEpoch(_: EpochRecord, { epoch }: Progress, { epochs, model }: Training): void {
    const length = epochs / this.members.length;
    if (epoch % length === 0) this.members[epoch / length - 1].loadStateDict(model.stateDict());
  }

  cells(): ReadonlyMap<string, Cell> {
    return new Map(this.members.flatMap((member, i) => prefixed(String(i), member.stateDict())));
  }
}

/**
 * Snapshot ensembles: Huang et al. (2017), "Train 1, get M for free". One run whose rate falls to 0 `cycles` times; the model at the end of each
 * cycle is a member. `make` gives models of one kind.
 */
export async function snapshotEnsemble(
  make: (index: number) => Layer,
  data: Dataset,
  options: EnsembleOptions & { readonly cycles?: number },
): Promise<Ensemble> {
  check("snapshotEnsemble: make", make, fn);
  checkData(data, "snapshotEnsemble: the data set");
  checkOptions("snapshotEnsemble", options, { ...ENSEMBLE_OPTIONS, cycles: positiveInteger }, "optimizer", "epochs");
  const { cycles = 5, optimizer, vote = voteFor(data), ...rest } = options;
  const model = make(0);
  const snapshots = new Snapshots(Array.from({ length: cycles }, (_, i) => make(i)));
  const chosen = optimizer(model);
  await fit(model, data, { ...rest, optimizer: chosen, schedule: cyclicCosine(chosen.lr, cycles), callbacks: [snapshots] });
  return new Ensemble(snapshots.members, { vote });
}
