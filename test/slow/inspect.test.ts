/** @file `nabla inspect` with the instruments that take seconds: on a network of the digits, in the terminal and in the page. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run as nabla } from "../../src/cli/program.ts";
import { captureConsole } from "../cli/console.ts";
import "../../src/runtime/evaluate.ts";

const { out, folder } = captureConsole();

test("curvature, landscape, paths and spectrum, in the terminal and in the page", async () => {
  const page = join(folder, "loss.html");
  const argv = ["inspect", "mlp", "--examples", "32", "--what", "curvature,landscape,paths,spectrum", "--optimizer", "sgd", "--html", page];
  expect(await nabla(argv)).toBe(0);
  const text = out.join("\n");
  expect(text).toMatch(/^largest eigenvalue of the Hessian [\d.]+ ± \S+; 2\/η is \d+: gradient descent is (un)?stable along it$/m);
  expect(text).toMatch(/^noise scale /m);
  expect(text).toMatch(/^landscape: loss along a random direction/m);
  expect(text).toMatch(/^ *[░▒▓█ ]{20,}$/m);
  expect(text).toMatch(/numbers, [\d,]+ partial derivatives, \S+ paths from 64 inputs to 10 outputs/);
  expect(text).toMatch(/^whole Jacobian: σ₁ /m);
  const html = readFileSync(page, "utf8");
  for (const title of ["Curvature", "Landscape", "Paths", "Marchenko-Pastur"]) expect(html).toContain(title);
  expect(html).not.toContain("NaN");
});
