/** @file For files that share one process: each has to leave the backend as it has found it, since bits differ between backends. */
import { afterAll } from "vitest";
import { backendName } from "../src/runtime/backends.ts";
import { setBackend } from "../src/runtime/set-backend.ts";

const found = backendName();
afterAll(() => {
  const left = backendName();
  if (left === found) return;
  setBackend(found);
  throw new Error(
    `this file leaves the backend at ${left}, and others of its process expect ${found}; add afterAll(() => setBackend("${found}"))`,
  );
});
