/** @file The loader of saved steps stays small enough to stand in a page. */
import { readFileSync } from "node:fs";
import { minify } from "rolldown/experimental";
import ts from "typescript";
import { expect, test } from "vitest";

test("at most 1,000 bytes, minified", async () => {
  const source = readFileSync(new URL("../../src/runtime/wasm/step.ts", import.meta.url), "utf8");
  const { outputText } = ts.transpileModule(source, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 } });
  const { code } = await minify("step.js", outputText, { module: true });
  expect(code).toContain("WebAssembly");
  expect(code.length).toBeLessThanOrEqual(1000);
});
