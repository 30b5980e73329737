/** @file Every demonstration shows the numbers that its lecture prints or that theory demands. */
import { expect, test } from "vitest";
import { demos, holds, runDemo } from "../../src/demo/index.ts";
import "../../src/runtime/evaluate.ts";

test.each(demos.map((demo) => [demo.name, demo] as const))("%s", async (_, demo) => {
  const { facts } = await runDemo(demo);
  expect(facts.filter((fact) => !holds(fact))).toEqual([]);
  expect(facts.some(({ expected, least, most }) => expected !== undefined || least !== undefined || most !== undefined)).toBe(true);
});

test("a demonstration gives the same numbers again", async () => {
  const demo = demos.find(({ name }) => name === "relu-trains-faster")!;
  expect((await runDemo(demo)).facts).toEqual((await runDemo(demo)).facts);
});
