/** @file The order of the loops of a nest, chosen so that as little of the operands as possible moves through the cache. */
import { cacheLines, sweptBlock, transposeBlocks } from "./blocking.ts";
import { axesOf, type Choice, type Level, type Nest, type Part, pointsOf, stepOf, touched } from "./tiling.ts";

/** Axes of the results, by how the tile covers them. Numbers are positions in `Access.axes`. */
export interface ResultAxes {
  /** Axes of which a tile holds one point. */
  readonly plain: readonly number[];
  /** The axis that carries the vector, if it is an axis of the results. */
  readonly vector: readonly number[];
  /** The other axes of which a tile holds several points, outer before inner. */
  readonly tiled: readonly number[];
  /** Taps of the gradient of a weight: neighbouring results read nearly the same elements, so these loops go innermost. */
  readonly taps: readonly number[];
}

/** Sorts the axes of the results by how the tile covers them. */
export function resultAxes(nest: Nest, { tile, vector: carrier }: Choice, parts: readonly Part[]): ResultAxes {
  const { access } = nest;
  const { axes } = access;
  const inTile = tile.map(([axis]) => axis);
  const plain = axesOf(access, "out").filter((i) => !inTile.includes(i) && i !== carrier);
  const vector = axes[carrier]?.kind === "out" ? [carrier] : [];
  // For every tile of the outer axis, the panel that the inner axis reads passes through the cache once; the cheaper order is taken.
  const passing = (outer: number, inner: number): number =>
    (axes[outer]!.extent / pointsOf(tile, outer)) * panelOf(nest, carrier, parts, { moving: inner, fixed: outer });
  const tiled = inTile.filter((i) => !vector.includes(i)).sort((a, b) => passing(a, b) - passing(b, a));
  const taps = axes[carrier]?.kind === "sum" ? plain.filter((i) => isTap(nest, i)) : [];
  return { plain: plain.filter((i) => !taps.includes(i)), vector, tiled, taps };
}

/** Elements touched, in one part of the sum and along the result axes `along`, by the accesses that move along `moving` and not along `fixed`. */
function panelOf(
  nest: Nest,
  carrier: number,
  parts: readonly Part[],
  { moving, fixed, along = [moving] }: { readonly moving: number; readonly fixed: number; readonly along?: readonly number[] },
): number {
  const { axes, terms } = nest.access;
  const size = (i: number): number => parts.find((p) => p.axis === i)?.size ?? axes[i]!.extent;
  const lanes = axes[carrier]?.extent === nest.lanes ? carrier : -1;
  const walked = axes.map((_, i) => i).filter((i) => axes[i]!.kind === "sum" || along.includes(i) || i === lanes);
  const own = terms[moving]!.map((_, j) => j).filter((j) => terms[moving]![j] !== 0 && terms[fixed]![j] === 0);
  return own.reduce((n, j) => n + touched(walked.map((i) => ({ by: stepOf(nest, i, j), extent: size(i) }))), 0);
}

/** Returns true if neighbouring sums along a result axis share at least a third of what they read. */
function isTap(nest: Nest, axis: number): boolean {
  const { axes, terms } = nest.access;
  const reads = (j: number, also: boolean): number =>
    touched(axes.flatMap((a, i) => (a.kind === "sum" || (also && i === axis) ? [{ by: stepOf(nest, i, j), extent: a.extent }] : [])));
  return terms[axis]!.every((_, j) => 3 * reads(j, true) <= 2 * axes[axis]!.extent * reads(j, false));
}

/**
 * Returns true if a sum has so few terms that its results take longer to pass through the caches than its operands. Its loops then go through the results in the order of memory: the
 * gradient of a weight from a small batch, with the update of the weight.
 */
function resultsPass({ access: { axes, stores }, target }: Nest, { vector }: Choice, parts: readonly Part[]): boolean {
  const terms = axes.reduce((n, a) => (a.kind === "sum" ? n * a.extent : n), 1);
  return parts.length === 0 && terms <= target.tiling.fewTerms && axes[vector]?.kind === "out" && stores[vector] === 1;
}

/** Returns true if the vector axis goes outside the other tiled axes: some operand moves along the vector axis only, and its panel then stays in the cache. */
function panelStays(nest: Nest, choice: Choice, parts: readonly Part[], tiled: readonly number[]): boolean {
  const { axes, loads } = nest.access;
  if (axes[choice.vector]?.kind !== "out") return true;
  return !resultsPass(nest, choice, parts) && loads[choice.vector]!.some((c, j) => c !== 0 && tiled.every((i) => loads[i]![j] === 0));
}

/** Returns true if hoisting the tiled loop outermost moves less data: tiles × untiled operands < untiled points × tiled operand. */
function paysOutermost(nest: Nest, choice: Choice, parts: readonly Part[], axis: number, plain: readonly number[]): boolean {
  const { tile, vector } = choice;
  const { access } = nest;
  const { axes } = access;
  const panel = (moving: number, fixed: number, along?: readonly number[]): number =>
    panelOf(nest, vector, parts, along ? { moving, fixed, along } : { moving, fixed });
  const inner = plain.at(-1);
  if (inner === undefined || resultsPass(nest, choice, parts) || plain.some((i) => panel(i, axis) === 0)) return false;
  const results = axesOf(access, "out").filter((i) => i !== axis);
  const points = plain.reduce((n, i) => n * axes[i]!.extent, 1);
  return (axes[axis]!.extent / pointsOf(tile, axis)) * panel(inner, axis, results) < points * panel(axis, inner);
}

/** Loops over results and parts of the sum, outermost first. */
export function orderLoops(nest: Nest, choice: Choice, parts: readonly Part[]): Level[] {
  const { access, reduces } = nest;
  const { terms, partial } = access;
  const { plain, vector, tiled, taps } = resultAxes(nest, choice, parts);
  const stays = panelStays(nest, choice, parts, tiled);
  // Partial sums differ by position. All channels of a position are computed before the next position, and all positions before the next images.
  const meet = (i: number, j: number): boolean => terms[i]!.some((c, load) => c !== 0 && terms[j]![load] !== 0);
  const far = partial.length > 0 ? tiled.filter((i) => plain.some((j) => meet(i, j))) : [];
  const near = tiled.filter((i) => !far.includes(i));
  const [swept] = tiled;
  const mayHoist = far.length === 0 && vector.length > 0 && swept !== undefined;
  const hoisted = mayHoist && paysOutermost(nest, choice, parts, swept, plain) ? [swept] : [];
  const inner = stays ? [...vector, ...near] : [...near, ...vector];
  const order: Level[] = [...far, ...hoisted, ...plain, ...inner.filter((i) => !hoisted.includes(i)), ...taps].map((axis) => ({ axis }));
  const size = stays && vector.length > 0 && swept !== undefined ? sweptBlock(nest, swept, choice.tile, parts) : 0;
  if (size > 0) order.unshift({ axis: swept!, size });
  if (!reduces) order.unshift(...transposeBlocks(nest, choice.vector), ...cacheLines(nest, choice.vector));
  if (parts.length === 0) return order;
  if (vector.length === 0) return [...parts, ...order];
  return withParts(nest, choice, parts, order, size === 0 && plain.length === 0);
}

/** Puts the loops over parts of the sum inside one loop over results, whose iterations are independent and can be divided among threads. */
function withParts(
  { access, lanes }: Nest,
  { tile, vector }: Choice,
  parts: readonly Part[],
  order: readonly Level[],
  split: boolean,
): Level[] {
  const [first, ...rest] = order;
  const part =
    split && first ? fewParts(access.axes[first.axis]!.extent, first.axis === vector ? lanes : 1, pointsOf(tile, first.axis)) : 0;
  if (part > 0) return [{ axis: first!.axis, size: part }, ...parts, ...order];
  return [...order.slice(0, 1), ...parts, ...rest];
}

/** The size of a half, a third or a quarter of an axis, in whole vectors and at least one tile; 0 if the axis does not divide so. */
function fewParts(extent: number, lanes: number, tile: number): number {
  for (const parts of [4, 2, 3]) if (extent % (parts * lanes) === 0 && extent / parts >= tile * lanes) return extent / parts;
  return 0;
}
