/** @file Large tables on the built command line: a CSV file longer than any text or buffer of the engine's, and predictions of more rows than a call takes arguments. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "nabla-tables-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const nabla = (...args: string[]): string => execFileSync(process.execPath, [main, ...args], { encoding: "utf8", cwd: folder });

const small = ["--hidden", "4", "--epochs", "2", "--batch-size", "256"];

test("a CSV file of more than 512 MiB trains and is measured", () => {
  const file = openSync(at("long.csv"), "w");
  const note = "0123456789".repeat(11_000);
  writeSync(file, "x,note,kind\n");
  for (let i = 0; i < 5000; i++) writeSync(file, `${(i * 7) % 100},"${note}",${(i * 7) % 100 < 50 ? "low" : "high"}\n`);
  closeSync(file);
  expect(statSync(at("long.csv")).size).toBeGreaterThan(512 * 2 ** 20);
  expect(nabla("train", "mlp", "--data", "long.csv", "--ignore", "note", ...small, "--lr", "0.05", "--out", "long")).toContain(
    "(4,000 + 1,000 examples)",
  );
  expect(nabla("evaluate", "long")).toMatch(/on the 1,?000 examples of long, test split/);
});

test("predictions of 140,000 rows", () => {
  const rows = Array.from({ length: 140_000 }, (_, i) => `${i % 100}`);
  writeFileSync(
    at("short.csv"),
    `x,kind\n${rows
      .slice(0, 1000)
      .map((x) => `${x},${Number(x) < 50 ? "low" : "high"}`)
      .join("\n")}\n`,
  );
  writeFileSync(at("rows.csv"), `x\n${rows.join("\n")}\n`);
  nabla("train", "mlp", "--data", "short.csv", ...small, "--lr", "0.05", "--out", "short");
  nabla("predict", "short", "rows.csv", "--top", "1", "--out", "said.csv");
  const said = readFileSync(at("said.csv"), "utf8").trimEnd().split("\n");
  expect(said).toHaveLength(140_001);
  expect(said[140_000]).toMatch(/line 140001",(low|high),0\.\d+$/);
  nabla("predict", "short", "rows.csv", "--out", "said.json");
  expect(JSON.parse(readFileSync(at("said.json"), "utf8"))).toHaveLength(140_000);
});
