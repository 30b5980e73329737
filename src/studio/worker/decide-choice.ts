/** @file Plans of the room Decide as plain data: the stated tasks and their best plans, plans as short lists for links, and what is wrong with a plan. */
import { CREW, type CrewTask, costOfSchedule, type Entry, randomCrewTask, refusal } from "../../demo/planning/crew-plan.ts";
import {
  costOf,
  costOfAll,
  hoursOf,
  isAllowed,
  type Policy,
  policiesOver,
  RAIL,
  type RailTask,
  randomTask,
  thresholdPlan,
} from "../../demo/planning/rail-plan.ts";

export const WEEKS = 6;
/** The seed of the stated instance, 24 segments and 6 weeks. */
export const STATED_RAIL = 7;
export const STATED_CREW = 6;
export const CREW_SIZE = [8, 9, 8] as const;
export const SEEDS = [0, 99] as const;

/** A plan that was solved; rails by the number of each segment's policy, crews by the site of each crew and day, or -1, row by row. */
export interface Solved {
  /** What it solves: {@link railKey} or {@link crewKey}. */
  readonly key: string;
  readonly cost: number;
  readonly gap: number;
  readonly plan: readonly number[];
}

/** Somebody at a gate: a crew by its number from 0, a face that nobody knows, or nobody. */
export interface Gate {
  readonly who: number | "unknown" | "nobody";
  readonly site: number;
}

export const NO_GATE: Gate = { who: "nobody", site: 0 };

/** What a failure costs. */
export const FAILURES = [25, 800] as const;

/** A plan of rails is for an instance, and for what a failure costs. */
export const railKey = (seed: number, failure: number): string => `${seed} ${failure}`;

/** A plan of crews is for an instance, and for who is at a gate. */
export const crewKey = (seed: number, { who, site }: Gate = NO_GATE): string => (who === "nobody" ? `${seed}` : `${seed} ${who} ${site}`);

/** As HiGHS gives them. */
export const BEST_RAILS: readonly Solved[] = [
  {
    key: railKey(STATED_RAIL, RAIL.failure),
    cost: 165.138799,
    gap: 0,
    plan: [0, 0, 1, 1, 1, 0, 0, 0, 3, 3, 0, 0, 3, 3, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0],
  },
  {
    key: railKey(STATED_RAIL, 4 * RAIL.failure),
    cost: 372.756509,
    gap: 0,
    plan: [0, 0, 4, 3, 3, 0, 3, 0, 5, 5, 0, 0, 6, 5, 0, 0, 0, 7, 0, 2, 0, 2, 0, 0],
  },
];

export const BEST_CREW: Solved = {
  key: crewKey(STATED_CREW),
  cost: 59.43276,
  gap: 0,
  plan: [
    3, 3, 3, 3, 2, 6, 6, 6, -1, -1, -1, 5, -1, -1, -1, -1, -1, -1, -1, 7, 7, 7, -1, -1, 3, 4, 4, 0, 0, 0, 0, 0, -1, -1, -1, -1, 1, 1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, 8, 8, 8, 8, 2, 2, 2, 2, -1, -1, -1, -1, -1, -1, -1, -1,
  ],
};

/** An instance in which a failure costs what it is told to. */
export function railTask(seed: number, failure: number = RAIL.failure): RailTask {
  const cost: typeof costOf = (policy, state, weeks) => {
    const work = policy.action === "none" ? 0 : RAIL[policy.action].cost;
    return work + (failure / RAIL.failure) * (costOf(policy, state, weeks) - work);
  };
  return { ...randomTask(seed, 24, WEEKS), ...(failure !== RAIL.failure && { cost }) };
}

/** How often "defective" above a threshold is right, if the probabilities are. It is most often at ½. */
export const rightAbove = ({ defect }: RailTask, threshold: number): number =>
  defect.reduce((sum, p) => sum + (p > threshold ? p : 1 - p), 0) / defect.length;

export interface AtThreshold {
  readonly threshold: number;
  readonly right: number;
  readonly cost: number;
  /** Whether the plan keeps all rows. */
  readonly isAllowed: boolean;
}

/** What replacing above a threshold comes to. */
export function atThreshold(task: RailTask, threshold: number): AtThreshold {
  const { policies, cost } = thresholdPlan(task, threshold);
  return { threshold, cost, right: rightAbove(task, threshold), isAllowed: isAllowed(policies, task) };
}

/** For thresholds 0 to 1. */
export const thresholdSweep = (task: RailTask): AtThreshold[] => Array.from({ length: 101 }, (_, i) => atThreshold(task, i / 100));

/** The cheapest of those that keep all rows, of equals the one nearest to ½. */
export const cheapest = (sweep: readonly AtThreshold[]): AtThreshold | undefined =>
  sweep.filter((each) => each.isAllowed).sort((a, b) => a.cost - b.cost || Math.abs(a.threshold - 0.5) - Math.abs(b.threshold - 0.5))[0];

export const crewTask = (seed: number): CrewTask => randomCrewTask(seed, CREW_SIZE);

export const seedOf = (given: unknown, first: number): number =>
  Number.isInteger(given) && (given as number) >= SEEDS[0] && (given as number) <= SEEDS[1] ? (given as number) : first;

const POLICIES = policiesOver(WEEKS);

export const policiesOf = (plan: readonly number[]): Policy[] => plan.map((i) => POLICIES[i]!);

export const railNumbers = (policies: readonly Policy[]): number[] =>
  policies.map(({ action, week }) => POLICIES.findIndex((each) => each.action === action && each.week === week));

/** A plan of a link, if it is one. */
export const isRailPlan = (plan: unknown): plan is number[] =>
  Array.isArray(plan) && plan.length === 24 && plan.every((i) => Number.isInteger(i) && i >= 0 && i < POLICIES.length);

const [CREWS, SITES, DAYS] = CREW_SIZE;

export const isCrewPlan = (plan: unknown): plan is number[] =>
  Array.isArray(plan) && plan.length === CREWS * DAYS && plan.every((j) => Number.isInteger(j) && j >= -1 && j < SITES);

/** The site of each crew on each day. */
export const sitesOf = (plan: readonly number[]): (number | undefined)[][] =>
  Array.from({ length: CREWS }, (_, c) => plan.slice(c * DAYS, (c + 1) * DAYS).map((j) => (j < 0 ? undefined : j)));

/** A plan of a link, if it is one for that. */
export function isSolved(given: unknown, key: string, isPlan: (plan: unknown) => boolean): given is Solved {
  const { cost, gap, plan, key: own } = (given ?? {}) as Partial<Record<keyof Solved, unknown>>;
  return own === key && Number.isFinite(cost) && Number.isFinite(gap) && isPlan(plan);
}

/** What a rail plan breaks, in words. */
export function railFaults(policies: readonly Policy[], { defect, weeks }: RailTask): string[] {
  const hours = hoursOf(policies, weeks).flatMap((used, week) =>
    used > RAIL.hours ? [`week ${week + 1}: ${used} hours of work, there are ${RAIL.hours}`] : [],
  );
  const urgent = policies.flatMap(({ action, week }, i) =>
    defect[i]! > RAIL.urgent.above && (action === "none" || week >= RAIL.urgent.weeks)
      ? [`segment ${i + 1} is urgent: it must be treated by week ${RAIL.urgent.weeks}`]
      : [],
  );
  return [...hours, ...urgent];
}

export const railCost = (policies: readonly Policy[], task: RailTask): number => costOfAll(policies, task.defect, task);

export function readGate(given: unknown): Gate {
  const { who, site } = (given ?? {}) as Partial<Record<keyof Gate, unknown>>;
  const isKnown = Number.isInteger(who) && (who as number) >= 0 && (who as number) < CREWS;
  if (!(isKnown || who === "unknown") || !(Number.isInteger(site) && (site as number) >= 0 && (site as number) < SITES)) return NO_GATE;
  return { who: who as Gate["who"], site: site as number };
}

/** Who is at a gate as a row of the program. */
export const entriesOf = ({ who, site }: Gate): Entry[] =>
  who === "nobody" ? [] : [{ name: `gate_of_site_${site + 1}`, crew: who === "unknown" ? undefined : who, site }];

/** What a schedule breaks, in words; each is a row of the program that has no solution with it. */
export function crewFaults(sites: readonly (readonly (number | undefined)[])[], task: CrewTask, gate: Gate = NO_GATE): string[] {
  const faults: string[] = [];
  for (const [c, days] of sites.entries())
    for (const [d, j] of days.entries()) {
      const why = j === undefined ? undefined : refusal(task.crews[c]!, task.sites[j]!, d);
      if (why !== undefined) faults.push(`crew ${c + 1} at site ${j! + 1} on day ${d + 1}: ${why}`);
    }
  for (const [j, site] of task.sites.entries()) {
    const there = Array.from({ length: task.days }, (_, d) => sites.filter((days) => days[d] === j).length);
    const all = there.reduce((a, b) => a + b, 0);
    if (all !== site.days) faults.push(`site ${j + 1} needs ${site.days} days of work and gets ${all}`);
    for (const [d, n] of there.entries())
      if (n > CREW.most) faults.push(`site ${j + 1} on day ${d + 1}: ${n} crews, it holds ${CREW.most}`);
  }
  return [...faults, ...gateFaults(sites, task, gate)];
}

/** Why nobody may enter there, whatever the plan: the sum of what may let them in must be 1, and has no terms. */
export function shutGate(task: CrewTask, { who, site }: Gate): string | undefined {
  if (who === "nobody") return undefined;
  const why = who === "unknown" ? "nobody knows this face" : refusal(task.crews[who]!, task.sites[site]!, 0);
  if (why === undefined) return undefined;
  return `gate of site ${site + 1}: ${who === "unknown" ? "" : `crew ${who + 1}: `}${why}, so its row is 0 = 1: no plan lets it in`;
}

/** What the row of whoever is at a gate breaks. */
export function gateFaults(sites: readonly (readonly (number | undefined)[])[], task: CrewTask, gate: Gate): string[] {
  const shut = shutGate(task, gate);
  if (shut !== undefined) return [shut];
  const { who, site } = gate;
  if (typeof who !== "number" || sites[who]![0] === site) return [];
  return [`gate of site ${site + 1}: crew ${who + 1} may enter, but this plan does not send it there on day 1`];
}

export const crewCost = (plan: readonly number[], task: CrewTask): number => costOfSchedule(sitesOf(plan), task);
