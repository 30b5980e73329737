/** @file The ring of eight Gaussians for as long as it takes to find all of them: 4,000 steps, five seeds. */
import { expect, test } from "vitest";
import { trainRing } from "../../src/demo/generative/ring.ts";
import "../../src/runtime/evaluate.ts";

test("a ring of eight Gaussians", () => {
  const runs = Array.from({ length: 5 }, (_, seed) => trainRing(seed, 4000));
  console.log(runs.map(({ modes, near }) => `${modes} modes, ${(100 * near).toFixed(1)} % within 3σ`).join("; "));
  expect(Math.min(...runs.map(({ modes }) => modes))).toBeGreaterThanOrEqual(7);
  expect(runs.reduce((sum, { near }) => sum + near, 0) / 5).toBeGreaterThan(0.6);
});
