/** @file A thread that never finishes what it has claimed: an error after a minute, not a hang. */
import { expect, test } from "vitest";
import { poolOf } from "../../src/runtime/wasm/pool.ts";
import { loaded, lopsided } from "../runtime/lopsided.ts";

test("a part that is never done is an error, and the pool starts others", async () => {
  const first = loaded(lopsided("ordinary"), { atOnce: true });
  const { arena } = first;
  first.run();
  await new Promise((done) => setTimeout(done, 500));
  expect(loaded(lopsided("endless"), { arena, atOnce: true }).run).toThrow("a thread has claimed a part of a kernel and does not answer");
  expect(poolOf(arena.memory).threads).toBe(2);
  arena.memory.view("f32", first.at, 64).fill(0);
  first.run();
  expect([...arena.memory.view("f32", first.at, 64).slice(1)]).toEqual(Array(63).fill(1));
  poolOf(arena.memory).threads = 1;
});
