/** @file docs/coverage.md is what the table says, and every counterpart that it names is there. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as nabla from "../src/index.ts";
import { coverage, coverageTable } from "../src/inspect/coverage.ts";

test("every counterpart is a function of the package or a method of Tensor", () => {
  const missing = coverage().filter(({ counterpart }) => {
    if (!counterpart) return false;
    const [first, ...rest] = counterpart.split(".");
    const found = rest.reduce<unknown>(
      (at, name) => (at as Record<string, unknown> | undefined)?.[name],
      first === "x" ? nabla.Tensor.prototype : (nabla as Record<string, unknown>)[first!],
    );
    return typeof found !== "function";
  });
  expect(missing.map(({ name, counterpart }) => `${name} = ${counterpart}`)).toEqual([]);
});

test("names stand once, and every gap has a reason", () => {
  const names = coverage().map(({ name }) => name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  expect(coverage().filter(({ counterpart, remark }) => !counterpart && remark === "")).toEqual([]);
  expect(names.length).toBeGreaterThan(600);
});

test("docs/coverage.md is fresh; run `npm run docs`", () => {
  expect(readFileSync(new URL("../docs/coverage.md", import.meta.url), "utf8")).toBe(coverageTable());
});
