/** @file `nabla demo crew`: from photographs at gates to a schedule of crews. */
import { type Gantt, ganttFigure, ganttText } from "../../figures/gantt.ts";
import { type Place, placeMap, type Way } from "../../figures/map.ts";
import { manualSeed } from "../../math/random.ts";
import type { Demo, Fact, Outcome } from "../demo.ts";
import { known, limitsFrom, Register, trainEmbedding } from "./crew-learning.ts";
import {
  type CrewTask,
  costOfSchedule,
  type Entry,
  randomCrewTask,
  refusal,
  type Schedule,
  scheduleCrews,
  scheduleWhoMayEnter,
} from "./crew-plan.ts";

const CREWS = 8;
const SITES = 9;
const DAYS = 8;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** People by their numbers, which no training has seen: foremen, others to set limits by, strangers. */
const peopleOf = (seed: number, kind: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => 1_000_000 * (kind + 1) + 1000 * seed + i);

/** What the gates of one seed know. */
export interface GateStudy {
  /** Share of sightings of foremen whose nearest enrolled person is the right one. */
  readonly right: number;
  /** Share of sightings of foremen that are refused, and of strangers that are not. */
  readonly refused: number;
  readonly letIn: number;
  /** The crew that a gate takes somebody for, undefined if it knows nobody. */
  readonly see: (people: readonly number[], seed: number) => (number | undefined)[];
  readonly foremen: readonly number[];
  readonly strangers: readonly number[];
}

/** Trains on 80 people, sets limits by 20 others, enrols the foremen of the crews, and looks at each 12 times. */
export function studyGates(seed: number): GateStudy {
  manualSeed(seed);
  const model = trainEmbedding(seed);
  const limits = limitsFrom(model, peopleOf(seed, 1, 20), seed + 40);
  const [foremen, strangers] = [peopleOf(seed, 2, CREWS), peopleOf(seed, 3, 96)];
  const register = new Register(model, foremen, seed + 50);
  const times = foremen.flatMap((who) => new Array<number>(12).fill(who));
  const [seen, others] = [register.see(times, seed + 60), register.see(strangers, seed + 70)];
  const share = (list: readonly boolean[]): number => list.filter(Boolean).length / list.length;
  return {
    right: share(seen.map(({ nearest }, i) => foremen[nearest] === times[i])),
    refused: share(seen.map((each) => !known(each, limits))),
    letIn: share(others.map((each) => known(each, limits))),
    see: (people, at) => register.see(people, at).map((each) => (known(each, limits) ? each.nearest : undefined)),
    foremen,
    strangers,
  };
}

/** The task as the gates see it: a crew that no gate has known is thought to be at the depot, which is site 1. */
export function asSeen(task: CrewTask, { see, foremen }: GateStudy, seed: number): CrewTask {
  const seen = see(foremen, seed);
  return { ...task, crews: task.crews.map((crew, c) => ({ ...crew, at: seen.includes(c) ? task.crews[seen.indexOf(c)]!.at : 0 })) };
}

/** Who asks to be let in on the first morning: a crew that may, one without the certificate for a dangerous site, and a stranger. */
export function morning(task: CrewTask, { see, foremen, strangers }: GateStudy): Entry[] {
  const { crews, sites } = task;
  const open = sites.findIndex((site) => site.release === 0 && crews.some((crew) => refusal(crew, site, 0) === undefined));
  const dangerous = sites.findIndex((site) => site.certificate && crews.some((crew) => crew.skills[site.skill] && !crew.certificate));
  const may = crews.findIndex((crew) => refusal(crew, sites[open]!, 0) === undefined);
  const mayNot = crews.findIndex((crew, c) => c !== may && crew.skills[sites[dangerous]!.skill] && !crew.certificate);
  const found = see([foremen[may]!, foremen[mayNot]!, strangers[0]!], 80);
  return [open, dangerous, open].map((site, i) => ({ name: `gate${i + 1}_site${site + 1}`, crew: found[i], site }));
}

const crewName = (c: number): string => `crew ${c + 1}`;

function ganttOf(schedule: Schedule): Gantt {
  const rows = schedule.sites.map((days, c) => ({
    name: crewName(c),
    blocks: days.flatMap((site, d) => {
      if (site === undefined || (d > 0 && days[d - 1] === site)) return [];
      let to = d;
      while (days[to + 1] === site) to++;
      return [{ from: d, to, text: `site ${site + 1}`, colour: site }];
    }),
  }));
  return { title: "who works where", spans: Array.from({ length: DAYS }, (_, d) => `day ${d + 1}`), rows };
}

function mapOf(task: CrewTask, schedule: Schedule): string {
  const places: Place[] = task.sites.map(({ x, y, certificate, days }, j) => ({
    x,
    y,
    name: `site ${j + 1}${certificate ? " !" : ""}`,
    colour: certificate ? 1 : 0,
    radius: 3 + 2 * days,
  }));
  const ways: Way[] = schedule.sites.flatMap((days, c) => {
    const stops = [task.crews[c]!.at, ...days.filter((site) => site !== undefined)];
    return stops.slice(1).flatMap((to, i) => (to === stops[i] ? [] : [{ from: stops[i]!, to, colour: 2 }]));
  });
  return placeMap("sites, by days of work, and the ways of the crews", places, ways, {
    keys: [
      { name: "site", colour: 0 },
      { name: "dangerous (!): with a certificate", colour: 1 },
      { name: "way of a crew", colour: 2 },
    ],
  });
}

/** The row of each entry that cannot be, and why. */
function gateText(
  task: CrewTask,
  entries: readonly Entry[],
  turnedAway: Awaited<ReturnType<typeof scheduleWhoMayEnter>>["turnedAway"],
): string {
  const lines = entries.map((entry) => {
    const away = turnedAway.find(({ entry: other }) => other === entry);
    const who = entry.crew === undefined ? "unknown" : crewName(entry.crew);
    if (!away) return `  ${entry.name}: ${who}, let in`;
    const why =
      entry.crew === undefined
        ? "no crew has this face: 0 = 1 has no solution"
        : (refusal(task.crews[entry.crew]!, task.sites[entry.site]!, 0) ??
          `contradicts ${away.rows.filter((row) => row !== entry.name).join(", ")}`);
    return `  ${entry.name}: ${who}, turned away; infeasible row: ${why}`;
  });
  return ["the first morning at the gates", ...lines].join("\n");
}

function factsOfGates(studies: readonly GateStudy[]): Fact[] {
  const average = (of: "right" | "refused" | "letIn"): number => mean(studies.map((study) => study[of]));
  return [
    { what: "five networks: foremen whose nearest face is their own", value: average("right"), least: 0.95 },
    { what: "the worst network", value: Math.min(...studies.map(({ right }) => right)), least: 0.85 },
    { what: "foremen taken for unknown", value: average("refused"), most: 0.2 },
    { what: "strangers taken for a foreman", value: average("letIn"), most: 0.3 },
  ];
}

async function run(): Promise<Outcome> {
  const task = randomCrewTask(6, [CREWS, SITES, DAYS]);
  const best = await scheduleCrews(task);
  const studies = Array.from({ length: 5 }, (_, seed) => studyGates(seed));
  const costs: number[] = [];
  for (const [seed, study] of studies.entries())
    costs.push(costOfSchedule((await scheduleCrews(asSeen(task, study, seed + 90))).sites, task));
  const blind = await scheduleCrews({ ...task, crews: task.crews.map((crew) => ({ ...crew, at: 0 })) });
  const entries = morning(task, studies[0]!);
  const { schedule, turnedAway } = await scheduleWhoMayEnter({ ...task, entries });
  return {
    facts: [
      ...factsOfGates(studies),
      { what: "8 crews, 9 sites, 8 days: least cost", value: best.cost, note: `gap ${best.gap.toExponential(1)}` },
      { what: "its cost again, from the schedule", value: costOfSchedule(best.sites, task), expected: best.cost, within: 1e-3 },
      { what: "scheduled by what the gates see, five networks", value: mean(costs), least: best.cost * (1 - 1e-3) },
      { what: "scheduled as if all were at the depot", value: costOfSchedule(blind.sites, task), least: best.cost },
      { what: "asked to be let in", value: entries.length },
      { what: "turned away: infeasible rows", value: turnedAway.length, expected: 2 },
      { what: "cost with who was let in", value: schedule.cost, least: best.cost * (1 - 1e-3) },
    ],
    text: `${gateText(task, entries, turnedAway)}\n\n${ganttText(ganttOf(schedule))}`,
    pictures: [mapOf(task, schedule), ganttFigure(ganttOf(schedule))],
  };
}

export const crew: Demo = {
  name: "crew",
  shows: "who is where, by faces at gates, then the crews' schedule of least cost; whoever may not enter is an infeasible row",
  document: "S1",
  rows: ["MSC-3"],
  run,
};
