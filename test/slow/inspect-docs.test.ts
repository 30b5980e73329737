/** @file What the pages on instruments show is what the instruments say. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BROKEN } from "../inspect/broken.ts";
import { filled } from "../inspect/docs.ts";
import { HEALTHY } from "../inspect/healthy.ts";
import "../../src/runtime/evaluate.ts";

const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");

test.each(["why-not-learning.md", "inspect.md"])("docs/%s", async (name) => {
  expect(await filled(page(name))).toBe(page(name));
});

test("every broken net is in the walk", () => {
  const text = page("why-not-learning.md");
  expect(BROKEN.filter(([name]) => !text.includes(`<!-- case: ${name} -->`)).map(([name]) => name)).toEqual([]);
});

test("the page on the rules says how many nets they are tried on", () => {
  expect(page("inspect.md")).toContain(
    `A test has ${BROKEN.length} nets with one fault that fire their rule and only it, and ${HEALTHY.length} healthy ones`,
  );
});
