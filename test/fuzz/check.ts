/**
 * @file What must not matter to a program: whether it is fused, compiled, updated in place, and which backend runs it. Each is switched by itself and
 * compared with every instruction computed alone.
 */
import { expect } from "vitest";
import "../../src/runtime/evaluate.ts";
import type { TypedArray } from "../../src/base/dtype.ts";
import { compile } from "../../src/function/compile.ts";
import { recordFunction } from "../../src/function/recording.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import type { BackendName } from "../../src/runtime/backends.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { printRegion } from "../../src/tape/print.ts";
import { describeProgram, expected, inputsOf, leaf, type Program, randomProgram, record, shrink, tolerance } from "./program.ts";

export interface Mode {
  readonly name: string;
  readonly backend: BackendName;
  readonly run: (program: Program) => TypedArray[];
}

const leaves = (program: Program): Tensor[] => inputsOf(program).map((id) => leaf(program.nodes[id]!));

function eager(program: Program): TypedArray[] {
  return record(program, leaves(program)).map((y) => y.dataSync());
}

export function compiled(program: Program): TypedArray[] {
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

export const MODES: readonly Mode[] = [
  { name: "fused, eager, wasm", backend: "wasm", run: eager },
  { name: "fused, compiled, interpreter", backend: "interpreter", run: compiled },
  { name: "recomputed", backend: "wasm", run: recomputed },
  { name: "updated in place", backend: "wasm", run: inPlace },
];

/** The same on another backend. */
export function modesOn(backend: BackendName): readonly Mode[] {
  const runs = { eager, compiled, recomputed, "updated in place": inPlace };
  return Object.entries(runs).map(([name, run]) => ({ name: `${name}, ${backend}`, backend, run }));
}

/** Where a mode departs from the reference; undefined if it does not. */
function departure(program: Program, mode: Mode): string | undefined {
  const want = expected(program);
  const dtypes = program.outputs.map((id) => program.nodes[id]!.type.dtype);
  const lowest = program.nodes.some(({ type }) => type.dtype === "f32") ? "f32" : "f64";
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
    setBackend("wasm");
  }
}

/** The report of a program that fails in one of the modes, made as small as it can be. */
export function failureIn(modes: readonly Mode[], seed: number): string | undefined {
  setBackend("interpreter");
  const program = randomProgram(seed);
  for (const mode of modes) {
    if (!departure(program, mode)) continue;
    const small = shrink(program, (p) => departure(p, mode) !== undefined);
    const tape = recordFunction((x: Tensor[]) => record(small, x), [leaves(small)]).region;
    return `${mode.name}: ${departure(small, mode)}\n${describeProgram(small)}\n${printRegion(tape)}`;
  }
  return undefined;
}
