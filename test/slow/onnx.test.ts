/** @file All of the kept tests of ONNX 1.12, some of them compiled and on the interpreter (all of them nightly), and the models of all exporters that are there. */
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { faults, some, unpackedCases } from "../onnx/backend.ts";
import { checkModelFolder, hasModel } from "../onnx/files.ts";

test("all cases, eager", async () => expect(await faults(await unpackedCases())).toEqual([]));

test("each operator and every sixth case, compiled", async () => {
  expect(await faults(some(await unpackedCases(), 6), { compiled: true })).toEqual([]);
});

test("every twelfth case on the interpreter", async () => {
  setBackend("interpreter");
  try {
    expect(await faults((await unpackedCases()).filter((_, i) => i % 12 === 0))).toEqual([]);
  } finally {
    setBackend("wasm");
  }
});

const kept = fileURLToPath(new URL("../fixtures/onnx", import.meta.url));
test.each(readdirSync(kept).filter((name) => hasModel(`${kept}/${name}`)))(
  "%s, a kept model: outputs, parameters and 20 steps",
  async (name) => await checkModelFolder(`${kept}/${name}`),
);

const folder = fileURLToPath(new URL("../../../shared/onnx-files", import.meta.url));

describe.skipIf(!existsSync(folder))("models of other exporters (skipped where ../shared/onnx-files is absent)", () => {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => hasModel(`${folder}/${name}`)) : [];
  test.each(names)("%s: outputs, parameters and 20 steps", async (name) => await checkModelFolder(`${folder}/${name}`));
});
