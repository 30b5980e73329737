/** @file docs/train-your-own.md, executed: its files are written and its commands run in order, on the built package. */
import { execFileSync, execSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs/train-your-own.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "nabla-own-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// As `npm install nabla` would leave it.
mkdirSync(join(folder, "node_modules", ".bin"), { recursive: true });
symlinkSync(root, join(folder, "node_modules", "nabla"));
symlinkSync(join(root, "node_modules", "fast-png"), join(folder, "node_modules", "fast-png"));

const blocks = [...page.matchAll(/```(\w+)(?: ([\w.-]+))?\n(.*?)```/gs)].map(([, language, name, text]) => ({ language, name, text }));
const outputs = new Map<string, string>();

function execute(command: string): string {
  const local = command.replace(/^npx nabla/, `"${process.execPath}" "${join(root, "dist/cli/main.js")}"`);
  try {
    return execSync(local, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command}:\n${stdout}${stderr}`);
  }
}

test.each(
  blocks.flatMap((block): [string, () => void][] =>
    block.name
      ? [[`write ${block.name}`, () => writeFileSync(join(folder, block.name), block.text)]]
      : block.text
          .trim()
          .split("\n")
          .map((command) => [command, () => void outputs.set(command, execute(command))]),
  ),
)("%s", (_, run) => run());

test("what came out is worth having", () => {
  const output = (start: string): string => [...outputs].find(([command]) => command.startsWith(start))![1];
  const accuracy = (start: string): number => Number(/^test accuracy (\d+\.\d) %/m.exec(output(start))![1]);
  expect(accuracy("npx nabla train mlp --data digits.csv")).toBeGreaterThan(94);
  expect(accuracy("npx nabla train cnn --data ./digits --epochs")).toBeGreaterThan(90);
  expect(output("npx nabla predict runs/table").trim().split("\n")).toHaveLength(3);
  expect(output("npx nabla predict runs/images digits/3/3.png")).toMatch(/^digits\/3\/3\.png\n {2}3 +\d+\.\d % +█/);
  expect(readFileSync(join(folder, "threes.csv"), "utf8")).toMatch(/^input,class1,probability1,.*\ndigits\/3\/\d+\.png,\d,0\.\d+,/);
  expect(output("npx nabla train mlp --data digits.csv --label digit --epochs 20 --validation")).toMatch(
    /^validation loss [\d.]+, accuracy 9/m,
  );
  expect(output("npx nabla sweep")).toMatch(/lr +hidden +seed +parameters/);
  expect(output("npx nabla evaluate runs/table --data later.csv")).toContain("on the 97 examples of later.csv, the whole file");
  expect(Number(/accuracy +(\d+\.\d) %/.exec(output("npx nabla evaluate runs/table --data later.csv"))![1])).toBeGreaterThan(90);
  expect(output("npx nabla train cnn --data ./parity --weights runs/images")).toMatch(/from runs\/images: \d+ tensors; new: /);
  expect(output("npx nabla summary runs/mlp-digits")).toContain("bytes of");
  expect(output("node rows.mjs").trim().split("\n")).toEqual([
    ...Array.from({ length: 3 }, () => expect.stringMatching(/^digit-\d \d\.\d\d$/)),
    expect.stringContaining('column "p1" is empty'),
  ]);
  expect(output("npx nabla evaluate runs/images")).toContain("precision");
  expect(output("npx nabla replay")).toContain("the recorded bits");
  expect(output("npx nabla runs")).toMatch(/runs\/images +finished/);
  const [, alone] = /accuracy (0\.\d+), ROC-AUC (0\.\d+|1\.000)/.exec(output("node own.mjs"))!;
  expect(Number(alone)).toBeGreaterThan(0.94);
  expect(execFileSync("ls", [join(folder, "runs", "mlp-digits")], { encoding: "utf8" })).toContain("events.out.tfevents.nabla");
});
