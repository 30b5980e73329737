/** @file Each broken net fires its rule and only it; healthy ones fire nothing. */
import { describe, expect, test } from "vitest";
import { look } from "../../src/inspect/look.ts";
import { findingText } from "../../src/train/finding.ts";
import { BROKEN } from "../inspect/broken.ts";
import { HEALTHY } from "../inspect/healthy.ts";
import "../../src/runtime/evaluate.ts";

describe("broken", () => {
  test.each(BROKEN)("%s: %s", async (_, rule, make) => {
    const { model, ...options } = make();
    const { findings } = await look(model, options);
    expect(findings.map((f) => f.rule)).toEqual([rule]);
    const [found] = findings;
    expect(Object.keys(found!.evidence).length).toBeGreaterThan(0);
    expect(found!.cause).not.toBe("");
    expect(found!.remedies.length).toBeGreaterThan(0);
    expect(findingText(found!)).toMatch(
      new RegExp(`^(error|warning|note): ${rule} in .+: .+\\(.*(proved|measured|guessed)\\)\\n {2}try: .+`),
    );
  });
});

describe("healthy", () => {
  test.each(HEALTHY)("%s", async (_, make) => {
    const { model, ...options } = make();
    const { findings, flow, examples } = await look(model, options);
    expect(findings.map(findingText)).toEqual([]);
    expect(flow.verdict).toBe("healthy");
    expect(examples).toBeGreaterThan(100);
  });
});
