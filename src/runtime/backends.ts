/**
 * @file The backends there are, and the one in use. `wasm` is the default; `interpreter` runs the kernel language directly, slowly and exactly as
 * defined, and is the fallback where WebAssembly SIMD is missing. It comes with `setBackend` (`set-backend.ts`), so that a page that chooses none does not carry it.
 */
import type { Program } from "../kernel/kernel.ts";
import { Arena } from "./arena.ts";
import type { Backend, Loaded, Loading, Memory } from "./backend.ts";
import { wasm } from "./wasm/backend.ts";

/** What programs run on: WebAssembly; the interpreter of the kernel language, a slow oracle for tests; or machine code for x86-64, in Node on Linux. */
export type BackendName = "wasm" | "interpreter" | "x64";

/** By name, the best first. */
export const BACKENDS: Map<string, Backend> = new Map<string, Backend>([["wasm", wasm]]);

let current: Backend | undefined;

/** The backend in use: unless another is chosen, the first that this host can run. */
export function theBackend(): Backend {
  current ??= firstPossible();
  return current;
}

function firstPossible(): Backend {
  const [best, ...others] = BACKENDS.values();
  const obstacle = best!.obstacle();
  if (obstacle === undefined) return best!;
  const next = others.find((backend) => backend.obstacle() === undefined);
  if (!next) {
    throw new Error(
      `nabla: ${obstacle}; this bundle has left out the interpreter, which computes without it, slowly: want \`import { backendName, setBackend } from "nabla"\`, and setBackend(backendName())`,
    );
  }
  console.warn(`nabla: the ${next.name} computes, which is slow: ${obstacle}`);
  return next;
}

/** The name of the backend in use: `wasm` where the engine has SIMD, else `interpreter`. */
export function backendName(): BackendName {
  return theBackend().name as BackendName;
}

/** Takes a backend for everything that runs from now on. */
export function takeBackend(backend: Backend): void {
  current = backend;
}

const arenas: WeakMap<Memory, Arena> = new WeakMap();

/** The arena of the backend in use: there is one for each memory. */
export function theArena(): Arena {
  const memory = theBackend().memory();
  let arena = arenas.get(memory);
  if (!arena) {
    arena = new Arena(memory, theBackend().name);
    arenas.set(memory, arena);
  }
  return arena;
}

/** Told of every run, for the profiler. `bases` are the addresses of the program's bindings. */
export const observer: { ran: ((program: Program, arena: Arena, bases: Uint32Array) => void) | undefined } = { ran: undefined };

/** A program as executables run it: with the address of the table of base addresses, and the addresses themselves. */
export interface Runner extends Pick<Loaded, "forget" | "codeBytes"> {
  (bindings: number, bases: Uint32Array): void;
}

/** A program made to run. */
export function load(program: Program, arena: Arena, loading: Loading): Runner {
  const loaded = theBackend().load(program, arena.memory, loading);
  const run: Runner = (bindings, bases) => {
    loaded(bindings);
    observer.ran?.(program, arena, bases);
  };
  if (loaded.forget) run.forget = loaded.forget;
  run.codeBytes = loaded.codeBytes ?? 0;
  return run;
}
