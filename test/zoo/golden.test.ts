/** @file Whole networks against torchvision's (golden group `zoo_forward`), every case: logits, gradients, running statistics. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { groups } from "../golden/groups.ts";
import { GoldenFile, runGroup } from "../golden/run.ts";

const folder = fileURLToPath(new URL("../../../shared/golden/", import.meta.url));
const present = existsSync(folder);

describe.skipIf(!present)(present ? "zoo_forward" : "zoo_forward (skipped: ../shared/golden is not here)", () => {
  const file = present ? new GoldenFile(folder, "zoo_forward") : undefined;
  for (const { id } of file?.cases ?? [])
    test(id, () => {
      const { lines, passed } = runGroup(file!, groups.zoo_forward, (c) => c.id === id);
      expect(lines.join("\n")).toBe("");
      expect(passed).toBe(1);
    });
});
