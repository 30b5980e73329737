/** @file One look at a network: its gradients, its units, and what keeps it from learning. */
import { type Checks, checkOptions, expectation, positiveInteger } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { formatShape } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { crossEntropy, mseLoss } from "../nn/losses.ts";
import type { Layer } from "../nn/module.ts";
import { concatenate, isTensor } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { registerInstruments } from "../train/explain.ts";
import { causesOf, type Finding } from "../train/finding.ts";
import { aLoss, anOptimizer, type BatchTensors, checkModel, type Loss, lossOf, mainOutput, outputsOfModel } from "../train/task.ts";
import { bindSeeds } from "../transform/reverse.ts";
import { NoiseMeter } from "./batch-noise.ts";
import { type Flow, FlowMeter } from "./flow.ts";
import { intervals } from "./interval.ts";
import type { Moment } from "./moment.ts";
import { rulesOf } from "./rules.ts";
import { SiteProgram, type SiteReading } from "./site-program.ts";
import { recordSites, type SiteList } from "./sites.ts";
import { decayFinding, leftOutFinding, optimizerRules, tryStep } from "./try-step.ts";
import { type ActivationUnits, type Units, UnitsMeter } from "./units.ts";

/** What {@link look} looks at. */
export interface LookOptions {
  /** Inputs [N, ...], as the model is given them. */
  readonly x: Tensor;
  /** Targets: classes i32[N], or values. */
  readonly y: Tensor;
  /** Default: cross-entropy for integer targets, else the mean squared error. */
  readonly loss?: Loss;
  /** To judge the size of a step too: one is tried on the first batch, and taken back. */
  readonly optimizer?: Optimizer;
  /** Classes that the targets name. Default: as many as the model has outputs, for integer targets. */
  readonly classes?: number;
  /** Examples at a time, at most. Default 64. */
  readonly batchSize?: number;
  /** Examples of a step of the run, to judge the noise of its gradients too; it takes at least two batches of `batchSize` to tell. */
  readonly batch?: number;
}

/** What {@link look} finds. */
export interface Look {
  /** What keeps the network from learning, the gravest first; empty for a healthy one. */
  readonly findings: readonly Finding[];
  readonly flow: Flow;
  readonly units: Units;
  readonly sites: SiteList;
  /** Mean loss of the batches, in training mode. */
  readonly loss: number;
  readonly examples: number;
  /** Seconds that it took. */
  readonly seconds: number;
}

const aTensor = expectation("a tensor", isTensor);

export const LOOK_OPTIONS: Checks<LookOptions> = {
  x: aTensor,
  y: aTensor,
  loss: aLoss,
  optimizer: expectation("an optimizer", (value) => value === undefined || anOptimizer.holds(value)),
  classes: positiveInteger,
  batchSize: positiveInteger,
  batch: positiveInteger,
};

/**
 * Looks at a model with some examples: forward and backward once per batch, in training mode; nothing of it stays. Costs about two training steps per batch, and compiles one program.
 * @throws {TypeError | RangeError} for what cannot be looked at: a model without layers between x and its output, inputs and targets of different numbers of examples.
 */
export async function look(model: Layer, options: LookOptions): Promise<Look> {
  checkModel("look", model);
  checkOptions("look", options, LOOK_OPTIONS, "x", "y");
  return lookAt(model, options, null);
}

/** A batch with what belongs to it. */
export interface LookBatch extends LookOptions {
  readonly lengths?: BatchTensors["lengths"];
  readonly more?: BatchTensors["more"];
  /** Only what one run of the program of sites tells: no proofs, and nothing that has to be compiled besides. */
  readonly light?: boolean;
  /** What earlier looks at the run have measured. */
  readonly noise?: NoiseMeter;
}

/** For the library: {@link look} at a step of a run, with a program that may be used again. */
export async function lookAt(model: Layer, options: LookBatch, step: number | null, program?: SiteProgram): Promise<Look> {
  const started = performance.now();
  const { x, y, optimizer, batchSize = 64, batch: size, lengths, more } = options;
  const loss = options.loss ?? usualLoss(y);
  checkExamples(x, y);
  const early = widthFinding(model, options, step);
  if (early) return { ...(await nothingSeen(x)), findings: [early], seconds: (performance.now() - started) / 1000 };
  const { training } = model;
  const sites = program ?? new SiteProgram(model, loss, { vectors: size !== undefined });
  model.train();
  try {
    const batches = lengths || more ? [{ x, y, lengths, more }] : batchesOf(x, y, batchSize);
    const [flow, units, noise] = [new FlowMeter(), new UnitsMeter(), options.noise ?? new NoiseMeter()];
    let first: SiteReading | undefined;
    let total = 0;
    for (const batch of batches) {
      const reading = await sites.read(batch);
      checkSites(model, reading.list);
      first ??= reading;
      flow.add(reading);
      units.add(reading);
      noise.add(reading);
      total += reading.loss / batches.length;
    }
    const seen = units.result();
    const proved = options.light ? seen : { ...seen, activations: proveDead(model, loss, batches[0]!, seen.activations) };
    const reading = { ...first!, loss: total };
    const moment = await momentOf(model, { ...options, y }, { reading, flow: flow.result(), units: proved, step }, batches);
    const findings = rulesOf(moment);
    if (size !== undefined) findings.push(...noise.findings({ batch: size, loss: total, baseline: moment.baseline, step }));
    if (!options.light) findings.push(...(await mixing(model, batches[0]!, step)));
    if (optimizer && !options.light) findings.push(...(await optimizerFindings(model, optimizer, loss, batches[0]!, findings, step)));
    return {
      findings: causesOf(findings),
      flow: moment.flow,
      units: proved,
      sites: first!.list,
      loss: total,
      examples: moment.flow.examples,
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    model.train(training);
    if (!program) sites.dispose();
  }
}

/** What the optimizer leaves out; if nothing, and if the loss is a number, what a step of it does. */
async function optimizerFindings(
  model: Layer,
  optimizer: Optimizer,
  loss: Loss,
  batch: BatchTensors,
  found: readonly Finding[],
  step: number | null,
): Promise<Finding[]> {
  const left = [...leftOutFinding(model, optimizer, step), ...decayFinding(optimizer, step)];
  if (left.length > 0 || found.some(({ rule }) => rule === "not-finite")) return left;
  return optimizerRules(await tryStep(model, optimizer, loss, batch), step);
}

const usualLoss = (y: Tensor): Loss =>
  isFloat(y.dtype) ? (outputs, targets) => mseLoss(outputs, targets) : (outputs, targets) => crossEntropy(outputs, targets);

function checkExamples(x: Tensor, y: Tensor): void {
  if (x.rank < 1 || y.rank < 1 || x.shape[0] !== y.shape[0] || x.shape[0] === 0)
    throw new RangeError(
      `look: want x [N, ...] and y [N, ...] of the same N >= 1, got ${formatShape(x.shape)} and ${formatShape(y.shape)}`,
    );
}

function checkSites(model: Layer, { sites, hidden }: SiteList): void {
  if (sites.length > 0) return;
  const [loop] = hidden;
  const why = loop
    ? `all of it is inside a loop (${loop.op}${loop.line ? `, at ${loop.line}` : ""}), and loops are not looked into`
    : "no layer with weights, no activation, no norm and no sum lies between x and its output";
  throw new TypeError(`look: ${model.constructor.name} has no site to look at: ${why}`);
}

/** Batches of one size, so that one program serves all; the fewer than that which are left over are left out. */
export function batchesOf(x: Tensor, y: Tensor, batchSize: number): BatchTensors[] {
  const n = x.shape[0]!;
  const count = Math.ceil(n / batchSize);
  const size = Math.floor(n / count);
  if (count === 1) return [{ x, y, lengths: undefined }];
  const part = (t: Tensor, k: number): Tensor => {
    const rest = t.shape.slice(1);
    return t.slice([k * size, ...rest.map(() => 0)], [(k + 1) * size, ...rest]);
  };
  return Array.from({ length: count }, (_, k) => ({ x: part(x, k), y: part(y, k), lengths: undefined }));
}

/** Classes that have no output, before a loss of them is NaN. */
function widthFinding(model: Layer, { x, y, classes, lengths, more, loss }: LookBatch, step: number | null): Finding | undefined {
  if (isFloat(y.dtype) || loss !== undefined) return undefined;
  const { outputs } = outputShape(model, x, lengths, more);
  const width = outputs.shape[1];
  if (classes === undefined || outputs.rank < 2 || width === undefined || width >= classes) return undefined;
  return {
    rule: "outputs",
    where: "outputs",
    step,
    severity: "error",
    evidence: { outputs: width, classes },
    cause: `the model gives ${width} outputs for ${classes} classes: some classes have no output`,
    remedies: [`let the last layer have ${classes} outputs`],
    confidence: "proved",
  };
}

function outputShape(model: Layer, x: Tensor, lengths: BatchTensors["lengths"], more: BatchTensors["more"]): { outputs: Tensor } {
  const recording = recordSites(
    (input) => {
      const outputs = mainOutput(outputsOfModel(model, input!, lengths, more));
      return { loss: outputs, outputs };
    },
    [x],
  );
  return { outputs: recording.outputs };
}

async function nothingSeen(x: Tensor): Promise<Omit<Look, "findings" | "seconds">> {
  const [flow, units] = [new FlowMeter().result(), new UnitsMeter().result()];
  const sites: SiteList = { sites: [], hidden: [], last: -1, between: [], unreached: [], parameters: [] };
  return { flow, units, sites, loss: Number.NaN, examples: x.shape[0]! };
}

// ---- what the rules want ------------------------------------------------------------------------------------------------------------------

async function momentOf(
  model: Layer,
  { x, y, classes }: LookBatch,
  seen: Pick<Moment, "reading" | "flow" | "units" | "step">,
  batches: readonly BatchTensors[],
): Promise<Moment> {
  const targets = await y.data();
  const classed = !isFloat(y.dtype);
  const inputs = batches.length === 1 ? await batches[0]!.x.data() : await x.data();
  const { outputs } = seen.reading;
  const width = outputs.shape.length === 2 ? outputs.shape[1]! : undefined;
  const named = new Map<string, ArrayLike<number>>();
  for (const [name, cell] of model.namedParameters()) if (isFloat(cell.dtype)) named.set(name, (await cell.value.data()) as Float32Array);
  const known = classes ?? (classed && width !== undefined && width > 1 && y.rank === 1 ? width : undefined);
  return {
    ...seen,
    reading: { ...seen.reading, examples: x.shape[0]! },
    x: x.dtype === "i32" ? Int32Array.from(inputs as ArrayLike<number>) : (inputs as Float32Array),
    y: targets as Int32Array,
    classes: classed ? known : undefined,
    baseline: baselineOf(targets as Int32Array, classed, y.shape),
    parameters: named,
  };
}

/** Entropy of the classes' shares, or variance of the values. */
export function baselineOf(y: ArrayLike<number>, classed: boolean, shape: readonly number[] = [y.length]): number | undefined {
  if (!classed) {
    const k = y.length / shape[0]!;
    let sum = 0;
    for (let j = 0; j < k; j++) {
      let [mean, squares] = [0, 0];
      for (let i = j; i < y.length; i += k) mean += y[i]! / shape[0]!;
      for (let i = j; i < y.length; i += k) squares += (y[i]! - mean) ** 2;
      sum += squares / y.length;
    }
    return sum;
  }
  const counts = new Map<number, number>();
  for (let i = 0; i < y.length; i++) counts.set(y[i]!, (counts.get(y[i]!) ?? 0) + 1);
  return [...counts.values()].reduce((sum, n) => sum - (n / y.length) * Math.log(n / y.length), 0);
}

/** Whether in evaluation mode an example's outputs depend on the others of its batch: they are replaced by copies of the first. */
async function mixing(model: Layer, { x, lengths, more }: BatchTensors, step: number | null): Promise<Finding[]> {
  const n = x.shape[0]!;
  if (n < 2 || lengths || more) return [];
  model.eval();
  const program = compile((input: Tensor) => mainOutput(outputsOfModel(model, input)));
  try {
    const first = x.slice(
      x.shape.map(() => 0),
      [1, ...x.shape.slice(1)],
    );
    const [own, other] = [await program(x).data(), await program(concatenate(new Array<Tensor>(n).fill(first), 0)).data()];
    const each = own.length / n;
    let [gap, size] = [0, 0];
    for (let i = 0; i < each; i++) {
      gap = Math.max(gap, Math.abs(Number(own[i]) - Number(other[i])));
      size = Math.max(size, Math.abs(Number(own[i])), Math.abs(Number(other[i])));
    }
    if (!(gap > 1e-4 * size)) return [];
    return [
      {
        rule: "mixes-batch",
        where: "outputs",
        step,
        severity: "error",
        evidence: { change: gap, outputs: size },
        cause: "in evaluation mode the outputs of an example change with the other examples of its batch",
        remedies: [
          "look for reductions, softmax or reshape over axis 0",
          "norms of batches must use their running statistics in evaluation mode",
        ],
        confidence: "measured",
      },
    ];
  } finally {
    program.dispose();
    model.train();
  }
}

/** Dead units for which z ≤ 0 holds for every input in the box that the data span, by interval bounds. */
function proveDead(
  model: Layer,
  loss: Loss,
  { x, y, lengths, more }: BatchTensors,
  activations: readonly ActivationUnits[],
): ActivationUnits[] {
  const wanted = activations.filter(({ dead, activation }) => dead.length > 0 && /^relu/.test(activation));
  if (wanted.length === 0 || !isFloat(x.dtype) || lengths || more) return [...activations];
  const bounded = upperBounds(model, loss, x, y, new Set(wanted.map(({ site }) => site)));
  return activations.map((each) => {
    const high = bounded.get(each.site);
    if (!high) return each;
    const dead = each.dead.map((unit) =>
      high(unit.unit) <= 0 ? { unit: unit.unit, confidence: "proved" as const, activityBelow: 0 } : unit,
    );
    return { ...each, dead };
  });
}

type UpperBound = (unit: number) => number;

/** The largest z of each unit of some sites, over the box; nothing where an instruction has no interval rule. */
function upperBounds(model: Layer, loss: Loss, x: Tensor, y: Tensor, sites: ReadonlySet<number>): ReadonlyMap<number, UpperBound> {
  const [low, high] = [x.min(0, { keepDims: true }), x.max(0, { keepDims: true })];
  const target = y.slice(
    y.shape.map(() => 0),
    [1, ...y.shape.slice(1)],
  );
  const entries: number[] = [];
  const axes: number[] = [];
  model.eval();
  try {
    const bounds = intervals((input: Tensor) => {
      const recording = recordSites(
        (own) => {
          const outputs = outputsOfModel(model, own!);
          return { loss: lossOf(loss, outputs, target) as Tensor, outputs: mainOutput(outputs) };
        },
        [input],
      );
      const places = recording.found.places.filter((_, i) => sites.has(i));
      entries.splice(0, entries.length, ...recording.list.sites.filter(({ index }) => sites.has(index)).map(({ index }) => index));
      axes.splice(0, axes.length, ...entries.map((index) => recording.list.sites[index]!.unitAxis));
      const seeds = new Map([...recording.parameters.values()].map(({ seed, value }) => [seed, value]));
      return bindSeeds(
        places.map(({ entries: [z] }) => z as Tensor),
        seeds,
      );
    })([low], [high]);
    return new Map(entries.map((site, i) => [site, boundOf(bounds.high[i]!, axes[i]!)]));
  } catch {
    return new Map();
  } finally {
    model.train();
  }
}

function boundOf(high: Tensor, axis: number): UpperBound {
  const rest = high.shape.map((_, i) => i).filter((i) => i !== axis);
  const most = rest.length > 0 ? high.max(rest) : high;
  const values = elementsOf(most);
  return (unit) => Number(values[unit]);
}

registerInstruments(lookAt, (step) => compile(step, { debug: "nan" }));
