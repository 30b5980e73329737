/** @file Three hundred damaged files of each format, two thousand of weights, where `npm test` tries a hundred: see test/formats/mutate.ts. */
import "../memory-limit.ts";
import { expect, test } from "vitest";
import { formats, tried } from "../formats/mutate.ts";

test.each(Object.keys(formats))("%s: a damaged file is read or refused in one clear line", async (name) => {
  expect((await tried(name, 100, name === "hdf5" || name === "safetensors" ? 2000 : 300)).faults).toEqual([]);
});
