/**
 * @file Which crew works where on which day. Crews have skills and certificates and start where a gate has seen them; sites need days of a skill, from a day on, better
 * before another. The schedule of least cost is a linear program in 0-1 variables; whoever asks to be let in at a gate is one more row.
 */
import { Infeasible, LinearProgram, type SolveOptions, solve, type Term } from "./linear-program.ts";
import { randomFrom } from "./random.ts";

/** Costs without a unit. */
export const CREW = {
  /** Of a crew's day at work. */
  day: 1,
  /** Of each day, by the distance from where the crew was seen. */
  distance: 0.2,
  /** Of a day at another site than the day before. */
  change: 1.5,
  /** Of a day's work done a day too late, times the weight of the site. */
  late: 5,
  /** Crews that a site holds at a time. */
  most: 2,
} as const;

export interface Site {
  /** Number of the skill that it needs. */
  readonly skill: number;
  /** Days of a crew's work. */
  readonly days: number;
  /** The first day, from 0, and the last that is not late. */
  readonly release: number;
  readonly due: number;
  readonly weight: number;
  /** Whether it is dangerous, and a crew needs the certificate. */
  readonly certificate: boolean;
  readonly x: number;
  readonly y: number;
}

export interface Crew {
  /** By skill. */
  readonly skills: readonly boolean[];
  readonly certificate: boolean;
  /** The site at which it was seen the evening before. */
  readonly at: number;
}

/** Somebody who asks to be let in on the first day: a crew by its number, or nobody whom we know. */
export interface Entry {
  readonly name: string;
  readonly crew: number | undefined;
  readonly site: number;
}

export interface CrewTask {
  readonly crews: readonly Crew[];
  readonly sites: readonly Site[];
  readonly days: number;
  readonly entries?: readonly Entry[];
}

export interface Schedule {
  /** The site of each crew on each day, if it works. */
  readonly sites: readonly (readonly (number | undefined)[])[];
  readonly cost: number;
  readonly gap: number;
}

const distance = (a: Site, b: Site): number => Math.hypot(a.x - b.x, a.y - b.y);

/** Whether a crew may work at a site on a day, and why not. */
export function refusal({ skills, certificate }: Crew, site: Site, day: number): string | undefined {
  if (!skills[site.skill]) return "has not the skill";
  if (site.certificate && !certificate) return "has no certificate for a dangerous site";
  return day < site.release ? `the site opens on day ${site.release + 1}` : undefined;
}

const nameOf = (crew: number, site: number, day: number): string => `x${crew}_${site}_${day}`;

/** What a crew's day at a site costs beside changes. */
export const dayCost = ({ crews, sites }: CrewTask, crew: number, site: number, day: number): number => {
  const here = sites[site]!;
  return CREW.day + CREW.distance * distance(sites[crews[crew]!.at]!, here) + CREW.late * here.weight * Math.max(0, day - here.due);
};

/** What a schedule costs. A crew that did not work the day before has changed. The first day is no change. */
export function costOfSchedule(schedule: readonly (readonly (number | undefined)[])[], task: CrewTask): number {
  return schedule.reduce(
    (sum, days, crew) =>
      days.reduce<number>((s, site, day) => {
        if (site === undefined) return s;
        return s + dayCost(task, crew, site, day) + (day > 0 && days[day - 1] !== site ? CREW.change : 0);
      }, sum),
    0,
  );
}

/** Calls for everything from 0. */
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The schedule of least cost as a linear program. */
export function crewProgram(task: CrewTask): LinearProgram {
  const { crews, sites, days, entries = [] } = task;
  const program = new LinearProgram();
  for (const c of upTo(crews.length))
    for (const d of upTo(days))
      for (const j of upTo(sites.length))
        if (refusal(crews[c]!, sites[j]!, d) === undefined) program.binary(nameOf(c, j, d), dayCost(task, c, j, d));
  const among = (names: readonly string[]): Term[] => names.filter((name) => program.isBinary(name)).map((name) => [1, name]);
  for (const c of upTo(crews.length))
    for (const d of upTo(days)) {
      const one = among(upTo(sites.length).map((j) => nameOf(c, j, d)));
      if (one.length > 1) program.row(`crew${c + 1}_day${d + 1}`, one, "<=", 1);
    }
  for (const [j, site] of sites.entries()) {
    const on = (d: number): Term[] => among(upTo(crews.length).map((c) => nameOf(c, j, d)));
    program.row(`site${j + 1}_days`, upTo(days).flatMap(on), "=", site.days);
    for (const d of upTo(days)) if (on(d).length > CREW.most) program.row(`site${j + 1}_day${d + 1}`, on(d), "<=", CREW.most);
  }
  addChanges(program, task);
  for (const { name, crew, site } of entries) program.row(name, crew === undefined ? [] : among([nameOf(crew, site, 0)]), "=", 1);
  return program;
}

/** A variable for each change of a crew to a site, which is at least what the days before and after differ. */
function addChanges(program: LinearProgram, { crews, sites, days }: CrewTask): void {
  for (const c of upTo(crews.length))
    for (let d = 1; d < days; d++)
      for (const j of upTo(sites.length)) {
        const [now, before, change] = [nameOf(c, j, d), nameOf(c, j, d - 1), `z${c}_${j}_${d}`];
        if (!program.isBinary(now)) continue;
        program.cost(change, CREW.change);
        const was: Term[] = program.isBinary(before) ? [[-1, before]] : [];
        program.row(`change_${change}`, [[1, now], ...was, [-1, change]], "<=", 0);
      }
}

/** The schedule of least cost. @throws {Infeasible} where no schedule keeps all rows. */
export async function scheduleCrews(task: CrewTask, options?: SolveOptions): Promise<Schedule> {
  const { cost, gap, has } = await solve(crewProgram(task), options);
  const sites = task.crews.map((_, c) => upTo(task.days).map((d) => upTo(task.sites.length).find((j) => has(nameOf(c, j, d)))));
  return { cost, gap, sites };
}

/** The entries that contradict the rest, taken out one after the other, and the schedule without them. */
export async function scheduleWhoMayEnter(
  task: CrewTask,
  options?: SolveOptions,
): Promise<{ readonly schedule: Schedule; readonly turnedAway: readonly { readonly entry: Entry; readonly rows: readonly string[] }[] }> {
  const turnedAway: { entry: Entry; rows: readonly string[] }[] = [];
  for (let entries = [...(task.entries ?? [])]; ; ) {
    try {
      return { schedule: await scheduleCrews({ ...task, entries }, options), turnedAway };
    } catch (error) {
      const entry = error instanceof Infeasible ? entries.find(({ name }) => error.rows.includes(name)) : undefined;
      if (entry === undefined) throw error;
      turnedAway.push({ entry, rows: (error as Infeasible).rows });
      entries = entries.filter((each) => each !== entry);
    }
  }
}

/** A made-up task. Crews 1 and 2 have all skills; every third crew has the certificate. */
export function randomCrewTask(seed: number, [crewCount, siteCount, days]: readonly [number, number, number] = [12, 15, 10]): CrewTask {
  const random = randomFrom(seed);
  const skills = 3;
  const drawn = upTo(crewCount).map(() => upTo(skills).map(() => random() < 0.6));
  const half = upTo(siteCount).map(() => ({
    skill: Math.floor(random() * skills),
    days: 1 + Math.floor(random() * 5),
    release: Math.floor(random() * 4),
    weight: 1 + Math.floor(random() * 3),
    x: random() * 10,
    y: random() * 10,
    certificate: random() < 0.3,
  }));
  const sites = half.map((site) => ({ ...site, due: Math.min(days - 1, site.release + site.days + 2 + Math.floor(random() * 3)) }));
  const crews = drawn.map((own, c) => ({
    skills: c < 2 ? own.map(() => true) : own,
    certificate: c % 3 === 0,
    at: Math.floor(random() * siteCount),
  }));
  return { crews, sites, days };
}
