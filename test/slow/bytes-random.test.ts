/** @file The code of random programs and networks is what it was. A file of its own: what is computed eagerly is compiled once in a process. */
import { expect, test } from "vitest";
import { randomWorkloads, sumsOf, unprovedAccesses } from "../codegen/bytes.ts";

test("random programs and networks compile to the same bytes", async () => {
  await expect(sumsOf(randomWorkloads(60, 40))).toMatchFileSnapshot("./bytes-random.json");
});

test("every access of their kernels is proved to be inside its buffer, but for what is looked up in memory", () => {
  expect(unprovedAccesses()).toEqual([]);
});
