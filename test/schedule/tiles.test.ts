/**
 * @file Runs of tiles: each covers its axis, every point once, but for the vector that is moved back.
 */
import { describe, expect, it } from "vitest";
import { segments } from "../../src/schedule/segments.ts";

/** The elements that runs compute, without those that a vector moved back has computed before or whose lanes are off. */
function covered(runs: ReturnType<typeof segments>): number[] {
  return runs.flatMap(({ from, to, count, lanes, overlap, off }) =>
    Array.from({ length: (to - from) / (count * lanes) }, (_, turn) =>
      Array.from({ length: count * lanes }, (_, i) => from + turn * count * lanes + i).filter((i) => i < to - overlap - off),
    ).flat(),
  );
}

describe("segments", () => {
  it("cover any axis by any tiles, in vectors or not", () => {
    for (const level of [false, true])
      for (const [width, tails] of [
        [1, "overlap"],
        [4, "overlap"],
        [8, "overlap"],
        [4, "mask"],
        [16, "mask"],
      ] as const)
        for (let extent = 1; extent <= 50; extent++)
          for (let count = 1; count <= 8; count++) {
            const runs = segments(extent, count, width, { start: 3, level, tails });
            expect(covered(runs)).toEqual(Array.from({ length: extent }, (_, i) => 3 + i));
            for (const { from, to, count: n, lanes, overlap, off } of runs) {
              expect(n).toBeLessThanOrEqual(count);
              // A vector that is moved back, or that has lanes off, is the last of a run of one tile.
              if (overlap + off > 0) expect(to - from).toBe(n * lanes);
            }
          }
  });

  it("have tiles that differ by a point where they are level, else whole ones first", () => {
    const counts = (level: boolean): number[][] => segments(64, 6, 1, { level }).map(({ from, to, count }) => [(to - from) / count, count]);
    expect(counts(true)).toEqual([
      [9, 6],
      [2, 5],
    ]);
    expect(counts(false)).toEqual([
      [10, 6],
      [1, 4],
    ]);
  });
});
