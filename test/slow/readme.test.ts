/**
 * @file The README's programs run as they stand on the built package, and print what it says.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url).pathname;
const readme = readFileSync(`${root}README.md`, "utf8");
const programs = [...readme.matchAll(/```js\n(.*?)```/gs)].map((match) => match[1]!);
/** Output of a program of the README, which imports the package by its name. */
const run = (program: string): string =>
  execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd: root, encoding: "utf8" });

test("the first program learns the digits", () => {
  const accuracy = /^test accuracy (\d+\.\d) %/.exec(run(programs[0]!))?.[1];
  expect(Number(accuracy)).toBeGreaterThan(90);
});

test("`npm start` prints what is shown, but for speeds and times", () => {
  const shown = /```\n(cnn \(.*?)```/s.exec(readme)![1]!.trimEnd().split("\n");
  const out = mkdtempSync(join(tmpdir(), "nabla-readme-"));
  const printed = execFileSync(process.execPath, ["dist/cli/main.js", "train", "cnn", "--data", "digits", "--out", out], {
    cwd: root,
    encoding: "utf8",
  }).split("\n");
  rmSync(out, { recursive: true, force: true });
  expect(printed[0]).toBe(shown[0]);
  /** The numbers of a line, speeds and times left out. */
  const numbers = (line: string): number[] =>
    [...line.replace(/ {2}[\d,]+ examples\/s.*$/, "").matchAll(/\d+(\.\d+)?/g)].map(([number]) => Number(number));
  const epochs = shown.filter((line) => /^epoch/.test(line));
  expect(epochs.length).toBe(4);
  // Not every machine adds products in one rounding, so what is learnt may differ in a few of 899 examples.
  for (const line of [...epochs, shown.find((each) => each.startsWith("test accuracy"))!]) {
    const start = line.startsWith("epoch") ? line.slice(0, 11) : "test accuracy";
    const [now, then] = [numbers(printed.find((each) => each.startsWith(start))!), numbers(line)];
    for (const [i, x] of then.entries()) expect(Math.abs(now[i]! - x), `${line}: number ${i} is ${now[i]}`).toBeLessThan(x > 10 ? 2 : 0.1);
  }
  expect(printed.some((line) => line.startsWith("good fit"))).toBe(true);
});

test("the other figures are those of the pages and programs that they come from", () => {
  const row = /`nabla train lenet5 --data mnist.*\(5 epochs\).*\*\*(\d+\.\d+) %\*\* \| [\d.]+ \| (\d+) \|/.exec(
    readFileSync(`${root}docs/accuracy.md`, "utf8"),
  )!;
  expect(readme).toContain(`--epochs 5\` reaches ${(Math.round(Number(row[1]) * 10) / 10).toFixed(1)} % in about half a minute`);
  expect(Number(row[2])).toBeLessThan(40);
  const demos = execFileSync(process.execPath, ["dist/cli/main.js", "demo"], { cwd: root, encoding: "utf8" });
  expect(readme).toContain("more than a hundred");
  expect(demos.split("\n").filter((line) => /\]$/.test(line)).length).toBeGreaterThan(100);
  expect(readme).toContain("prints what it buys for 64 layers");
  expect(readFileSync(`${root}examples/memory.mjs`, "utf8")).toMatch(/\b64\b/);
  expect(readme).toContain("1,797 real handwritten digits");
  expect(readme).toContain("digits (898 + 899 examples)");
  expect(898 + 899).toBe(1797);
});

/** What each program of the pages in docs/ prints. */
const PRINTED: [string, string[]][] = [
  ["tutorial", ["3 5 7\n2 4 6\n", "2.00 1.00\n", "true\n", "6090\ntrue true\n"]],
  ["from-pytorch", ["loss"]],
  ["from-keras", ["5 epochs, true\n"]],
  ["from-tensorflow-js", ["2,4,6\n"]],
  ["browser", ["1\n"]],
];

test.each(PRINTED)("the programs of docs/%s.md", (page, printed) => {
  const text = readFileSync(`${root}docs/${page}.md`, "utf8");
  const all = [...text.matchAll(/```js\n(.*?)```/gs)].map(([, program]) => run(program!));
  expect(all.map((output, i) => (printed[i] === "loss" ? output.slice(0, 4) : output))).toEqual(printed);
});

describe("tables of names for who comes from elsewhere", () => {
  test.each(["from-pytorch", "from-keras", "from-tensorflow-js"])("docs/%s.md names what is there", async (name) => {
    const nabla = (await import("../../src/index.ts")) as unknown as Record<string, Record<string, object>>;
    const text = readFileSync(`${root}docs/${name}.md`, "utf8");
    const rows = [...text.matchAll(/^\|[^|]*\|([^|]*)\|$/gm)].map(([, ours]) => ours!).slice(2);
    expect(rows.length).toBeGreaterThan(10);
    const classes = [nabla.Tensor, nabla.Cell, nabla.nn!.Linear, nabla.optim!.Optimizer, nabla.nn!.Parameter] as unknown as {
      prototype: object;
    }[];
    const owners = [nabla, ...classes.map(({ prototype }) => prototype)];
    const options = ["clipNorm", "weight", "moreInputs", "moreTargets", ".pth"];
    const names = rows.flatMap((row) => [...row.matchAll(/`([\w.]+)(?:\([^`]*\))?`/g)].map(([, path]) => path!));
    const missing = names.filter((path) => {
      if (options.includes(path)) return false;
      const [first, second] = path.replace(/^x\./, "").split(".") as [string, string | undefined];
      return second === undefined ? !owners.some((owner) => first in owner) : !(second in (nabla[first] ?? {}));
    });
    expect(missing).toEqual([]);
  });
});

test("the lists are printed as shown", () => {
  expect(readme).toContain(`\`\`\`\n${run(programs[1]!)}\`\`\``);
});
