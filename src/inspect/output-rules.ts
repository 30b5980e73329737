/** @file Rules of what a network gives beside what it shall give: its width, an activation at its end that the loss or the targets do not suit, and a loss that pulls the wrong way. */
import type { Finding } from "../train/finding.ts";
import type { Moment } from "./moment.ts";

/** What activations give at least and at most, and their largest slope: what multiplies them afterwards changes it. */
const RANGES: Readonly<Record<string, readonly [low: number, high: number, slope: number]>> = {
  sigmoid: [0, 1, 0.25],
  tanh: [-1, 1, 1],
  softsign: [-1, 1, 1],
  hardTanh: [-1, 1, 1],
  relu: [0, Number.POSITIVE_INFINITY, 1],
  relu6: [0, 6, 1],
};

type Say = (evidence: Finding["evidence"], cause: string, remedies: readonly string[], confidence?: Finding["confidence"]) => Finding[];

/** What is wrong with the outputs: one finding at most, since one explains the others. */
export function outputRules(moment: Moment): Finding[] {
  const { reading, step, classes } = moment;
  const { outputs, list } = reading;
  const say: Say = (evidence, cause, remedies, confidence = "proved") => [
    { rule: "outputs", where: list.sites[list.last]?.name ?? "outputs", step, severity: "error", evidence, cause, remedies, confidence },
  ];
  if (classes === undefined) return outOfReach(moment, say);
  const width = outputs.shape.length === 2 ? outputs.shape[1]! : 0;
  if (width === 1 || outputs.shape.length === 1) return boundedLogit(moment, say);
  if (width === 0) return [];
  if (width !== classes) {
    const never = width > classes ? `outputs ${classes} to ${width - 1} never occur as labels` : "some classes have no output";
    return say({ outputs: width, classes }, `the model gives ${width} outputs for ${classes} classes: ${never}`, [
      `let the last layer have ${classes} outputs`,
    ]);
  }
  for (const rule of [overBatch, ofProbabilities, wrongWay, twice, boundedLogits]) {
    const found = rule(moment, say, width);
    if (found.length > 0) return found;
  }
  return [];
}

// ---- classes ------------------------------------------------------------------------------------------------------------------------------

/** Sums of rows of `width`, or of columns, and of sizes. */
function sums(data: ArrayLike<number>, width: number, along: "rows" | "columns"): { sum: number; size: number }[] {
  const rows = data.length / width;
  const [many, each, step, next] = along === "rows" ? [rows, width, 1, width] : [width, rows, width, 1];
  return Array.from({ length: many }, (_, i) => {
    let [sum, size] = [0, 0];
    for (let k = 0; k < each; k++) {
      sum += data[i * next + k * step]!;
      size += Math.abs(data[i * next + k * step]!);
    }
    return { sum, size };
  });
}

const isShare = (data: ArrayLike<number>, width: number, along: "rows" | "columns"): boolean =>
  Array.prototype.every.call(data, (v: number) => v >= 0) && sums(data, width, along).every(({ sum }) => Math.abs(sum - 1) < 1e-4);

/** Whether the loss stays the same when all outputs of an example rise alike, as one with a softmax does: its derivatives add up to 0. */
function hasSoftmax({ reading: { outputCotangent } }: Moment, width: number): boolean {
  const cotangents = sums(outputCotangent.data, width, "rows");
  return cotangents.every(({ sum, size }) => Math.abs(sum) < 1e-4 * size) && cotangents.some(({ size }) => size > 0);
}

function overBatch({ reading: { outputs } }: Moment, say: Say, width: number): Finding[] {
  if (outputs.shape[0]! < 2 || isShare(outputs.data, width, "rows") || !isShare(outputs.data, width, "columns")) return [];
  return say(
    { outputs: width, examples: outputs.shape[0]! },
    "the outputs of a batch add up to 1 over its examples: the softmax takes axis 0",
    ["leave the softmax out of the model: crossEntropy takes logits", "softmax over the last axis, where there must be one: softmax(-1)"],
  );
}

/** The derivative by the output of each example's class, for the examples of the reading. */
function ownSlopes({ reading: { outputs, outputCotangent }, y }: Moment, width: number): number[] {
  const rows = Array.from({ length: outputs.shape[0]! }, (_, i) => i).filter((i) => y[i]! >= 0 && y[i]! < width);
  return rows.map((i) => outputCotangent.data[i * width + y[i]!]!);
}

/** -p of the right class, which nllLoss gives for probabilities: the only derivatives are those by the right outputs, all alike. */
function ofProbabilities(moment: Moment, say: Say, width: number): Finding[] {
  const { outputs, outputCotangent, loss } = moment.reading;
  const own = ownSlopes(moment, width);
  const others = sums(outputCotangent.data, width, "rows").reduce((sum, { size }) => sum + size, 0);
  const alike = own.length > 0 && own.every((v) => v < 0 && Math.abs(v - own[0]!) <= 1e-4 * Math.abs(v));
  const alone = Math.abs(others + own.reduce((a, b) => a + b, 0)) <= 1e-4 * others;
  if (!alike || !alone || !(loss < 0) || !isShare(outputs.data, width, "rows")) return [];
  return say({ loss }, "the loss is -p of the right class: nllLoss takes log-probabilities, and the model gives probabilities", [
    "crossEntropy of logits, without a softmax in the model",
    "logSoftmax in place of softmax",
  ]);
}

/** A loss that falls when the output of the right class falls, for every example. */
function wrongWay(moment: Moment, say: Say, width: number): Finding[] {
  const own = ownSlopes(moment, width);
  if (own.length < 2 || !own.every((v) => v > 0)) return [];
  return say(
    { examples: own.length, loss: moment.reading.loss },
    "the loss falls when the output of the right class falls, for every example: its sign is wrong",
    ["the loss without neg(), or with it where it is a log-likelihood", "outputs that are larger for what is likelier"],
  );
}

function twice(moment: Moment, say: Say, width: number): Finding[] {
  const { outputs } = moment.reading;
  if (!isShare(outputs.data, width, "rows") || !hasSoftmax(moment, width)) return [];
  const worst = Math.max(...sums(outputs.data, width, "rows").map(({ sum }) => Math.abs(sum - 1)));
  return say(
    { outputs: width, "deviation of sums from 1": worst },
    "the model ends in a softmax, and the loss takes another of it: gradients are small, and the loss cannot fall below log(1 + (k-1)/e)",
    ["leave the softmax out of the model: crossEntropy takes logits"],
  );
}

// ---- activations at the end ---------------------------------------------------------------------------------------------------------------

interface End {
  readonly name: string;
  readonly low: number;
  readonly high: number;
}

/** The activation whose results are the outputs, if it has a known range. */
function endOf({ reading: { list, at } }: Moment): End | undefined {
  const site = list.sites[list.last];
  if (site?.kind !== "activation" || list.between.length > 0) return undefined;
  const range = Object.hasOwn(RANGES, site.op) ? RANGES[site.op] : undefined;
  const most = at[site.index]?.slopes?.most;
  // Found on a grid of as many places as there are values, which may pass by the steepest one.
  if (!range || most === undefined || most > 1.05 * range[2] || most < 0.5 * range[2]) return undefined;
  return { name: site.op, low: range[0], high: range[1] };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function boundedLogits(moment: Moment, say: Say, width: number): Finding[] {
  const end = endOf(moment);
  if (!end || end.high > 1 || !hasSoftmax(moment, width)) return [];
  const { name, low, high } = end;
  const least = Math.log(1 + (width - 1) * Math.exp(low - high));
  return say(
    { outputs: width, "least loss": least },
    `the model ends in ${name}, and the loss takes a softmax of it: outputs stay within ${low} and ${high}, so that the loss cannot fall below ${least.toPrecision(3)}`,
    [`leave ${name} out of the model: crossEntropy takes logits`],
  );
}

/** One output for two classes: a sigmoid in front of a loss that has one. */
function boundedLogit(moment: Moment, say: Say): Finding[] {
  const { reading, y } = moment;
  const { outputs, outputCotangent } = reading;
  const end = endOf(moment);
  if (!end || end.high > 1) return [];
  const expected = Array.from(outputs.data, (o: number, i) => sigmoid(o) - y[i]!);
  if (!isMultiple(outputCotangent.data, expected)) return [];
  const { name, low, high } = end;
  const least = (Math.log(1 + Math.exp(-high)) + Math.log(1 + Math.exp(low))) / 2;
  return say(
    { "least loss": least },
    `the model ends in ${name}, and the loss takes a sigmoid of it: outputs stay within ${low} and ${high}, so that no probability is above ${sigmoid(high).toPrecision(3)} or below ${sigmoid(low).toPrecision(3)}`,
    [`leave ${name} out of the model: binaryCrossEntropyWithLogits takes logits`, "binaryCrossEntropy, which takes probabilities"],
  );
}

/** Whether numbers are others times one that is above 0. */
function isMultiple(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  let [product, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    product += a[i]! * b[i]!;
    size += b[i]! ** 2;
  }
  const factor = product / size;
  return (
    factor > 0 &&
    Array.prototype.every.call(b, (v: number, i: number) => Math.abs(a[i]! - factor * v) <= 1e-3 * Math.abs(factor * v) + 1e-12)
  );
}

/** Share of targets beyond the range of the outputs from which it is said. */
const BEYOND = 0.01;

/** Values that the last activation cannot give. */
function outOfReach(moment: Moment, say: Say): Finding[] {
  const { reading, y } = moment;
  const { outputs, outputCotangent } = reading;
  const end = endOf(moment);
  const n = outputs.data.length;
  // A loss of values pulls each output towards its target.
  const pulls = Array.prototype.every.call(outputs.data, (o: number, i: number) => outputCotangent.data[i]! * (o - y[i]!) >= 0);
  if (!end || y.length < n || y.length % n !== 0 || !pulls) return [];
  let [beyond, least, most] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < y.length; i++) {
    if (y[i]! < end.low - 1e-6 || y[i]! > end.high + 1e-6) beyond++;
    least = Math.min(least, y[i]!);
    most = Math.max(most, y[i]!);
  }
  if (beyond <= BEYOND * y.length) return [];
  const reach = end.high === Number.POSITIVE_INFINITY ? "gives nothing below 0" : `gives ${end.low} to ${end.high}`;
  return say(
    { "share beyond": beyond / y.length, least, most },
    `the model ends in ${end.name}, which ${reach}, and targets reach from ${least.toPrecision(3)} to ${most.toPrecision(3)}`,
    [`leave ${end.name} out of the end of the model`, `targets that lie where ${end.name} does`],
  );
}
