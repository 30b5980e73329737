/**
 * @file The README's programs run as they stand on the built package, and print what it says.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
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
