/**
 * @file Cache blocking: loops are cut into blocks so that operands are still in the cache when they are read again. It serves elementwise nests that
 * transpose, and the axis that a product goes through once for every panel of the other operand.
 */
import { divisor } from "../base/shape.ts";
import { type Nest, type Part, pointsOf, type Tile } from "./tiling.ts";

/** The axis along which a value is read that is written along the vectors; -1 if the nest does not transpose. */
export function axisAcross({ axes, loads }: Nest["access"], vector: number): number {
  if (vector < 0) return -1;
  const across = (i: number): boolean => loads[i]!.some((c, j) => c === 1 && loads[vector]![j] !== 0 && loads[vector]![j] !== 1);
  return axes.findIndex((_, i) => i !== vector && across(i));
}

/**
 * Blocks for a transposition. A value that is read along one axis and written along another is handled in small squares of both axes, so that each
 * cache line is fetched once. Empty if the nest does not transpose, or if no divisor of the extents fits a line.
 */
export function transposeBlocks({ access, lanes, target }: Nest, vector: number): Part[] {
  const { axes } = access;
  const read = axisAcross(access, vector);
  if (read < 0 || axes[read]!.cuts.length + axes[vector]!.cuts.length > 0) return [];
  const { line } = target.caches;
  const blocks = [read, vector].map((axis) => ({ axis, size: divisor(axes[axis]!.extent, (n) => n <= line && n % lanes === 0) }));
  return blocks.every(({ axis, size }) => size > 0 && size < axes[axis]!.extent) ? blocks : [];
}

/**
 * Blocks for strided reads. Where a value is read in pieces shorter than a cache line, with distant addresses between two pieces of the same line, as many
 * points are handled together as share a line. Each line is then fetched once.
 */
export function cacheLines({ access, target }: Nest, vector: number): Part[] {
  const { axes, loads } = access;
  const { line } = target.caches;
  if (vector < 0) return [];
  const points = (i: number): number => {
    const far = (j: number): boolean => axes.some((_, inner) => inner > i && Math.abs(loads[inner]![j] ?? 0) >= line);
    const step = loads[i]!.find((c, j) => c !== null && c > 1 && line % c === 0 && loads[vector]![j] === 1 && far(j)) ?? line;
    return line / step;
  };
  const axis = axes.findIndex((a, i) => i !== vector && a.cuts.length === 0 && points(i) > 1 && a.extent % points(i) === 0);
  return axis < 0 ? [] : [{ axis, size: points(axis) }];
}

/**
 * Block size of an axis that is gone through once for every panel of the other operand, if what it reads exceeds the cache. The block is a divisor of the
 * extent whose operands fit in `caches.panel`, and holds at least four tiles. 0 means no blocking.
 */
export function sweptBlock({ access, target }: Nest, axis: number, tile: Tile, parts: readonly Part[]): number {
  const { axes, loads } = access;
  const { extent } = axes[axis]!;
  const length = (i: number): number => parts.find((p) => p.axis === i)?.size ?? axes[i]!.extent;
  const read = (j: number): number => axes.reduce((n, a, i) => (a.kind === "sum" && loads[i]![j] !== 0 ? n * length(i) : n), 1);
  const perPoint = loads[axis]!.reduce<number>((n, c, j) => (c === 0 ? n : n + read(j)), 0);
  if (perPoint * extent <= target.caches.panel) return 0;
  const size = divisor(extent, (n) => n * perPoint <= target.caches.panel);
  return size >= 4 * pointsOf(tile, axis) ? size : 0;
}
