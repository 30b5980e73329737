/** @file `nabla probe`: the table of a trained and an untrained network, and one line for each wrong call. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { run as nabla } from "../../src/cli/program.ts";
import { captureConsole } from "./console.ts";
import "../../src/runtime/evaluate.ts";

const { out, err, folder } = captureConsole();

test("an untrained network on a data set", async () => {
  await nabla(["probe", "cnn", "--data", "digits", "--examples", "16"]);
  expect(err).toEqual([]);
  expect(out[0]).toBe("cnn, untrained, on 16 images of digits");
  expect(out[1]).toMatch(/^features f: [\w.]+ \[\d+, \d+, \d+\]; a unit sees \d+x\d+ pixels, the next is \dx\d away$/);
  expect(out[3]).toMatch(/^ +f\(Tx\) - T f\(x\) +f\(Tx\) - f\(x\) +outputs +same class$/);
  const names = out.slice(4).flatMap((text) => /^(shift|rotate|scale) (\S+)/.exec(text)?.[2] ?? []);
  expect(names).toEqual(["1", "2", "5°", "15°", "45°", "90°", "0.8", "0.9", "1.1", "1.25"]);
});

test("a run, as JSON; its model is the one that was trained", async () => {
  expect(await nabla(["train", "mlp", "--epochs", "1", "--out", join(folder, "run")])).toBe(0);
  out.length = 0;
  expect(await nabla(["probe", join(folder, "run"), "--examples", "40", "--json"])).toBe(0);
  const { layer, rows } = JSON.parse(out.join("\n"));
  expect(layer).toBeUndefined();
  expect(rows[0].unchanged).toBeGreaterThan(rows[1].unchanged);
  expect(rows[1].outputs).toBeGreaterThan(rows[0].outputs);
});

test("a network of the zoo on blots", async () => {
  expect(await nabla(["probe", "resnet20", "--examples", "2"])).toBe(0);
  expect(out[0]).toBe("resnet20, untrained, on 2 images of blots");
});

test.each([
  [["probe", "cnnn"], /^error: unknown model "cnnn"; did you mean "cnn"\? .*; nor is there such a file or folder$/],
  [["probe", "cnn"], /^error: cnn: want --data with images to look at, such as --data digits$/],
  [["probe", "mlp", "--data", "moons"], /^error: moons: has inputs \[2\]; want images to move$/],
  [
    ["probe", "cnn", "--data", "digits", "--layer", "conv"],
    /^error: probe: no layer "conv" gives maps \[N, C, H, W\]; nabla summary lists the layers$/,
  ],
])("%j", async (argv, message) => {
  expect(await nabla(argv)).not.toBe(0);
  expect(err).toHaveLength(1);
  expect(err[0]).toMatch(message);
});
