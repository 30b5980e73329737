/**
 * @file What the curves of a run say (TRN-6). Under-fitting: the error on the training set is not low enough. Over-fitting: the gap between the
 * errors on training and test set is too large (Goodfellow, Bengio & Courville 2016, §5.2). What "enough" means has to be said in numbers, and is:
 *
 *     over-fitting    the held-out loss has risen a tenth above its least while the training loss fell, or accuracies differ by over 5 points
 *                     and two standard errors, or (no classes) the held-out loss is over 1.5 times the training loss
 *     under-fitting   the training loss is above 0.3 of what an answer that ignores the input would lose
 *     still learning  no gap, and both losses fell by over 2 % in the last epoch
 *     good fit        none of these; with so few held-out examples that the accuracy is known to over 5 points only, this is said
 *
 * Advice must not contradict the curves. Where the held-out loss was least at least three epochs ago (or the run was stopped for that), training
 * longer is no remedy; if the training loss fell on by over 10 % meanwhile, a larger model is none either: that is over-fitting.
 */
import { check, expectation, listOf, object, positiveInteger } from "../base/check.ts";
import { checkDescription } from "../data/check.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import type { EpochRecord } from "./callback.ts";
import { baselineLoss } from "./task.ts";

/** What the curves of a run show; the file says where the lines are drawn. */
export type Verdict = "over-fitting" | "under-fitting" | "still learning" | "good fit";

/** What {@link diagnose} finds. */
export interface Diagnosis {
  readonly verdict: Verdict;
  /** Held-out minus training: how much worse the model does on what it has not seen. */
  readonly gap: { readonly loss: number; readonly accuracy: number | null };
  /** What is seen in the curves, in words. */
  readonly reason: string;
  /** What helps, the simplest first. */
  readonly remedies: readonly string[];
}

const REMEDIES: Readonly<Record<Verdict, readonly string[]>> = {
  "over-fitting": ["stop early", "weight decay", "dropout", "augmentation or more data", "a smaller model", "an ensemble"],
  "under-fitting": ["train longer, or with another learning rate", "a larger model", "less weight decay and dropout", "more features"],
  "still learning": ["train longer"],
  "good fit": [],
};

/** Held-out loss and accuracy: of the validation split where there is one. */
function heldOut(record: EpochRecord): { loss: number; accuracy: number | null } {
  return record.validationLoss === undefined
    ? { loss: record.testLoss, accuracy: record.testAccuracy }
    : { loss: record.validationLoss, accuracy: record.validationAccuracy ?? null };
}

/** Epochs without a lower held-out loss after which it counts as stalled. */
const STALLED = 3;

/**
 * Names what the curves of a finished run show.
 * @param heldOutCount Examples of the validation split, where there is one. Default: of the test split.
 * @param kept The epoch, from 1, whose weights the model has: early stopping keeps those of the best. Default: the last.
 * @throws {RangeError} without an epoch.
 */
export function diagnose(data: Dataset, epochs: readonly EpochRecord[], heldOutCount?: number, kept?: number): Diagnosis {
  checkDescription("diagnose: the data set", data);
  check("diagnose: epochs", epochs, listOf(object));
  if (epochs.length === 0) throw new RangeError("diagnose: want at least one finished epoch");
  const count = heldOutCount ?? (data.test as Split | undefined)?.count;
  check("diagnose: the number of held-out examples", count, positiveInteger);
  const end = kept ?? epochs.length;
  check(
    "diagnose: kept",
    end,
    expectation(`an epoch from 1 to ${epochs.length}`, (n) => positiveInteger.holds(n) && end <= epochs.length),
  );
  const record = epochs[end - 1];
  const test = heldOut(record);
  const accuracy = test.accuracy === null || record.trainAccuracy === null ? null : test.accuracy - record.trainAccuracy;
  const gap = { loss: test.loss - record.trainLoss, accuracy };
  const { verdict, reason, useless = [], more = [] } = judge({ epochs, kept: end, gap, baseline: baselineLoss(data), count: count! });
  const done = end < epochs.length ? [...useless, "stop early"] : useless;
  return { verdict, gap, reason, remedies: [...REMEDIES[verdict].filter((remedy) => !done.includes(remedy)), ...more] };
}

interface Curves {
  readonly epochs: readonly EpochRecord[];
  readonly kept: number;
  readonly gap: Diagnosis["gap"];
  /** The loss of an answer that ignores the input. */
  readonly baseline: number;
  /** Held-out examples. */
  readonly count: number;
}

interface Judgement {
  readonly verdict: Verdict;
  readonly reason: string;
  /** Remedies that the curves speak against. */
  readonly useless?: readonly string[];
  /** What helps beside the verdict's own remedies. */
  readonly more?: readonly string[];
}

const percent = (x: number): string => `${(100 * x).toFixed(0)} %`;

function judge(curves: Curves): Judgement {
  return notFinite(curves) ?? overFitting(curves) ?? underFitting(curves) ?? learning(curves);
}

function notFinite({ epochs, kept }: Curves): Judgement | undefined {
  const { trainLoss } = epochs[kept - 1];
  const { loss } = heldOut(epochs[kept - 1]);
  if (Number.isFinite(loss) && Number.isFinite(trainLoss)) return undefined;
  return { verdict: "under-fitting", reason: `the loss is no finite number (training ${trainLoss}, held out ${loss})` };
}

function overFitting({ epochs, kept, gap, baseline, count }: Curves): Judgement | undefined {
  const verdict = "over-fitting";
  const record = epochs[kept - 1];
  const losses = epochs.map((epoch) => heldOut(epoch).loss);
  const [now, best] = [losses[kept - 1], leastFinite(losses)];
  if (gap.loss > 0 && now > 1.1 * losses[best] && record.trainLoss < epochs[best].trainLoss) {
    const rise = percent(now / losses[best] - 1);
    return {
      verdict,
      reason: `the held-out loss was least in epoch ${best + 1} and has risen ${rise} since, while the training loss fell`,
    };
  }
  if (gap.accuracy !== null && -gap.accuracy > Math.max(0.05, 2 * standardError(heldOut(record).accuracy!, count)))
    return { verdict, reason: `accuracy is ${(-100 * gap.accuracy).toFixed(1)} points lower on what was not trained on` };
  if (gap.accuracy === null && now > 1.5 * record.trainLoss && gap.loss > 0.01 * baseline)
    return { verdict, reason: `the held-out loss is ${(now / record.trainLoss).toFixed(1)} times the training loss` };
  return undefined;
}

function underFitting({ epochs, kept, baseline }: Curves): Judgement | undefined {
  const share = epochs[kept - 1].trainLoss / baseline;
  if (share <= 0.3) return undefined;
  const reason = `the training loss is still ${percent(share)} of that of a constant answer`;
  const losses = epochs.map((epoch) => heldOut(epoch).loss);
  const best = leastFinite(losses);
  const since = epochs.length - 1 - best;
  if (since < STALLED && kept === epochs.length) return { verdict: "under-fitting", reason };
  const fell = 1 - epochs[epochs.length - 1].trainLoss / epochs[best].trainLoss;
  if (fell > 0.1)
    return {
      verdict: "over-fitting",
      reason: `since epoch ${best + 1} the training loss has fallen ${percent(fell)}, the held-out loss has not: more of the same learns the training examples by heart`,
    };
  return {
    verdict: "under-fitting",
    reason: `${reason}, and neither loss has fallen much since epoch ${best + 1}`,
    useless: ["train longer, or with another learning rate"],
  };
}

function learning({ epochs, kept, count }: Curves): Judgement {
  const [before, last] = [epochs[epochs.length - 2], epochs[epochs.length - 1]];
  const falls = before && last.trainLoss < 0.98 * before.trainLoss && heldOut(last).loss < 0.98 * heldOut(before).loss;
  if (falls && kept === epochs.length) return { verdict: "still learning", reason: "both losses are still falling" };
  const doubt = tooFew(heldOut(epochs[kept - 1]).accuracy, count);
  return {
    verdict: "good fit",
    reason: `the training loss is low and the held-out loss is near it${doubt && `; but ${count} held-out examples are too few to tell: ${doubt}`}`,
    more: doubt ? ["more held-out examples, or cross-validation"] : [],
  };
}

/** Widths of an interval, to either side, above which a held-out figure tells little: 5 points of accuracy, a quarter of a loss. */
const [POINTS, SHARE] = [0.05, 0.25] as const;

/** What so few examples leave open, in words; empty for enough of them. */
function tooFew(accuracy: number | null, count: number): string {
  if (accuracy !== null) {
    const [low, high] = wilson(accuracy, count);
    return high - low > 2 * POINTS ? `the accuracy on new data lies between ${percent(low)} and ${percent(high)} (95 % interval)` : "";
  }
  // The mean of n squared normal errors has a relative deviation of √(2/n).
  const spread = 1.96 * Math.sqrt(2 / count);
  return spread > SHARE ? `a mean squared error of so many is known to about ±${percent(spread)} (95 % interval, for normal errors)` : "";
}

/** The 95 % interval of a share p of n (Wilson 1927). */
function wilson(p: number, n: number): [low: number, high: number] {
  const z = 1.96;
  const centre = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** Where the least loss is; those that are NaN or infinite are not. -1 if none is finite. */
function leastFinite(losses: readonly number[]): number {
  return losses.reduce((best, loss, i) => (Number.isFinite(loss) && !(loss >= losses[best]) ? i : best), -1);
}

/** Of a share p among n examples, with two of each kind added, so that few examples are not taken for certainty. */
function standardError(p: number, n: number): number {
  const share = (p * n + 2) / (n + 4); // Agresti & Coull (1998)
  return Math.sqrt((share * (1 - share)) / (n + 4));
}
