/**
 * @file Makes machine code one of the backends, and takes the backend that the environment names. Loaded by what runs in Node alone, so that a page carries none of it.
 */
import { builtinModule, environment } from "../../base/host.ts";
import { BACKENDS, choice, takeBackend } from "../backends.ts";
import "../set-backend.ts";
import { x64 } from "./backend.ts";

BACKENDS.set(x64.name, x64);

const other = choice.auto;

/** Whether this thread is the process's first. Node aborts the process if a thread is terminated while it loads koffi, and whoever started another thread may do that at any time. */
const isFirstThread = (): boolean => builtinModule<{ readonly isMainThread: boolean }>("node:worker_threads")?.isMainThread !== false;

/** Machine code where it works, in the first thread; in others only who names it takes the risk. */
choice.auto = () => (isFirstThread() && x64.obstacle() === undefined ? x64 : other());

const wanted = environment("NABLA_BACKEND") ?? "";
// Only when something is computed, since it may have to be tried out first.
if (wanted === "auto") choice.initial = () => choice.auto();
else if (wanted !== "") {
  const backend = BACKENDS.get(wanted);
  if (!backend) throw new RangeError(`NABLA_BACKEND: no backend "${wanted}"; there are auto, ${[...BACKENDS.keys()].join(", ")}`);
  const obstacle = backend.obstacle();
  if (obstacle !== undefined) throw new Error(`NABLA_BACKEND: ${wanted} cannot run here: ${obstacle}`);
  takeBackend(backend);
}
