/**
 * @file Pages made from the code are not stale, and the README's program runs as it stands.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configSchema } from "../src/cli/settings.ts";
import { opTable } from "../src/inspect/op-table.ts";

const page = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

test("docs/ops.md is what the registry says; run `npm run docs`", () => {
  expect(page("docs/ops.md")).toBe(opTable());
});

test("the schema of configuration files is what the flags say; run `npm run docs`", () => {
  expect(JSON.parse(page("schema/train.schema.json"))).toEqual(configSchema());
});

test("the first program of the README is at most twenty lines", () => {
  const program = /## A first program\n\n```js\n(.*?)```/s.exec(page("README.md"))?.[1] ?? "";
  const lines = program.split("\n").filter((line) => line.trim() !== "");
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.length).toBeLessThanOrEqual(20);
});
