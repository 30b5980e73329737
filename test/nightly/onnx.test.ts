/** @file All of the kept tests of ONNX 1.12, compiled and on the interpreter. */
import { expect, test } from "vitest";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { faults, unpackedCases } from "../onnx/backend.ts";

test("all cases, compiled", async () => expect(await faults(await unpackedCases(), { compiled: true })).toEqual([]));

test.each([false, true])("all cases on the interpreter, compiled: %s", async (compiled) => {
  setBackend("interpreter");
  try {
    expect(await faults(await unpackedCases(), { compiled })).toEqual([]);
  } finally {
    setBackend("wasm");
  }
});
