/**
 * @file When to repair which piece of rail. A classifier says how probable a defect is; each segment gets one policy for the weeks ahead (nothing, grinding or replacing
 * in a week), whose expected cost has a closed form, so the plan of least cost is a linear program in 0-1 variables.
 */
import { LinearProgram, type SolveOptions, solve, type Term } from "./linear-program.ts";
import { randomFrom } from "./random.ts";

/** What a week does to the state of a segment, and what work on it costs. Costs have no unit; a failure is 100. */
export const RAIL = {
  /** By how much a defect grows in a week. */
  growth: 1.25,
  /** Of a state of 1, failures in a week: 1 - exp(-0.05). */
  hazard: 0.05,
  failure: 100,
  /** Paid once a week for a line on which somebody works. */
  closure: 10,
  grind: { cost: 4, hours: 2, leaves: 0.3 },
  replace: { cost: 18, hours: 6, state: 0.01 },
  /** Hours of work in a week. */
  hours: 12,
  /** A segment whose defect is more probable than this is treated in one of the first weeks. */
  urgent: { above: 0.5, weeks: 4 },
} as const;

export type Action = "none" | "grind" | "replace";

/** What is done to a segment, and in which week, from 0. */
export interface Policy {
  readonly action: Action;
  readonly week: number;
}

/** Lines of neighbouring segments, over some weeks. */
export interface RailTask {
  /** Probability of a defect, by segment. */
  readonly defect: readonly number[];
  readonly weeks: number;
  /** Segments of a line. */
  readonly perLine: number;
  /** What a policy is expected to cost. Default {@link costOf}, which takes the probability for the state; {@link expectedCost} is the other choice. */
  readonly cost?: typeof costOf;
}

/** A policy for each segment. */
export interface RailPlan {
  readonly policies: readonly Policy[];
  /** As the probabilities have it. */
  readonly cost: number;
  readonly gap: number;
}

export const NOTHING: Policy = { action: "none", week: 0 };

/** All policies over some weeks: nothing, then in each week grinding and replacing. */
export const policiesOver = (weeks: number): Policy[] => [
  NOTHING,
  ...Array.from({ length: weeks }, (_, week): Policy[] => [
    { action: "grind", week },
    { action: "replace", week },
  ]).flat(),
];

/** Failures to be expected over the weeks from a state (0 sound, 1 defective), and the work. Without the closure of the line. */
export function costOf({ action, week }: Policy, state: number, weeks: number): number {
  let [q, cost] = [state, action === "none" ? 0 : RAIL[action].cost];
  for (let now = 0; now < weeks; now++) {
    if (action === "grind" && now === week) q *= RAIL.grind.leaves;
    if (action === "replace" && now === week) q = RAIL.replace.state;
    cost += RAIL.failure * (1 - Math.exp(-RAIL.hazard * q));
    q = Math.min(1, q * RAIL.growth);
  }
  return cost;
}

/** The mean of what a policy costs a sound segment and a defective one. */
export const expectedCost = (policy: Policy, defect: number, weeks: number): number =>
  (1 - defect) * costOf(policy, 0, weeks) + defect * costOf(policy, 1, weeks);

/** What all of it costs if segments are in these states: policies, and closures of lines. */
export function costOfAll(policies: readonly Policy[], states: readonly number[], { weeks, perLine, cost = costOf }: RailTask): number {
  const closed = new Set(policies.flatMap(({ action, week }, i) => (action === "none" ? [] : [`${Math.floor(i / perLine)} ${week}`])));
  return policies.reduce((sum, policy, i) => sum + cost(policy, states[i]!, weeks), RAIL.closure * closed.size);
}

/** Hours of work by week. */
export function hoursOf(policies: readonly Policy[], weeks: number): number[] {
  const hours = new Array<number>(weeks).fill(0);
  for (const { action, week } of policies) if (action !== "none") hours[week]! += RAIL[action].hours;
  return hours;
}

/** Whether a plan keeps the hours and treats what is urgent in time. */
export const isAllowed = (policies: readonly Policy[], { defect, weeks }: RailTask): boolean =>
  hoursOf(policies, weeks).every((hours) => hours <= RAIL.hours) &&
  policies.every(({ action, week }, i) => defect[i]! <= RAIL.urgent.above || (action !== "none" && week < RAIL.urgent.weeks));

const nameOf = (segment: number, { action, week }: Policy): string =>
  action === "none" ? `x${segment}_none` : `x${segment}_${action}${week}`;

/** The plan of least cost as a linear program. */
export function railProgram({ defect, weeks, perLine, cost = costOf }: RailTask): LinearProgram {
  const program = new LinearProgram();
  const policies = policiesOver(weeks);
  const work = policies.filter(({ action }) => action !== "none");
  const closure = (segment: number, week: number): string => `y${Math.floor(segment / perLine)}_${week}`;
  for (const [i, p] of defect.entries()) for (const policy of policies) program.binary(nameOf(i, policy), cost(policy, p, weeks));
  for (let i = 0; i < defect.length; i += perLine) for (let week = 0; week < weeks; week++) program.binary(closure(i, week), RAIL.closure);
  const segments = defect.map((_, i) => i);
  for (const i of segments) {
    const all = (list: readonly Policy[]): Term[] => list.map((policy) => [1, nameOf(i, policy)]);
    program.row(`one${i}`, all(policies), "=", 1);
    if (defect[i]! > RAIL.urgent.above) program.row(`urgent${i}`, all(work.filter(({ week }) => week < RAIL.urgent.weeks)), ">=", 1);
    for (const policy of work) {
      const name = nameOf(i, policy);
      program.row(`closed_${name}`, [[1, name], [-1, closure(i, policy.week)]], "<=", 0); // biome-ignore format: two terms
    }
  }
  for (let week = 0; week < weeks; week++) {
    const now = work.filter((policy) => policy.week === week);
    const hours = segments.flatMap((i) => now.map((policy): Term => [RAIL[policy.action as "grind"].hours, nameOf(i, policy)]));
    program.row(`hours${week}`, hours, "<=", RAIL.hours);
  }
  return program;
}

/** The plan of least cost. @throws {Infeasible} where more is urgent than there are hours for. */
export async function planRails(task: RailTask, options?: SolveOptions): Promise<RailPlan> {
  const { cost, gap, has } = await solve(railProgram(task), options);
  const policies = policiesOver(task.weeks);
  return { cost, gap, policies: task.defect.map((_, i) => policies.find((policy) => has(nameOf(i, policy)))!) };
}

/** What a classifier alone would do: what is more probable than a threshold is replaced, the most probable first, in the first week that has the hours. */
export function thresholdPlan(task: RailTask, threshold = 0.5): RailPlan {
  const { defect, weeks } = task;
  const policies = defect.map(() => NOTHING);
  const used = new Array<number>(weeks).fill(0);
  for (const i of defect.map((_, segment) => segment).sort((a, b) => defect[b]! - defect[a]!)) {
    if (!(defect[i]! > threshold)) break;
    const week = used.findIndex((hours) => hours + RAIL.replace.hours <= RAIL.hours);
    if (week < 0) break;
    used[week]! += RAIL.replace.hours;
    policies[i] = { action: "replace", week };
  }
  return { policies, cost: costOfAll(policies, defect, task), gap: 0 };
}

/** Segments of which few are probably defective: cubes of uniform numbers. */
export function randomTask(seed: number, segments = 24, weeks = 6): RailTask {
  const random = randomFrom(seed);
  return { defect: Array.from({ length: segments }, () => random() ** 3), weeks, perLine: 8 };
}
