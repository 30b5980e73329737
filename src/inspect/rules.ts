/**
 * @file The rules of a network at one moment: what its sites, its data and its outputs say. Thresholds are relative, between layers or to what the data have, so that a net that has
 * converged is not called broken; each is tried on healthy nets by the tests.
 */
import type { Finding } from "../train/finding.ts";
import type { Flow } from "./flow.ts";
import type { SiteReading } from "./site-program.ts";
import type { ActivationUnits, Units } from "./units.ts";

/** What the rules of a moment look at. */
export interface Moment {
  readonly reading: SiteReading;
  readonly flow: Flow;
  readonly units: Units;
  /** Of the run; null outside of one. */
  readonly step: number | null;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** Classes that the targets name; undefined for values. */
  readonly classes: number | undefined;
  /** What the best answer that ignores the input loses. */
  readonly baseline: number | undefined;
  readonly parameters: ReadonlyMap<string, ArrayLike<number>>;
}

const finding = (f: Omit<Finding, "step"> & { readonly step?: number | null }, step: number | null): Finding => ({
  ...f,
  step: f.step ?? step,
});

/** All rules of a moment. */
export function rulesOf(moment: Moment): Finding[] {
  return [
    ...notFinite(moment),
    ...inputRules(moment.x, moment.reading.examples, moment.step),
    ...(moment.classes === undefined ? [] : labelRules(moment.y, moment.classes, moment.step)),
    ...outputRules(moment),
    ...initRules(moment),
    ...flowRules(moment),
    ...moment.units.activations.flatMap((each) => unitRules(each, moment.step)),
    ...unreached(moment),
  ];
}

const firstBad = (values: ArrayLike<number>): number => {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
};

/** The first place in the order of computation. */
function notFinite({ reading, step, x, parameters }: Moment): Finding[] {
  const { list, examples, at, loss, gradients } = reading;
  const say = (where: string, evidence: Finding["evidence"], cause: string, remedies: readonly string[]): Finding[] => [
    finding({ rule: "not-finite", where, severity: "error", evidence, cause, remedies, confidence: "proved" }, step),
  ];
  const bad = firstBad(x);
  const each = x.length / examples;
  if (bad >= 0)
    return say("inputs", { example: Math.floor(bad / each), element: bad % each }, `an input is ${x[bad]}`, [
      "drop such examples, or fill gaps, for example with the mean of the others",
    ]);
  for (const [name, values] of parameters) {
    const k = firstBad(values);
    if (k >= 0)
      return say(name, { element: k }, `a parameter is ${values[k]}`, [
        "go back to a checkpoint from before, and train on with a smaller learning rate or with clipNorm",
      ]);
  }
  for (const { index, name, line } of list.sites) {
    const k = firstBad(at[index]!.output.data);
    if (k >= 0)
      return say(name, { element: k }, `it gives ${at[index]!.output.data[k]} for finite inputs${line ? `, at ${line}` : ""}`, [
        "look at its operands: a division by 0, the logarithm of 0, an exponential that overflows",
      ]);
  }
  if (!Number.isFinite(loss))
    return say("loss", { loss }, "the loss is no finite number for finite outputs", [
      "use a loss of logits (crossEntropy, binaryCrossEntropyWithLogits), which is stable at any magnitude",
    ]);
  const gradient = [...gradients].find(([, norm]) => !Number.isFinite(norm));
  return gradient
    ? say(gradient[0], { gradient: gradient[1] }, "its gradient is no finite number", [
        "look for a square root or a norm of 0: add a small number below the root",
      ])
    : [];
}

/** Scale and centre of the inputs; integers are indices, and are not looked at. */
export function inputRules(x: ArrayLike<number>, examples: number, step: number | null): Finding[] {
  if (x instanceof Int32Array || x.length === 0) return [];
  let [low, high, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const v = x[i]!;
    if (!Number.isFinite(v)) return [];
    if (v < low) low = v;
    if (v > high) high = v;
    sum += v;
    squares += v * v;
  }
  const mean = sum / x.length;
  const deviation = Math.sqrt(Math.max(0, squares / x.length - mean * mean));
  const rms = Math.sqrt(squares / x.length);
  const say = (cause: string, severity: Finding["severity"]): Finding[] => [
    finding(
      {
        rule: "data",
        where: "inputs",
        severity,
        evidence: { low, high, mean, deviation },
        cause,
        remedies: [
          "standardize the inputs: subtract the mean and divide by the deviation of the training split (data.standardize, or nn.BatchNorm as the first layer)",
        ],
        confidence: "measured",
      },
      step,
    ),
  ];
  if (deviation === 0 && examples > 1) return say("all inputs are the same number: there is nothing to learn from", "error");
  if (high - low > 20 && rms > 3)
    return say(
      `inputs reach from ${low.toPrecision(3)} to ${high.toPrecision(3)}: raw values, for which initial weights are made too large`,
      "warning",
    );
  if (Math.abs(mean) > 3 * deviation && Math.abs(mean) > 1)
    return say("inputs lie far from 0 for their spread: their second moment is a long valley, in which steps zig-zag", "warning");
  return [];
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
    finding({ rule: "data", where: "labels", severity, evidence, cause, remedies, confidence: "proved" }, step),
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

/** Width of the outputs, and a softmax in front of a loss that has its own. */
function outputRules({ reading, step, classes }: Moment): Finding[] {
  const { outputs, outputCotangent, list } = reading;
  if (classes === undefined || outputs.shape.length !== 2) return [];
  const width = outputs.shape[1]!;
  const say = (evidence: Finding["evidence"], cause: string, remedies: readonly string[], confidence: Finding["confidence"]): Finding[] => [
    finding(
      { rule: "outputs", where: list.sites[list.last]?.name ?? "outputs", severity: "error", evidence, cause, remedies, confidence },
      step,
    ),
  ];
  if (width !== classes && width > 1) {
    const never = width > classes ? `outputs ${classes} to ${width - 1} never occur as labels` : "some classes have no output";
    return say(
      { outputs: width, classes },
      `the model gives ${width} outputs for ${classes} classes: ${never}`,
      [`let the last layer have ${classes} outputs`],
      "proved",
    );
  }
  if (width < 2) return [];
  const shares = rowSums(outputs.data, width);
  const cotangents = rowSums(outputCotangent.data, width);
  const isShare = outputs.data.every((v: number) => v >= 0) && shares.every(({ sum }) => Math.abs(sum - 1) < 1e-4);
  // A loss with a softmax of its own does not change when all outputs rise by the same: its derivatives add up to 0.
  const invariant = cotangents.every(({ sum, size }) => Math.abs(sum) < 1e-4 * size) && cotangents.some(({ size }) => size > 0);
  if (!isShare || !invariant) return [];
  const worst = Math.max(...shares.map(({ sum }) => Math.abs(sum - 1)));
  return say(
    { outputs: width, "deviation of sums from 1": worst },
    "the model ends in a softmax, and the loss takes another of it: gradients are small, and the loss cannot fall below log(1 + (k-1)/e)",
    ["leave the softmax out of the model: crossEntropy takes logits"],
    "proved",
  );
}

function rowSums(data: ArrayLike<number>, width: number): { sum: number; size: number }[] {
  return Array.from({ length: data.length / width }, (_, i) => {
    let [sum, size] = [0, 0];
    for (let k = i * width; k < (i + 1) * width; k++) {
      sum += data[k]!;
      size += Math.abs(data[k]!);
    }
    return { sum, size };
  });
}

/** Weights that are all one number, units that are all alike, and outputs far too large at the start. */
function initRules({ reading, units, step, baseline, parameters }: Moment): Finding[] {
  const found: Finding[] = [];
  const remedies = ["draw the weights at random: nn.initializers.heNormal for relu, glorotUniform for tanh; biases may be 0"];
  const weights = reading.list.sites.flatMap((site) => (site.kind === "linear" && site.weights ? [site.weights] : []));
  const constant = [...new Set(weights)].filter((name) => {
    const values = parameters.get(name);
    return values && values.length > 1 && Array.prototype.every.call(values, (v: number) => v === values[0]);
  });
  const say = (where: string, evidence: Finding["evidence"], cause: string, confidence: Finding["confidence"], more = remedies): void => {
    found.push(finding({ rule: "poor-init", where, severity: "error", evidence, cause, remedies: more, confidence }, step));
  };
  const hidden = constant.filter((name) => name !== weights.at(-1) || weights.length === 1);
  const inner = weights.length > 1 ? constant.filter((name) => name !== weights.at(-1)) : [];
  if (inner.length > 0 || (constant.length === weights.length && hidden.length > 1)) {
    const value = parameters.get(inner[0] ?? constant[0]!)![0]!;
    say(
      (inner[0] ?? constant[0])!,
      { value, layers: constant.length },
      `all weights of the layer are ${value}: its units start alike and stay alike`,
      "proved",
    );
    return found;
  }
  const alike = units.activations.find(
    ({ duplicates, units: n }) => duplicates.reduce((sum, group) => sum + group.length - 1, 0) > 0.5 * n,
  );
  if (alike) {
    const copies = alike.duplicates.reduce((sum, group) => sum + group.length - 1, 0);
    say(
      alike.name,
      { copies, units: alike.units },
      `${copies} of ${alike.units} units are copies of others (|correlation| > 0.999)`,
      "measured",
    );
  }
  if ((step ?? 1) === 0 && baseline !== undefined && baseline > 0 && reading.loss > 10 * baseline)
    say(
      "outputs",
      { loss: reading.loss, constant: baseline },
      "at the start the loss is over ten times that of a constant answer: the outputs are far too large",
      "measured",
      ["smaller initial weights, of the last layer above all", "a normalisation behind each linear layer"],
    );
  return found;
}

function flowRules({ flow, step }: Moment): Finding[] {
  const { verdict, cause, worst, ratio, slope, remedies } = flow;
  if (verdict !== "vanishing" && verdict !== "exploding") return [];
  const evidence = { "first/last": ratio, "log10 per layer": slope, layers: flow.gradients.length };
  return [
    finding(
      { rule: verdict, where: worst ?? "gradients", severity: "error", evidence, cause: cause!, remedies, confidence: "measured" },
      step,
    ),
  ];
}

/**
 * Shares of a layer's units that may be dead: of those that were never active in some hundred examples, and of those that are proved to be. Fresh relu layers on digits have 10 to 40 % of the first kind, and learn.
 */
const [MANY, SOME] = [0.5, 0.1] as const;

/** Units that are off, or (where they give other numbers than 0) at the ends of their range. */
function unitRules(each: ActivationUnits, step: number | null): Finding[] {
  if (each.sparsity < 0.01 && each.flat > 0.5) return [saturated(each, step)];
  const { units, dead } = each;
  const share = dead.length / units;
  const proved = dead.length > 0 && dead.every(({ confidence }) => confidence === "proved");
  return share > MANY || (proved && share > SOME && units >= 4) ? [deadUnits(each, step, proved)] : [];
}

function saturated({ name, flat, far, input }: ActivationUnits, step: number | null): Finding {
  return {
    rule: "saturated",
    where: name,
    step,
    severity: flat > 0.9 ? "error" : "warning",
    evidence: { flat, "share of |z| > 5": far, "deviation of z": input.deviation },
    cause: `${(100 * flat).toFixed(0)} % of the values lie where the slope is under 1 % of its largest: |z| is too large`,
    remedies: [
      "smaller initial weights (nn.initializers.glorotNormal)",
      "standardized inputs",
      "a normalisation in front of the activation",
      "relu, gelu or silu instead",
    ],
    confidence: "measured",
  };
}

function deadUnits({ name, units, dead, cases, input, revivable }: ActivationUnits, step: number | null, proved: boolean): Finding {
  const fixed = revivable ? "" : "; in front of them lie only the inputs, so that they stay dead";
  return {
    rule: "dead",
    where: name,
    step,
    severity: dead.length > MANY * units ? "error" : "warning",
    evidence: { dead: dead.length, units, cases, "mean z": input.mean },
    cause: `${dead.length} of ${units} units have slope 0 for every example${fixed}`,
    remedies: [
      "a smaller learning rate",
      "biases of 0 and nn.initializers.heNormal",
      "leakyRelu or elu, whose slope is nowhere 0",
      "a normalisation in front of the activation",
    ],
    confidence: proved ? "proved" : "measured",
  };
}

/** Parameters through which no gradient comes, as the tape shows. */
function unreached({ reading, step }: Moment): Finding[] {
  const { unreached: names, parameters } = reading.list;
  if (names.length === 0) return [];
  return [
    finding(
      {
        rule: "unchanged",
        where: names.join(", "),
        severity: "error",
        evidence: { parameters: names.length, of: parameters.length },
        cause: "the loss does not depend on them through anything that has a derivative: they will not be trained",
        remedies: [
          "look for stopGradient, argmax, rounding or casts to integers behind these layers, and for results that are not used",
          "freeze() them if they shall rest",
        ],
        confidence: "proved",
      },
      step,
    ),
  ];
}
