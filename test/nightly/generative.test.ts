/** @file Generated samples at full length: a ring of eight Gaussians, five seeds of 4,000 steps; digits beside five real ones a class, ten seeds. */
import { expect, test } from "vitest";
import { digits } from "../../src/data/digits.ts";
import { augmented } from "../../src/demo/generative/digits.ts";
import { trainRing } from "../../src/demo/generative/ring.ts";
import "../../src/runtime/evaluate.ts";

test("a ring of eight Gaussians", () => {
  const runs = Array.from({ length: 5 }, (_, seed) => trainRing(seed, 4000));
  console.log(runs.map(({ modes, near }) => `${modes} modes, ${(100 * near).toFixed(1)} % within 3σ`).join("; "));
  expect(Math.min(...runs.map(({ modes }) => modes))).toBeGreaterThanOrEqual(7);
  expect(runs.reduce((sum, { near }) => sum + near, 0) / 5).toBeGreaterThan(0.6);
});

test("generated digits beside five real ones a class: reported whichever way it goes", async () => {
  const { train, test: unseen } = await digits();
  const runs = Array.from({ length: 10 }, (_, seed) => augmented(train, unseen, seed));
  for (const of of ["real", "gan", "vae"] as const) {
    const each = runs.map((one) => 100 * one[of]);
    const mean = each.reduce((a, b) => a + b) / each.length;
    const error = Math.sqrt(each.reduce((a, b) => a + (b - mean) ** 2, 0) / (each.length - 1) / each.length);
    const helped = runs.filter((one) => one[of] > one.real).length;
    console.log(`${of}: ${mean.toFixed(1)} ± ${error.toFixed(1)} % right, better than without in ${helped} of ${each.length}`);
    expect(mean).toBeGreaterThan(40);
  }
});
