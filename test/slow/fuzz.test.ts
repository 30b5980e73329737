/**
 * @file 400 random programs and 200 at the edges, where `npm test` tries some, and nightly a thousand and 400: see test/fuzz.
 */
import "../memory-limit.ts";
import { describe, expect, test } from "vitest";
import { faultOfExtremes, faultOfSlopes } from "../fuzz/extremes.ts";
import { failureOf } from "../fuzz/switches.ts";
import { sized } from "../size.ts";

const FIRST = 1000;
const PROGRAMS = sized(400, 1000);
const AT_ONCE = 200;

describe("random programs mean the same however they are run", () => {
  const blocks = Array.from({ length: PROGRAMS / AT_ONCE }, (_, i) => FIRST + i * AT_ONCE);
  test.each(blocks)(`${AT_ONCE} programs from %i`, (first) => {
    for (let seed = first; seed < first + AT_ONCE; seed++) expect(failureOf(seed) ?? "agrees").toBe("agrees");
  });
});

describe("programs at the edges", () => {
  test.each(Array.from({ length: sized(4, 8) }, (_, i) => FIRST + 50 * i))("50 programs from %i", (first) => {
    for (let seed = first; seed < first + 50; seed++) {
      expect(faultOfExtremes(seed) ?? "agrees").toBe("agrees");
      expect(faultOfSlopes(seed) ?? "agrees").toBe("agrees");
    }
  });
});
