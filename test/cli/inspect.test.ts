/** @file `nabla inspect`: drawings, one JSON object, a page, and one line for each wrong call. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { shareBar, sparkline } from "../../src/cli/inspect-drawing.ts";
import { run as nabla } from "../../src/cli/program.ts";
import { captureConsole } from "./console.ts";
import "../../src/runtime/evaluate.ts";

const { out, err, folder } = captureConsole();

test("fresh weights: findings, gains, units", async () => {
  expect(await nabla(["inspect", "mlp", "--examples", "64"])).toBe(0);
  expect(err).toEqual([]);
  expect(out[0]).toMatch(/^mlp, fresh weights, on digits: [\d,]+ parameters, \d+ sites, 64 examples, loss 2\.\d+; \d+\.\d s$/);
  expect(out).toContain("findings: none");
  const text = out.join("\n");
  expect(text).toMatch(/^flow: healthy; first layer \/ last layer 0?\.?\d+/m);
  expect(text).toMatch(/^relu after \S+ +activation .*[█·].* [\d.e-]+ +[\d.e-]+$/m);
  expect(text).toMatch(/^relu after \S+ +[▁▂▃▄▅▆▇█ ]+ +0\.\./m);
});

test("one JSON object with what was asked for", async () => {
  await nabla(["inspect", "mlp", "--examples", "32", "--json", "--what", "units,spectrum"]);
  const found = JSON.parse(out.join("\n"));
  expect(Object.keys(found)).toEqual(["model", "data", "examples", "loss", "units", "spectrum", "seconds"]);
  expect(found.examples).toBe(32);
  expect(found.units.activations[0].histogram.counts).toHaveLength(64);
});

test("a run of a rate that is too large says so, in a page too", async () => {
  const run = join(folder, "run");
  expect(await nabla(["train", "mlp", "--epochs", "1", "--out", run])).toBe(0);
  out.length = 0;
  const page = join(folder, "page.html");
  await nabla(["inspect", "mlp", "--lr", "100", "--optimizer", "sgd", "--examples", "64", "--json", "--html", page]);
  const { findings, flow } = JSON.parse(out.join("\n"));
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatchObject({ rule: "too-fast", severity: "error", confidence: "measured" });
  expect(flow.verdict).toBe("healthy");
  const html = readFileSync(page, "utf8");
  expect(html).toContain("too-fast in");
  expect(html.match(/<svg /g)!.length).toBeGreaterThanOrEqual(2);
  expect(html).not.toMatch(/(src|href)=/);
  out.length = 0;
  await nabla(["inspect", run, "--examples", "64"]);
  expect(out[0]).toMatch(/^mlp \(.*\) on digits: /);
});

test("curvature, landscape, paths and spectrum, in the terminal and in the page", async () => {
  const page = join(folder, "loss.html");
  const argv = ["inspect", "xor", "--examples", "4", "--what", "curvature,landscape,paths,spectrum", "--optimizer", "sgd", "--html", page];
  expect(await nabla(argv)).toBe(0);
  const text = out.join("\n");
  expect(text).toMatch(/^largest eigenvalue of the Hessian [\d.]+ ± \S+; 2\/η is \d+: gradient descent is (un)?stable along it$/m);
  expect(text).toMatch(/^noise scale /m);
  expect(text).toMatch(/^landscape: loss along a random direction/m);
  expect(text).toMatch(/^ *[░▒▓█ ]{20,}$/m);
  expect(text).toMatch(/numbers, \d+ partial derivatives, \S+ paths from 2 inputs to 1 outputs/);
  expect(text).toMatch(/^whole Jacobian: σ₁ /m);
  const html = readFileSync(page, "utf8");
  for (const title of ["Curvature", "Landscape", "Paths"]) expect(html).toContain(title);
  expect(html).not.toContain("NaN");
});

test.each([
  [["inspect"], /missing required argument/],
  [["inspect", "nothing"], /^error: unknown model "nothing"/],
  [["inspect", "mlp", "--what", "flaw"], /Want one of flow, units, rules/],
  [["inspect", "mlp", "--examples", "0"], /positive integer/],
  [["inspect", "mlp", "--data", "nowhere"], /nowhere/],
] as const)("%j is one line", async (argv, message) => {
  expect(await nabla([...argv])).toBe(1);
  expect(err.join("\n")).toMatch(message);
  expect(err.join("\n").trim()).not.toContain("\n");
  expect(existsSync(join(folder, "none"))).toBe(false);
});

test("bars and histograms in characters", () => {
  expect(shareBar(0.5, 4)).toBe("██  ");
  expect(shareBar(1 / 16, 2)).toBe("▏ ");
  expect(shareBar(2, 2)).toBe("██");
  expect(sparkline([4, 0, 1, 0], 4)).toBe("█ ▄ ");
  expect(sparkline([0, 0], 2)).toBe("  ");
});
