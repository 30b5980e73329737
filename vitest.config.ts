/**
 * @file Suites: `fast`, `command`, `alone` and `fuzz` are what `npm test` runs, `slow` (packing, browsers, long trainings), `interpreter`, `x64` (machine code) and `x64-avx2` (with AVX-512 hidden) are `npm run test:all`, `browser` (the tests in a page)
 * `npm run test:browser`, `nightly` (long fuzzing) `npm run test:nightly`, `zoo` (whole networks) the end of `npm run test:zoo`.
 */
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { hasMachineCode, hasWideMachineCode } from "./test/machine-code.ts";

// Tests that import the package by its own name get the sources.
const alias = [
  { find: /^nabla$/, replacement: new URL("src/index.ts", import.meta.url).pathname },
  { find: /^nabla\/inspect$/, replacement: new URL("src/inspect/index.ts", import.meta.url).pathname },
];

// Files that measure or set what a process has once (the arena, caches, the pool of threads), or replace modules of the compiler. Each runs in a process of its own; all others share one engine,
// which saves half a second per file.
const ALONE = ["test/runtime/**/*.test.ts", "test/base/host.test.ts", "test/codegen/bytes.test.ts"];

// Each file that fuzzes runs in a process of its own with a limit on memory, so that a crash and a flood of memory are failures.
const FUZZERS = ["test/fuzz/**/*.test.ts", "test/codegen/fuzz.test.ts", "test/codegen/x64/fuzz.test.ts", "test/formats/mutated.test.ts"];
const OTHERS = ["test/slow/**", "test/x64/**", "test/nightly/**", "test/zoo/**", "test/browser/**"];
/** What machine code is tested as: all that the processor can, and without AVX-512 (there a quarter of the golden set). */
const PROCESSORS: readonly (readonly [name: string, env: Readonly<Record<string, string>>])[] = [
  ...(hasMachineCode ? [["x64", {}] as const] : []),
  ...(hasWideMachineCode ? [["x64-avx2", { NABLA_CPU: "avx2" }] as const] : []),
];
const memoryLimit = "test/memory-limit.ts";

export default defineConfig({
  test: {
    // Vitest leaves one core to itself, which on a machine of two cores doubles the time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: "fast",
          alias,
          include: ["test/**/*.test.ts"],
          exclude: [...OTHERS, ...ALONE, ...FUZZERS, "test/cli/**"],
          setupFiles: "test/same-backend.ts",
          isolate: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      // The command sets limits and threads of its process, which the others do not expect.
      { test: { name: "command", alias, include: ["test/cli/**/*.test.ts"], isolate: false, testTimeout: 600_000, hookTimeout: 600_000 } },
      { test: { name: "alone", alias, include: ALONE, testTimeout: 600_000, hookTimeout: 600_000 } },
      { test: { name: "fuzz", alias, include: FUZZERS, setupFiles: memoryLimit, pool: "forks", testTimeout: 600_000 } },
      // The long tests of all backends, on those that the fast suite leaves out.
      {
        test: {
          name: "interpreter",
          alias,
          include: ["test/ops/registry.test.ts", "test/math/functional.test.ts"],
          env: { NABLA_TEST_BACKEND: "interpreter" },
          testTimeout: 600_000,
        },
      },
      ...PROCESSORS.map(([name, env]) => ({
        test: {
          name,
          alias,
          include: ["test/x64/**/*.test.ts", "test/ops/registry.test.ts", "test/math/functional.test.ts"],
          env: { NABLA_TEST_BACKEND: "x64", ...env },
          setupFiles: "test/x64/setup.ts",
          pool: "forks" as const,
          testTimeout: 600_000,
        },
      })),
      // What packs, installs or builds does so in folders of its own, and nothing asserts a time, so that two files run side by side.
      {
        test: {
          name: "slow",
          alias,
          include: ["test/slow/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      { test: { name: "browser", alias, include: ["test/browser/**/*.test.ts"], testTimeout: 600_000, hookTimeout: 600_000 } },
      { test: { name: "zoo", alias, include: ["test/zoo/**/*.test.ts"], testTimeout: 600_000, fileParallelism: false } },
      { test: { name: "nightly", alias, include: ["test/nightly/**/*.test.ts"], testTimeout: 7_200_000, fileParallelism: false } },
    ],
  },
});
