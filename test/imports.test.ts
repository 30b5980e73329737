/**
 * @file Who may import whom: the folder order of ARCHITECTURE.md, checked on the sources themselves.
 *
 * Imports are read with the TypeScript parser, so comments and strings cannot fool the test. An edge is a *value* edge unless it
 * is `import type` or `export type`: value edges must not form a circle anywhere, type edges may form one inside a folder.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { TAPE_PASSES } from "../src/runtime/passes.ts";
import { circles } from "./circles.ts";

const src = join(dirname(fileURLToPath(import.meta.url)), "../src");

/** From the ground up. A folder imports only from itself and from folders before it. */
const order = [
  "base",
  "figures",
  "kernel",
  "tape",
  "ops",
  "transform",
  "optimize",
  "schedule",
  "codegen",
  "runtime",
  "function",
  "distributed",
  "math",
  "distributions",
  "nn",
  "optim",
  "formats",
  "onnx",
  "data",
  "models",
  "train",
  "inspect",
  "demo",
  "studio",
  "cli",
  "index.ts",
  "node.ts",
];

/** Folders that see less than everything below them. */
const seesOnly: Record<string, readonly string[]> = {
  figures: ["base"],
  codegen: ["base", "kernel"],
  formats: ["base"],
  data: ["base", "formats"],
};

/** Pairs that do not know each other, though one is below the other. */
const strangers: readonly (readonly [string, string])[] = [
  ["kernel", "tape"],
  ["transform", "optimize"],
  ["nn", "optim"],
];

/** Folders whose only importers are these files or folders. */
const importedOnlyBy: Record<string, readonly string[]> = {
  optimize: ["optimize", "runtime/passes.ts", "runtime/loops.ts", "runtime/budget.ts", "runtime/ranks.ts", "runtime/compile.ts"],
  schedule: ["schedule", "runtime/fit.ts", "runtime/plan.ts", "runtime/compile.ts"],
  inspect: ["inspect", "demo", "studio", "cli", "index.ts"],
  demo: ["demo", "studio", "cli"],
  studio: ["studio"],
};

/** The one package that an entry of its own loads: a page that imports `nabla/onnx` is bundled, or maps the name. */
const PACKAGES: Readonly<Record<string, string>> = { "formats/onnx.ts": "@bufbuild/protobuf/wire" };

/** The engine uses no packages at all. */
const engine = order.slice(0, order.indexOf("function") + 1);

/** One import: file -> target, both relative to src with forward slashes; a package or `node:` module keeps its own name. */
interface Edge {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
  readonly dynamic?: boolean;
}

const isFile = (edge: Edge) => /\.(tsx?|css)$/.test(edge.to);
const folderOf = (path: string) => path.split("/")[0]!;

function sourceFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(tsx?|css)$/.test(name))
    .map((name) => name.split(sep).join("/"));
}

/** `import type` or `export type`. Braces in which every name is marked `type` still load the module (verbatimModuleSyntax). */
function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  return ts.isExportDeclaration(node) ? node.isTypeOnly : node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

const parse = (file: string, text: string): ts.SourceFile =>
  ts.createSourceFile(file, file.endsWith(".css") ? "" : text, ts.ScriptTarget.Latest, true);

/** What the sources import, read once for all tests. */
let sources: Edge[] | undefined;
function sourceEdges(): readonly Edge[] {
  sources ??= sourceFiles(src).flatMap((file) => edgesOf(file, readFileSync(join(src, file), "utf8")));
  return sources;
}

function edgesOf(file: string, text: string): Edge[] {
  const edges: Edge[] = [];
  const add = (specifier: ts.Expression, typeOnly: boolean, dynamic = false) => {
    if (!ts.isStringLiteralLike(specifier)) return;
    const to = specifier.text.startsWith(".") ? posix.join(posix.dirname(file), specifier.text) : specifier.text;
    edges.push({ from: file, to, typeOnly, dynamic });
  };
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) add(node.moduleSpecifier, isTypeOnly(node));
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]!, false, true);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal as ts.Expression, true);
    // Below the statements of a file there are imports only where it says `import(`.
    if (hasInner || ts.isSourceFile(node)) ts.forEachChild(node, visit);
  };
  const hasInner = /\bimport\s*\(/.test(text);
  visit(parse(file, text));
  return edges;
}

/** The built modules load in a page as they are: only the command may import packages or Node's modules statically. */
function externalFault(edge: Edge, here: string): string | undefined {
  if (engine.includes(here) && !edge.to.startsWith("node:")) return "the engine imports no packages";
  if (here === "studio" && /^solid-js(\/web)?$/.test(edge.to)) return undefined; // bundled into its page
  if (here === "cli" || edge.dynamic || edge.typeOnly || PACKAGES[edge.from] === edge.to) return undefined;
  return `a page cannot load ${edge.to}: only cli imports it statically, elsewhere by dynamic import`;
}

/** Why this edge is forbidden, or nothing. */
function fault(edge: Edge): string | undefined {
  const here = folderOf(edge.from);
  if (!order.includes(here)) return `src/${here} is not in the folder order`;
  if (!isFile(edge)) return externalFault(edge, here);
  if (edge.to.startsWith("..")) return "leaves src";
  const there = folderOf(edge.to);
  if (!order.includes(there)) return `src/${there} is not in the folder order`;
  if (here === there) return undefined;
  if (order.indexOf(there) > order.indexOf(here)) return `upward: ${there} is above ${here}`;
  if (seesOnly[here] && !seesOnly[here].includes(there)) return `${here} sees only ${seesOnly[here].join(" and ")}`;
  if (strangers.some(([a, b]) => (a === here && b === there) || (b === here && a === there)))
    return `${here} and ${there} do not know each other`;
  const importers = importedOnlyBy[there];
  if (importers && !importers.includes(here) && !importers.includes(edge.from)) {
    return `only ${importers.filter((name) => name !== there).join(" and ")} may import ${there}`;
  }
  return undefined;
}

/** What each file imports, among the given edges. */
function targetsOf(edges: readonly Edge[]): Map<string, string[]> {
  const targets = new Map<string, string[]>();
  for (const { from, to } of edges) targets.set(from, [...(targets.get(from) ?? []), to]);
  return targets;
}

/** Every violation in readable form; an empty list is a clean project. */
function violations(edges: readonly Edge[]): string[] {
  const problems: string[] = [];
  for (const edge of edges) {
    const reason = fault(edge);
    if (reason) problems.push(`src/${edge.from} imports ${isFile(edge) ? `src/${edge.to}` : edge.to}: ${reason}`);
  }
  // A dynamic import inside a function runs after loading, so it closes no circle.
  const values = edges.filter((edge) => isFile(edge) && !edge.typeOnly && !edge.dynamic);
  for (const circle of circles(targetsOf(values))) problems.push(`circle of imports: ${circle.map((file) => `src/${file}`).join(", ")}`);
  return problems;
}

describe("import rules", () => {
  test("the sources keep them", () => {
    expect(violations(sourceEdges()).join("\n")).toBe("");
  });

  test("every import names a file that is there", () => {
    const files = new Set(sourceFiles(src));
    const missing = sourceEdges()
      .filter((edge) => isFile(edge) && !files.has(edge.to))
      .map((edge) => `src/${edge.from} imports src/${edge.to}, which does not exist`);
    expect(missing.join("\n")).toBe("");
  });
});

test("a pass has one name: in the table, of its function, of its file", () => {
  for (const [name, pass] of TAPE_PASSES.flatMap(({ passes }) => passes)) {
    expect(existsSync(join(src, "optimize", `${name}.ts`)), name).toBe(true);
    const camel = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    if (pass.name) expect(pass.name).toBe(camel);
  }
});

/** Where the machine that programs run on may be named. */
const MACHINE = ["codegen/wasm/", "codegen/x64/", "runtime/wasm/", "runtime/x64/", "runtime/backends.ts", "kernel/target"];
const MACHINE_WORDS: ReadonlySet<string> = new Set(["LANES", "V8", "WebAssembly"]);

/** What a file says of one machine in code: names, and imports of its code generator. Comments and texts may say anything. */
function machineWords(file: string, text: string): string[] {
  if (!/WASM|codegen\/(wasm|x64)/.test(text) && ![...MACHINE_WORDS].some((word) => text.includes(word))) return [];
  const found = edgesOf(file, text)
    .filter((edge) => /^codegen\/(wasm|x64)\//.test(edge.to))
    .map((edge) => `imports ${edge.to}`);
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text === "WASM" && !isDefault(node)) found.push("says WASM");
    if (ts.isIdentifier(node) && MACHINE_WORDS.has(node.text)) found.push(`says ${node.text}`);
    ts.forEachChild(node, visit);
  };
  visit(parse(file, text));
  return found;
}

/** A machine may be imported, to be what a parameter is by default; nobody else reads it. */
function isDefault({ parent }: ts.Identifier): boolean {
  return ts.isImportSpecifier(parent) || ts.isParameter(parent) || ts.isBindingElement(parent);
}

test("no other code knows the machine", () => {
  const files = sourceFiles(src).filter((file) => !MACHINE.some((place) => file.startsWith(place)));
  const say = files.filter((file) => machineWords(file, readFileSync(join(src, file), "utf8")).length > 0);
  expect(say).toEqual([]);
  expect(machineWords("ops/x.ts", 'import "../codegen/wasm/module.ts";\nconst LANES = "V8"; // WebAssembly')).toEqual([
    "imports codegen/wasm/module.ts",
    "says LANES",
  ]);
  const target = (code: string): string[] => machineWords("ops/x.ts", `import { WASM } from "../kernel/target.ts"; ${code}`);
  expect(target("const f = (t = WASM, { lanes } = WASM) => t;")).toEqual([]);
  expect(target("const VECTOR = WASM.lanes.f32;")).toEqual(["says WASM"]);
});

describe("the checker itself", () => {
  const value = (from: string, to: string): Edge => ({ from, to, typeOnly: false });
  const type = (from: string, to: string): Edge => ({ from, to, typeOnly: true });

  test.each([
    [value("base/shape.ts", "tape/node.ts"), "upward"],
    [type("base/shape.ts", "tape/node.ts"), "upward"],
    [value("train/loop.ts", "cli/main.ts"), "upward"],
    [value("train/loop.ts", "inspect/look.ts"), "upward"],
    [{ ...value("nn/linear.ts", "inspect/look.ts"), dynamic: true }, "upward"],
    [value("tape/node.ts", "kernel/build.ts"), "do not know each other"],
    [value("optimize/merge.ts", "transform/reverse.ts"), "do not know each other"],
    [value("optim/adam.ts", "nn/module.ts"), "do not know each other"],
    [value("codegen/wasm/emit.ts", "tape/node.ts"), "sees only"],
    [value("formats/idx.ts", "ops/tensor.ts"), "sees only"],
    [value("data/mnist.ts", "nn/module.ts"), "sees only"],
    [value("runtime/program.ts", "schedule/fuse.ts"), "may import schedule"],
    [value("function/compile.ts", "optimize/merge.ts"), "may import optimize"],
    [value("index.ts", "schedule/fuse.ts"), "may import schedule"],
    [value("kernel/build.ts", "fflate"), "no packages"],
    [{ ...value("kernel/build.ts", "fflate"), dynamic: true }, "no packages"],
    [value("runtime/pool.ts", "node:worker_threads"), "dynamic import"],
    [value("data/mnist.ts", "node:fs"), "dynamic import"],
    [value("utils/misc.ts", "base/shape.ts"), "not in the folder order"],
    [value("base/shape.ts", "../test/x.ts"), "leaves src"],
    [value("cli/main.ts", "studio/shell.tsx"), "only  may import studio"],
    [value("studio/shell.tsx", "react"), "a page cannot load react"],
  ])("refuses %o", (edge, reason) => {
    expect(violations([edge]).join("\n")).toContain(reason);
  });

  test.each([
    value("tape/node.ts", "base/shape.ts"),
    value("ops/tensor.ts", "kernel/build.ts"),
    value("runtime/compile.ts", "schedule/fuse.ts"),
    value("runtime/compile.ts", "optimize/merge.ts"),
    value("data/mnist.ts", "formats/idx.ts"),
    value("cli/main.ts", "commander"),
    value("cli/main.ts", "node:fs"),
    { ...value("data/mnist.ts", "node:fs"), dynamic: true },
    value("cli/main.ts", "inspect/bounds.ts"),
    value("studio/shell.tsx", "solid-js/web"),
    value("index.ts", "inspect/bounds.ts"),
    { ...value("runtime/pool.ts", "node:worker_threads"), dynamic: true },
    type("runtime/pool.ts", "node:worker_threads"),
  ])("accepts %o", (edge) => {
    expect(violations([edge])).toEqual([]);
  });

  test("finds circles of values and allows circles of types inside a folder", () => {
    const there = value("ops/a.ts", "ops/b.ts");
    expect(violations([there, value("ops/b.ts", "ops/c.ts"), value("ops/c.ts", "ops/a.ts")])).toEqual([
      "circle of imports: src/ops/a.ts, src/ops/b.ts, src/ops/c.ts",
    ]);
    expect(violations([there, type("ops/b.ts", "ops/a.ts")])).toEqual([]);
    expect(violations([value("ops/a.ts", "ops/a.ts")])).toHaveLength(1);
  });

  test("reads every form of import", () => {
    const text = `
      // import "../cli/comment.ts"
      import type { A } from "./a.ts";
      import { type B } from "./b.ts";
      import { type C, c } from "./c.ts";
      import * as d from "../base/d.ts";
      import "./e.ts";
      export { f } from "./f.ts";
      export type { G } from "./g.ts";
      export * from "./h.ts";
      let i: import("./i.ts").I = await import("node:fs");
      const s = 'import "./string.ts"';`;
    expect(edgesOf("ops/x.ts", text).map((e) => `${e.to}${e.typeOnly ? " type" : ""}${e.dynamic ? " dynamic" : ""}`)).toEqual([
      "ops/a.ts type",
      "ops/b.ts",
      "ops/c.ts",
      "base/d.ts",
      "ops/e.ts",
      "ops/f.ts",
      "ops/g.ts type",
      "ops/h.ts",
      "ops/i.ts type",
      "node:fs dynamic",
    ]);
  });
});
