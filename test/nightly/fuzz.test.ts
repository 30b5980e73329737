/**
 * @file Twenty thousand random programs, as many at the edges, and four thousand random convolutional networks: `npm run test:nightly`. See test/fuzz.
 */
import "../memory-limit.ts";
import { describe, expect, test } from "vitest";
import { faultOfNet } from "../fuzz/convnets.ts";
import { faultOfExtremes, faultOfSlopes } from "../fuzz/extremes.ts";
import { failureOf } from "../fuzz/switches.ts";

const FIRST = 10_000;
const PROGRAMS = 20_000;
const AT_ONCE = 250;

describe("random programs mean the same however they are run", () => {
  const blocks = Array.from({ length: PROGRAMS / AT_ONCE }, (_, i) => FIRST + i * AT_ONCE);
  test.each(blocks)(`${AT_ONCE} programs from %i`, (first) => {
    for (let seed = first; seed < first + AT_ONCE; seed++) expect(failureOf(seed) ?? "agrees").toBe("agrees");
  });
});

describe("gradients of random convolutional networks are those of f64", () => {
  test.each(Array.from({ length: 16 }, (_, i) => 10_000 + i * AT_ONCE))(`${AT_ONCE} networks from %i`, (first) => {
    for (let seed = first; seed < first + AT_ONCE; seed++) expect(faultOfNet(seed) ?? "agrees").toBe("agrees");
  });
});

describe("programs at the edges", () => {
  test.each(Array.from({ length: PROGRAMS / AT_ONCE }, (_, i) => FIRST + i * AT_ONCE))(`${AT_ONCE} programs from %i`, (first) => {
    for (let seed = first; seed < first + AT_ONCE; seed++) {
      expect(faultOfExtremes(seed) ?? "agrees").toBe("agrees");
      expect(faultOfSlopes(seed) ?? "agrees").toBe("agrees");
    }
  });
});
