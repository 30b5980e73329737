/** @file A hundred damaged files of each format; the slow suite tries three hundred more, the nightly suite 20,000. */
import { expect, test } from "vitest";
import { sized } from "../size.ts";
import { failureOf, formats, mutated, tried } from "./mutate.ts";

test.each(Object.keys(formats))("%s: a damaged file is read or refused in one clear line", async (name) => {
  const { faults, read, refused } = await tried(name, 0, 100);
  expect(faults).toEqual([]);
  // The damage is neither too small to matter nor so large that everything is refused at the first byte.
  expect(Math.min(read, refused)).toBeGreaterThan(0);
});

test("onnx: two thousand damaged files, a hundred thousand in the nightly suite", async () => {
  expect((await tried("onnx", 1_000_000, sized(2000, 100_000))).faults).toEqual([]);
});

test.each([["parquet", 2545, "runs of 0 values where 40 are wanted"]])("%s, seed %i, took a minute once", async (name, seed, reason) => {
  const file = mutated(formats[name], seed);
  await expect((async () => formats[name].read(file))()).rejects.toThrow(reason);
  expect(await failureOf(formats[name], file)).toBe("refused");
});

test.each(Object.keys(formats))("%s: the good files are read", async (name) => {
  for (const file of formats[name].files) expect(await failureOf(formats[name], file)).toBe("read");
});

test("what would be wrong is seen", async () => {
  const faultOf = (read: () => string | undefined) => failureOf({ files: [], read }, new Uint8Array(10));
  const fail = (error: unknown) => () => {
    throw error;
  };
  expect(await faultOf(fail(new TypeError("f: Cannot read properties of undefined")))).toHaveProperty("fault");
  expect(await faultOf(fail(new Error("Offset is outside the bounds of the DataView")))).toHaveProperty("fault");
  expect(await faultOf(fail(new Error("f: two\nlines")))).toHaveProperty("fault");
  expect(await faultOf(() => "shape [2] with 3 elements")).toHaveProperty("fault");
  const kept: Uint8Array[] = [];
  expect(await faultOf(() => void kept.push(new Uint8Array(2 ** 24)))).toHaveProperty("fault");
  expect(await faultOf(fail(new Error("f: damaged file")))).toBe("refused");
});
