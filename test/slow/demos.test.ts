/** @file Every demonstration shows the numbers that its lecture prints or that theory demands. */
import { expect, test } from "vitest";
import { demos, holds, runDemo } from "../../src/demo/index.ts";
import "../../src/runtime/evaluate.ts";
import { sized } from "../size.ts";

/** What these show takes a third of the time of all; their parts are in test/demo, whole they run nightly. */
const LONG: readonly string[] = sized(["rail", "gan-digits", "generated-augmentation"], []);

test.each(demos.filter(({ name }) => !LONG.includes(name)).map((demo) => [demo.name, demo] as const))("%s", async (_, demo) => {
  const { facts } = await runDemo(demo);
  expect(facts.filter((fact) => !holds(fact))).toEqual([]);
  expect(facts.some(({ expected, least, most }) => expected !== undefined || least !== undefined || most !== undefined)).toBe(true);
});

test("a demonstration gives the same numbers again", async () => {
  const demo = demos.find(({ name }) => name === "relu-trains-faster")!;
  expect((await runDemo(demo)).facts).toEqual((await runDemo(demo)).facts);
});
