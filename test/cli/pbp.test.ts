/** @file `nabla train pbp`: predictions with intervals, and what it says of mistakes. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { run } from "../../src/cli/program.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-pbp-"));
const file = join(folder, "line.csv");
const rows = Array.from({ length: 60 }, (_, i) => `${i},${(i * 7) % 11},${3 * i + ((i * 7) % 11)},${i % 2 ? "odd" : "even"}`);
writeFileSync(file, `a,b,y,kind\n${rows.join("\n")}\n`);

async function nabla(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [log, error] = [vi.spyOn(console, "log").mockImplementation(() => {}), vi.spyOn(console, "error").mockImplementation(() => {})];
  try {
    const code = await run(["train", "pbp", ...argv]);
    return { code, out: log.mock.calls.flat().join("\n"), err: error.mock.calls.flat().join("\n") };
  } finally {
    log.mockRestore();
    error.mockRestore();
  }
}

test("learns a table, predicts with intervals, and draws how well they are calibrated", async () => {
  const [out, json] = [join(folder, "run"), join(folder, "report.json")];
  const { code, out: text } = await nabla(
    "--data",
    file,
    "--label",
    "y",
    "--ignore",
    "kind",
    "--hidden",
    "10",
    "--epochs",
    "10",
    "--out",
    out,
    "--json",
    json,
  );
  expect(code).toBe(0);
  expect(text).toMatch(/test RMSE [\d.]+, mean log-likelihood -?[\d.]+, noise of the data [\d.]+/);
  const report = JSON.parse(readFileSync(json, "utf8"));
  expect(report.rmse).toBeLessThan(25); // the targets reach from 0 to 187
  expect(Object.keys(report.inside)).toEqual(["50", "80", "90", "95"]);
  const [head, first] = readFileSync(join(out, "predictions.csv"), "utf8").split("\n");
  expect(head).toBe("target,mean,deviation,modelDeviation,low95,high95");
  const [, mean, , , low, high] = first!.split(",").map(Number) as number[];
  expect(low).toBeLessThan(mean!);
  expect(high).toBeGreaterThan(mean!);
  expect(existsSync(join(out, "calibration.svg"))).toBe(true);
});

test("classes, settings that it has not, and no data: one line each", async () => {
  expect(await nabla("--data", file, "--label", "kind")).toMatchObject({ code: 1, err: expect.stringMatching(/^error: .*kind/) });
  expect(await nabla("--data", file, "--label", "y", "--lr", "0.1")).toMatchObject({
    code: 1,
    err: expect.stringContaining("pbp: has no setting lr"),
  });
  expect(await nabla()).toMatchObject({ code: 1, err: expect.stringContaining("--data FILE.csv --label COLUMN") });
});
