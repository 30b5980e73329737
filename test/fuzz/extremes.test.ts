/** @file Random programs of all dtypes at the edges, and gradients of smooth ones; see extremes.ts. */
import { describe, expect, test } from "vitest";
import { sized } from "../size.ts";
import { faultOfExtremes, faultOfSlopes } from "./extremes.ts";

// The slow suite has 400, the nightly run 20,000.
const AT_ONCE = sized(10, 50);
const SLOPES = sized(2, 50);
const blocks = Array.from({ length: sized(1, 8) }, (_, i) => i * AT_ONCE);

describe("programs at the edges", () => {
  test.each(blocks)(`${AT_ONCE} programs from %i: WebAssembly as the interpreter, whole as in parts, no error without words`, (first) => {
    for (let seed = first; seed < first + AT_ONCE; seed++) expect(faultOfExtremes(seed) ?? "agrees").toBe("agrees");
  });
  test.each(blocks)(`${SLOPES} smooth programs from %i: gradients are central differences`, (first) => {
    for (let seed = first; seed < first + SLOPES; seed++) expect(faultOfSlopes(seed) ?? "agrees").toBe("agrees");
  });
});
