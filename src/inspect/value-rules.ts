/** @file Rules of values alone: inputs, labels, targets of a regression. */
import type { Finding } from "../train/finding.ts";

/** Values of a data set whose scale is looked at, at most. */
export const VALUES = 200_000;

/** Of all values, or of {@link VALUES} that lie evenly among them. */
export function momentsOf(values: ArrayLike<number>): { mean: number; deviation: number; rms: number } {
  const n = Math.min(values.length, VALUES);
  let [sum, squares] = [0, 0];
  for (let i = 0; i < n; i++) {
    const v = values[Math.floor((i * values.length) / n)]!;
    sum += v;
    squares += v * v;
  }
  const mean = sum / n;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / n - mean * mean)), rms: Math.sqrt(squares / n) };
}

/** √(mean of x²). */
export function rootMeanSquare(values: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! ** 2;
  return Math.sqrt(squares / values.length);
}

/** Scale and centre of the inputs; integers are indices, and are not looked at. */
export function inputRules(x: ArrayLike<number>, examples: number, step: number | null): Finding[] {
  if (x instanceof Int32Array || x.length === 0) return [];
  const [low, high, sum, squares] = spanOf(x);
  if (!Number.isFinite(squares)) return [];
  const mean = sum / x.length;
  const deviation = Math.sqrt(Math.max(0, squares / x.length - mean * mean));
  const rms = Math.sqrt(squares / x.length);
  const scaled = [
    "standardize the inputs: subtract the mean and divide by the deviation of the training split (data.standardize, or nn.BatchNorm as the first layer)",
  ];
  const read = ["look at how the inputs are read, and at what is done to them on the way"];
  const say = (cause: string, severity: Finding["severity"], remedies = scaled): Finding[] => [
    {
      rule: "data",
      where: "inputs",
      step,
      severity,
      evidence: { low, high, mean, deviation },
      cause,
      remedies,
      confidence: "measured",
    },
  ];
  if (deviation === 0 && examples > 1) return say("all inputs are the same number: there is nothing to learn from", "error", read);
  if (examples > 1 && areCopies(x, examples))
    return say("all examples have the same inputs: there is nothing to learn from", "error", read);
  if (high - low > 20 && rms > 3)
    return say(
      `inputs reach from ${low.toPrecision(3)} to ${high.toPrecision(3)}: raw values, for which initial weights are made too large`,
      "warning",
    );
  if (high - low < 0.05 && deviation > 0)
    return say("inputs are very small numbers: what the biases give is all that the layers see", "warning");
  if (Math.abs(mean) > 3 * deviation && Math.abs(mean) > 1)
    return say("inputs lie far from 0 for their spread: their second moment is a long valley, in which steps zig-zag", "warning");
  return [];
}

/** Least, most, sum and sum of squares; the last is not finite where a value is not. */
function spanOf(x: ArrayLike<number>): [low: number, high: number, sum: number, squares: number] {
  let [low, high, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const v = x[i]!;
    if (v < low) low = v;
    if (v > high) high = v;
    sum += v;
    squares += v * v;
  }
  return [low, high, sum, squares];
}

/** Whether all examples are the first. */
function areCopies(x: ArrayLike<number>, examples: number): boolean {
  const each = x.length / examples;
  for (let i = each; i < x.length; i++) if (x[i] !== x[i - each]) return false;
  return true;
}

function outOfRange(low: number, high: number, classes: number): string {
  if (low === 1 && high === classes) return `labels go from 1 to ${classes}, the outputs from 0 to ${classes - 1}: off by one`;
  return `label ${low < 0 ? low : high} is none of the ${classes} outputs`;
}

/** How often the classes occur, but for -100, which losses leave out. */
function countsOf(y: ArrayLike<number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < y.length; i++) if (y[i] !== -100) counts.set(y[i]!, (counts.get(y[i]!) ?? 0) + 1);
  return counts;
}

const isUneven = (most: number, least: number): boolean => most > 10 * least && most > 40;

/** Classes: constant, out of range, counted from 1, far from even. */
export function labelRules(y: ArrayLike<number>, classes: number, step: number | null): Finding[] {
  const counts = countsOf(y);
  const seen = [...counts.keys()].sort((a, b) => a - b);
  if (seen.length === 0) return [];
  const [low, high] = [seen[0]!, seen.at(-1)!];
  const say = (severity: Finding["severity"], evidence: Finding["evidence"], cause: string, remedies: readonly string[]): Finding[] => [
    { rule: "data", where: "labels", step, severity, evidence, cause, remedies, confidence: "proved" },
  ];
  if (low < 0 || high >= classes)
    return say("error", { low, high, classes }, outOfRange(low, high, classes), [
      low >= 1 ? `number the classes from 0: y.sub(${low})` : `give the last layer ${high + 1} outputs`,
    ]);
  if (seen.length === 1 && y.length >= 8)
    return say("error", { label: low, examples: y.length }, `all labels are ${low}: there is nothing to tell apart`, [
      "look at how the labels are read, and whether the examples are sorted by class",
    ]);
  const enough = y.length >= 10 * classes && y.length >= 40;
  if (enough && low >= 1 && seen.length >= classes - low)
    return say(
      "warning",
      { low, high, classes },
      `no label is below ${low}: they seem to be counted from ${low}, and the first output never occurs`,
      [`number the classes from 0: y.sub(${low})`],
    );
  const least = Math.min(...counts.values());
  const most = Math.max(...counts.values());
  if (enough && isUneven(most, least))
    return say(
      "warning",
      { ratio: most / least, most, least },
      `the most frequent class occurs ${(most / least).toFixed(0)} times as often as the rarest: accuracy says little, and the rare class is hardly learned`,
      ["data.balancedSampler, or weights in the loss: crossEntropy(..., { weight })"],
    );
  return [];
}

/** Deviations from the mean beyond which a single target rules the loss of large ones. */
const OUTLIER = 15;

/** Values that lie so far out that steps of the usual length do not get there. */
export function targetRules(y: ArrayLike<number>, step: number | null): Finding[] {
  const { mean, deviation, rms } = momentsOf(y);
  const far = deviation > 0 && Math.abs(mean) > 10 * deviation && Math.abs(mean) > 10;
  if (!(rms > 1000 || far)) return [];
  const say = (evidence: Finding["evidence"], cause: string, remedies: readonly string[]): Finding[] => [
    {
      rule: "data",
      where: "targets",
      step,
      severity: "warning",
      evidence: { mean, deviation, ...evidence },
      cause,
      remedies,
      confidence: "measured",
    },
  ];
  const most = farthest(y, mean);
  if (Math.abs(y[most]! - mean) > OUTLIER * deviation)
    return say({ value: most, target: y[most]! }, "single targets lie so far from the others that the loss is theirs alone", [
      "look at how such examples are read",
      "huberLoss, or the logarithm of the targets",
    ]);
  return say(
    {},
    far
      ? "targets lie far from 0 for their spread: the way there is long beside what shall be told apart"
      : "targets are large numbers: the first loss is their square, and the way there takes many steps",
    [
      "standardize the targets: subtract the mean and divide by the deviation of the training split: data.standardize(set, { targets: true })",
    ],
  );
}

function farthest(values: ArrayLike<number>, mean: number): number {
  let most = 0;
  for (let i = 1; i < values.length; i++) if (Math.abs(values[i]! - mean) > Math.abs(values[most]! - mean)) most = i;
  return most;
}
