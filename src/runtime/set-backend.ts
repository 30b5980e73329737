/** @file The choice of the backend. A bundle that calls `setBackend` contains all of them; the interpreter is then also the fallback. */
import { BACKENDS, type BackendName, choice, takeBackend } from "./backends.ts";
import { interpreter } from "./interpreter.ts";

BACKENDS.set("interpreter", interpreter);

/**
 * Chooses the backend for everything that runs from now on. `auto` is `x64` where it works (Linux on x86-64 with AVX2, the main thread of Node, the optional package koffi), else `wasm`.
 * Throws a RangeError for another name, an Error for a backend that this host cannot run, with the reason.
 */
export function setBackend(name: BackendName | "auto"): void {
  if (name === "auto") {
    takeBackend(choice.auto());
    return;
  }
  const backend = BACKENDS.get(name);
  if (!backend) throw new RangeError(`setBackend: no backend "${name}"; there are auto, ${[...BACKENDS.keys()].join(", ")}`);
  const obstacle = backend.obstacle();
  if (obstacle !== undefined) throw new Error(`setBackend: ${obstacle}`);
  takeBackend(backend);
}
