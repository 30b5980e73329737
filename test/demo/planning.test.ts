/** @file Plans: the solver finds what trying all finds, the figures of the stated instance, and the parts that learn for a decision. */
import { describe, expect, test } from "vitest";
import { known, Register, trainEmbedding } from "../../src/demo/planning/crew-learning.ts";
import {
  type CrewTask,
  costOfSchedule,
  crewProgram,
  randomCrewTask,
  refusal,
  scheduleCrews,
  scheduleWhoMayEnter,
} from "../../src/demo/planning/crew-plan.ts";
import { Infeasible, LinearProgram, solve } from "../../src/demo/planning/linear-program.ts";
import { calibrationError, decisionLoss, isotonic, policyCosts, SHARE } from "../../src/demo/planning/rail-learning.ts";
import {
  costOf,
  costOfAll,
  expectedCost,
  isAllowed,
  type Policy,
  planRails,
  policiesOver,
  RAIL,
  type RailTask,
  railProgram,
  randomTask,
  thresholdPlan,
} from "../../src/demo/planning/rail-plan.ts";
import { randomFrom } from "../../src/demo/planning/random.ts";
import { grad } from "../../src/function/derivative.ts";
import { manualSeed } from "../../src/math/random.ts";
import { tensor } from "../../src/ops/create.ts";
import "../../src/runtime/evaluate.ts";

/** All lists of one of some choices each. */
function* all<T>(choices: readonly T[], length: number): Generator<T[]> {
  if (length === 0) yield [];
  else for (const rest of all(choices, length - 1)) for (const choice of choices) yield [...rest, choice];
}

const exact = { gap: 1e-9 };

describe("rails", () => {
  test.each([1, 2, 3, 4, 5, 6])("the plan of a tiny network is the best of all: seed %i", async (seed) => {
    const random = randomFrom(seed);
    // Four segments of two lines over three weeks: 7⁴ plans. Two of them are often urgent, so that hours bind.
    const task: RailTask = { defect: Array.from({ length: 4 }, () => Math.sqrt(random())), weeks: 3, perLine: 2 };
    let best = Number.POSITIVE_INFINITY;
    for (const policies of all<Policy>(policiesOver(3), 4))
      if (isAllowed(policies, task)) best = Math.min(best, costOfAll(policies, task.defect, task));
    const plan = await planRails(task, exact);
    expect(plan.cost).toBeCloseTo(best, 3);
    expect(costOfAll(plan.policies, task.defect, task)).toBeCloseTo(best, 3);
    expect(isAllowed(plan.policies, task)).toBe(true);
  });

  test("the stated instance: 24 segments, 6 weeks", async () => {
    const task = randomTask(7);
    expect(railProgram(task).size).toEqual({
      variables: 24 * 13 + 3 * 6,
      rows: 24 + 24 * 12 + 6 + task.defect.filter((p) => p > 0.5).length,
    });
    const plan = await planRails(task, { gap: 1e-6 });
    expect(plan.cost).toBeCloseTo(165.138799, 3);
    expect(plan.gap).toBeLessThanOrEqual(1e-6);
    expect(thresholdPlan(task).cost).toBeCloseTo(203.0885, 3);
  });

  test("planning never costs more than the threshold policy: 20 instances", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const task = randomTask(seed, 16, 5);
      const { cost, policies } = await planRails(task);
      expect(isAllowed(policies, task)).toBe(true);
      expect(cost).toBeLessThan(thresholdPlan(task).cost);
    }
  });

  test("what is urgent beyond the hours has no plan, and the rows say so", async () => {
    const task: RailTask = { defect: new Array<number>(30).fill(0.9), weeks: 4, perLine: 8 };
    const failure = await planRails(task).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Infeasible);
    expect((failure as Infeasible).rows).toEqual(expect.arrayContaining(["hours0", "hours1", "hours2", "hours3"]));
  });

  test("a policy's cost by hand", () => {
    const hazard = (q: number): number => 100 * (1 - Math.exp(-0.05 * q));
    expect(costOf({ action: "none", week: 0 }, 0.5, 2)).toBeCloseTo(hazard(0.5) + hazard(0.625), 12);
    expect(costOf({ action: "grind", week: 1 }, 1, 2)).toBeCloseTo(4 + hazard(1) + hazard(0.3), 12);
    expect(costOf({ action: "replace", week: 0 }, 1, 2)).toBeCloseTo(18 + hazard(0.01) + hazard(0.0125), 12);
    expect(costOfAll([{ action: "grind", week: 0 }, { action: "replace", week: 0 }], [1, 1], { defect: [1, 1], weeks: 1, perLine: 2 })).toBeCloseTo(
      4 + hazard(0.3) + 18 + hazard(0.01) + RAIL.closure,
      12,
    ); // biome-ignore format: two policies
  });
});

describe("learning for a decision", () => {
  test("expected costs as tensors are those of the plan", () => {
    const policies = policiesOver(3);
    const p = [0, 0.2, 1];
    const costs = policyCosts(tensor(p), policies, 3).dataSync();
    for (const [i, each] of p.entries())
      for (const [k, policy] of policies.entries())
        expect(costs[i * policies.length + k]).toBeCloseTo(expectedCost(policy, each, 3) + (policy.action === "none" ? 0 : SHARE), 4);
  });

  test("the relaxed decision has a slope where the decision has none, towards what costs less", () => {
    const loss = decisionLoss(6, 2);
    const slope = (truth: number): number => grad((z) => loss(z, tensor([truth])))(tensor([0.3])).itemSync();
    expect(slope(1)).toBeLessThan(0);
    expect(slope(0)).toBeGreaterThan(0);
  });

  test("isotonic regression is the best monotone fit: against all pools", () => {
    const random = randomFrom(3);
    for (let round = 0; round < 20; round++) {
      const scores = Array.from({ length: 7 }, () => random()).sort((a, b) => a - b);
      const truths = scores.map((s) => Number(random() < s));
      const fit = scores.map(isotonic(scores, truths));
      const error = (values: readonly number[]): number => values.reduce((sum, v, i) => sum + (v - truths[i]!) ** 2, 0);
      let best = Number.POSITIVE_INFINITY;
      for (const cuts of all([false, true], 6)) {
        const means: number[] = [];
        for (let from = 0; from < 7; ) {
          let to = from;
          while (to < 6 && !cuts[to]) to++;
          const pool = truths.slice(from, to + 1);
          means.push(...pool.map(() => pool.reduce((a, b) => a + b, 0) / pool.length));
          from = to + 1;
        }
        if (means.every((m, i) => i === 0 || m >= means[i - 1]! - 1e-12)) best = Math.min(best, error(means));
      }
      expect(error(fit)).toBeCloseTo(best, 9);
      expect(fit.every((v, i) => i === 0 || v >= fit[i - 1]!)).toBe(true);
    }
  });

  test("calibration error by hand", () => {
    expect(calibrationError([0.25, 0.25, 0.25, 0.25], [1, 0, 0, 0])).toBeCloseTo(0, 12);
    expect(calibrationError([0.95, 0.95, 0.05, 0.05], [1, 0, 0, 0])).toBeCloseTo(0.25, 12);
  });
});

describe("crews", () => {
  test.each([1, 2, 3, 4, 5, 6])("the schedule of a tiny task is the best of all: seed %i", async (seed) => {
    // Two crews, two sites, three days: 3⁶ schedules.
    const drawn = randomCrewTask(seed, [2, 2, 3]);
    const task: CrewTask = {
      ...drawn,
      sites: drawn.sites.map((site) => ({ ...site, days: Math.min(2, site.days), release: Math.min(1, site.release), certificate: false })),
    };
    let best = Number.POSITIVE_INFINITY;
    for (const flat of all([undefined, 0, 1], 6)) {
      const schedule = [flat.slice(0, 3), flat.slice(3)];
      const allowed = schedule.every((days, c) => days.every((j, d) => j === undefined || !refusal(task.crews[c]!, task.sites[j]!, d)));
      const done = task.sites.every((site, j) => flat.filter((each) => each === j).length === site.days);
      if (allowed && done) best = Math.min(best, costOfSchedule(schedule, task));
    }
    expect(best).toBeLessThan(Number.POSITIVE_INFINITY);
    const found = await scheduleCrews(task, exact);
    expect(found.cost).toBeCloseTo(best, 3);
    expect(costOfSchedule(found.sites, task)).toBeCloseTo(best, 3);
  });

  test("who may not enter is an infeasible row, alone", async () => {
    const task = randomCrewTask(6, [8, 9, 8]);
    expect(crewProgram(task).size.rows).toBeGreaterThan(100);
    const entries = [
      { name: "gate1", crew: undefined, site: 3 },
      { name: "gate2", crew: 0, site: 3 },
    ];
    const { schedule, turnedAway } = await scheduleWhoMayEnter({ ...task, entries });
    expect(turnedAway).toEqual([{ entry: entries[0], rows: ["gate1"] }]);
    expect(schedule.sites[0]![0]).toBe(3);
    await expect(scheduleCrews({ ...task, entries })).rejects.toThrow("no plan keeps all rows; these contradict each other: gate1");
  });

  test("a little training tells people apart, and knows a stranger", () => {
    manualSeed(1);
    const model = trainEmbedding(1, { people: 24, epochs: 8 });
    const people = [9_000_001, 9_000_002, 9_000_003, 9_000_004];
    const register = new Register(model, people, 5);
    const seen = register.see(people, 6);
    expect(seen.filter(({ nearest }, i) => nearest === i).length).toBeGreaterThanOrEqual(3);
    expect(known({ nearest: 0, cosine: 0.9, margin: 0.01 }, { cosine: 0.8, margin: 0.1 })).toBe(false);
    expect(known({ nearest: 0, cosine: 0.9, margin: 0.2 }, { cosine: 0.8, margin: 0.1 })).toBe(true);
  });
});

describe("a linear program", () => {
  test("as text", () => {
    const program = new LinearProgram();
    program.binary("x", 2);
    program.cost("z", -1.5);
    program.row("at_most", [[1, "x"], [-2, "z"]], "<=", 1); // biome-ignore format: two terms
    program.row("nobody", [], "=", 1);
    expect(program.text().split("\n").map((line) => line.trim())).toEqual([
      "Minimize", "cost: 2 x - 1.5 z", "Subject To", "at_most: 1 x - 2 z <= 1", "nobody: 1 nothing = 1", "Bounds", "nothing = 0", "0 <= z <= 1", "Binary", "x", "End", "",
    ]); // biome-ignore format: lines
  });

  test("without a row that contradicts, it is solved; with one, that row is named", async () => {
    const program = new LinearProgram();
    for (const name of ["a", "b", "c"]) program.binary(name, 1);
    program.row("two", [[1, "a"], [1, "b"], [1, "c"]], ">=", 2); // biome-ignore format: three terms
    const { cost, has } = await solve(program);
    expect(cost).toBe(2);
    expect(["a", "b", "c"].filter(has)).toHaveLength(2);
    program.row("none", [[1, "a"], [1, "b"]], "<=", 0); // biome-ignore format: two terms
    await expect(solve(program)).rejects.toMatchObject({ rows: ["two", "none"] });
  });
});
