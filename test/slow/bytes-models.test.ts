/** @file The code of training steps of the models is what it was. A file of its own: what is computed eagerly is compiled once in a process. */
import { expect, test } from "vitest";
import { familyWorkloads, sumsOf, unprovedAccesses } from "../codegen/bytes.ts";

test("training steps of the models compile to the same bytes", async () => {
  await expect(sumsOf(familyWorkloads())).toMatchFileSnapshot("./bytes-models.json");
});

test("every access of their kernels is proved to be inside its buffer, but for what is looked up in memory", () => {
  expect(unprovedAccesses()).toEqual([]);
});
