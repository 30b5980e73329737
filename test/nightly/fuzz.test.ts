/**
 * @file Twenty thousand random programs: `npm run test:nightly`. See test/fuzz.
 */
import { describe, expect, test } from "vitest";
import { failureOf } from "../fuzz/switches.ts";

const FIRST = 10_000;
const PROGRAMS = 20_000;
const AT_ONCE = 250;

describe("random programs mean the same however they are run", () => {
  const blocks = Array.from({ length: PROGRAMS / AT_ONCE }, (_, i) => FIRST + i * AT_ONCE);
  test.each(blocks)(`${AT_ONCE} programs from %i`, (first) => {
    for (let seed = first; seed < first + AT_ONCE; seed++) expect(failureOf(seed) ?? "agrees").toBe("agrees");
  });
});
