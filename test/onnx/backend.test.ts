/** @file A few of ONNX's own tests of operators; all of them in the slow suite. */
import { expect, test } from "vitest";
import { opOfCase, tally } from "../../scripts/onnx-cases.mjs";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { faults, unpackedCases } from "./backend.ts";

const every = <T>(list: readonly T[], n: number, start = 0): T[] => list.filter((_, i) => i % n === start);

test("cases of ONNX 1.12: eager, compiled and on the interpreter", async () => {
  const cases = await unpackedCases();
  expect(cases.length).toBe(775);
  expect(await faults(every(cases, 50))).toEqual([]);
  expect(await faults(every(cases, 150, 7), { compiled: true })).toEqual([]);
  setBackend("interpreter");
  try {
    expect(await faults(every(cases, 150, 11))).toEqual([]);
  } finally {
    setBackend("wasm");
  }
});

test("results are counted by the operator that a case is about", () => {
  const known = ["Clip", "Less", "Where", "Conv", "ConvTranspose", "Softmax", "SoftmaxCrossEntropyLoss"];
  const nodes = (...ops: string[]): object => ({ nodes: ops.map((op) => ({ op })) });
  expect(opOfCase("test_clip_expanded", nodes("Less", "Where"), known)).toBe("Clip");
  expect(opOfCase("test_softmax_axis_0_expanded", nodes("Exp", "Div"), known)).toBe("Softmax");
  expect(opOfCase("test_basic_conv_with_padding", nodes("Conv"), known)).toBe("Conv");
  expect(opOfCase("test_anything", nodes("Constant", "Conv"), known)).toBe("Conv");
  const of = (op: string, outcome: string): object => ({ name: "n", op, outcome });
  expect(tally([of("Conv", "passed"), of("Add", "failed"), of("Conv", "unsupported")])).toEqual({
    Add: { cases: 1, passed: 0, failed: 1, unsupported: 0 },
    Conv: { cases: 2, passed: 1, failed: 0, unsupported: 1 },
  });
});
