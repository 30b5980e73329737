/**
 * @file Makes machine code one of the backends, and takes the backend that the environment names. Loaded by what runs in Node alone, so that a page carries none of it.
 */
import { environment } from "../../base/host.ts";
import { BACKENDS, takeBackend } from "../backends.ts";
import "../set-backend.ts";
import { x64 } from "./backend.ts";

BACKENDS.set(x64.name, x64);

const wanted = environment("NABLA_BACKEND") ?? "auto";
if (wanted !== "auto" && wanted !== "") {
  const backend = BACKENDS.get(wanted);
  if (!backend) throw new RangeError(`NABLA_BACKEND: no backend "${wanted}"; there are auto, ${[...BACKENDS.keys()].join(", ")}`);
  const obstacle = backend.obstacle();
  if (obstacle !== undefined) throw new Error(`NABLA_BACKEND: ${wanted} cannot run here: ${obstacle}`);
  takeBackend(backend);
}
