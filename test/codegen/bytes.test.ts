/** @file The code of small workloads is what it was. */
import { expect, test } from "vitest";
import { benchWorkloads, sumsOf, unprovedAccesses } from "./bytes.ts";

test("small workloads compile to the same bytes", async () => {
  const sums = sumsOf(benchWorkloads(["xor", "lenet"]));
  await expect(sums).toMatchFileSnapshot("./bytes.json");
});

test("every access of their kernels is proved to be inside its buffer, but for what is looked up in memory", () => {
  expect(unprovedAccesses()).toEqual([]);
});
