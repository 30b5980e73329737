/**
 * @file Random programs as the compiler makes them, no pass switched off: these run in a page too.
 */
import { describe, expect, test } from "vitest";
import { sized } from "../size.ts";
import { failureIn, MODES } from "./check.ts";

const FIRST = 500;
const PROGRAMS = sized(20, 300);
const AT_ONCE = 10;

describe("random programs mean the same however they are run", () => {
  const blocks = Array.from({ length: PROGRAMS / AT_ONCE }, (_, i) => FIRST + i * AT_ONCE);
  test.each(blocks)(`${AT_ONCE} programs from %i`, (first) => {
    for (let seed = first; seed < first + AT_ONCE; seed++) expect(failureIn(MODES, seed) ?? "agrees").toBe("agrees");
  });
});
