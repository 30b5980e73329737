/**
 * @file Sizes that keep the sources readable: lines of a file and of a function, branches of a function, casts in the engine, circles among imports.
 *
 * Tables may be longer; they are named here.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { circles } from "./circles.ts";

const src = join(dirname(fileURLToPath(import.meta.url)), "../src");

const MOST_LINES = 450;
const MOST_LINES_OF_A_FUNCTION = 60;
const MOST_BRANCHES = 15;
const MOST_CASTS_IN_THE_ENGINE = 115;

/** Tables, which are read line by line. */
const LONG_FILES: Readonly<Record<string, string>> = {
  "ops/tensor.ts": "the methods of one class, a line or two each",
  "inspect/coverage.ts": "a list of names",
};

/** The circles there may be: files that define one thing together. */
const CIRCLES: readonly (readonly [file: string, reason: string])[] = [
  ["ops/tensor.ts", "tensors have methods that record ops, and the rules of ops compute with tensors"],
  ["math/options.ts", "one table checks the options of all functions, and so knows their types"],
];

const ENGINE = new Set(["base", "kernel", "tape", "ops", "transform", "optimize", "schedule", "codegen", "runtime", "function"]);

interface Size {
  readonly what: string;
  readonly lines: number;
  readonly branches: number;
}

interface Measured {
  readonly file: string;
  readonly lines: number;
  readonly casts: number;
  readonly functions: readonly Size[];
  readonly imports: readonly string[];
}

const isBranch = (n: ts.Node): boolean =>
  ts.isIfStatement(n) ||
  ts.isConditionalExpression(n) ||
  ts.isForStatement(n) ||
  ts.isForOfStatement(n) ||
  ts.isForInStatement(n) ||
  ts.isWhileStatement(n) ||
  ts.isDoStatement(n) ||
  ts.isCaseClause(n) ||
  ts.isCatchClause(n) ||
  (ts.isBinaryExpression(n) && ["&&", "||", "??"].includes(n.operatorToken.getText()));

/** One more than the branches of a function, without those of functions inside (McCabe 1976, with the operators that may skip an operand). */
function branchesOf(body: ts.Node): number {
  let count = 1;
  const visit = (n: ts.Node): void => {
    if (ts.isFunctionLike(n)) return;
    if (isBranch(n)) count++;
    ts.forEachChild(n, visit);
  };
  visit(body);
  return count;
}

function nameOf(n: ts.SignatureDeclaration): string {
  if (n.name) return n.name.getText();
  const { parent } = n;
  return (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) && parent.name ? parent.name.getText() : "a function";
}

function measured(file: string, text: string): Measured {
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const lineOf = (at: number): number => tree.getLineAndCharacterOfPosition(at).line;
  const functions: Size[] = [];
  const imports: string[] = [];
  let casts = 0;
  const visit = (n: ts.Node): void => {
    if (ts.isAsExpression(n) && n.type.getText() !== "const") casts++;
    if (ts.isFunctionLike(n) && "body" in n && n.body)
      functions.push({
        what: `${file} ${nameOf(n)}`,
        lines: lineOf(n.end) - lineOf(n.getStart()) + 1,
        branches: branchesOf(n.body as ts.Node),
      });
    if ((ts.isImportDeclaration(n) || ts.isExportDeclaration(n)) && n.moduleSpecifier && ts.isStringLiteral(n.moduleSpecifier))
      if (n.moduleSpecifier.text.startsWith(".")) imports.push(posix.join(posix.dirname(file), n.moduleSpecifier.text));
    ts.forEachChild(n, visit);
  };
  visit(tree);
  return { file, lines: text.split("\n").length - 1, casts, functions, imports };
}

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => measured(name.split(sep).join("/"), readFileSync(join(src, name), "utf8")));

const importsOf = (list: readonly Pick<Measured, "file" | "imports">[]): Map<string, readonly string[]> =>
  new Map(list.map(({ file, imports }) => [file, imports]));

describe("limits of the sources", () => {
  test(`a file has at most ${MOST_LINES} lines`, () => {
    const long = files.filter(({ file, lines }) => lines > MOST_LINES && !LONG_FILES[file]);
    expect(long.map(({ file, lines }) => `${file}: ${lines} lines`)).toEqual([]);
  });

  test(`a function has at most ${MOST_LINES_OF_A_FUNCTION} lines and a complexity of ${MOST_BRANCHES}`, () => {
    const long = files.flatMap(({ functions }) => functions).filter(isTooLarge);
    expect(long.map(({ what, lines, branches }) => `${what}: ${lines} lines, complexity ${branches}`)).toEqual([]);
  });

  test("what is named as an exception exceeds its limit", () => {
    const long = files.filter(({ lines }) => lines > MOST_LINES).map(({ file }) => file);
    expect(Object.keys(LONG_FILES).filter((file) => !long.includes(file))).toEqual([]);
  });

  test(`the engine has at most ${MOST_CASTS_IN_THE_ENGINE} casts`, () => {
    const casts = files.filter(({ file }) => ENGINE.has(file.split("/")[0]!)).reduce((sum, each) => sum + each.casts, 0);
    expect(casts).toBeLessThanOrEqual(MOST_CASTS_IN_THE_ENGINE);
  });

  test("no circle among imports, those of types included, but the named ones", () => {
    const named = CIRCLES.map(([file]) => file);
    const others = circles(importsOf(files)).filter((circle) => !circle.some((file) => named.includes(file)));
    expect(others).toEqual([]);
  });
});

const isTooLarge = ({ lines, branches }: Size): boolean => lines > MOST_LINES_OF_A_FUNCTION || branches > MOST_BRANCHES;

describe("the measures themselves", () => {
  test("branches are counted for each function alone", () => {
    const text = "function f(a) { if (a) return a && 1; const g = (b) => (b ? 1 : b ?? 2); for (;;) g(a); }";
    expect(measured("x.ts", text).functions.map(({ what, branches }) => [what, branches])).toEqual([
      ["x.ts f", 4],
      ["x.ts g", 3],
    ]);
  });

  test("casts to const are none", () => {
    expect(measured("x.ts", "const a = [1] as const; const b = a as unknown as string;").casts).toBe(2);
  });

  test("circles are found through types", () => {
    const list = [
      measured("a.ts", 'import type { B } from "./b.ts";'),
      measured("b.ts", 'export { c } from "./c.ts";'),
      measured("c.ts", 'import { a } from "./a.ts";'),
      measured("d.ts", 'import { a } from "./a.ts";'),
    ];
    expect(circles(importsOf(list))).toEqual([["a.ts", "b.ts", "c.ts"]]);
  });
});
