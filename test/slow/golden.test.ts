/**
 * @file The whole public golden set (values and gradients by PyTorch in float64) on both backends. Every op of the covered groups must have an
 * adapter, and every case must keep its tolerance.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setBackend } from "nabla";
import { afterAll, describe, expect, test } from "vitest";
import { groups } from "../golden/groups.ts";
import { GoldenFile, runGroup } from "../golden/run.ts";

const folder = fileURLToPath(new URL("../../../shared/golden/", import.meta.url));
const present = existsSync(folder);

describe.skipIf(!present)(present ? "golden" : "golden (skipped: ../shared/golden is not here)", () => {
  afterAll(() => setBackend("wasm"));

  for (const backend of ["wasm", "interpreter"] as const) {
    for (const [name, group] of Object.entries(groups)) {
      if (group.lightest && backend === "interpreter") continue; // hours
      test(`${name} on ${backend}`, () => {
        setBackend(backend);
        const { lines, cases, passed } = runGroup(new GoldenFile(folder, name), group, (_, i) => !group.lightest || i % 3 === 2);
        expect(lines.join("\n")).toBe("");
        expect(passed).toBe(cases);
      });
    }
  }
});
