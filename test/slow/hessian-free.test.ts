/** @file The claim on Hessian-free optimization (row OPT-2) in a reduced form: the example on the embedded digits, on the built package. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url).pathname;

test("on a deep autoencoder it beats SGD with momentum at the best of five rates, at equal cost", () => {
  const table = execFileSync(process.execPath, ["examples/hessian-free.mjs", "digits", "1000"], { cwd: root, encoding: "utf8" });
  console.log(table);
  const rows = table.trim().split("\n").slice(2).map((line) => line.split("|").map((cell) => cell.trim())); // biome-ignore format: one thought
  const [[, method, , loss, error], ...rivals] = rows;
  expect(method).toBe("Hessian-free");
  expect(rivals).toHaveLength(5);
  for (const [, rival, , theirLoss, theirError] of rivals) {
    expect(Number(loss), rival).toBeLessThan(Number(theirLoss));
    expect(Number(error), rival).toBeLessThan(Number(theirError));
  }
});
