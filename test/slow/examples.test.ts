/** @file The examples that show a claim of the sources (rows ACT-5, MSC-2, MSC-4), run as they stand; what they print shows in the tests' output. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import "../../src/runtime/evaluate.ts";

/** The exports of an example, which imports the package by its name and prints what it finds. */
async function run(name: string): Promise<Record<string, Record<string, number>>> {
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  try {
    return await import(`../../examples/${name}.mjs`);
  } finally {
    log.mockRestore();
  }
}

test("every example is run by a test: here, or in the file of its name", () => {
  const names = readdirSync(new URL("../../examples", import.meta.url)).filter((name) => name.endsWith(".mjs"));
  const here = readFileSync(fileURLToPath(import.meta.url), "utf8");
  const own = readdirSync(new URL(".", import.meta.url));
  for (const name of names.map((each) => each.replace(".mjs", "")))
    expect(here.includes(`"${name}"`) || own.includes(`${name}.test.ts`), name).toBe(true);
});

/** What an example prints, line by line, with the built package: as a user runs it. */
const printed = (name: string): string[] =>
  execFileSync(process.execPath, [`examples/${name}.mjs`], { cwd: fileURLToPath(new URL("../..", import.meta.url)), encoding: "utf8" })
    .trim()
    .split("\n");

test("xor, digits and memory show what they promise", () => {
  expect(printed("xor").filter((line) => /^step \d+: loss/.test(line)).length).toBeGreaterThan(3);
  const digits = printed("digits");
  const accuracies = digits.flatMap((line) => /^epoch \d+: test accuracy ([\d.]+) %/.exec(line)?.[1] ?? []).map(Number);
  expect(accuracies).toHaveLength(4);
  expect(accuracies.at(-1)).toBeGreaterThan(90);
  expect(digits.at(-1)).toContain("accuracy");
  expect(printed("memory").length).toBeGreaterThan(4);
});

test("boundary: more units fold the plane more often; a maxout layer is the sources' Keras code", async () => {
  const { accuracies, maxoutError } = await run("boundary");
  expect(accuracies["linear, linear, sigmoid"]).toBeLessThan(0.75);
  expect(accuracies["2-2-2-1"]).toBeLessThan(0.97);
  for (const name of ["2-3-2-1", "2-4-2-1", "maxout of 4 pieces"]) expect(accuracies[name], name).toBeGreaterThan(0.98);
  expect(maxoutError).toBeLessThan(1e-12);
});

test("features: pairs of categories are learnt by a factorization machine and Deep Crossing, not by logistic regression", async () => {
  const { accuracies } = await run("features");
  expect(accuracies.Logistic).toBeLessThan(0.75);
  expect(accuracies.FactorizationMachine).toBeGreaterThan(0.95);
  expect(accuracies.DeepCrossing).toBeGreaterThan(0.95);
});

test("gpt: a rhyme is learnt by heart", async () => {
  const { bits, line } = (await run("gpt")) as unknown as { bits: number; line: string };
  expect(bits).toBeLessThan(0.5);
  expect(line).toBe("Round and round the rugged rock the ragged rascal ran.\n");
});

test("autoencoder: a code of 8 numbers keeps more of a digit than 8 principal components", async () => {
  const { errors } = await run("autoencoder");
  expect(errors.autoencoder).toBeLessThan(0.9 * errors.components!);
  expect(errors.components).toBeLessThan(0.5 * errors.mean!);
});

test("stacked-kernels: three 3x3 see what one 7x7 sees, with 27 C² parameters against 49 C²", async () => {
  const { found } = (await run("stacked-kernels")) as unknown as { found: Record<string, Record<string, number>> };
  const [three, one] = [found["three 3x3"], found["one 7x7"]];
  expect([three.sees, three.support, one.sees, one.support]).toEqual([7, 7, 7, 7]);
  expect([three.parameters, one.parameters]).toEqual([27 * 256, 49 * 256]);
  expect(three.macs).toBeGreaterThan(0);
});

test("extend: an op, a transform, a layer and an optimizer from outside the package", async () => {
  const { results } = (await run("extend")) as unknown as { results: Record<string, unknown> };
  expect(results.accuracy).toBeGreaterThan(0.95);
  expect(results.gradientsOfOp).toBeLessThan(1e-8);
  expect(results.gradientsOfLinearOp).toBeLessThan(1e-8);
  expect(results.compiled).toBe(0);
  expect(results.bfloat16).toBeGreaterThan(1e-4);
  expect(results.bfloat16).toBeLessThan(0.1);
  expect(results.slope).toBe(0.5);
  expect(results.mapped).toEqual([-0.9, 1.3].map((v) => expect.closeTo(v, 6)));
  expect(results.state).toContain("1.scale");
});

test("stages-on-threads: each stage learns in a thread of its own", () => {
  const losses = printed("stages-on-threads")
    .flatMap((line) => /loss ([\d.]+)$/.exec(line)?.[1] ?? [])
    .map(Number);
  expect(losses).toHaveLength(2);
  for (const loss of losses) expect(loss).toBeLessThan(0.5);
});
