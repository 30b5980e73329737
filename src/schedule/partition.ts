/**
 * @file Partition of long sums. The operands of one part stay in the cache and on few pages; each part is added to the result in memory. The parts, and with
 * them the order of every sum, depend on shapes and the target alone.
 */
import { divisor, leastDivisor } from "../base/shape.ts";
import { resultAxes } from "./loop-order.ts";
import { axesOf, type Choice, type Nest, type Part, pointsOf, stepOf, touched } from "./tiling.ts";

/** Axes of the sum in the order of their loops. For contractions the axis with the smallest steps is innermost. */
export function orderSums({ access, mayKeepSum }: Nest, { written }: Choice): number[] {
  const { loads } = access;
  const sums = axesOf(access, "sum");
  const steps = (i: number): number => loads[i]!.reduce<number>((n, c) => n + Math.abs(c ?? 0), 0);
  if (mayKeepSum) sums.sort((a, b) => steps(b) - steps(a));
  return written < 0 ? sums : [...sums.filter((i) => i !== written), written];
}

/** The parts along the first axes of the sum; empty if the sum is made at once. */
export function partition(nest: Nest, choice: Choice, sums: readonly number[]): Part[] {
  const { access, lanes } = nest;
  const { axes } = access;
  const { vector } = choice;
  const first = sums[0];
  const uneven = axes[vector]?.kind === "out" && axes[vector].extent % lanes !== 0;
  if (first === undefined || first === vector || uneven) return [];
  return axes[vector]?.kind === "sum" ? partsAlongVector(nest, choice, sums) : partsOfProducts(nest, sums);
}

/** How many products are made for each point of the first axis of the sum. */
const productsOf = ({ access: { axes } }: Nest, sums: readonly number[]): number => sums.slice(1).reduce((n, i) => n * axes[i]!.extent, 1);

/** Parts for a sum whose results carry the vector: as many products as keep the operands on few pages while the sums stay in registers. */
function partsOfProducts(nest: Nest, sums: readonly number[]): Part[] {
  const { access, target } = nest;
  const { tiling, caches } = target;
  const [first, second] = sums;
  const { extent } = access.axes[first!]!;
  const each = productsOf(nest, sums);
  const jumps = extent > caches.pages && access.loads[first!]!.some((c) => c === null || Math.abs(c) >= caches.page);
  if (each * extent <= tiling.longSum && !jumps) return [];
  const looksUp = axesOf(access, "sum").some((i) => access.terms[i]!.includes(null));
  const few = Math.min(tiling.leastProducts, caches.pages);
  const fits = (n: number): boolean => n * each <= tiling.blockProducts && n * each >= few && (!jumps || n <= caches.pages);
  const size = looksUp ? leastDivisor(extent, (n) => n * each >= tiling.lookedUpProducts) : divisor(extent, fits);
  if (size > 0) return size < extent ? [{ axis: first!, size }] : [];
  // One point of the first axis has too many products: of one point at a time, a part of the second axis.
  if (!tiling.cutsPoints || second === undefined || each <= tiling.blockProducts) return [];
  const inner = each / access.axes[second]!.extent;
  const part = divisor(access.axes[second]!.extent, (n) => n * inner <= tiling.blockProducts && n * inner >= few);
  return part > 0
    ? [
        { axis: first!, size: 1 },
        { axis: second, size: part },
      ]
    : [];
}

/** Parts for a sum that carries the vector itself. Every part goes through all results, so its operands should fit in the cache. */
function partsAlongVector(nest: Nest, choice: Choice, sums: readonly number[]): Part[] {
  const { access, lanes, target } = nest;
  const { axes } = access;
  const { caches, tiling } = target;
  const [first, second] = sums;
  if (first === undefined) return [];
  const { extent } = axes[first]!;
  const each = productsOf(nest, sums) / lanes;
  const { footprint, limit } = footprints(nest, choice);
  if (footprint([]) <= limit) return [];
  if (second === undefined || footprint([{ axis: first, size: 1 }]) <= caches.block) {
    // The first axis is cut no finer than pays for loading and storing the partial sums.
    const size = leastDivisor(extent, (n) => n * each >= tiling.leastProducts);
    return size < extent ? [{ axis: first, size }] : [];
  }
  if (each < tiling.leastProducts) return [];
  const one = { axis: first, size: 1 };
  const inner = each / axes[second]!.extent;
  const fits = (n: number): boolean =>
    (second !== choice.vector || n % lanes === 0) &&
    n * inner >= tiling.leastProducts &&
    footprint([one, { axis: second, size: n }]) <= caches.block;
  const size = divisor(axes[second]!.extent, fits);
  return size > 0 && size < axes[second]!.extent ? [one, { axis: second, size }] : [one];
}

/** The elements of all operands that the cache must hold for given parts of the sum, and the limit above which a sum is cut. */
function footprints(nest: Nest, choice: Choice): { footprint: (parts: readonly Part[]) => number; limit: number } {
  const { access, target } = nest;
  const { axes, terms } = access;
  const { caches, tiling } = target;
  const { plain, tiled, taps } = resultAxes(nest, choice, []);
  const own = (i: number): boolean => axes[i]!.kind === "out" && terms[i]!.every((c) => c !== 0);
  // An operand that is read once, tile by tile, takes only the room of one tile.
  const passed = plain.length === 0 ? tiled.find((i) => !own(i)) : undefined;
  const length = (i: number, parts: readonly Part[]): number =>
    parts.find((p) => p.axis === i)?.size ?? (i === passed || own(i) ? pointsOf(choice.tile, i) : axes[i]!.extent);
  const footprint = (parts: readonly Part[]): number =>
    terms[0]!.reduce<number>((n, _, j) => n + touched(axes.map((_, i) => ({ by: stepOf(nest, i, j), extent: length(i, parts) }))), 0);
  // Without channels that share them, operands are read again for a few taps at a time, so the first cache should hold them.
  const apart = taps.length > 0 && axes.every((a, i) => a.kind === "sum" || own(i) || a.extent <= tiling.writtenTerms);
  return { footprint, limit: apart ? caches.first : 2 * caches.block };
}
