/**
 * @file The README's programs run as they stand on the built package, and print what it says.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

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

test("the lists are printed as shown", () => {
  expect(readme).toContain(`\`\`\`\n${run(programs[1]!)}\`\`\``);
});
