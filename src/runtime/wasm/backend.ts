/**
 * @file The WebAssembly backend: a program is one module, whose kernels may be divided among threads.
 */
import { watched } from "../../base/passes.ts";
import { compileModule, features, instantiate, instantiateModule, prohibition } from "../../codegen/wasm/instantiate.ts";
import { type CompileOptions, compileProgram } from "../../codegen/wasm/program.ts";
import type { Program } from "../../kernel/kernel.ts";
import { WASM } from "../../kernel/target.ts";
import type { Backend, Loaded, Loading } from "../backend.ts";
import { type LinearMemory, linearMemory } from "./memory.ts";
import { poolOf } from "./pool.ts";

/**
 * A program with more operations per run is compiled by the optimizing tier at once: some 3 ms of fast code, or 30 ms of baseline code. (The step of LeNet on 64
 * images: 33 ms to compile, 45 ms for one run of baseline code.)
 */
export const LONG_RUN = 5e7;

/**
 * Kernels with fewer operations are done by the main thread alone: they take some five microseconds, too short for other threads to help. Tests set it to 0, so
 * that every kernel is divided that can be.
 */
export const dividing: { leastWork: number } = { leastWork: 40_000 };

/** A compiled module, and its size in bytes. */
interface Compiled {
  readonly module: WebAssembly.Module;
  readonly codeBytes: number;
}

/** The compiled modules of programs, by how they were compiled, for as long as the programs exist. */
const modules = new WeakMap<Program, Map<string, Compiled>>();

/** Compiles a program, or returns the module that was compiled before. */
function moduleOf(program: Program, options: CompileOptions, longRun: boolean, watch: Loading["watch"]): Compiled {
  const known = modules.get(program) ?? new Map<string, Compiled>();
  modules.set(program, known);
  const key = JSON.stringify([options, longRun]);
  let found = known.get(key);
  if (!found) {
    const bytes = watched<Uint8Array, Uint8Array<ArrayBuffer>>("code", () => compileProgram(program, { ...options, watch }), watch);
    found = { module: compileModule(bytes, { longRun }), codeBytes: bytes.length };
    known.set(key, found);
  }
  return found;
}

/** Loads a program: makes a module and its functions, and shares it with the threads. */
function load(program: Program, memory: LinearMemory, { work, watch }: Loading): Loaded {
  const leastWork = memory.shared ? dividing.leastWork : undefined;
  const longRun = work > LONG_RUN;
  const { module, codeBytes } = moduleOf(program, { sharedMemory: memory.shared, relaxed: features().relaxed, leastWork }, longRun, watch);
  const { main, divided } = instantiateModule(module, memory.raw, program.hosts);
  const run: Loaded = divided ? poolOf(memory).share(module, main, longRun) : main;
  const loaded: Loaded = (at) => run(at);
  loaded.codeBytes = codeBytes;
  if (run.forget) loaded.forget = run.forget;
  return loaded;
}

export const wasm: Backend<LinearMemory> = {
  name: "wasm",
  target: WASM,
  obstacle: () => prohibition() ?? (features().simd ? undefined : "this host has no WebAssembly SIMD"),
  memory: linearMemory,
  load,
  kernels(program, memory) {
    const bytes = compileProgram(program, { sharedMemory: memory.shared, relaxed: features().relaxed });
    return [...instantiate(bytes, memory.raw, program.hosts).kernels];
  },
  features: () => [
    ...(features().simd ? ["WebAssembly SIMD"] : []),
    ...(features().relaxed ? ["relaxed SIMD (fused multiply-add)"] : []),
    ...(linearMemory().shared ? ["shared memory"] : []),
  ],
};
