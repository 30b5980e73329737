/** @file The code of workloads of the benchmark is what it was. A file of its own: what is computed eagerly is compiled once in a process. */
import { expect, test } from "vitest";
import { benchWorkloads, sumsOf, unprovedAccesses } from "../codegen/bytes.ts";

test("workloads of the benchmark compile to the same bytes", async () => {
  await expect(sumsOf(benchWorkloads())).toMatchFileSnapshot("./bytes-bench.json");
});

test("every access of their kernels is proved to be inside its buffer, but for what is looked up in memory", () => {
  expect(unprovedAccesses()).toEqual([]);
});
