/**
 * @file A sample of the public golden set (values and gradients by PyTorch in float64) on wasm: every covered group, some cases of each.
 * All of it on both backends: test/slow/golden.test.ts.
 */
import { setBackend } from "nabla";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Attributes, type Group, PERFECT } from "./adapter.ts";
import { keptFolder } from "./folder.ts";
import { groups } from "./groups.ts";
import { GoldenFile, runGroup } from "./run.ts";

/** One case in this many; the rest is for the slow suite. */
const EVERY = 5;

test("an attribute that no adapter reads makes a case uncovered", () => {
  const group: Group = {
    adapters: { f: (_, { a, more }) => (a && more.b ? {} : {}) },
    run: (adapter, c) => {
      adapter({}, c.attrs, c);
      return PERFECT;
    },
    remarks: ["note"],
  };
  const linesOf = (attrs: Attributes): string[] => runGroup({ cases: [{ id: "x", op: "f", attrs }] } as unknown as GoldenFile, group).lines;
  expect(linesOf({ a: 1, more: { b: 2 }, note: "why", none: null })).toEqual([]);
  expect(linesOf({ a: 1, more: { b: 2, c: 3 }, schedule: "cosine" })).toEqual([
    "uncovered x (f): attributes that the adapter does not read: more.c, schedule",
  ]);
});

describe("golden sample", () => {
  beforeAll(() => setBackend("wasm"));
  afterAll(() => setBackend("wasm"));

  for (const [name, group] of Object.entries(groups)) {
    test(name, () => {
      const { lines, passed } = runGroup(new GoldenFile(keptFolder, name), group, (c, i) =>
        group.lightest ? c.id === group.lightest : i % EVERY === 0,
      );
      expect(lines.join("\n")).toBe("");
      expect(passed).toBeGreaterThan(0);
    });
  }
});
