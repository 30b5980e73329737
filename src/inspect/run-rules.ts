/** @file Rules of a whole run: what its curves and its weights have become. */
import type { Dataset } from "../data/dataset.ts";
import type { EpochRecord } from "../train/callback.ts";
import type { Finding } from "../train/finding.ts";
import type { Snapshot } from "./try-step.ts";
import { rootMeanSquare } from "./value-rules.ts";

/** The loss is that of a constant answer, and nothing says why. */
export const flatFinding = (loss: number, constant: number, step: number): Finding => ({
  rule: "loss-flat",
  where: "loss",
  step,
  severity: "warning",
  evidence: { loss, constant },
  cause: "after an epoch the loss is that of the best constant answer, and no other rule says why",
  remedies: [
    "overfitOneBatch: a model that cannot learn a few examples by heart has a fault in itself",
    "nabla find-lr",
    "look at some inputs with their targets, behind augmentations too",
  ],
  confidence: "guessed",
});

/** A step that made a weight no number. */
export const lostFinding = (where: string, rate: number, step: number): Finding => ({
  rule: "not-finite",
  where,
  step,
  severity: "error",
  evidence: { "learning rate": rate },
  cause: "a step made this weight no finite number: its gradient was none, or the step was far too long",
  remedies: [
    "a smaller learning rate, and clipNorm in fit",
    "look for a square root, a norm or a logarithm of 0 in the model and its loss",
  ],
  confidence: "measured",
});

/** Share of its first length to which weight decay must have drawn the weights of a network that does not learn. */
const SHRUNK = 0.2;

/** Root mean squares of all values, by name. */
export function sizesOf(snapshot: Snapshot): Map<string, number> {
  return new Map([...snapshot].map(([name, values]) => [name, rootMeanSquare(values)]));
}

/** Weights of a network that does not learn and that are much shorter than they were. */
export function shrunkFinding(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  { total, optimizer }: { readonly total: number; readonly optimizer: { readonly lr: number } },
): Finding[] {
  const shares = [...before].flatMap(([name, size]) =>
    /bias$/.test(name) || size === 0 ? [] : [[name, after.get(name)! / size] as const],
  );
  const [first] = shares;
  if (!first || !shares.every(([, share]) => share < SHRUNK)) return [];
  const [where, share] = shares.reduce((a, b) => (b[1] < a[1] ? b : a));
  return [
    {
      rule: "weight-decay",
      where,
      step: total,
      severity: "error",
      evidence: { "share of the first length": share, "learning rate": optimizer.lr },
      cause:
        "all weights have shrunk to a small share of their first length, and the loss is that of a constant answer: they are drawn to 0 faster than they learn",
      remedies: ["a smaller weightDecay (usual are 1e-4 with SGD, 1e-2 with AdamW), or none", "a smaller penalty of weights in the loss"],
      confidence: "measured",
    },
  ];
}

/** Share of a constant answer's loss below which a training loss has learned, and of the way from the most frequent class to 1 above which test answers have. */
const [LEARNED, CARRIED] = [0.5, 0.1] as const;
/** The same of a run of so many steps, whose test loss is above that of a constant answer. */
const [BEGUN, STEPS] = [0.95, 200] as const;
/** Fewer test examples say nothing. */
const FEW = 20;

/** Whether a run ended nearer to a constant answer than to the right ones, or with a loss that no classes can have. */
export function hasLearnedLittle({ trainLoss, trainAccuracy }: EpochRecord, { train, task }: Dataset, baseline: number): boolean {
  if (task !== "classification" || trainAccuracy === null) return trainLoss > LEARNED * baseline;
  return trainLoss < 0 || trainAccuracy - mostFrequent(train.targets) < LEARNED * (1 - mostFrequent(train.targets));
}

/** Learned by heart: the training split is, and the answers for the test split are those of a constant. */
export function overfitFinding(data: Dataset, last: EpochRecord | undefined, baseline: number, step: number): Finding[] {
  if (!last || data.test.count < FEW) return [];
  const { testAccuracy, testR2, trainLoss, testLoss } = last;
  const begun = step >= STEPS && trainLoss < BEGUN * baseline && testLoss > baseline;
  if (!(trainLoss < LEARNED * baseline) && !begun) return [];
  const chance = testAccuracy === null ? 0 : mostFrequent(data.test.targets);
  const score = testAccuracy ?? testR2;
  if (score === undefined || score > chance + CARRIED * (1 - chance)) return [];
  return [
    {
      rule: "overfit",
      where: "splits",
      step,
      severity: "warning",
      evidence: {
        "training loss": trainLoss,
        "test loss": testLoss,
        ...(testAccuracy === null ? { "test R²": score } : { "test accuracy": score, chance }),
      },
      cause: "the training loss has fallen, and test answers are no better than a constant: nothing of what was learned carries over",
      remedies: [
        "look at whether inputs and targets belong together, in both splits",
        "prepare both splits alike; an average of weights (optim.EMA) that is tested needs many updates",
        "more examples, or a smaller model; train.diagnose reads the curves",
      ],
      confidence: "measured",
    },
  ];
}

function mostFrequent(targets: ArrayLike<number>): number {
  const counts = new Map<number, number>();
  for (let i = 0; i < targets.length; i++) counts.set(targets[i]!, (counts.get(targets[i]!) ?? 0) + 1);
  return Math.max(...counts.values()) / targets.length;
}
