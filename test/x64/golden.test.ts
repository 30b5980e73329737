/** @file The public golden set on machine code: what `test/slow/golden.test.ts` does on the other backends. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { goldenFolder } from "../golden/folder.ts";
import { groups } from "../golden/groups.ts";
import { GoldenFile, runGroup } from "../golden/run.ts";

describe("golden on x64", () => {
  beforeAll(() => setBackend("x64"));
  afterAll(() => setBackend("wasm"));

  for (const [name, group] of Object.entries(groups)) {
    test(name, () => {
      const { lines, cases, passed } = runGroup(new GoldenFile(goldenFolder, name), group, (_, i) => !group.lightest || i % 3 === 2);
      expect(lines.join("\n")).toBe("");
      expect(passed).toBe(cases);
    });
  }
});
