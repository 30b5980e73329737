/**
 * @file What must not matter to a program: whether it is fused, optimized, compiled, planned into shared memory, updated in place, and
 * which backend runs it. Each is switched by itself and compared with every instruction computed alone.
 */
import { expect, vi } from "vitest";
import "../../src/runtime/evaluate.ts";
import type { TypedArray } from "../../src/base/dtype.ts";
import { compile, recordFunction } from "../../src/function/compile.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { type BackendName, setBackend } from "../../src/runtime/backend.ts";
import { Cell } from "../../src/runtime/cell.ts";
import type { Block } from "../../src/schedule/memory.ts";
import { printRegion } from "../../src/tape/print.ts";
import { describeProgram, expected, inputsOf, leaf, type Program, randomProgram, record, shrink, tolerance } from "./program.ts";

// Passes that can be switched off. They are found by the pipeline itself, so a program is otherwise compiled as always.
const passes = vi.hoisted(() => ({ optimize: true, share: true }));
vi.mock("../../src/optimize/simplify.ts", async (original) => {
  const { simplify } = await original<typeof import("../../src/optimize/simplify.ts")>();
  return { simplify: (region: Parameters<typeof simplify>[0]) => (passes.optimize ? simplify(region) : region) };
});
vi.mock("../../src/optimize/cse.ts", async (original) => {
  const { mergeCommon } = await original<typeof import("../../src/optimize/cse.ts")>();
  return { mergeCommon: (region: Parameters<typeof mergeCommon>[0]) => (passes.optimize ? mergeCommon(region) : region) };
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

interface Mode {
  readonly name: string;
  readonly backend: BackendName;
  readonly optimize?: boolean;
  readonly share?: boolean;
  readonly run: (program: Program) => TypedArray[];
}

const leaves = (program: Program): Tensor[] => inputsOf(program).map((id) => leaf(program.nodes[id]!));

function eager(program: Program): TypedArray[] {
  return record(program, leaves(program)).map((y) => y.dataSync());
}

function compiled(program: Program): TypedArray[] {
  const f = compile((x: Tensor[]) => record(program, x));
  try {
    return f(leaves(program)).map((y) => y.dataSync());
  } finally {
    f.dispose();
  }
}

/** What waits long for its reader is computed again. */
function recomputed(program: Program): TypedArray[] {
  const f = compile((x: Tensor[]) => record(program, x), { memory: "sqrt" });
  try {
    return f(leaves(program)).map((y) => y.dataSync());
  } finally {
    f.dispose();
  }
}

/** Inputs are cells; those with the type of an output take its value in the same step, so that buffers are updated in place. */
function inPlace(program: Program): TypedArray[] {
  const cells = leaves(program).map((x, i) => new Cell(x, `c${i}`));
  const given = cells.map((cell) => cell.current.dataSync().slice());
  const taken = new Map<Cell, number>();
  const f = compile(() => {
    const outputs = record(
      program,
      cells.map((cell) => cell.value),
    );
    outputs.forEach((y, i) => {
      const cell = cells.find((c) => !taken.has(c) && c.dtype === y.dtype && String(c.shape) === String(y.shape));
      if (!cell) return;
      taken.set(cell, i);
      cell.set(y);
    });
    return outputs.map((y, i) => ([...taken.values()].includes(i) && i % 2 ? y.like(0) : y));
  });
  try {
    const results = f().map((y) => y.dataSync());
    for (const [cell, i] of taken) results[i] = cell.value.dataSync();
    cells.forEach((cell, i) => {
      if (!taken.has(cell)) expect(cell.value.dataSync(), `untouched cell ${i}`).toEqual(given[i]);
    });
    return results;
  } finally {
    f.dispose();
  }
}

const MODES: readonly Mode[] = [
  { name: "fused, eager, wasm", backend: "wasm", run: eager },
  { name: "fused, compiled, interpreter", backend: "interpreter", run: compiled },
  { name: "not optimized", backend: "wasm", optimize: false, run: compiled },
  { name: "memory not shared", backend: "wasm", share: false, run: compiled },
  { name: "recomputed", backend: "wasm", run: recomputed },
  { name: "updated in place", backend: "wasm", run: inPlace },
];

/** Where a mode departs from the reference; undefined if it does not. */
function departure(program: Program, mode: Mode): string | undefined {
  const want = expected(program);
  const dtypes = program.outputs.map((id) => program.nodes[id]!.type.dtype);
  const lowest = program.nodes.some(({ type }) => type.dtype === "f32") ? "f32" : "f64";
  Object.assign(passes, { optimize: mode.optimize ?? true, share: mode.share ?? true });
  setBackend(mode.backend);
  try {
    const got = mode.run(program);
    for (const [n, values] of got.entries()) {
      const bound = tolerance(dtypes[n]!, lowest);
      const at = values.findIndex((v, i) => !(v === want[n]![i] || Math.abs(v - want[n]![i]!) <= bound * (1 + Math.abs(want[n]![i]!))));
      if (at >= 0) return `output ${n}, element ${at}: ${values[at]}, alone ${want[n]![at]}`;
    }
    return undefined;
  } catch (error) {
    return (error as Error).stack?.split("\n").slice(0, 8).join("\n") ?? String(error);
  } finally {
    Object.assign(passes, { optimize: true, share: true });
    setBackend("wasm");
  }
}

/** The report of a program that fails in some mode, made as small as it can be. */
export function failureOf(seed: number): string | undefined {
  setBackend("interpreter");
  const program = randomProgram(seed);
  for (const mode of MODES) {
    if (!departure(program, mode)) continue;
    const small = shrink(program, (p) => departure(p, mode) !== undefined);
    const tape = recordFunction((x: Tensor[]) => record(small, x), [leaves(small)]).region;
    return `${mode.name}: ${departure(small, mode)}\n${describeProgram(small)}\n${printRegion(tape)}`;
  }
  return undefined;
}
