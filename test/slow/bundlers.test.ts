/**
 * @file The packed package in the bundlers that pages are made with: no configuration, no warning, and a page loads little. The bundlers are installed here alone
 * (test/consumers/package.json).
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installConsumer, isBundler } from "../consumers/install.ts";
import { sized } from "../size.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-bundlers-"));

const run = (cwd: string, command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

beforeAll(() => void installConsumer(folder, isBundler));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a page has, and Node has not. */
const SELF = 'data:text/javascript,globalThis.self = Object.assign(globalThis, { location: { href: "http://page/" } })';

const PRINTED = { core: "2,4,6", inference: "1", training: "1" };

/**
 * Gzipped bytes of a page in one file, minified by esbuild. Measured 2026-12-01: 94.6 kB for tensors and gradients, 104.9 kB for inference of a saved convolutional
 * network, 129.0 kB with layers, optimizers and training, 0.3 to 0.4 kB of it the names of classes; to measure again, print `bytes` below.
 */
const MOST_BYTES = { core: 95_500, inference: 105_800, training: 130_000 };

const BUNDLERS = ["esbuild", "webpack", "rollup", "vite"];

/** The text of a file and of all that it imports as it starts. */
function startOf(bundle: string, entry: string): string {
  const files = new Set([entry]);
  const texts: string[] = [];
  for (const file of files) {
    const text = readFileSync(join(bundle, file), "utf8");
    texts.push(text);
    for (const [, next] of text.matchAll(/(?:import|from)\s*"\.\/([\w.-]+\.js)"/g)) files.add(next!);
  }
  return texts.join("");
}

describe.each(["core", "inference", "training"] as const)("a page with %s", (entry) => {
  // The slow ones bundle the largest page alone; nightly all.
  test.each(sized(entry === "training" ? BUNDLERS : ["esbuild", "vite"], BUNDLERS))(
    "is bundled by %s without a complaint, and runs",
    (bundler) => {
      const out = join(folder, `${bundler}-${entry}`);
      expect(JSON.parse(run(folder, process.execPath, "bundle.mjs", bundler, `./${entry}.js`, out).trim().split("\n").at(-1)!)).toEqual([]);
      expect(run(folder, process.execPath, "--import", SELF, join(out, `${entry}.js`)).trim()).toBe(PRINTED[entry]);
    },
  );

  test("loads few bytes", () => {
    const bytes = gzipSync(startOf(join(folder, `esbuild-${entry}`), `${entry}.js`)).length;
    expect(bytes).toBeLessThan(MOST_BYTES[entry]);
  });
});

describe("what a bundle has left out", () => {
  /** What a page prints, bundled by esbuild. */
  const printed = (entry: string, ...flags: string[]): string => {
    const out = join(folder, `esbuild-${entry}`);
    run(folder, process.execPath, "bundle.mjs", "esbuild", `./${entry}.js`, out);
    return run(folder, process.execPath, ...flags, "--import", SELF, join(out, `${entry}.js`)).trim();
  };

  test("files of runs come with saveRun, and a run goes on from one to the same bits", () => {
    expect(printed("unsaved")).toBe(
      'save: this bundle has left out the files of runs; want `import { saveRun } from "nabla/train"`, and saveRun(training) instead of training.save()',
    );
    expect(printed("saving")).toBe("true");
  });

  test("names of classes stay, in what is printed, in findings and in errors", () => {
    const plain = run(folder, process.execPath, "names.js").trim();
    expect(plain).toMatch(/Linear.*\n[\s\S]*Adam\([\s\S]*relu after 0/);
    expect(printed("names")).toBe(plain);
  });

  test("the interpreter comes with setBackend, and an error says so where there is no WebAssembly", () => {
    expect(() => printed("core", "--jitless")).toThrow(
      'this bundle has left out the interpreter, which computes without it, slowly: want `import { backendName, setBackend } from "nabla"`, and setBackend(backendName())',
    );
    expect(printed("interpreted", "--jitless")).toBe("2,4,6");
  });
});
