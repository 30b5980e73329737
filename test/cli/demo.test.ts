/** @file `nabla demo`: the list, one demonstration in each form, and what it says of mistakes. */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { run } from "../../src/cli/program.ts";
import { demos, holds } from "../../src/demo/index.ts";

/** Exit code, and what a command line prints. */
async function nabla(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [log, error] = [vi.spyOn(console, "log").mockImplementation(() => {}), vi.spyOn(console, "error").mockImplementation(() => {})];
  try {
    const code = await run(["demo", ...argv]);
    return { code, out: log.mock.calls.flat().join("\n"), err: error.mock.calls.flat().join("\n") };
  } finally {
    log.mockRestore();
    error.mockRestore();
  }
}

test("lists at least 60, one line each: name, two spaces, what it shows, the document", async () => {
  const { code, out } = await nabla();
  const lines = out.split("\n");
  expect(code).toBe(0);
  expect(lines.length).toBe(demos.length);
  expect(lines.length).toBeGreaterThanOrEqual(60);
  for (const line of lines) expect(line).toMatch(/^[a-z0-9-]+ {2}\S.* \[.+\]$/);
  expect(new Set(lines.map((line) => line.split(" ")[0])).size).toBe(lines.length);
});

test("shows every lecture", () => {
  expect([...new Set(demos.map(({ document }) => document))].sort()).toEqual(["S0", "S1", "S2", "S3", "S4"]);
});

test("prints the lecture's number beside what it computes", async () => {
  const { code, out } = await nabla("convolution-65");
  expect(code).toBe(0);
  expect(out).toMatch(/X\(0:2, 0:2\)·K'\s+65\s+must be 65\s+ok/);
});

test("as JSON it is one object", async () => {
  const { out } = await nabla("filter-parameters", "--json");
  expect(JSON.parse(out)).toMatchObject({ name: "filter-parameters", facts: [{ value: 112, expected: 112, holds: true }, { value: 28 }] });
});

test.each(["svg", "html"])("draws to a file: %s", async (kind) => {
  const file = join(mkdtempSync(join(tmpdir(), "nabla-demo-")), `saturation.${kind}`);
  expect((await nabla("saturation", "--out", file)).code).toBe(0);
  const text = readFileSync(file, "utf8");
  expect(text).toMatch(kind === "svg" ? /^<svg / : /^<!doctype html>/);
  expect(text).toContain("sigmoid");
});

test("a wrong name, a wrong kind of file, a file for the list: one line each", async () => {
  expect(await nabla("convolution-66")).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^error: no demonstration "convolution-66".*convolution-65/),
  });
  expect(await nabla("saturation", "--out", "x.png")).toMatchObject({ code: 1, err: "error: x.png: want a file named *.svg or *.html" });
  expect(await nabla("--out", "x.svg")).toMatchObject({ code: 1, err: expect.stringContaining("wants the name of a demonstration") });
});

test("a number that is not what it must be is found", () => {
  const fact = { what: "", value: 1 };
  expect(holds(fact)).toBe(true);
  expect(holds({ ...fact, expected: 1 })).toBe(true);
  expect(holds({ ...fact, expected: 1.1, within: 0.05 })).toBe(false);
  expect(holds({ ...fact, least: 1.1 })).toBe(false);
  expect(holds({ ...fact, most: 0.9 })).toBe(false);
  expect(holds({ ...fact, value: Number.NaN })).toBe(false);
});
