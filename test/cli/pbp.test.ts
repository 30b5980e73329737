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

const pbp = (...argv: string[]): ReturnType<typeof nabla> => nabla("train", "pbp", ...argv);

async function nabla(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [log, error] = [vi.spyOn(console, "log").mockImplementation(() => {}), vi.spyOn(console, "error").mockImplementation(() => {})];
  try {
    const code = await run(argv);
    return { code, out: log.mock.calls.flat().join("\n"), err: error.mock.calls.flat().join("\n") };
  } finally {
    log.mockRestore();
    error.mockRestore();
  }
}

test("learns a table, predicts with intervals, and draws how well they are calibrated", async () => {
  const [out, json] = [join(folder, "run"), join(folder, "report.json")];
  const { code, out: text } = await pbp(
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

test("a run is used as any other: predict with intervals, evaluate, runs, plot, export", async () => {
  const run = join(folder, "run");
  const rows = readFileSync(join(run, "predictions.csv"), "utf8").trim().split("\n").slice(1);
  const [target, mean, deviation, , low] = rows[0]!.split(",").map(Number) as number[];
  const said = JSON.parse((await nabla("predict", run, "--example", "0", "--json")).out);
  expect(said.value).toBeCloseTo(mean!, 2);
  expect(said.deviation).toBeCloseTo(deviation!, 2);
  expect(said.low95).toBeCloseTo(low!, 2);
  expect(target).toBeGreaterThan(0);

  const fresh = join(folder, "fresh.csv");
  writeFileSync(fresh, "a,b\n3,10\n7,5\n");
  expect((await nabla("predict", run, fresh)).out).toMatch(/line 2: -?[\d.]+ ± [\d.]+ \(95 %: -?[\d.]+ to [\d.]+\)/);
  const table = join(folder, "out.csv");
  await nabla("predict", run, fresh, "--out", table);
  expect(readFileSync(table, "utf8")).toMatch(/^input,value1,deviation,low95,high95\n/);

  const report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8"));
  const rmse = /RMSE +([\d.]+)/.exec((await nabla("evaluate", run)).out)![1];
  expect(Number(rmse)).toBeCloseTo(report.rmse, 1);
  expect((await nabla("runs", folder)).out).toMatch(/run +finished +10\/10 +MAE [\d.]+ .* pbp, seed 0/);
  expect((await nabla("plot", run)).out).toContain("loss");
  expect((await nabla("plot", run, "--metric", "testLogLikelihood")).code).toBe(0);
  expect((await nabla("summary", run)).out).toContain("PbpNetwork");

  const file = join(folder, "net.onnx");
  expect((await nabla("export", run, file)).code).toBe(0);
  expect(await nabla("onnx", file)).toMatchObject({ code: 0, out: expect.stringContaining("pbp") });
  const again = JSON.parse((await nabla("predict", "--model", file, fresh, "--json")).out.split("\n")[0]!);
  const own = JSON.parse((await nabla("predict", run, fresh, "--json")).out.split("\n")[0]!);
  for (const name of ["value", "deviation", "low95", "high95"]) expect(again[name]).toBeCloseTo(own[name], 3);

  expect(await nabla("train", "--resume", run)).toMatchObject({ code: 1, err: expect.stringMatching(/trained as a whole; start over/) });
  expect(await nabla("replay", run, "--step", "3")).toMatchObject({ code: 1, err: expect.stringMatching(/no steps to replay/) });
  expect(await nabla("find-lr", "pbp", "--data", fresh)).toMatchObject({ code: 1 });
  const config = join(run, "config.json");
  expect(await nabla("train", "--config", config, "--out", run)).toMatchObject({ code: 1, err: expect.stringContaining("--overwrite") });
  const before = readFileSync(join(run, "model.safetensors"));
  expect((await nabla("train", "--config", config, "--out", run, "--overwrite")).code).toBe(0);
  expect(readFileSync(join(run, "model.safetensors")).equals(before)).toBe(true);
});

test("classes, settings that it has not, and no data: one line each", async () => {
  expect(await pbp("--data", file, "--label", "kind")).toMatchObject({ code: 1, err: expect.stringMatching(/^error: .*kind/) });
  expect(await pbp("--data", file, "--label", "y", "--lr", "0.1")).toMatchObject({
    code: 1,
    err: expect.stringContaining("pbp: has no setting lr"),
  });
  expect(await pbp()).toMatchObject({ code: 1, err: expect.stringContaining("--data FILE.csv --label COLUMN") });
});
