/** @file Kernels for machines of 4, 8 and 16 lanes, with tails that overlap or are masked: the whole registry, the fuzzed programs and networks. */
import { describe, expect, test } from "vitest";
import { faultOfNetwork, faultOfProgram, faultOfSample, SAMPLES, TARGETS } from "../schedule/widths.ts";

const seeds = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe.each(TARGETS)("$name", (target) => {
  test("the registry in f32 gives what it gives in f64", () => {
    expect(SAMPLES.map((sample) => faultOfSample(sample, target)).filter(Boolean)).toEqual([]);
  });

  test("random programs give what each step gives alone", () => {
    expect(
      seeds(20)
        .map((seed) => faultOfProgram(seed, target))
        .filter(Boolean),
    ).toEqual([]);
  });

  test("gradients of random convolutional networks in f32 give what they give in f64", () => {
    expect(
      seeds(8)
        .map((seed) => faultOfNetwork(seed, target))
        .filter(Boolean),
    ).toEqual([]);
  });
});
