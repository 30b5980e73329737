/**
 * @file Pages made from the code are not stale, and the README's program runs as it stands.
 */
import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { configSchema } from "../src/cli/settings.ts";
import { lecturesPage } from "../src/demo/page.ts";
import { opTable } from "../src/inspect/op-table.ts";
import { onnxPage } from "../src/onnx/page.ts";

const page = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

test("docs/onnx.md is what the table of operators says; run `npm run docs`", () => {
  expect(page("docs/onnx.md")).toBe(onnxPage());
});

test("docs/ops.md is what the registry says; run `npm run docs`", () => {
  expect(page("docs/ops.md")).toBe(opTable());
});

test("docs/lectures.md is what the list of demonstrations says; run `npm run docs`", () => {
  expect(page("docs/lectures.md")).toBe(lecturesPage());
});

test("the schema of configuration files is what the flags say; run `npm run docs`", () => {
  expect(JSON.parse(page("schema/train.schema.json"))).toEqual(configSchema());
});

describe("docs/reference", () => {
  interface Reference {
    readonly pages: ReadonlyMap<string, string>;
    readonly undocumented: readonly string[];
    readonly unexported: readonly string[];
  }
  let made: Reference;
  beforeAll(async () => {
    const { reference } = (await import(new URL("../scripts/reference.mjs", import.meta.url).href)) as { reference: () => Reference };
    made = reference();
  });

  test("is what the sources say; run `npm run docs`", () => {
    const files = readdirSync(new URL("../docs/reference/", import.meta.url));
    expect(files.sort()).toEqual([...made.pages.keys()].map((name) => `${name}.md`).sort());
    for (const [name, text] of made.pages) expect(page(`docs/reference/${name}.md`), name).toBe(text);
  });

  test("every public symbol has a docstring", () => {
    expect(made.undocumented).toEqual([]);
  });

  test("each entry of the package has a page", () => {
    const { exports } = JSON.parse(page("package.json")) as { exports: Record<string, string | object> };
    const entries = Object.keys(exports).filter((entry) => typeof exports[entry] === "object");
    expect(entries.length).toBeGreaterThan(10);
    expect(entries.map((entry) => entry.replace(/^\.\/?/, "") || "nabla").filter((name) => !made.pages.has(name))).toEqual([]);
  });

  test("every type that a public signature names is exported and described", () => {
    expect(made.unexported).toEqual([]);
  });

  test("shapes, defaults, formula and source of a layer, a loss and an optimizer are there", () => {
    expect(made.pages.get("nn")).toContain("### LayerNorm\n\n(x - μ)/√(σ² + ε)·weight + bias over the last axes");
    expect(made.pages.get("functional")).toContain(
      "function huberLoss(x: Tensor, target: Tensor, options: LossOptions & { readonly delta?: number } = {}): Tensor",
    );
    expect(made.pages.get("optim")).toContain("*Adam: Kingma & Ba (2015)");
    expect(made.pages.get("optim")).toContain(
      "* `amsgrad`: Use the largest second moment so far (Reddi, Kale & Kumar 2018). Default false.",
    );
  });
});

test("the first program of the README is at most twenty lines", () => {
  const program = /## A first program\n\n```js\n(.*?)```/s.exec(page("README.md"))?.[1] ?? "";
  const lines = program.split("\n").filter((line) => line.trim() !== "");
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.length).toBeLessThanOrEqual(20);
});
