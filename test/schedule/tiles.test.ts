/**
 * @file Runs of tiles: each covers its axis, every point once, but for the vector that is moved back.
 */
import { describe, expect, it } from "vitest";
import { segments } from "../../src/schedule/tiles.ts";

/** The elements that runs compute, without those that a vector moved back has computed before. */
function covered(runs: ReturnType<typeof segments>): number[] {
  return runs.flatMap(({ from, to, count, lanes, overlap }) =>
    Array.from({ length: (to - from) / (count * lanes) }, (_, turn) =>
      Array.from({ length: count * lanes }, (_, i) => from + turn * count * lanes + i).filter((i) => i < to - overlap),
    ).flat(),
  );
}

describe("segments", () => {
  it("cover any axis by any tiles, in vectors or not", () => {
    for (const level of [false, true])
      for (const vector of [false, true])
        for (let extent = 1; extent <= 50; extent++)
          for (let count = 1; count <= 8; count++) {
            const runs = segments(extent, count, vector, { start: 3, level });
            expect(covered(runs)).toEqual(Array.from({ length: extent }, (_, i) => 3 + i));
            for (const { from, to, count: n, lanes, overlap } of runs) {
              expect(n).toBeLessThanOrEqual(count);
              // A vector that is moved back is the last of a run of one tile.
              if (overlap > 0) expect(to - from).toBe(n * lanes);
            }
          }
  });

  it("have tiles that differ by a point where they are level, else whole ones first", () => {
    const counts = (level: boolean): number[][] =>
      segments(64, 6, false, { level }).map(({ from, to, count }) => [(to - from) / count, count]);
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
