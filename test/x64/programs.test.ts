/**
 * @file Random programs on machine code, eager, compiled, within a budget and in place: the results of every instruction computed alone by the interpreter. Every second block
 * checks every access of its kernels. 500 runs; 20,000 nightly.
 */
import { afterEach, describe, expect, test } from "vitest";
import { checkEveryAccess } from "../../src/runtime/x64/backend.ts";
import { failureIn, modesOn } from "../fuzz/check.ts";
import { sized } from "../size.ts";

const FIRST = 5000;
const PROGRAMS = sized(125, 5000);
const AT_ONCE = 25;

describe("random programs on x64", () => {
  afterEach(() => checkEveryAccess(false));

  const modes = modesOn("x64");
  const blocks = Array.from({ length: PROGRAMS / AT_ONCE }, (_, i) => FIRST + i * AT_ONCE);
  test.each(blocks)(`${AT_ONCE} programs from %i, each in ${modes.length} ways`, (first) => {
    checkEveryAccess((first / AT_ONCE) % 2 === 0);
    for (let seed = first; seed < first + AT_ONCE; seed++) expect(failureIn(modes, seed) ?? "agrees").toBe("agrees");
  });
});
