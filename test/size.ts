/**
 * @file How much a test does. A randomized test does a small count in `npm test`, the full one in `npm run test:nightly`, which sets NABLA_FULL_TESTS. A long
 * test that runs on every backend runs on `wasm` in `npm test`, on the others in `npm run test:all`, which names them in NABLA_TEST_BACKEND. A page has no
 * environment, and runs what `npm test` does.
 */
import type { BackendName } from "../src/runtime/backends.ts";

const env = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};

export const sized = <T>(small: T, whole: T): T => (env.NABLA_FULL_TESTS === "1" ? whole : small);

/** The backend that the long tests of all backends run on. */
export const testedBackend = (env.NABLA_TEST_BACKEND ?? "wasm") as BackendName;
