/** @file Twenty thousand damaged files of each format that is read by hand, a hundred thousand of weights: `npm run test:nightly`. */
import "../memory-limit.ts";
import { describe, expect, test } from "vitest";
import { formats, tried } from "../formats/mutate.ts";

const FILES = 20_000;
/** What strangers publish. */
const OF_WEIGHTS = 100_000;
const AT_ONCE = 2000;

describe.each(Object.keys(formats))("%s", (name) => {
  const files = ["hdf5", "onnx", "safetensors"].includes(name) ? OF_WEIGHTS : FILES;
  const blocks = Array.from({ length: files / AT_ONCE }, (_, i) => 1000 + i * AT_ONCE);
  test.each(blocks)(`${AT_ONCE} damaged files from seed %i are read or refused in one clear line`, async (first) => {
    expect((await tried(name, first, AT_ONCE)).faults).toEqual([]);
  });
});
