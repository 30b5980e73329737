/**
 * @file The public golden set (values and gradients by PyTorch in float64), or the part that is kept here, on both backends. Every op of the covered groups must have an
 * adapter, and every case must keep its tolerance.
 */
import { setBackend } from "nabla";
import { afterAll, describe, expect, test } from "vitest";
import { goldenFolder } from "../golden/folder.ts";
import { groups } from "../golden/groups.ts";
import { GoldenFile, runGroup } from "../golden/run.ts";
import { sized } from "../size.ts";

describe("golden", () => {
  afterAll(() => setBackend("wasm"));

  for (const backend of ["wasm", "interpreter"] as const) {
    for (const [name, group] of Object.entries(groups)) {
      if (group.lightest && backend === "interpreter") continue; // hours
      if (name === "large" && backend === "interpreter" && sized(true, false)) continue; // a fifth of the time of all the others
      test(`${name} on ${backend}`, () => {
        setBackend(backend);
        const { lines, cases, passed } = runGroup(new GoldenFile(goldenFolder, name), group, (_, i) => !group.lightest || i % 3 === 2);
        expect(lines.join("\n")).toBe("");
        expect(passed).toBe(cases);
      });
    }
  }
});
