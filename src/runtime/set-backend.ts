/** @file The choice of the backend. A bundle that calls `setBackend` contains all of them; the interpreter is then also the fallback. */
import { BACKENDS, type BackendName, takeBackend } from "./backends.ts";
import { interpreter } from "./interpreter.ts";

BACKENDS.set("interpreter", interpreter);

/** Chooses the backend for everything that runs from now on. */
export function setBackend(name: BackendName): void {
  const backend = BACKENDS.get(name);
  if (!backend) throw new RangeError(`setBackend: no backend "${name}"; there are ${[...BACKENDS.keys()].join(" and ")}`);
  const obstacle = backend.obstacle();
  if (obstacle !== undefined) throw new Error(`setBackend: ${obstacle}`);
  takeBackend(backend);
}
