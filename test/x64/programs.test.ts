/**
 * @file Random programs on machine code, eager, compiled, within a budget and in place: the results of every instruction computed alone by the interpreter. Every second block
 * checks every access of its kernels, and every second pair of them divides all kernels among two threads. 500 runs; 20,000 nightly. Each file of this suite runs in a process of its
 * own, whose crash is a failure.
 */
import { afterEach, describe, expect, test } from "vitest";
import { dividing } from "../../src/runtime/wasm/backend.ts";
import { setThreads } from "../../src/runtime/wasm/pool.ts";
import { checkEveryAccess } from "../../src/runtime/x64/backend.ts";
import { failureIn, modesOn } from "../fuzz/check.ts";
import { sized } from "../size.ts";

const FIRST = 5000;
const PROGRAMS = sized(125, 5000);
const AT_ONCE = 25;
const USUAL = dividing.leastWork;

describe("random programs on x64", () => {
  afterEach(() => {
    checkEveryAccess(false);
    dividing.leastWork = USUAL;
    setThreads(1);
  });

  const modes = modesOn("x64");
  const blocks = Array.from({ length: PROGRAMS / AT_ONCE }, (_, i) => FIRST + i * AT_ONCE);
  test.each(blocks)(`${AT_ONCE} programs from %i, each in ${modes.length} ways`, (first) => {
    checkEveryAccess((first / AT_ONCE) % 2 === 0);
    const divides = (first / AT_ONCE) % 4 >= 2;
    if (divides) dividing.leastWork = 0;
    setThreads(divides ? 2 : 1);
    for (let seed = first; seed < first + AT_ONCE; seed++) expect(failureIn(modes, seed) ?? "agrees").toBe("agrees");
  });
});
