/** @file The examples that show a claim of the sources (rows ACT-5, MSC-2, MSC-4), run as they stand; what they print shows in the tests' output. */
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
