/** @file `nabla plot`: the curves of runs, drawn and written. The runs are written by hand: what is drawn is what their files say. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { run } from "../../src/cli/program.ts";
import { captureConsole } from "./console.ts";

const console = captureConsole();
const at = (...names: string[]): string => join(console.folder, ...names);

function makeRun(name: string, losses: readonly number[], more = ""): void {
  mkdirSync(at(name), { recursive: true });
  writeFileSync(at(name, "run.json"), JSON.stringify({ state: "finished", started: "2026-01-01", data: {} }));
  writeFileSync(at(name, "config.json"), "{}");
  const rows = losses.map((loss, i) => `${10 * (i + 1)},${i + 1},${loss},${2 * loss},1${more}`);
  writeFileSync(
    at(name, "epochs.csv"),
    `step,epoch,trainLoss,testLoss,seconds${more && ",trainAccuracy,testAccuracy"}\n${rows.join("\n")}\n`,
  );
  writeFileSync(at(name, "steps.csv"), `step,loss,lr\n${losses.map((loss, i) => `${i + 1},${loss},0.1`).join("\n")}\n`);
}

beforeAll(() => {
  makeRun("one", [1, 0.5, 0.25], ",0.5,0.75");
  makeRun("two", [2, 1, 0.5]);
  makeRun("short", [1]);
  makeRun("none", []);
});

test("one run: its parts, loss and accuracy, in the terminal and as a page", async () => {
  expect(await run(["plot", at("one"), "--html", at("a.html"), "--svg", at("a.svg")])).toBe(0);
  expect(console.out.filter((line) => line === "loss" || line === "accuracy")).toEqual(["loss", "accuracy"]);
  expect(console.out.filter((line) => / (train|test)$/.test(line))).toHaveLength(4);
  expect(Math.max(...console.out.filter((line) => line.includes("┤")).map((line) => line.length))).toBeLessThan(80);
  const page = readFileSync(at("a.html"), "utf8");
  expect(page.match(/<svg/g)).toHaveLength(2);
  expect(readFileSync(at("a.svg"), "utf8")).toMatch(/^<svg .*>test<.*>train<.*<\/svg>\n$/s);
  expect(console.err).toEqual([expect.stringMatching(/an SVG file has one picture: loss; choose with --metric/)]);
});

test("several runs: the held-out curve of each, under its name; single steps; a column by its name", async () => {
  expect(await run(["plot", at("one"), at("two"), "--metric", "loss"])).toBe(0);
  expect(console.out.filter((line) => / (one|two)$/.test(line))).toHaveLength(2);
  expect(await run(["plot", at("one"), "--steps", "--metric", "lr"])).toBe(0);
  expect(console.out.some((line) => / lr$/.test(line))).toBe(true);
  expect(await run(["plot", at("two"), "--metric", "seconds"])).toBe(0);
  expect(await run(["plot", at("short")])).toBe(0);
  expect(console.out.at(-1)).toBe("(one point: a curve wants two)");
});

test.each([
  [["plot"], /missing required argument/],
  [["plot", "no-such-run"], /no-such-run/],
  [["plot", "none"], /nothing is recorded in epochs.csv yet \(the run is finished\); --steps draws single steps/],
  [["plot", "one", "--metric", "acuracy"], /no run has recorded "acuracy"; did you mean "(trainA|testA|a)ccuracy"\? \(recorded: loss, /],
  [["plot", "one", "--svg", "one/epochs.csv"], /belongs to the run/],
])("%j is one line", async (args, message) => {
  const paths = args.map((arg) => (/^(none|one|no-such-run)/.test(arg) ? at(arg) : arg));
  expect(await run(paths)).toBe(1);
  expect(console.err.at(-1)).toMatch(message);
});
