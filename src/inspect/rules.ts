/**
 * @file The rules of a network at one moment: what its sites, its data and its outputs say. Thresholds are relative, between layers or to what the data have, so that a net that has
 * converged is not called broken; each is tried on healthy nets by the tests.
 */
import type { Finding } from "../train/finding.ts";
import type { Moment } from "./moment.ts";
import { outputRules } from "./output-rules.ts";
import type { ActivationUnits } from "./units.ts";
import { inputRules, labelRules, rootMeanSquare, targetRules } from "./value-rules.ts";

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
    ...farTargets(moment),
    ...outputRules(moment),
    ...initRules(moment),
    ...flowRules(moment),
    ...worstOf(moment.units.activations.flatMap((each) => unitRules(each, moment.step))),
    ...unreached(moment),
    ...linearPairs(moment),
  ];
}

/** Targets that are far from what the network gives yet. */
function farTargets({ y, reading, step }: Moment): Finding[] {
  if (y instanceof Int32Array || y.length === 0) return [];
  return rootMeanSquare(reading.outputs.data) < 0.1 * rootMeanSquare(y) ? targetRules(y, step) : [];
}

const firstBad = (values: ArrayLike<number>): number => {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
};

/** The first place in the order of computation. */
function notFinite({ reading, step, x, y, parameters }: Moment): Finding[] {
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
  const target = firstBad(y);
  if (target >= 0)
    return say("targets", { value: target }, `a target is ${y[target]}`, [
      "drop examples without a target: nothing can be learned from them",
    ]);
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

/** Of a fault that many layers have, the worst with their number: a list of them says no more. */
function worstOf(found: readonly Finding[]): Finding[] {
  return (["saturated", "dead"] as const).flatMap((rule) => {
    const own = found.filter((each) => each.rule === rule);
    if (own.length <= FEW) return own;
    const share = ({ evidence }: Finding): number => evidence.flat ?? evidence.dead! / evidence.units!;
    const worst = own.reduce((a, b) => (share(b) > share(a) ? b : a));
    return [{ ...worst, evidence: { ...worst.evidence, layers: own.length }, cause: `${worst.cause}; so it is in ${own.length} layers` }];
  });
}

/** Layers with one fault that are named one by one. */
const FEW = 3;

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

/**
 * Two dense layers without anything between them are one linear map. Where that map has fewer weights than the two, they gain nothing; a narrow layer between wide ones saves parameters.
 */
function linearPairs({ reading, step, parameters }: Moment): Finding[] {
  const { sites } = reading.list;
  const readers = (index: number): number => sites.filter(({ from }) => from.some((each) => each.includes(index))).length;
  return sites.flatMap((site) => {
    const before = sites[site.from[0]?.[0] ?? -1];
    if (site.kind !== "linear" || before?.kind !== "linear" || !site.spec || !before.spec) return [];
    if (site.from[0]!.length > 1 || site.between[0]!.length > 0 || readers(before.index) > 1) return [];
    const [own, other] = [site, before].map(({ weights }) => parameters.get(weights ?? "")?.length ?? 0) as [number, number];
    const [width, middle] = [site, before].map(({ shape, unitAxis }) => shape[unitAxis]!) as [number, number];
    const merged = (other / middle) * width;
    if (own === 0 || other === 0 || merged > own + other) return [];
    return [
      finding(
        {
          rule: "no-activation",
          where: `${before.name} and ${site.name}`,
          severity: "note",
          evidence: { weights: own + other, "of one layer": merged },
          cause: "nothing lies between the two layers: together they are one linear map, which a single layer with fewer weights is too",
          remedies: [`an activation between them, such as nn.ReLU`, "one layer in their place"],
          confidence: "proved",
        },
        step,
      ),
    ];
  });
}
