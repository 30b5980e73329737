/** @file Threads on machine code: the same bits for any number of them, whatever runs; threads that come and go. */
import { afterAll, afterEach, beforeAll } from "vitest";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { dividing } from "../../src/runtime/wasm/backend.ts";
import { setThreads } from "../../src/runtime/wasm/pool.ts";
import { describeChanges, describeSameBits } from "../runtime/same-bits.ts";

const USUAL = dividing.leastWork;

beforeAll(() => setBackend("x64"));
afterEach(() => {
  dividing.leastWork = USUAL;
  setThreads(1);
});
afterAll(() => setBackend("wasm"));

describeSameBits();
describeChanges();
