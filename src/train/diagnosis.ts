/**
 * @file What the curves of a run say (TRN-6). Under-fitting: the error on the training set is not low enough. Over-fitting: the gap between the
 * errors on training and test set is too large (Goodfellow, Bengio & Courville 2016, §5.2). What "enough" means has to be said in numbers, and is:
 *
 *     over-fitting    the held-out loss has risen a tenth above its least while the training loss fell, or accuracies differ by over 5 points
 *                     and two standard errors, or (no classes) the held-out loss is over 1.5 times the training loss
 *     under-fitting   the training loss is above 0.3 of what an answer that ignores the input would lose
 *     still learning  no gap, and both losses fell by over 2 % in the last epoch
 */
import type { Dataset } from "../data/dataset.ts";
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

/**
 * Names what the curves of a finished run show.
 * @param heldOutCount Examples of the validation split, where there is one. Default: of the test split.
 * @throws {RangeError} without an epoch.
 */
export function diagnose(data: Dataset, epochs: readonly EpochRecord[], heldOutCount: number = data.test.count): Diagnosis {
  if (epochs.length === 0) throw new RangeError("diagnose: want at least one finished epoch");
  const last = epochs[epochs.length - 1];
  const test = heldOut(last);
  const accuracy = test.accuracy === null || last.trainAccuracy === null ? null : test.accuracy - last.trainAccuracy;
  const gap = { loss: test.loss - last.trainLoss, accuracy };
  const { verdict, reason } = judge(epochs, gap, baselineLoss(data), heldOutCount);
  return { verdict, gap, reason, remedies: REMEDIES[verdict] };
}

function judge(
  epochs: readonly EpochRecord[],
  gap: Diagnosis["gap"],
  baseline: number,
  count: number,
): { verdict: Verdict; reason: string } {
  const last = epochs[epochs.length - 1];
  const losses = epochs.map((record) => heldOut(record).loss);
  const now = losses[losses.length - 1];
  const best = leastFinite(losses);
  if (best < 0 || !Number.isFinite(now) || !Number.isFinite(last.trainLoss)) {
    return { verdict: "under-fitting", reason: `the loss is no finite number (training ${last.trainLoss}, held out ${now})` };
  }
  const percent = (x: number): string => `${(100 * x).toFixed(0)} %`;
  if (gap.loss > 0 && now > 1.1 * losses[best] && last.trainLoss < epochs[best].trainLoss) {
    const rise = percent(now / losses[best] - 1);
    return {
      verdict: "over-fitting",
      reason: `the held-out loss was least in epoch ${best + 1} and has risen ${rise} since, while the training loss fell`,
    };
  }
  if (gap.accuracy !== null && -gap.accuracy > Math.max(0.05, 2 * standardError(heldOut(last).accuracy!, count))) {
    return { verdict: "over-fitting", reason: `accuracy is ${(-100 * gap.accuracy).toFixed(1)} points lower on what was not trained on` };
  }
  if (gap.accuracy === null && now > 1.5 * last.trainLoss && gap.loss > 0.01 * baseline) {
    return { verdict: "over-fitting", reason: `the held-out loss is ${(now / last.trainLoss).toFixed(1)} times the training loss` };
  }
  if (last.trainLoss > 0.3 * baseline) {
    return {
      verdict: "under-fitting",
      reason: `the training loss is still ${percent(last.trainLoss / baseline)} of that of a constant answer`,
    };
  }
  const before = epochs[epochs.length - 2];
  if (before && last.trainLoss < 0.98 * before.trainLoss && now < 0.98 * losses[losses.length - 2]) {
    return { verdict: "still learning", reason: "both losses are still falling" };
  }
  return { verdict: "good fit", reason: "the training loss is low and the held-out loss is near it" };
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
