/**
 * @file Random programs: optimized = unoptimized, fused = unfused, planned = unplanned, compiled = eager, in place = not, wasm = interpreter.
 */
import { describe, expect, test } from "vitest";
import { sized } from "../size.ts";
import { failureOf } from "./switches.ts";

const PROGRAMS = sized(30, 300);
const AT_ONCE = 10;

describe("random programs mean the same however they are run", () => {
  const blocks = Array.from({ length: PROGRAMS / AT_ONCE }, (_, i) => i * AT_ONCE);
  test.each(blocks)(`${AT_ONCE} programs from %i`, (first) => {
    for (let seed = first; seed < first + AT_ONCE; seed++) expect(failureOf(seed) ?? "agrees").toBe("agrees");
  });
});
