/**
 * @file What small files that claim much memory really take: each is read by the built package in a process of its own under the default limit, and the
 * most that this process held resident, less what it held before, stays below the limit. `docs/decoders.md` has the figures.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { bombs } from "../formats/bombs.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "nabla-bombs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MB = 2 ** 20;
/** The limit of a call that names none, for files below 100 MB. */
const LIMIT = 1024 * MB;
/** Peaks differ from run to run by when garbage is collected. */
const TOLERANCE = 150 * MB;

/** Reads a file; prints what became of it, and the bytes that were resident at most, less those before. See proc(5): clear_refs, VmHWM. */
const CHILD = `
import { readFileSync, writeFileSync } from "node:fs";
const [file, module, name] = process.argv.slice(1);
const read = (await import(module))[name];
const bytes = new Uint8Array(readFileSync(file));
const status = (field) => 1024 * Number(new RegExp(field + ":\\\\s+(\\\\d+)").exec(readFileSync("/proc/self/status", "utf8"))[1]);
writeFileSync("/proc/self/clear_refs", "5");
const before = status("VmRSS");
let outcome = "read";
try { await read(bytes, "f"); } catch (error) { outcome = "refused: " + error.message; }
console.log(JSON.stringify({ outcome, peak: status("VmHWM") - before }));
`;

/** The rows of the table: name, size of the file, outcome, peak. */
const rows = new Map(
  [...readFileSync(join(root, "docs/decoders.md"), "utf8").matchAll(/^\| (.+?) \| ([\d.]+ \w+) \| (read|refused) \| (\d+) MB \|$/gm)].map(
    ([, name, size, outcome, peak]) => [name, { size, outcome, peak: Number(peak) * MB }],
  ),
);

/** A size to two digits: "2.1 kB", "520 kB". */
function sizeText(bytes: number): string {
  const power = Math.floor(Math.log10(bytes) / 3);
  return `${Number((bytes / 1000 ** power).toPrecision(2))} ${["bytes", "kB", "MB"][power]}`;
}

describe.skipIf(process.platform !== "linux")("peak memory (skipped where /proc does not tell it)", () => {
  test("the table has every file", () => expect([...rows.keys()]).toEqual(Object.keys(bombs)));

  test.each(Object.entries(bombs))("%s", (name, { reader: [entry, reader], make }) => {
    const file = join(folder, "bomb");
    const bytes = make();
    writeFileSync(file, bytes);
    const module = join(root, "dist", entry, "index.js");
    const args = ["--input-type=module", "-e", CHILD, file, module, reader];
    const { outcome, peak } = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
    console.log(`| ${name} | ${sizeText(bytes.length)} | ${outcome.split(":")[0]} | ${Math.round(peak / MB)} MB |  ${outcome}`);
    expect(peak).toBeLessThan(LIMIT);
    expect({ size: sizeText(bytes.length), outcome: outcome.split(":")[0] }).toEqual({
      size: rows.get(name)?.size,
      outcome: rows.get(name)?.outcome,
    });
    expect(peak).toBeLessThan(rows.get(name)!.peak + TOLERANCE);
  });
});
