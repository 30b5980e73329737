/**
 * @file The table of backends, and the one in use. `wasm` is the default. `interpreter` runs the kernel language directly, slowly and exactly as defined; it is
 * the fallback where WebAssembly SIMD is missing. It comes with `setBackend` (`set-backend.ts`), so that the bundle of a page that never calls it stays smaller.
 */
import type { Program } from "../kernel/kernel.ts";
import { Arena } from "./arena.ts";
import type { Backend, Loaded, Loading, Memory } from "./backend.ts";
import { wasm } from "./wasm/backend.ts";

/** The names of backends: WebAssembly; the interpreter of the kernel language, a slow oracle for tests; machine code for x86-64, in Node on Linux. */
export type BackendName = "wasm" | "interpreter" | "x64";

/** The backends by name, in order of preference. */
export const BACKENDS: Map<string, Backend> = new Map<string, Backend>([["wasm", wasm]]);

let current: Backend | undefined;

/** What computes if no backend is chosen, and what "auto" chooses. Both are the first backend that this host can run; `x64/register.ts` changes them. */
export const choice: { initial: () => Backend; auto: () => Backend } = { initial: firstPossible, auto: firstPossible };

/** The backend in use: the chosen one, or else the initial one. */
export function theBackend(): Backend {
  current ??= choice.initial();
  return current;
}

/** The first backend of the table that this host can run, with a warning if it is not the best. Throws an error if there is none. */
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

/** Makes a backend the one in use. */
export function takeBackend(backend: Backend): void {
  current = backend;
}

const arenas: WeakMap<Memory, Arena> = new WeakMap();

/** The arena of the backend in use. Each memory has one. */
export function theArena(): Arena {
  const memory = theBackend().memory();
  let arena = arenas.get(memory);
  if (!arena) {
    arena = new Arena(memory, theBackend().name);
    arenas.set(memory, arena);
  }
  return arena;
}

/** `ran` is called after every run, for the profiler. `bases` are the addresses of the program's bindings. */
export const observer: { ran: ((program: Program, arena: Arena, bases: Uint32Array) => void) | undefined } = { ran: undefined };

/** A loaded program as executables call it: with the address of the table of base addresses, and with the base addresses. */
export interface Runner extends Pick<Loaded, "forget" | "codeBytes"> {
  (bindings: number, bases: Uint32Array): void;
}

/** Loads a program on the backend in use. */
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
