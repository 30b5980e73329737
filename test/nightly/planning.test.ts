/** @file The larger network of lines: 40 segments over 8 weeks, 680 binary variables, whose optimum takes a minute. */
import { expect, test } from "vitest";
import { planRails, randomTask, thresholdPlan } from "../../src/demo/planning/rail-plan.ts";

test("40 segments, 8 weeks", async () => {
  const task = randomTask(7, 40, 8);
  const { cost, gap } = await planRails(task, { gap: 1e-3, seconds: 600 });
  console.log(`plan ${cost.toFixed(2)} (gap ${gap.toExponential(1)}), threshold policy ${thresholdPlan(task).cost.toFixed(2)}`);
  expect(gap).toBeLessThanOrEqual(1e-3);
  // The optimum, within the gap.
  expect(Math.abs(cost - 454.28)).toBeLessThan(0.5);
  expect(thresholdPlan(task).cost).toBeCloseTo(554.52, 2);
});
