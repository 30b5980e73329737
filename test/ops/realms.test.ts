/** @file Arrays of other realms, which `instanceof` does not know: those of a `vm` context, as Jest makes one for every test file. */
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { readNpy, writeNpy } from "../../src/formats/npy.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { tensor } from "../../src/ops/create.ts";

const foreign = <T>(code: string): T => runInNewContext(code) as T;

test.each([
  ["Float32Array.of(0.5, -2)", "f32", [0.5, -2]],
  ["Float64Array.of(0.1, 2)", "f64", [0.1, 2]],
  ["Int32Array.of(-7, 9)", "i32", [-7, 9]],
  ["Uint32Array.of(7, 4294967295)", "u32", [7, 4294967295]],
  ["Int8Array.of(-7, 9)", "i32", [-7, 9]],
  ["BigInt64Array.of(-7n, 9n)", "i32", [-7, 9]],
  ["[[1.5], [2]]", "f32", [1.5, 2]],
])("%s", (code, dtype, values) => {
  const x = tensor(foreign<Float32Array>(code));
  expect([x.dtype, [...x.dataSync()]]).toEqual([dtype, values]);
});

test("a Node Buffer holds bytes", () => {
  const x = tensor(Buffer.from([1, 255]));
  expect([x.dtype, [...x.dataSync()]]).toEqual(["u8", [1, 255]]);
});

test("files are written from them", () => {
  const data = foreign<Float32Array>("Float32Array.of(0.5, -2)");
  expect([...readNpy(writeNpy({ shape: [2], data })).data]).toEqual([0.5, -2]);
  const file = writeSafetensors(new Map([["a", { dtype: "F32", shape: [2], data }]]));
  expect([...readSafetensors(file).entries.get("a")!.data]).toEqual([0.5, -2]);
});
