/**
 * @file The memory plan: what lives at the same time never overlaps, and the zone is no larger than the sum and no smaller than the peak.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { aligned, type Block, planMemory } from "../../src/schedule/memory.ts";

const blocks = fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 5000 }), start: fc.nat(40), length: fc.nat(20) }), { maxLength: 60 });

test("no two blocks overlap in both time and space", () => {
  fc.assert(
    fc.property(blocks, (drawn) => {
      const list: Block[] = drawn.map(({ bytes, start, length }) => ({ bytes, start, end: start + length, offset: -1 }));
      const total = planMemory(list);
      let sum = 0;
      for (const [i, a] of list.entries()) {
        sum += aligned(a.bytes);
        expect(a.offset % 64).toBe(0);
        expect(a.offset + aligned(a.bytes)).toBeLessThanOrEqual(total);
        for (const b of list.slice(i + 1)) {
          const together = a.start <= b.end && b.start <= a.end;
          const apart = a.offset + aligned(a.bytes) <= b.offset || b.offset + aligned(b.bytes) <= a.offset;
          expect(!together || apart).toBe(true);
        }
      }
      const peak = Math.max(
        0,
        ...list.map((a) => list.filter((b) => b.start <= a.start && a.start <= b.end).reduce((n, b) => n + aligned(b.bytes), 0)),
      );
      expect(total).toBeGreaterThanOrEqual(peak);
      expect(total).toBeLessThanOrEqual(sum);
    }),
  );
});

test("a large block is not put behind all others because a small one took the middle of its gap", () => {
  const large: Block = { bytes: 4096, start: 0, end: 1, offset: -1 };
  const stays: Block = { bytes: 4096, start: 1, end: 4, offset: -1 };
  const small: Block = { bytes: 64, start: 2, end: 4, offset: -1 };
  const later: Block = { bytes: 4096, start: 3, end: 4, offset: -1 };
  expect(planMemory([large, stays, small, later])).toBe(2 * 4096 + 64);
});

test("a chain of equal blocks needs two places", () => {
  const chain: Block[] = Array.from({ length: 50 }, (_, i) => ({ bytes: 1000, start: i, end: i + 1, offset: -1 }));
  expect(planMemory(chain)).toBe(2 * 1024);
});
