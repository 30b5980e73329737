/**
 * @file The rules on a live run: a callback of `fit` that looks at the model now and then, so seldom that it takes a given share of the time, and says what it finds when it finds it. Every
 * step it compares the loss; after a look also the weights of two steps. A look reads the sites of some examples, others each time; the first one compiles the program that does.
 */
import { type Checks, checkOptions, either, expectation, fn, listOf, positiveInteger } from "../base/check.ts";
import { fetchBatches } from "../data/loader.ts";
import type { Callback, EpochRecord, History, Progress, StepRecord, Training } from "../train/callback.ts";
import { causesOf, type Finding, findingText, type RuleName } from "../train/finding.ts";
import { type BatchTensors, baselineLoss, batchTensors } from "../train/task.ts";
import { NoiseMeter } from "./batch-noise.ts";
import { parameterCount } from "./cost.ts";
import { splitRules } from "./data-rules.ts";
import { type Look, lookAt } from "./look.ts";
import { flatFinding, hasLearnedLittle, lostFinding, overfitFinding, shrunkFinding, sizesOf } from "./run-rules.ts";
import { SiteProgram } from "./site-program.ts";
import { decayFinding, leftOutFinding, ratiosOf, type Snapshot, snapshotOf, tooFast, tooSlow } from "./try-step.ts";

/** Options of {@link Watcher}. */
export interface WatcherOptions {
  /** A share of the run's time, such as "5%", or a number of steps between two looks. Default "5%". */
  readonly every?: string | number;
  /** Training examples of a look, drawn at random. Default 64. */
  readonly examples?: number;
  /** Rules that end the run when one of them fires. Default none. */
  readonly stopOn?: readonly RuleName[];
  /** Told of each finding once. Default: `console.warn`. */
  readonly onFinding?: (finding: Finding, training: Training) => void;
}

const aShare = expectation('a share of the time such as "5%"', (value) => typeof value === "string" && shareOf(value) !== undefined);

const OPTIONS: Checks<WatcherOptions> = {
  every: either(aShare, positiveInteger),
  examples: positiveInteger,
  stopOn: listOf(expectation("the name of a rule", (value) => typeof value === "string")),
  onFinding: fn,
};

/** "5%" as 0.05. */
function shareOf(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
  const share = found ? Number(found[1]) / 100 : Number.NaN;
  return share > 0 && share <= 1 ? share : undefined;
}

/** Above this multiple of its start (and of a constant answer's) a loss has not risen by chance. */
const RISE = 4;
/** Of a weight's length in one step. */
const LARGE = 0.5;
/** A weight that could move by less than this in the whole run, while the loss falls by less than that. */
const [STILL, FALL] = [0.05, 0.05] as const;

/** Parameters up to which a look has their gradients, to measure the noise of the batch. */
const MOST = 5e6;

/** Steps after which a loss at this share of a constant answer's has had its time. */
const [PATIENCE, FLAT] = [200, 0.98] as const;

/** Rules that would name one layer after the other as a run goes on. */
const isOfUnits = (rule: RuleName): boolean => rule === "dead" || rule === "saturated";

/** Tells, while `fit` trains, what keeps the model from learning: `callbacks: [new Watcher()]`. */
export class Watcher implements Callback {
  /** What was found so far, the gravest first. */
  findings: readonly Finding[] = [];
  /** The last look. */
  latest: Look | undefined;
  /** Looks taken, and milliseconds that the watcher took, all together. */
  looks = 0;
  spent = 0;
  readonly #options: WatcherOptions;
  readonly #share: number | undefined;
  readonly #noise = new NoiseMeter();
  #program: SiteProgram | undefined;
  #before: Snapshot | undefined;
  #began = 0;
  #baseline = 0;
  #first: number | undefined;
  /** Largest ‖Δw‖/‖w‖ of the first step that moves a weight. */
  #ratio = 0;
  /** Root mean squares of the weights at the start. */
  #sizes: ReadonlyMap<string, number> = new Map();
  /** What the next look will take, as far as can be told, in milliseconds. */
  #cost = 0;
  #nextLook = 0;

  constructor(options: WatcherOptions = {}) {
    checkOptions("Watcher", options, OPTIONS);
    this.#options = options;
    const { every = "5%" } = options;
    this.#share = typeof every === "string" ? shareOf(every) : undefined;
  }

  async onStart(training: Training): Promise<void> {
    this.#began = performance.now();
    this.#baseline = baselineLoss(training.data);
    await this.#timed(async () => {
      const { model, optimizer, data, total } = training;
      this.#note([...leftOutFinding(model, optimizer, total), ...decayFinding(optimizer, total), ...splitRules(data)], training);
      this.#before = await snapshotOf(training.model);
      this.#sizes = sizesOf(this.#before);
      if (this.#share === undefined) await this.#look(training);
    });
  }

  async onStep(record: StepRecord, training: Training): Promise<void> {
    const { total, loss } = record;
    if (this.#first === undefined) {
      this.#first = loss;
      // The first step compiled its program; a look's took 2.5 to 3.5 times as long (LeNet-5, ResNet-20: npm run bench -- --watcher).
      this.#cost = 3 * (performance.now() - this.#began);
    }
    if (this.#before) await this.#timed(() => this.#compare(record, training));
    if (loss > RISE * Math.max(this.#first, this.#baseline))
      this.#note([tooFast("loss", { loss, "loss at first": this.#first, "learning rate": record.lr }, total)], training);
    if (this.#isDue(total)) await this.#timed(() => this.#look(training));
  }

  async onEpoch(record: EpochRecord, _: Progress, training: Training): Promise<void> {
    const fell = this.#first !== undefined && record.trainLoss < (1 - FALL) * this.#first;
    const steps = training.epochs * training.steps;
    // A warm-up starts at 0.
    const moves = this.#ratio > 0 || training.optimizer.lr === 0;
    if (!fell && moves && this.#ratio * steps < STILL)
      this.#note(
        [tooSlow("weights", { "‖Δw‖/‖w‖": this.#ratio, steps, "learning rate": training.optimizer.lr }, training.total)],
        training,
      );
    if (record.trainLoss >= FLAT * this.#baseline && this.#baseline > 0) await this.#flat(record, training);
  }

  async onEnd({ epochs }: History, training: Training): Promise<void> {
    const last = epochs.at(-1);
    if (last && this.looks === 0 && this.findings.length === 0 && hasLearnedLittle(last, training.data, this.#baseline))
      await this.#timed(() => this.#look(training));
    this.#note(overfitFinding(training.data, last, this.#baseline, training.total), training);
    this.#program?.dispose();
    this.#program = undefined;
    this.#before = undefined;
  }

  /** The loss is that of a constant answer: a look, whatever it costs; and if it shows nothing, that is said. */
  async #flat({ trainLoss }: EpochRecord, training: Training): Promise<void> {
    const { model, total } = training;
    const late = total >= PATIENCE;
    const found = (): boolean => this.findings.some(({ severity }) => severity !== "note");
    if (!found() && (this.looks === 0 || late))
      await this.#timed(async () => {
        this.#note(shrunkFinding(this.#sizes, sizesOf(await snapshotOf(model)), training), training);
        await this.#look(training, { light: false });
      });
    if (found() || !late) return;
    this.#note([flatFinding(trainLoss, this.#baseline, total)], training);
  }

  #isDue(total: number): boolean {
    const { every } = this.#options;
    if (typeof every === "number") return total % every === 0;
    const elapsed = performance.now() - this.#began;
    return elapsed >= this.#nextLook && this.spent + this.#cost <= this.#share! * elapsed;
  }

  /** What one step did to the weights. */
  async #compare({ total, lr }: StepRecord, training: Training): Promise<void> {
    const ratios = [...ratiosOf(training.model, this.#before!, await snapshotOf(training.model))];
    this.#before = undefined;
    if (ratios.length === 0) return;
    const [where, ratio] = ratios.reduce((a, b) => (b[1] > a[1] ? b : a));
    if (this.#ratio === 0) this.#ratio = ratio;
    if (!Number.isFinite(ratio)) this.#note([lostFinding(where, lr, total)], training);
    else if (ratio > LARGE) this.#note([tooFast(where, { "‖Δw‖/‖w‖": ratio, "learning rate": lr }, total)], training);
  }

  async #look(training: Training, { light } = { light: true }): Promise<void> {
    const { model, data, total, loss, batchSize } = training;
    const started = performance.now();
    const isFirst = this.#program === undefined;
    const { x, y, lengths, more } = await this.#examples(training);
    const vectors = !lengths && !more && parameterCount(model) <= MOST;
    this.#program ??= new SiteProgram(model, loss, { vectors });
    const classes = data.task === "classification" ? data.classes.length : undefined;
    const options = {
      x,
      y,
      loss,
      // Two halves say how much gradients differ.
      batchSize: Math.ceil(x.shape[0]! / (vectors ? 2 : 1)),
      light,
      ...(vectors && { batch: batchSize, noise: this.#noise }),
      ...(lengths && { lengths }),
      ...(more && { more }),
      ...(classes && { classes }),
    };
    this.latest = await lookAt(model, options, total, this.#program);
    this.looks++;
    // Integers and labels of the few examples are judged by the whole split, in onStart.
    this.#note(
      this.latest.findings.filter(({ rule, where }) => !(rule === "data" && where === "labels")),
      training,
    );
    this.#before = await snapshotOf(model);
    const took = performance.now() - started;
    // The first look compiled; the next will not.
    this.#cost = isFirst ? took / 2 : took;
    this.#nextLook = performance.now() - this.#began + took;
  }

  /** Some examples of the training split: other ones in each look, until all were seen. */
  async #examples({ data }: Training): Promise<BatchTensors> {
    const { train } = data;
    const n = Math.min(this.#options.examples ?? 64, train.count);
    const batches = Math.floor(train.count / n);
    const epoch = Math.floor(this.looks / batches);
    const { value } = await fetchBatches(train, { batchSize: n, shuffle: true, epoch }, this.looks % batches).next();
    return batchTensors(data, value!);
  }

  /** Keeps the causes of all that was found, and tells of those that are new. */
  #note(found: readonly Finding[], training: Training): void {
    if (found.length === 0) return;
    const before = this.findings;
    const isOld = (f: Finding): boolean =>
      before.some(
        ({ rule, where, severity }) =>
          rule === f.rule && (where === f.where || rule === "too-fast" || (isOfUnits(rule) && severity === f.severity)),
      );
    this.findings = causesOf([...before, ...found.filter((f) => !isOld(f))]);
    const { stopOn = [], onFinding = (f) => console.warn(`watcher: ${findingText(f)}`) } = this.#options;
    for (const finding of this.findings) {
      if (before.includes(finding)) continue;
      onFinding(finding, training);
      if (stopOn.includes(finding.rule)) training.stop(`${finding.rule} in ${finding.where}`);
    }
  }

  async #timed(work: () => Promise<void>): Promise<void> {
    const started = performance.now();
    try {
      await work();
    } finally {
      this.spent += performance.now() - started;
    }
  }
}
