import { describe, expect, test } from "vitest";
import { goldenFolder } from "../golden/folder.ts";
import { groups } from "../golden/groups.ts";
import { GoldenFile, runGroup } from "../golden/run.ts";

describe("zoo_forward", () => {
  const file = new GoldenFile(goldenFolder, "zoo_forward");
  for (const { id } of file.cases)
    test(id, () => {
      const { lines, passed } = runGroup(file!, groups.zoo_forward, (c) => c.id === id);
      expect(lines.join("\n")).toBe("");
      expect(passed).toBe(1);
    });
});
