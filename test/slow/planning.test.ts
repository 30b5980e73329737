/** @file The stated schedule: 12 crews, 15 sites, 10 days, 840 binary variables, whose optimum of 90.647 HiGHS proves natively too. */
import { expect, test } from "vitest";
import { costOfSchedule, crewProgram, randomCrewTask, scheduleCrews } from "../../src/demo/planning/crew-plan.ts";

test("12 crews, 15 sites, 10 days", async () => {
  const task = randomCrewTask(11);
  expect(crewProgram(task).size.variables).toBe(840 + 830);
  const { cost, sites } = await scheduleCrews(task, { gap: 1e-6, seconds: 300 });
  expect(cost).toBeCloseTo(90.6478, 3);
  expect(costOfSchedule(sites, task)).toBeCloseTo(cost, 3);
});
