/** @file Real and generated examples together: the share is kept, no real example is lost, and what does not fit is refused. */
import { expect, test } from "vitest";
import { mix } from "../../src/data/mix.ts";

const part = (count: number, from: number) => ({
  inputs: Float32Array.from({ length: 2 * count }, (_, i) => from + i),
  targets: Int32Array.from({ length: count }, (_, i) => i % 3),
  count,
});
const [real, generated] = [part(30, 0), part(100, 1000)];

test.each([0, 0.25, 0.5, 0.75])("a share of %f", (share) => {
  const { inputs, targets, count } = mix(real, generated, share);
  const firsts = Array.from({ length: count }, (_, i) => inputs[2 * i]!);
  expect(count).toBe(30 + Math.round((share / (1 - share)) * 30));
  expect(firsts.filter((x) => x >= 1000).length / count).toBeCloseTo(share, 2);
  expect(firsts.filter((x) => x < 1000).sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => 2 * i));
  expect(new Set(firsts).size).toBe(count);
  // Inputs and targets stay together.
  for (const [i, x] of firsts.entries()) expect(targets[i]).toBe(((x % 1000) / 2) % 3);
});

test("a function of the seed, in random order", () => {
  expect(mix(real, generated, 0.5)).toEqual(mix(real, generated, 0.5, { seed: 0 }));
  expect(mix(real, generated, 0.5)).not.toEqual(mix(real, generated, 0.5, { seed: 1 }));
});

test("what does not fit is refused", () => {
  expect(() => mix(real, generated, 0.9)).toThrow("mix: a share of 0.9 beside 30 real examples wants 270 generated ones, got 100");
  expect(() => mix(real, generated, 1)).toThrow("mix: share must be a number from 0 to below 1, got 1");
  expect(() => mix(real, { ...generated, inputs: new Float32Array(300) }, 0.5)).toThrow(
    "mix: an example has 2 inputs among the real ones and 3 among the generated",
  );
  expect(() => mix(real, { ...generated, targets: new Float32Array(100) }, 0.5)).toThrow("mix: targets of both must be of one kind");
});
