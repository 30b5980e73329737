/**
 * @file The tests as modules for a page: a file for each test file, under its own name, over shared ones with the engine and the test tool. Paths in it are the
 * project's, so that `new URL("../fixtures/x", import.meta.url)` and the lines in error messages mean what they do in Node.
 */

import { readdirSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type Plugin, rolldown } from "rolldown";
import { NODE_ONLY } from "./node-only.ts";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** What `node.ts` stands in for, where a test asks for it. */
const NODE_MODULES = ["node:fs", "node:path", "node:url"];

/** Folders of tests that are not for a page at all: they start processes, or are this suite. */
const OTHER_SUITES = ["test/slow/", "test/nightly/", "test/zoo/", "test/browser/", "test/x64/"];

const posix = (path: string): string => path.split(sep).join("/");

/** All test files but other suites', from the project's root, in order. */
export const testFiles = (): string[] =>
  readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .map((path) => `test/${posix(path)}`)
    .filter((path) => path.endsWith(".test.ts") && !OTHER_SUITES.some((folder) => path.startsWith(folder)))
    .sort();

/** Those that run in a page. Throws if the list of the others names one that there is not. */
export function pageFiles(): string[] {
  const files = testFiles();
  const gone = Object.keys(NODE_ONLY).filter((file) => !files.includes(file));
  if (gone.length > 0) throw new Error(`test/browser/node-only.ts lists files that there are not: ${gone.join(", ")}`);
  return files.filter((file) => !Object.hasOwn(NODE_ONLY, file));
}

/**
 * Where modules of tests find `vitest`, the package and Node. The engine's own optional imports from Node fail when they are used, as in any page; a test's, or one
 * that is not optional, is put in the list.
 */
const resolution = (needs: string[]): Plugin => ({
  name: "page",
  resolveId(id, importer, { kind }) {
    if (id === "vitest") return join(root, "test/browser/vitest.ts");
    if (id === "nabla") return join(root, "src/index.ts");
    if (!isBuiltin(id)) return undefined;
    const from = posix(relative(root, importer ?? ""));
    // Packages that read files are loaded when a file of their kind is read, which a page refuses.
    if (from.startsWith("node_modules/")) return { id, external: true };
    if (from.startsWith("test/") && NODE_MODULES.includes(id)) return join(root, "test/browser/node.ts");
    if (from.startsWith("test/") || kind !== "dynamic-import") needs.push(`${from} needs ${id}`);
    return { id, external: true };
  },
});

/** The text of every module by the path it is served at. Throws if a test needs what a page does not have. */
export async function bundle(files: readonly string[]): Promise<Map<string, string>> {
  const needs: string[] = [];
  const entries = ["test/browser/worker.ts", ...files];
  const made = await rolldown({
    input: Object.fromEntries(entries.map((file) => [file, join(root, file)])),
    platform: "browser",
    plugins: [resolution(needs)],
    treeshake: false,
    // Whether a package's module has a chunk of its own does not matter here.
    onLog: (level, log) => void (level === "warn" && log.code !== "INEFFECTIVE_DYNAMIC_IMPORT" && needs.push(log.message)),
  });
  const { output } = await made.generate({
    format: "esm",
    keepNames: true,
    entryFileNames: "[name]",
    // One folder below what they are made of, like the modules of that folder.
    chunkFileNames: ({ name }) => (name === "engine" ? "src/chunks/[name].js" : "test/chunks/[name].js"),
    codeSplitting: {
      groups: [
        { name: "engine", test: /[\\/]src[\\/](?!.*[\\/]node_modules[\\/])/ },
        { name: "tools", test: /[\\/](node_modules[\\/](@vitest|chai|tinyrainbow|pathe)|test[\\/]browser)[\\/]/ },
      ],
    },
  });
  await made.close();
  if (needs.length > 0)
    throw new Error(`not for a page; list the tests in test/browser/node-only.ts with the reason:\n${needs.join("\n")}`);
  return new Map(output.map((file) => [`/project/${file.fileName}`, file.type === "chunk" ? file.code : String(file.source)]));
}
