/** @file The room Decide: the stored plans are what the solver finds, their costs are those of the lecture's instance, and what is said to be broken is. */
import { describe, expect, test } from "vitest";
import { scheduleCrews } from "../../src/demo/planning/crew-plan.ts";
import { accuracy } from "../../src/demo/planning/rail-learning.ts";
import { isAllowed, planRails, thresholdPlan } from "../../src/demo/planning/rail-plan.ts";
import {
  atThreshold,
  BEST_CREW,
  BEST_RAILS,
  cheapest,
  crewCost,
  crewFaults,
  crewTask,
  entriesOf,
  isCrewPlan,
  isRailPlan,
  isSolved,
  NO_GATE,
  policiesOf,
  railCost,
  railFaults,
  railKey,
  railNumbers,
  railTask,
  readGate,
  rightAbove,
  STATED_CREW,
  STATED_RAIL,
  shutGate,
  sitesOf,
  thresholdSweep,
} from "../../src/studio/worker/decide-choice.ts";

describe("rails", () => {
  const task = railTask(STATED_RAIL);
  const BEST_RAIL = BEST_RAILS[0]!;

  test("the stated instance: 203.09 by the threshold ½, 165.14 by the stored plan, which the solver finds too", async () => {
    expect(thresholdPlan(task).cost).toBeCloseTo(203.08849, 4);
    const policies = policiesOf(BEST_RAIL.plan);
    expect(railCost(policies, task)).toBeCloseTo(165.138799, 5);
    expect(BEST_RAIL.cost).toBeCloseTo(railCost(policies, task), 5);
    expect(railFaults(policies, task)).toEqual([]);
    expect(isAllowed(policies, task)).toBe(true);
    expect((await planRails(task, { gap: 1e-6 })).cost).toBeCloseTo(BEST_RAIL.cost, 4);
    expect(railNumbers(policies)).toEqual(BEST_RAIL.plan);
  }, 60_000);

  test("no threshold is as good as the plan; a plan that breaks rows is told, and no other", () => {
    for (let t = 0; t <= 1; t += 0.05) {
      const { policies, cost } = thresholdPlan(task, t);
      if (railFaults(policies, task).length === 0) expect(cost).toBeGreaterThan(BEST_RAIL.cost);
      expect(railFaults(policies, task).length === 0).toBe(isAllowed(policies, task));
    }
    const crowded = policiesOf(BEST_RAIL.plan.map(() => 2));
    expect(railFaults(crowded, task)).toEqual([`week 1: ${24 * 6} hours of work, there are 12`]);
    const nothing = policiesOf(BEST_RAIL.plan.map(() => 0));
    expect(railFaults(nothing, task)).toEqual([3, 20, 22].map((i) => `segment ${i} is urgent: it must be treated by week 4`));
  });
});

describe("right, and cheap", () => {
  test("how often a threshold is right is the library's accuracy, expected over the truths", () => {
    const { defect } = railTask(STATED_RAIL);
    for (const t of [0, 0.2, 0.34, 0.5, 0.9]) {
      const expected = defect.map((p) => p * accuracy([p], [1], t) + (1 - p) * accuracy([p], [0], t));
      expect(rightAbove({ defect, weeks: 6, perLine: 8 }, t)).toBeCloseTo(expected.reduce((a, b) => a + b) / 24, 12);
    }
  });

  test("½ is right most often at any cost of a failure; at 400 another threshold is cheaper, and the stored plan, which the solver finds, cheaper still", async () => {
    const task = railTask(STATED_RAIL, 400);
    const sweep = thresholdSweep(task);
    expect(Math.max(...sweep.map(({ right }) => right))).toBe(atThreshold(task, 0.5).right);
    expect(atThreshold(task, 0.5).cost).toBeCloseTo(560.352, 2);
    const least = cheapest(sweep)!;
    expect([least.threshold, least.cost]).toEqual([0.34, expect.closeTo(443.124, 2)]);
    expect(least.cost).toBe(Math.min(...sweep.filter(({ isAllowed: keeps }) => keeps).map(({ cost }) => cost)));
    const best = BEST_RAILS[1]!;
    expect(best.key).toBe(railKey(STATED_RAIL, 400));
    expect(railCost(policiesOf(best.plan), task)).toBeCloseTo(best.cost, 5);
    expect(railFaults(policiesOf(best.plan), task)).toEqual([]);
    expect((await planRails(task, { gap: 1e-6 })).cost).toBeCloseTo(best.cost, 4);
  }, 60_000);

  test("a failure of 100 is the task of the library itself", () => {
    const own = railTask(STATED_RAIL, 100.000001);
    const policies = policiesOf(BEST_RAILS[0]!.plan);
    expect(railCost(policies, own)).toBeCloseTo(railCost(policies, railTask(STATED_RAIL)), 4);
  });
});

describe("crews", () => {
  const task = crewTask(STATED_CREW);

  test("the stored plan is the solver's, and breaks nothing", async () => {
    const { cost } = await scheduleCrews(task, { gap: 1e-6 });
    expect(BEST_CREW.cost).toBeCloseTo(cost, 4);
    expect(crewCost(BEST_CREW.plan, task)).toBeCloseTo(cost, 4);
    expect(crewFaults(sitesOf(BEST_CREW.plan), task)).toEqual([]);
  }, 60_000);

  test("a crew that is moved: what it breaks is said", () => {
    const moved = [...BEST_CREW.plan];
    moved[0] = -1;
    expect(crewFaults(sitesOf(moved), task)).toEqual(["site 4 needs 5 days of work and gets 4"]);
    moved[0] = 0;
    expect(crewFaults(sitesOf(moved), task)).toEqual([
      "crew 1 at site 1 on day 1: the site opens on day 3",
      "site 1 needs 5 days of work and gets 6",
      "site 4 needs 5 days of work and gets 4",
    ]);
  });

  test("at the gate: a stranger is a row without a solution, and so is a crew that may not enter; one whom the plan expects is none", () => {
    const plan = sitesOf(BEST_CREW.plan);
    const [stranger] = crewFaults(plan, task, { who: "unknown", site: 3 });
    expect(stranger).toContain("0 = 1");
    expect(crewFaults(plan, task, { who: 0, site: 3 })).toEqual([]);
    expect(crewFaults(plan, task, { who: 2, site: 3 })[0]).toContain("has not the skill");
    expect(crewFaults(plan, task, NO_GATE)).toEqual([]);
  });

  test("the solver has no plan with the row of a stranger, and a dearer one with that of a crew that it did not send there", async () => {
    const stranger = entriesOf({ who: "unknown", site: 3 });
    await expect(scheduleCrews({ ...task, entries: stranger })).rejects.toThrow("gate_of_site_4");
    const other = { who: 0, site: 8 } as const;
    expect(shutGate(task, other)).toBeUndefined();
    const plan = sitesOf(BEST_CREW.plan);
    expect(crewFaults(plan, task, other)).toEqual(["gate of site 9: crew 1 may enter, but this plan does not send it there on day 1"]);
    const { cost, sites } = await scheduleCrews({ ...task, entries: entriesOf(other) });
    expect(cost).toBeGreaterThan(BEST_CREW.cost);
    expect(crewFaults(sites, task, other)).toEqual([]);
  }, 60_000);
});

test("what a link says wrongly is left out", () => {
  const BEST_RAIL = BEST_RAILS[0]!;
  expect(isRailPlan([1, 2])).toBe(false);
  expect(isRailPlan(BEST_RAIL.plan.map(() => 13))).toBe(false);
  expect(isCrewPlan(BEST_CREW.plan.map(() => 9))).toBe(false);
  expect(isCrewPlan(BEST_CREW.plan)).toBe(true);
  expect(isSolved({ ...BEST_RAIL, key: "8 100" }, "7 100", isRailPlan)).toBe(false);
  expect(isSolved(BEST_RAIL, "7 100", isRailPlan)).toBe(true);
  expect(isSolved(null, "7 100", isRailPlan)).toBe(false);
  expect(readGate({ who: 99, site: 0 })).toEqual(NO_GATE);
  expect(readGate({ who: "unknown", site: 2 })).toEqual({ who: "unknown", site: 2 });
});
