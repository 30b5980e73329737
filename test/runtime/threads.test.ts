/**
 * @file Threads: the same bits for any number of them, whatever runs; and a pool that starts, changes, fails and grows without anyone noticing.
 */

import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { linearMemory } from "../../src/runtime/wasm/memory.ts";
import "../../src/runtime/evaluate.ts";
import { dividing } from "../../src/runtime/wasm/backend.ts";
import { getThreads, poolOf, setThreads } from "../../src/runtime/wasm/pool.ts";
import { loaded, lopsided } from "./lopsided.ts";
import { describeChanges, describeSameBits } from "./same-bits.ts";

const USUAL = dividing.leastWork;

afterEach(() => {
  dividing.leastWork = USUAL;
  setThreads(1);
});

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

function messageOf(fn: () => void): string {
  try {
    fn();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("the number of threads", () => {
  test("is set and read", () => {
    setThreads(3);
    expect(getThreads()).toBe(3);
  });

  test.each([0, 1.5, -1, 65, Number.NaN])("cannot be %d", (n) => {
    expect(() => setThreads(n)).toThrow(`setThreads: want a whole number of threads from 1 to 64, got ${n}`);
  });
});

describeSameBits();

describe("the pool", () => {
  beforeAll(() => {
    expect(linearMemory().shared).toBe(true);
  });

  test("others do parts of a kernel", async () => {
    const { run, arena, at } = loaded(lopsided("ordinary"));
    run();
    run();
    await pause(300);
    run();
    expect([...arena.memory.view("f32", at, 64).slice(1)]).toEqual(Array(63).fill(1));
    poolOf(arena.memory).threads = 1;
  });

  test("a failure in another thread is an error here, and the pool works on", async () => {
    const { run, arena } = loaded(lopsided("outside"));
    expect(run).toThrow(/out of bounds/); // alone
    // A thread takes a while to start, the longer the more the machine has to do; until it is awake, all parts fail here.
    let message = "";
    for (let i = 0; i < 40 && !message.includes("another thread"); i++) {
      await pause(100);
      message = messageOf(run);
    }
    expect(message).toContain("a kernel has failed in another thread");
    expect(run).toThrow();
    poolOf(arena.memory).threads = 1;
    expect(run).toThrow(/out of bounds/);
  });
});

describeChanges();
