/**
 * @file Passes of the compiler, switched off one by one: whether a program is optimized, or planned into shared memory, must not matter either. A pass is
 * replaced in the module that the pipeline imports, which only Node's test tool can do.
 */
import { vi } from "vitest";
import type { Block } from "../../src/schedule/memory.ts";
import { compiled, failureIn, MODES, type Mode } from "./check.ts";

// Passes that can be switched off. They are found by the pipeline itself, so a program is otherwise compiled as always.
const passes = vi.hoisted(() => ({ optimize: true, share: true }));
vi.mock("../../src/optimize/simplify.ts", async (original) => {
  const { simplify } = await original<typeof import("../../src/optimize/simplify.ts")>();
  return { simplify: (region: Parameters<typeof simplify>[0]) => (passes.optimize ? simplify(region) : region) };
});
vi.mock("../../src/optimize/merge.ts", async (original) => {
  const { merge } = await original<typeof import("../../src/optimize/merge.ts")>();
  return { merge: (region: Parameters<typeof merge>[0]) => (passes.optimize ? merge(region) : region) };
});
vi.mock("../../src/schedule/memory.ts", async (original) => {
  const memory = await original<typeof import("../../src/schedule/memory.ts")>();
  const apart = (blocks: readonly Block[]): number =>
    blocks.reduce((at, block) => {
      block.offset = at;
      return at + memory.aligned(block.bytes);
    }, 0);
  return { ...memory, planMemory: (blocks: readonly Block[]) => (passes.share ? memory.planMemory(blocks) : apart(blocks)) };
});

/** A program compiled without one pass. */
const without =
  (pass: keyof typeof passes): Mode["run"] =>
  (program) => {
    passes[pass] = false;
    try {
      return compiled(program);
    } finally {
      passes[pass] = true;
    }
  };

const ALL: readonly Mode[] = [
  ...MODES,
  { name: "not optimized", backend: "wasm", run: without("optimize") },
  { name: "memory not shared", backend: "wasm", run: without("share") },
];

/** The report of a program that fails in some mode. The modules with switches come first: import this before the compiler. */
export const failureOf = (seed: number): string | undefined => failureIn(ALL, seed);
