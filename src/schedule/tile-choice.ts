/** @file The tile of a nest: how many results it holds in registers, along which axes, and what is unrolled. */
import { axisAcross, cacheLines, transposeBlocks } from "./blocking.ts";
import { cyclesOf } from "./tile-cost.ts";
import { axesOf, type Choice, type Nest, type Tile } from "./tiling.ts";
import { vectorAxis } from "./vector-axis.ts";

/** Chooses the tile of a nest, by the cost model for contractions and by simpler rules for others. */
export function chooseTile(nest: Nest): Choice {
  const { access, reduces, rowByRow, target } = nest;
  const { axes } = access;
  const vector = vectorAxis(nest);
  const single = rowByRow && axes.every((a) => a.kind === "out" || a.extent === 1);
  if (!reduces || single) return { vector, tile: unrolledVectors(nest, vector), written: -1, unroll: 1 };
  const along = axes[vector]?.kind === "sum" ? axes[vector].extent : 0;
  const sequential = rowByRow && along > 0 && along >= target.tiling.longRow;
  const { tile, written } = sequential ? { tile: [], written: -1 } : cheapestTile(nest, vector);
  const results = tile.reduce((n, [, count]) => n * count, 1);
  const { unroll, unrolledSum } = target.tiling;
  const several = along > 0 && results < unroll && along >= unrolledSum;
  return { vector, tile, written, unroll: several ? unroll : 1 };
}

/**
 * The tile of an elementwise nest: several vectors per iteration, if the axis divides so and is long. In a long chain of dependent operations (a tanh has
 * thirty) the operations of the next vector can then start early.
 */
function unrolledVectors(nest: Nest, vector: number): Tile {
  const { access, lanes, rowByRow, results, target } = nest;
  const { unroll, leastUnrolled, longRow } = target.tiling;
  const { axes } = access;
  const divides = (n: number): boolean => axes[vector]!.extent % (n * lanes) === 0;
  const [lines] = cacheLines(nest, vector);
  if (lines)
    return [
      [vector, divides(2) ? 2 : 1],
      [lines.axis, lines.size],
    ];
  const elements = axes.reduce((n, a) => n * a.extent, 1);
  const isShort = results < leastUnrolled || (rowByRow && elements < longRow);
  const read = target.tiling.squares && !rowByRow && !isShort ? axisAcross(access, vector) : -1;
  if (read >= 0)
    return [
      [vector, 1],
      [read, lanes],
    ];
  if (vector < 0 || transposeBlocks(nest, vector).length > 0 || isShort) return [];
  // Row by row it takes as many as sums do, so that the two loops can be fused.
  const count = rowByRow ? unroll : [unroll, 2].find(divides);
  return count === undefined ? [] : [[vector, count]];
}

/** Chooses up to two result axes and how many points of each a tile holds: the tile with the fewest cycles in the cost model. */
function cheapestTile(nest: Nest, vector: number): { tile: Tile; written: number } {
  const { axes } = nest.access;
  let best: Tile = axes[vector]?.kind === "out" ? [[vector, 1]] : [];
  let written = -1;
  let least = Number.POSITIVE_INFINITY;
  const terms = [-1, ...writableAxes(nest, vector)];
  // Of equally cheap tiles, one with more points along long axes reads the operands of the other axes less often.
  const reach = (tile: Tile): number => tile.reduce((n, [axis, count]) => n + count * axes[axis]!.extent, 0);
  for (const tile of tilesOf(nest, vector))
    for (const term of terms) {
      const cost = cyclesOf(nest, { tile, vector, written: term });
      const tie = axes[vector]?.kind === "sum" && cost < least * 1.001 && reach(tile) > reach(best);
      if (cost >= least * 0.999 && !tie) continue;
      least = Math.min(cost, least);
      [best, written] = [tile, term];
    }
  return { tile: best, written };
}

/**
 * The tiles to choose from. Of equally cheap tiles the first is taken, so they come in the order of preference: points that are close together first, and
 * more vectors first, because what is loaded for them serves more results.
 */
function* tilesOf(nest: Nest, vector: number): Generator<Tile> {
  const { access, lanes, target } = nest;
  const { axes } = access;
  const { tiling } = target;
  const candidates = axesOf(access, "out")
    .filter((i) => axes[i]!.extent > 1 && (i !== vector || axes[i]!.extent > lanes))
    .reverse();
  const mustHold = axes[vector]?.kind === "out";
  const most = (i: number): number => Math.min(tiling.points, Math.ceil(axes[i]!.extent / (i === vector ? lanes : 1)));
  const products = axes.reduce((n, a) => n * a.extent, 1) / target.lanes.f32;
  const sums = products < tiling.manyProducts ? tiling.fewSums : target.registers - 1;
  const isLeftOut = (p: number, q: number): boolean => mustHold && p !== vector && (q === vector || axes[vector]!.extent > lanes);
  for (const p of candidates)
    for (const q of [-1, ...candidates]) {
      if (q === p || isLeftOut(p, q)) continue;
      // The same tiles as with the axes the other way round, at the same cost.
      if (q >= 0 && candidates.indexOf(q) < candidates.indexOf(p) && !isLeftOut(q, p)) continue;
      for (let a = most(p); a >= 1; a--) {
        if (q < 0 && a <= sums) yield [[p, a]];
        for (let b = 1; q >= 0 && b <= most(q) && a * b <= sums; b++)
          yield [
            [p, a],
            [q, b],
          ];
      }
    }
}

/** Axes of a short sum whose terms may be written out. */
function writableAxes({ access, target }: Nest, vector: number): number[] {
  const { axes, partial } = access;
  const { shortSum, writtenTerms } = target.tiling;
  const sums = axesOf(access, "sum").filter((i) => axes[i]!.extent > 1);
  const terms = sums.reduce((n, i) => n * axes[i]!.extent, 1);
  if (partial.length > 0 || terms > shortSum || axes[vector]?.kind !== "out") return [];
  return sums.filter((i) => axes[i]!.extent <= writtenTerms);
}
