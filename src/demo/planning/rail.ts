/** @file `nabla demo rail`: from pictures of rails to the repairs that cost least. */
import type { Curve } from "../../figures/curves.ts";
import { type Gantt, ganttFigure, ganttText } from "../../figures/gantt.ts";
import { type Place, placeMap, type Way } from "../../figures/map.ts";
import { manualSeed } from "../../math/random.ts";
import type { Layer } from "../../nn/module.ts";
import type { Demo, Fact, Outcome } from "../demo.ts";
import { type RailImages, railImages, railSet } from "./rail-images.ts";
import {
  accuracy,
  calibrationError,
  crossEntropyLoss,
  decisionLoss,
  isotonic,
  probabilities,
  railNetwork,
  SHARE,
  trainRails,
} from "./rail-learning.ts";
import {
  costOf,
  costOfAll,
  expectedCost,
  hoursOf,
  type Policy,
  planRails,
  policiesOver,
  RAIL,
  type RailPlan,
  type RailTask,
  randomTask,
  thresholdPlan,
} from "./rail-plan.ts";
import { randomFrom } from "./random.ts";

const WEEKS = 8;
const SEGMENTS = 24;
const PER_LINE = 8;
/** Share of defective segments. */
const DEFECTIVE = 0.25;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** What a way of deciding comes to on pictures that nobody has learnt from. */
export interface Measured {
  readonly accuracy: number;
  readonly calibrationError: number;
  /** Cost of a segment when each is decided for itself and closures are shared. */
  readonly cost: number;
}

/** By cross entropy or through the decision; as the network says them, or calibrated. */
export type Kind = "plain" | "calibrated" | "decision" | "decisionCalibrated";

/** The networks of one seed, their probabilities, and what they come to. */
export interface RailStudy {
  readonly plain: Measured;
  readonly calibrated: Measured;
  readonly decision: Measured;
  readonly decisionCalibrated: Measured;
  /** Accuracy and cost of "replace above a threshold", for thresholds 0.05 to 0.95; `cost` where a failure costs 100, `fast` where it costs 400. */
  readonly thresholds: readonly { readonly threshold: number; readonly accuracy: number; readonly cost: number; readonly fast: number }[];
  /** Probabilities of pictures. */
  readonly classify: (images: RailImages) => Readonly<Record<Kind, number[]>>;
}

/** What a segment pays for itself: work, a share of the closure, and failures, which may cost more than elsewhere. */
function ownCost(policy: Policy, state: number, stakes = 1): number {
  const work = policy.action === "none" ? 0 : RAIL[policy.action].cost;
  return work + (work && SHARE) + stakes * (costOf(policy, state, WEEKS) - work);
}

/** The policy of a segment that is decided for itself. */
function decided(p: number): Policy {
  const costs = policiesOver(WEEKS).map((policy) => ({
    policy,
    cost: expectedCost(policy, p, WEEKS) + (policy.action === "none" ? 0 : SHARE),
  }));
  return costs.reduce((best, each) => (each.cost < best.cost ? each : best)).policy;
}

function measured(scores: ArrayLike<number>, { defective }: RailImages): Measured {
  const costs = Array.from(scores, (p, i) => ownCost(decided(p), defective[i]!));
  return { accuracy: accuracy(scores, defective), calibrationError: calibrationError(scores, defective), cost: mean(costs) };
}

function thresholdsOf(scores: Float64Array, { defective }: RailImages): RailStudy["thresholds"] {
  return Array.from({ length: 19 }, (_, k) => {
    const threshold = (k + 1) / 20;
    const policy = (p: number): Policy => ({ action: p > threshold ? "replace" : "none", week: 0 });
    return {
      threshold,
      accuracy: accuracy(scores, defective, threshold),
      cost: mean(Array.from(scores, (p, i) => ownCost(policy(p), defective[i]!))),
      fast: mean(Array.from(scores, (p, i) => ownCost(policy(p), defective[i]!, 4))),
    };
  });
}

/**
 * Trains by cross entropy, calibrates on held-out pictures, trains on through the decision; 1,000 pictures each of training and test, 400 to calibrate. 15 epochs at 3e-3
 * leave the network surer than it is right, as networks are that have learnt their pictures nearly by heart.
 */
export function studyRails(seed: number): RailStudy {
  manualSeed(seed);
  const [train, held, test] = [
    railSet(1000, DEFECTIVE, 10 * seed + 1),
    railSet(400, DEFECTIVE, 10 * seed + 2),
    railSet(1000, DEFECTIVE, 10 * seed + 3),
  ];
  const plain = railNetwork();
  trainRails(plain, train, crossEntropyLoss, { epochs: 15, lr: 3e-3, seed });
  const decision = railNetwork();
  decision.loadStateDict(plain.stateDict());
  trainRails(decision, train, decisionLoss(WEEKS, 2), { epochs: 6, lr: 1.5e-3, seed: seed + 500 });
  const calibration = (model: Layer): ((p: number) => number) => isotonic(probabilities(model, held), held.defective);
  const [calibrate, calibrateDecision] = [calibration(plain), calibration(decision)];
  const classify: RailStudy["classify"] = (images) => {
    const scores = Array.from(probabilities(plain, images));
    const relaxed = Array.from(probabilities(decision, images));
    return { plain: scores, calibrated: scores.map(calibrate), decision: relaxed, decisionCalibrated: relaxed.map(calibrateDecision) };
  };
  const found = classify(test);
  return {
    plain: measured(found.plain, test),
    calibrated: measured(found.calibrated, test),
    decision: measured(found.decision, test),
    decisionCalibrated: measured(found.decisionCalibrated, test),
    thresholds: thresholdsOf(Float64Array.from(found.plain), test),
    classify,
  };
}

/** A network of lines whose pictures were classified: what is believed of it, and what is true. */
export interface RailCase {
  readonly task: RailTask;
  readonly truth: readonly number[];
  readonly plan: RailPlan;
  readonly threshold: RailPlan;
}

/** Plans for a network of 24 segments, by each kind of probabilities. */
export async function planned({ classify }: RailStudy, seed: number): Promise<Readonly<Record<Kind, RailCase>>> {
  const random = randomFrom(seed + 7000);
  const truth = Array.from({ length: SEGMENTS }, () => (random() < DEFECTIVE ? 1 : 0));
  const found = classify(railImages(truth, seed + 9000));
  const one = async (kind: Kind): Promise<RailCase> => {
    const task: RailTask = { defect: found[kind], weeks: WEEKS, perLine: PER_LINE, cost: expectedCost };
    return { task, truth, plan: await planRails(task, { seconds: 20 }), threshold: thresholdPlan(task) };
  };
  return {
    plain: await one("plain"),
    calibrated: await one("calibrated"),
    decision: await one("decision"),
    decisionCalibrated: await one("decisionCalibrated"),
  };
}

/** What a plan costs in truth. */
export const trueCost = ({ policies }: RailPlan, { task, truth }: RailCase): number => costOfAll(policies, truth, task);

/** Savings against the threshold policy on instances of random probabilities, in the order of the seeds. */
export async function savings(seeds: readonly number[]): Promise<number[]> {
  const saved: number[] = [];
  for (const seed of seeds) {
    const task = randomTask(seed);
    saved.push(1 - (await planRails(task)).cost / thresholdPlan(task).cost);
  }
  return saved;
}

const LETTER = { none: "", grind: "g", replace: "R" } as const;
const lineName = (line: number): string => `line ${"ABCDEFGH"[line]}`;

/** The lines as text: chances of a defect in tenths, then what is done in which week, from 1. */
function mapText({ task, truth, plan }: RailCase): string {
  const lines = Array.from({ length: Math.ceil(task.defect.length / task.perLine) }, (_, line) => {
    const segments = Array.from({ length: task.perLine }, (__, k) => line * task.perLine + k).filter((i) => i < task.defect.length);
    const row = (name: string, cell: (segment: number) => string): string =>
      `  ${name.padEnd(17)} ${segments.map((i) => cell(i).padStart(4)).join("")}`.trimEnd();
    return [
      row(`${lineName(line)}  segment`, (i) => String(i + 1)),
      row("  defect, percent", (i) => String(Math.round(100 * task.defect[i]!))),
      row("  in truth", (i) => (truth[i] ? "x" : "·")),
      row("  work, week", (i) =>
        plan.policies[i]!.action === "none" ? "·" : `${LETTER[plan.policies[i]!.action]}${plan.policies[i]!.week + 1}`,
      ),
    ].join("\n");
  });
  return `the lines (g ground, R replaced)\n${lines.join("\n")}`;
}

function ganttOf({ task, plan }: RailCase): Gantt {
  const spans = Array.from({ length: task.weeks }, (_, week) => `week ${week + 1}`);
  const at = (line: number, week: number): string =>
    plan.policies
      .map((policy, i) => ({ ...policy, i }))
      .filter(({ action, week: when, i }) => action !== "none" && when === week && Math.floor(i / task.perLine) === line)
      .map(({ action, i }) => `${i + 1}${LETTER[action]}`)
      .join(" ");
  const lines = Array.from({ length: Math.ceil(task.defect.length / task.perLine) }, (_, line) => ({
    name: lineName(line),
    blocks: spans.flatMap((__, week) => (at(line, week) ? [{ from: week, text: at(line, week), colour: line }] : [])),
  }));
  const hours = hoursOf(plan.policies, task.weeks).flatMap((used, week) => (used > 0 ? [{ from: week, text: `${used} h` }] : []));
  return {
    title: "closures of lines: what is ground (g) or replaced (R), and hours of work",
    spans,
    rows: [...lines, { name: "hours", blocks: hours }],
  };
}

/** Lines that leave a station like the fingers of a hand. */
function mapOf({ task, plan }: RailCase): string {
  const places: Place[] = [{ x: 0, y: 0, name: "station", radius: 8 }];
  const ways: Way[] = [];
  for (const [i, p] of task.defect.entries()) {
    const [line, along] = [Math.floor(i / task.perLine), (i % task.perLine) + 1];
    const { action, week } = plan.policies[i]!;
    const colour = action === "none" ? 6 : action === "grind" ? 0 : 1;
    const name = action === "none" ? `${i + 1}` : `${i + 1}: week ${week + 1}`;
    places.push({ x: along, y: (line - 1) * Math.min(along, 2) * 0.75, name, colour, radius: 3 + 9 * p });
    ways.push({ from: along === 1 ? 0 : i, to: i + 1 });
  }
  return placeMap("the lines: the larger, the more probably defective", places, ways, {
    keys: [
      { name: "left alone", colour: 6 },
      { name: "ground", colour: 0 },
      { name: "replaced", colour: 1 },
    ],
  });
}

/** Facts of the plans alone. */
async function factsOfPlans(): Promise<Fact[]> {
  const stated = randomTask(7);
  const optimum = await planRails(stated, { gap: 1e-4 });
  const saved = await savings(Array.from({ length: 20 }, (_, i) => i + 1));
  return [
    { what: "stated instance, 24 segments and 6 weeks: cost of the best plan", value: optimum.cost, expected: 165.138799, within: 0.02 },
    { what: "of replacing what is more probable than 0.5", value: thresholdPlan(stated).cost, expected: 203.08849, within: 1e-4 },
    { what: "20 instances: share saved by the best plan, mean", value: mean(saved), least: 0.18 },
    { what: "the least of them", value: Math.min(...saved), least: 0 },
  ];
}

type Threshold = RailStudy["thresholds"][number];

/** The means over studies. */
const sweepOf = (studies: readonly RailStudy[]): Threshold[] =>
  studies[0]!.thresholds.map(({ threshold }, k) => ({
    threshold,
    accuracy: mean(studies.map(({ thresholds }) => thresholds[k]!.accuracy)),
    cost: mean(studies.map(({ thresholds }) => thresholds[k]!.cost)),
    fast: mean(studies.map(({ thresholds }) => thresholds[k]!.fast)),
  }));

const KINDS: readonly (readonly [Kind, string])[] = [
  ["plain", "by cross entropy"],
  ["calibrated", "by cross entropy, calibrated"],
  ["decision", "through the decision"],
  ["decisionCalibrated", "through the decision, calibrated"],
];

/** Facts of what five networks have learnt. */
function factsOfLearning(studies: readonly RailStudy[], sweep: readonly Threshold[]): Fact[] {
  const average = (kind: Kind, of: keyof Measured): number => mean(studies.map((study) => study[kind][of]));
  const least = (of: "cost" | "fast"): Threshold => sweep.reduce((a, b) => (b[of] < a[of] ? b : a));
  const best = sweep.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
  const { threshold, accuracy: right, fast } = least("fast");
  return [
    ...KINDS.map(([kind, name]): Fact => ({ what: `accuracy ${name}`, value: average(kind, "accuracy"), least: 0.78 })),
    ...KINDS.map(([kind, name]): Fact => ({ what: `calibration error ${name}`, value: average(kind, "calibrationError") })),
    ...KINDS.map(
      ([kind, name]): Fact => ({
        what: `cost of a segment ${name}`,
        value: average(kind, "cost"),
        ...(kind !== "plain" && { most: average("plain", "cost") }),
      }),
    ),
    { what: "replacing above a threshold: that of the best accuracy", value: best.threshold, note: `accuracy ${best.accuracy.toFixed(3)}` },
    { what: "that of the least cost where a failure costs 100", value: least("cost").threshold },
    {
      what: "that of the least cost where it costs 400",
      value: threshold,
      most: best.threshold,
      note: `accuracy ${right.toFixed(3)}; a segment costs ${fast.toFixed(1)} instead of ${best.fast.toFixed(1)}`,
    },
  ];
}

function factsOfCases(cases: readonly Readonly<Record<Kind, RailCase>>[]): Fact[] {
  const total = (kind: Kind, plan: "plan" | "threshold"): number => mean(cases.map((each) => trueCost(each[kind][plan], each[kind])));
  const replacing = total("plain", "threshold");
  return [
    { what: "networks of 24 segments, in truth: replacing above 0.5", value: replacing },
    ...KINDS.map(([kind, name]): Fact => ({ what: `planned, ${name}`, value: total(kind, "plan"), most: replacing })),
    {
      what: "largest gap to the bound",
      value: Math.max(...cases.flatMap((each) => Object.values(each).map(({ plan }) => plan.gap))),
      most: 1e-3,
    },
  ];
}

async function run(): Promise<Outcome> {
  const plans = await factsOfPlans();
  const studies = Array.from({ length: 5 }, (_, seed) => studyRails(seed));
  const cases: Awaited<ReturnType<typeof planned>>[] = [];
  for (const [seed, study] of studies.entries()) cases.push(await planned(study, seed));
  const sweep = sweepOf(studies);
  const work = ({ calibrated: { plan } }: (typeof cases)[number]): number => plan.policies.filter(({ action }) => action !== "none").length;
  const shown = cases.reduce((a, b) => (work(b) > work(a) ? b : a)).calibrated;
  const over = (name: string, of: keyof Threshold, by = 1): Curve => ({
    name,
    points: sweep.map((each) => [each.threshold, by * each[of]]),
  });
  return {
    facts: [...plans, ...factsOfLearning(studies, sweep), ...factsOfCases(cases)],
    text: `${mapText(shown)}\n\n${ganttText(ganttOf(shown))}`,
    charts: [
      {
        curves: [over("right, percent", "accuracy", 100)],
        options: { title: "accuracy over the threshold", x: "threshold", log: false, height: 260 },
      },
      {
        curves: [over("failure 100", "cost"), over("failure 400", "fast")],
        options: { title: "cost of a segment over the threshold above which it is replaced", x: "threshold", log: false },
      },
    ],
    pictures: [mapOf(shown), ganttFigure(ganttOf(shown))],
  };
}

export const rail: Demo = {
  name: "rail",
  shows: "defects of rails from pictures, then the repairs of least cost under closures and hours of work; accuracy is not cost",
  document: "S1",
  rows: ["MSC-3"],
  run,
};
