/**
 * @file The kept part of PyTorch's own samples (test/outside/data, made by `npm run outside -- --extract`): values and gradients of operators, modules and optimizers. Nothing may be wrong; what is
 * not covered must be in docs/coverage.md.
 */
import { expect, test } from "vitest";
import { coverage, PARTLY } from "../../src/inspect/coverage.ts";
import { DIFFERENCES } from "../outside/differences.ts";
import { runSample, SampleFile } from "../outside/run.ts";

const file = new SampleFile(new URL("../outside/data", import.meta.url).pathname);
const outcomes = file.samples.map((sample) => runSample(file, sample));
const nameOf = (o: (typeof outcomes)[number]): string => `${o.sample.name}${o.sample.variant ? `.${o.sample.variant}` : ""}`;

test("no value and no gradient is wrong", () => {
  const wrong = outcomes.filter((o) => o.value === "wrong" || o.gradient === "wrong");
  expect(wrong.map((o) => `${nameOf(o)}: ${o.why}`)).toEqual([]);
  expect(outcomes.length).toBeGreaterThan(2000);
  expect(outcomes.filter((o) => o.gradient === "right").length).toBeGreaterThan(1500);
});

test("what is not covered has its reason in docs/coverage.md", () => {
  const gaps = new Set(coverage().flatMap(({ name, counterpart }) => (counterpart ? [] : [name])));
  const unsaid = outcomes.filter((o) => o.value === "not covered" && !gaps.has(o.sample.name) && !(o.sample.name in PARTLY));
  expect([...new Set(unsaid.map((o) => `${nameOf(o)}: ${o.why}`))]).toEqual([]);
});

test("a difference that is listed exists", () => {
  const seen = new Set(
    outcomes.filter((o) => o.value === "differs" || o.gradient === "differs").map((o) => `${o.sample.name}.${o.sample.variant ?? ""}`),
  );
  // The part that is kept has few samples of each; most differences are among them.
  expect(Object.keys(DIFFERENCES).filter((name) => seen.has(name)).length).toBeGreaterThan(5);
});
