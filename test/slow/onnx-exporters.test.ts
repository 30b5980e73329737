/** @file Files as PyTorch's two exporters and onnxruntime's quantizer write them, and oddities one at a time, against onnxruntime's results (test/fixtures/onnx/README.md). */
import { expect, test } from "vitest";
import { outcomeOf, unpackedCases } from "../onnx/backend.ts";

/** Loops whose number of turns depends on values, and that collect results: their sizes are not known while a function is recorded. */
const ONLY_EAGER: readonly string[] = ["test_loop_no_limit", "test_loop_while_scan_out"];

test.each([false, true])("all cases, compiled: %s", async (compiled) => {
  const folders = await unpackedCases("exporter-cases.tar.gz");
  expect(folders.length).toBeGreaterThan(180);
  const wrong: string[] = [];
  for (const folder of folders) {
    const { name, outcome, why } = await outcomeOf(folder, compiled);
    const want = compiled && ONLY_EAGER.includes(name) ? "unsupported" : "passed";
    if (outcome !== want) wrong.push(`${name}: ${outcome}, ${why}`);
  }
  expect(wrong).toEqual([]);
});
