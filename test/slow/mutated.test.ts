/** @file Three hundred damaged files of each format, where `npm test` tries a hundred: see test/formats/mutate.ts. */
import "../memory-limit.ts";
import { expect, test } from "vitest";
import { failureOf, formats, mutated } from "../formats/mutate.ts";

test.each(Object.keys(formats))("%s: a damaged file is read or refused in one clear line", async (name) => {
  for (let seed = 100; seed < 400; seed++) {
    const outcome = await failureOf(formats[name], mutated(formats[name], seed));
    expect(typeof outcome === "string" ? "fine" : outcome.fault, `seed ${seed}`).toBe("fine");
  }
});
