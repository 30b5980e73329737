/**
 * @file The public golden set on machine code: what `test/slow/golden.test.ts` does on the other backends. With AVX-512 hidden, where only the table of vector instructions differs,
 * every fourth case of each group; all of them in `npm run test:nightly`.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { goldenFolder } from "../golden/folder.ts";
import { groups } from "../golden/groups.ts";
import { GoldenFile, runGroup } from "../golden/run.ts";
import { sized } from "../size.ts";

const EVERY = sized(process.env.NABLA_CPU === "avx2" ? 4 : 1, 1);

describe("golden on x64", () => {
  beforeAll(() => setBackend("x64"));
  afterAll(() => setBackend("wasm"));

  for (const [name, group] of Object.entries(groups)) {
    test(name, () => {
      const { lines, cases, passed } = runGroup(new GoldenFile(goldenFolder, name), group, (_, i) => {
        const [turn, chosen] = group.lightest ? [Math.floor(i / 3), i % 3 === 2] : [i, true];
        return chosen && turn % EVERY === 0;
      });
      expect(cases).toBeGreaterThan(0);
      expect(lines.join("\n")).toBe("");
      expect(passed).toBe(cases);
    });
  }
});
