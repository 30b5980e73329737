/**
 * @file Backends: what turns a program into something that runs. `wasm` is the default; `interpreter` executes the kernel language directly,
 * slowly and exactly as defined, and is the fallback where WebAssembly SIMD is missing.
 */

import { compileModule, features, instantiateModule } from "../codegen/wasm/instantiate.ts";
import { type CompileOptions, compileProgram } from "../codegen/wasm/program.ts";
import { interpret } from "../kernel/interpret.ts";
import type { Program } from "../kernel/kernel.ts";
import type { Arena } from "./arena.ts";
import { poolOf } from "./pool.ts";

/** What programs run on: WebAssembly, or the interpreter of the kernel language, a slow oracle for tests. */
export type BackendName = "wasm" | "interpreter";

/** A program ready to run on the table of base addresses at `bindings`. */
export interface Loaded {
  (bindings: number): void;
  /** Has the other threads forget the program. */
  forget?(): void;
  /** Bytes of WebAssembly code. */
  codeBytes?: number;
}

/**
 * Operations of a run above which slow code costs more than compiling fast code at once: some 3 ms of fast code, 30 of slow. (The step of LeNet on 64
 * images: 33 ms to compile, 45 ms for one slow run.)
 */
const LONG_RUN = 5e7;

/**
 * Kernels with fewer operations are done by the main thread alone: some five microseconds, in which others would hardly come to help. Tests set it to 0, so that
 * everything is divided that can be.
 */
export const dividing: { leastWork: number } = { leastWork: 40_000 };

interface Compiled {
  readonly module: WebAssembly.Module;
  readonly codeBytes: number;
}

/** Modules of programs, for as long as there are the programs, by how they were compiled. */
const modules = new WeakMap<Program, Map<string, Compiled>>();

function moduleOf(program: Program, options: CompileOptions, longRun: boolean): Compiled {
  const known = modules.get(program) ?? new Map<string, Compiled>();
  modules.set(program, known);
  const key = JSON.stringify([options, longRun]);
  let found = known.get(key);
  if (!found) {
    const bytes = compileProgram(program, options);
    found = { module: compileModule(bytes, { longRun }), codeBytes: bytes.length };
    known.set(key, found);
  }
  return found;
}

const BACKENDS: Readonly<Record<BackendName, (program: Program, arena: Arena, work: number) => Loaded>> = {
  wasm(program, arena, work) {
    const leastWork = arena.shared ? dividing.leastWork : undefined;
    const longRun = work > LONG_RUN;
    const { module, codeBytes } = moduleOf(program, { sharedMemory: arena.shared, relaxed: features().relaxed, leastWork }, longRun);
    const { main, divided } = instantiateModule(module, arena.memory, program.hosts);
    const run: Loaded = divided ? poolOf(arena).share(module, main, longRun) : main;
    const loaded: Loaded = (at) => run(at);
    loaded.codeBytes = codeBytes;
    if (run.forget) loaded.forget = run.forget;
    return loaded;
  },
  interpreter: (program, arena) => (bindings) => interpret(program, arena.memory, bindings),
};

/** Told of every run, for the profiler. */
export const observer: { ran: ((program: Program, arena: Arena, bindings: number) => void) | undefined } = { ran: undefined };

let current: BackendName | undefined;

/** The backend in use: `wasm` where the engine has SIMD, else `interpreter`. */
export function backendName(): BackendName {
  current ??= features().simd ? "wasm" : "interpreter";
  return current;
}

/** Chooses the backend for everything that runs from now on. */
export function setBackend(name: BackendName): void {
  if (!(name in BACKENDS)) throw new RangeError(`setBackend: no backend "${name}"; there are ${Object.keys(BACKENDS).join(" and ")}`);
  if (name === "wasm" && !features().simd) throw new Error("setBackend: this host has no WebAssembly SIMD; use the interpreter");
  current = name;
}

/** A program made to run; `work` is the number of its operations, one for each multiply-add or element. */
export function load(program: Program, arena: Arena, work: number): Loaded {
  const run = BACKENDS[backendName()](program, arena, work);
  const loaded: Loaded = (bindings) => {
    run(bindings);
    observer.ran?.(program, arena, bindings);
  };
  if (run.forget) loaded.forget = run.forget;
  loaded.codeBytes = run.codeBytes ?? 0;
  return loaded;
}
