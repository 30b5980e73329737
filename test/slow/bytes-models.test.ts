/** @file The code of training steps of the models is what it was. A file of its own: what is computed eagerly is compiled once in a process. */
import { expect, test } from "vitest";
import { accesses, familyWorkloads, sumsOf, unprovedAccesses } from "../codegen/bytes.ts";

test("training steps of the models compile to the same bytes", async () => {
  await expect(sumsOf(familyWorkloads())).toMatchFileSnapshot("./bytes-models.json");
});

test("of a thousand accesses of their kernels, one is not proved to be inside its buffer: where channels in lanes are shuffled", () => {
  expect(unprovedAccesses().length / accesses()).toBeLessThan(0.001);
});
